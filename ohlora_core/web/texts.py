"""Every label of the page, in Korean and English. What the program *says* is in `messages.py`.

Knows nothing of Gradio. `both(key)` gives HTML that carries the two languages; the style sheet
shows the one that the page is set to, so switching the language changes no state.
"""

from __future__ import annotations

from html import escape
from typing import Any

from ohlora_core.messages import Lang

__all__ = ["EXAMPLE_PROMPTS", "EXAMPLE_QUESTIONS", "TEXTS", "both", "in_both", "text"]

TEXTS: dict[str, tuple[str, str]] = {
    # header and face
    "title": ("오로라", "Oh-LoRA"),
    "tagline": (
        "오로라의 빛✨ 으로 너의 하루를 밝혀 줄게",
        "The light of the aurora for your day ✨",
    ),
    "models.profile": ("언어 모델", "language"),
    "models.face": ("얼굴", "face"),
    "models.lack.gpu": (
        "CUDA GPU 가 없어서 {profile} 언어 모델로 실행하고 있어요.",
        "Running the {profile} language models, because there is no CUDA GPU.",
    ),
    "models.lack.models": (
        "더 큰 언어 모델을 다 받지 않아서 {profile} 언어 모델로 실행하고 있어요.",
        "Running the {profile} language models, because larger ones are not all downloaded.",
    ),
    "models.lack.memory": (
        "GPU 메모리가 부족해서 {profile} 언어 모델로 실행하고 있어요.",
        "Running the {profile} language models, because the GPU lacks memory for larger ones.",
    ),
    "language": ("언어", "Language"),
    "language.ko": ("한국어", "한국어"),
    "language.en": ("English", "English"),
    "skip_to_content": ("본문으로 건너뛰기", "Skip to content"),
    "face.alt": ("오로라의 얼굴", "Oh-LoRA's face"),
    # tabs
    "tab.chat": ("대화", "Chat"),
    "tab.qna": ("ML Q&A", "ML Q&A"),
    "tab.quiz": ("퀴즈", "Quiz"),
    "tab.interview": ("모의 면접", "Interview"),
    # shared by the tabs
    "send": ("보내기", "Send"),
    "stop": ("멈추기", "Stop"),
    "clear": ("지우기", "Clear"),
    "you": ("나", "You"),
    "her": ("오로라", "Oh-LoRA"),
    "notice": ("알림", "Notice"),
    "typing": ("오로라가 입력하고 있어요", "Oh-LoRA is typing"),
    # chat
    "chat.box": ("오로라에게 보낼 메시지", "Message to Oh-LoRA"),
    "chat.placeholder": ("로라야, 하고 불러 보세요", "Say hello — Korean is her language"),
    "chat.empty": ("오로라에게 말을 걸어 보세요", "Say hello to Oh-LoRA"),
    "chat.empty.hint": (
        "오늘 있었던 일도, 내일 할 일도 좋아요. 중요한 일은 기억해 둘게요.",
        "Tell her about today or tomorrow. She remembers what matters.",
    ),
    "chat.memory_used": ("떠올린 기억", "Remembered"),
    "chat.memory_added": ("새로 기억함", "Will remember"),
    # memories
    "memory.drawer": ("오로라의 기억", "What Oh-LoRA remembers"),
    "memory.empty": (
        "아직 기억하고 있는 것이 없어요.",
        "She does not remember anything about you yet.",
    ),
    "memory.delete": ("이 기억 지우기", "Delete this memory"),
    "memory.export": ("기억 내보내기 (JSON)", "Export memories (JSON)"),
    # ML Q&A
    "qna.box": ("머신러닝 질문", "Your machine-learning question"),
    "qna.placeholder": ("예: 과적합은 왜 생겨?", "e.g. 과적합은 왜 생겨? (Korean)"),
    "qna.empty": ("머신러닝, 무엇이든 물어보세요", "Ask anything about machine learning"),
    "qna.empty.hint": (
        "답변과 함께 근거가 된 자료와 유사도를 보여 드려요.",
        "Each answer comes with the facts it rests on and their similarity.",
    ),
    "qna.sources": ("근거 자료", "Sources"),
    "qna.cosine": ("유사도", "cosine"),
    # quiz
    "quiz.box": ("내 답변", "Your answer"),
    "quiz.placeholder": ("아는 만큼 편하게 적어 보세요", "Write what you know (Korean)"),
    "quiz.submit": ("제출", "Submit"),
    "quiz.skip": ("건너뛰기", "Skip"),
    "quiz.void": ("문제가 이상해요", "This question is off"),
    "quiz.next": ("다음 문제", "Next question"),
    "quiz.question": ("문제", "Question"),
    "quiz.why": ("이 문제를 고른 이유", "Why this question"),
    "quiz.keywords": ("키워드", "Keywords"),
    "quiz.score": ("점", "points"),
    "quiz.score.note": ("참고용 점수예요", "for reference only"),
    "quiz.model_answer": ("모범 답안", "Model answer"),
    "quiz.results": ("주제별 결과", "Results per topic"),
    "quiz.unanswered": ("아직 풀지 않았어요", "not answered yet"),
    "quiz.answered": ("문제 풀이", "answered"),
    "quiz.finished": ("이번 라운드를 모두 마쳤어요! 🎉", "You finished this round! 🎉"),
    "quiz.finished.hint": (
        "가장 약한 문제부터 새 라운드를 시작할 수 있어요.",
        "A new round starts from your weakest question.",
    ),
    "quiz.empty": (
        "답을 제출하면 채점과 해설이 여기에 나와요",
        "Grades and explanations appear here",
    ),
    "quiz.empty.hint": (
        "예상 점수가 가장 낮은 문제부터 하나씩 풀어 봐요.",
        "The question you will probably find hardest comes next.",
    ),
    # interview
    "interview.box": ("내 답변", "Your answer"),
    "interview.placeholder": ("면접관에게 답변하기", "Answer the interviewer (Korean)"),
    "interview.start": ("면접 시작", "Start the interview"),
    "interview.pause": ("나중에 이어하기", "Continue later"),
    "interview.resume": ("이어하기", "Continue"),
    "interview.restart": ("처음부터", "Restart"),
    "interview.empty": ("준비되면 면접을 시작해요", "Start whenever you are ready"),
    "interview.empty.hint": (
        "오로라가 면접관이 되어 20개 주제를 차례로 물어봐요. 멈추고 나중에 이어할 수 있어요.",
        "Oh-LoRA interviews you over 20 topics. You can stop and continue later.",
    ),
    "interview.progress": ("면접 진행", "Progress"),
    "interview.remaining": ("남은 답변", "Still open"),
    "interview.at_once": ("바로 통과", "at once"),
    "interview.after_follow_ups": ("추가 질문 후 통과", "after follow-ups"),
    "interview.failed": ("통과하지 못함", "failed"),
    "interview.current": ("지금 주제", "now"),
    "interview.open": ("아직", "to come"),
    "interview.report": ("면접 결과 리포트", "Interview report"),
    "interview.save": ("리포트 저장", "Save the report"),
    # settings
    "settings": ("설정", "Settings"),
    "settings.close": ("닫기", "Close"),
    "settings.face": ("얼굴", "Face"),
    "settings.face.number": ("{number}번 얼굴", "Face {number}"),
    "settings.hair": ("머리 색", "Hair colour"),
    "settings.hair.cycle": ("오로라처럼 변해요", "Cycling colours"),
    "settings.hair.fixed": ("한 가지 색", "One colour"),
    "settings.hair.natural": ("염색하지 않음", "Natural"),
    "settings.hue": ("색조", "Hue"),
    "settings.animation": ("움직이는 얼굴", "Animated face"),
    "settings.animation.info": (
        "답변할 때 표정이 움직여요. 동작 줄이기를 쓰는 기기에서는 꺼진 채로 시작해요.",
        "Her face moves with each reply. Starts off if your device asks for reduced motion.",
    ),
    "settings.data": ("나에 대해 저장된 것", "What is stored about you"),
    "settings.data.info": (
        "이 브라우저의 서명된 번호로만 구분해요. 차단 기록은 지워지지 않아요.",
        "Known only by a signed id in this browser. Blocks stay when data is deleted.",
    ),
    "settings.data.memories": ("기억", "memories"),
    "settings.data.turns": ("대화", "dialogue turns"),
    "settings.data.quiz": ("퀴즈 결과", "quiz answers"),
    "settings.data.interview": ("면접 진행 상황", "interview progress"),
    "settings.forget": ("모두 지우기", "Delete everything"),
    "settings.forget.confirm": ("정말 지울게요", "Yes, delete it"),
    "settings.forgotten": ("모두 지웠어요.", "Everything is deleted."),
}

EXAMPLE_PROMPTS = (
    "로라야 안녕? 너는 누구야?",
    "나 내일 친구랑 카페 가기로 했어",
    "내일 나 뭐 한다고 했지?",
)
EXAMPLE_QUESTIONS = (
    "과적합이 뭐야?",
    "LoRA는 어떻게 동작해?",
    "BCE Loss는 언제 써?",
)


def text(key: str, lang: Lang = "ko", **values: Any) -> str:
    """A label in one language.

    Raises:
        KeyError: if there is no such key.
    """
    korean, english = TEXTS[key]
    return (english if lang == "en" else korean).format(**values)


def both(key: str, **values: Any) -> str:
    """A label as HTML in both languages."""
    return in_both(text(key, "ko", **values), text(key, "en", **values))


def in_both(korean: str, english: str) -> str:
    """HTML of a text in both languages, escaped."""
    if korean == english:
        return escape(korean)
    return (
        f'<span class="in-ko" lang="ko">{escape(korean)}</span>'
        f'<span class="in-en" lang="en">{escape(english)}</span>'
    )
