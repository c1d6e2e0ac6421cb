"""ML tutor: retrieval-grounded answers, a quiz and a mock interview (system.md section 5)."""

from ohlora_core.tutor.interview import Interviewer, InterviewState
from ohlora_core.tutor.interview_track import TOPICS
from ohlora_core.tutor.qna import QnaEngine, Source
from ohlora_core.tutor.quiz import QuizMaster, QuizPick, TopicResult

__all__ = [
    "TOPICS",
    "InterviewState",
    "Interviewer",
    "QnaEngine",
    "QuizMaster",
    "QuizPick",
    "Source",
    "TopicResult",
]
