import pytest

from ohlora_core.language import Role
from ohlora_core.sentence import SentenceTask
from ohlora_core.tutor import Interviewer, InterviewState
from ohlora_core.tutor.interview import remaining_after
from ohlora_core.tutor.interview_track import FAILED, LABELS, NEEDED, TERM_QUESTION, TOPICS
from tests.fakes import FakeEncoder, FakeGenerator

AI = TOPICS[1]


class Scripted(FakeEncoder):
    """Chooses the label and the next topic that the test names."""

    def __init__(self) -> None:
        super().__init__()
        self.label, self.next = FAILED, ""

    def similarity(self, task, a, candidates):
        wanted = self.label if task is SentenceTask.INTERVIEW_ANSWER else self.next
        self.asked = (task, a, list(candidates))
        values = super().similarity(task, a, candidates) * 0
        if wanted in candidates:
            values[list(candidates).index(wanted)] = 1
        return values


@pytest.fixture
def encoder():
    return Scripted()


@pytest.fixture
def interviewer(encoder):
    return Interviewer(FakeGenerator(), encoder)


def at(topic: str, **changes) -> InterviewState:
    return InterviewState(topic=topic, remaining=NEEDED[topic], **changes)


def test_there_are_twenty_topics_and_27_labels():
    assert len(TOPICS) == 20 and len(set(LABELS)) == 27


def test_a_partial_answer_stays_and_a_complete_one_moves_on(interviewer, encoder):
    state = at(AI)
    for label in ("인공지능", "딥러닝"):
        encoder.label, encoder.next = label, AI
        state = interviewer.judge(state, "답").state
        assert state.topic == AI and label not in state.remaining
    encoder.label = "머신러닝"
    encoder.next = TOPICS[2]
    state = interviewer.judge(state, "답").state
    assert state.topic == TOPICS[2] and state.passed == (AI,)
    assert state.outcomes == {AI: "after_follow_ups"}
    assert AI not in encoder.asked[2], "a solved topic is no candidate"


def test_a_passed_topic_is_never_a_candidate_nor_is_the_end(interviewer, encoder):
    encoder.label, encoder.next = FAILED, AI
    interviewer.judge(at(AI, passed=(TOPICS[0],)), "몰라")
    assert encoder.asked[2] == [AI, *TOPICS[2:-1]]
    assert encoder.asked[1] == f"{AI} -> 몰라 (남은 답변: 인공지능, 머신러닝, 딥러닝)"


def test_three_failures_in_a_row_move_on(interviewer, encoder):
    state = at(AI)
    encoder.label, encoder.next = FAILED, AI
    for _ in range(2):
        state = interviewer.judge(state, "몰라").state
        assert state.topic == AI
    state = interviewer.judge(state, "몰라").state
    assert state.topic == TOPICS[2] and state.outcomes == {AI: "failed"}


def test_a_term_question_is_no_failure(interviewer, encoder):
    encoder.label, encoder.next = TERM_QUESTION, AI
    state = interviewer.judge(at(AI, failures=2), "그게 뭐예요?").state
    assert (state.topic, state.failures) == (AI, 2)


@pytest.mark.parametrize(
    ("topic", "following"),
    [
        ("MBTI / 좋아하는 아이돌", "잠시 휴식"),
        ("잠시 휴식", "LLM Fine-Tuning 의 PEFT"),
        ("마지막 할 말", "면접 종료"),
    ],
)
def test_fixed_transitions(interviewer, topic, following):
    state = interviewer.judge(at(topic), "네").state
    assert state.topic == following
    assert state.finished == (following == "면접 종료")


def test_either_of_mbti_and_idol_clears_the_topic():
    needed = NEEDED["MBTI / 좋아하는 아이돌"]
    assert remaining_after(needed, "MBTI") == () == remaining_after(needed, "좋아하는 아이돌")


def test_experience_answers_say_which_part_is_asked(interviewer, encoder):
    topic = "Loss Function 관련 실무 경험"
    heard = []
    original = encoder.similarity

    def listen(task, a, candidates):
        heard.append(a)
        return original(task, a, candidates)

    encoder.similarity = listen
    interviewer.judge(at(topic), "해봤어요")
    assert heard[0] == f"{topic} -> [기본 경험] 해봤어요"


def test_the_utterance_is_told_topic_answer_label_and_next(interviewer, encoder):
    encoder.label, encoder.next = "인공지능", AI
    judgement = interviewer.judge(at(AI), "사람 흉내")
    list(interviewer.utter(AI, "사람 흉내", judgement))
    prompt = interviewer._generator.prompts_of(Role.INTERVIEW)[0]
    assert prompt == (
        f"(대화 주제) {AI} (사용자 답변) 사람 흉내 (성공한 답변) 인공지능 "
        f"(다음 질문) {AI} (발화 시작)"
    )


def test_the_state_survives_json():
    state = at(AI, passed=(TOPICS[0],), outcomes={TOPICS[0]: "at_once"}, failures=1, tries=2)
    assert InterviewState.from_json(state.to_json()) == state
