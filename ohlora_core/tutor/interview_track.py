"""The track of the mock interview: topics, needed answers, labels (system.md section 5)."""

from __future__ import annotations

__all__ = ["FAILED", "LABELS", "NEEDED", "TERM_QUESTION", "TOPICS"]

GREETING = "면접 시작 인사"
EXPERIENCE = "Loss Function 관련 실무 경험"
MBTI_OR_IDOL = "MBTI / 좋아하는 아이돌"
BREAK = "잠시 휴식"
PEFT = "LLM Fine-Tuning 의 PEFT"
LAST_WORDS = "마지막 할 말"
END = "면접 종료"
FAILED = "답변 실패"
TERM_QUESTION = "용어 질문"

TOPICS: tuple[str, ...] = (
    GREETING,
    "인공지능, 머신러닝, 딥러닝 차이",
    "거대 언어 모델 정의",
    "Loss Function 정의",
    "Loss Function 예시",
    "MSE Loss 설명",
    "MSE Loss 용도",
    "확률 예측에서 MSE Loss 미 사용 이유",
    "BCE Loss 설명",
    "Multi-Class, Multi-Label 중 BCE 가 좋은 task",
    "Multi-Label 에서 CE + Softmax 적용 문제점",
    EXPERIENCE,
    MBTI_OR_IDOL,
    BREAK,
    PEFT,
    "PEFT 방법 5가지",
    "LoRA",
    "LoRA 와 QLoRA 의 차이",
    LAST_WORDS,
    END,
)

_SEVERAL: dict[str, tuple[str, ...]] = {
    "인공지능, 머신러닝, 딥러닝 차이": ("인공지능", "머신러닝", "딥러닝"),
    "BCE Loss 설명": ("핵심 아이디어", "수식"),
    "Multi-Class, Multi-Label 중 BCE 가 좋은 task": ("BCE 가 좋은 task", "BCE 가 좋은 이유"),
    EXPERIENCE: ("기본 경험", "상세 경험"),
    MBTI_OR_IDOL: ("MBTI", "좋아하는 아이돌"),
}
NEEDED: dict[str, tuple[str, ...]] = {topic: _SEVERAL.get(topic, (topic,)) for topic in TOPICS}
"""Topic -> the answers that it needs (of MBTI / 좋아하는 아이돌 either)."""

EITHER = frozenset(NEEDED[MBTI_OR_IDOL])
KEEPS_REMAINING = frozenset({GREETING, BREAK, LAST_WORDS, TERM_QUESTION, FAILED})
"""Labels that remove nothing from what remains."""

LABELS: tuple[str, ...] = (
    *(answer for topic in TOPICS if topic != END for answer in NEEDED[topic]),
    FAILED,
    TERM_QUESTION,
)
"""The 27 labels that an answer can get."""

FIXED_NEXT = {BREAK: PEFT, MBTI_OR_IDOL: BREAK}
