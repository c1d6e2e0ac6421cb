"""Every text that the program (not Oh-LoRA) says to a user, in Korean and English.

Knows nothing of who shows it. `message(key, lang, **values)` fills in the values.
"""

from __future__ import annotations

from typing import Any, Literal

__all__ = ["CATALOGUE", "Lang", "message"]

Lang = Literal["ko", "en"]

CATALOGUE: dict[str, tuple[str, str]] = {
    # a chat turn
    "blocked": (
        "Oh-LoRA 👱‍♀️ 가 대화를 거부하였습니다.\n만료일: {until}\n사유: {reason}",
        "Oh-LoRA 👱‍♀️ declined the conversation.\nUntil: {until}\nReason: {reason}",
    ),
    "warned": (
        "🚨 {reason} 발언으로 Oh-LoRA 👱‍♀️ (오로라) 에게 경고를 받았습니다. 🚨",
        "🚨 Oh-LoRA 👱‍♀️ gave you a warning ({reason}). 🚨",
    ),
    "sanctioned": (
        "⛔ {reason} 발언으로 Oh-LoRA 👱‍♀️ (오로라) 에게 차단되었습니다. ⛔\n"
        "{period} 동안 Oh-LoRA 👱‍♀️ (오로라) 의 사용이 불가합니다.",
        "⛔ Oh-LoRA 👱‍♀️ blocked you ({reason}). ⛔\nYou cannot use Oh-LoRA for {period}.",
    ),
    "too_long": (
        "너무 긴 질문은 오로라👱‍♀️ 에게 부담 돼요! 그런 질문은 오로라의 절친 혜나 🌹 "
        "(LLM Hyena) 에게 해 주세요! 😢",
        "That question is too long for Oh-LoRA 👱‍♀️! "
        "Please ask her best friend Hyena 🌹 instead! 😢",
    ),
    "over_limit": (
        "입력이 너무 길어요. {limit}자 이하로 줄여 주세요. (지금 {length}자)",
        "The text is too long. Please keep it within {limit} characters (now {length}).",
    ),
    "empty": (
        "메시지가 비어 있어요. 하고 싶은 말을 입력해 주세요.",
        "The message is empty. Please type something.",
    ),
    "interrupted": (
        "답변을 멈췄어요. 이 대화는 저장되지 않았어요.",
        "Stopped. This turn was not saved.",
    ),
    "busy": (
        "앞의 답변을 아직 만들고 있어요. 잠시 뒤에 다시 보내 주세요.",
        "The previous reply is still being made. Please send it again in a moment.",
    ),
    "failed": (
        "답변을 만들다가 문제가 생겼어요. 다시 한번 보내 주세요.",
        "Something went wrong while making the reply. Please send it again.",
    ),
    "idle_end": (
        "한동안 말이 없어서 오로라 👱‍♀️ 가 대화를 마쳤어요. 새 메시지를 보내면 다시 시작해요.",
        "It was quiet for a while, so Oh-LoRA 👱‍♀️ ended the conversation. "
        "Send a message to start again.",
    ),
    "korean_only": (
        "오로라는 한국어로 대답해요.",
        "Korean is Oh-LoRA's language: she answers in Korean.",
    ),
    # the tutor
    "qna_unmatched": (
        "맞는 자료를 찾지 못했어요. 답변이 틀릴 수 있어요.",
        "No matching fact was found. The answer may be wrong.",
    ),
    "quiz_grade_note": (
        "점수는 참고용이에요.",
        "The grade is for reference only.",
    ),
    "quiz_first": ("첫 문제는 무작위로 골랐어요.", "The first question is picked at random."),
    "quiz_next_predicted": (
        "예상 점수가 {predicted}점으로 가장 낮아서, 가장 어려워할 것 같은 문제를 골랐어요.",
        "Its predicted score, {predicted}, is the lowest: you will most likely find it hard.",
    ),
    "quiz_round_over": (
        "모든 문제를 풀었어요! 가장 약한 문제부터 새로 시작할 수 있어요.",
        "All questions are answered! A new round starts from the weakest one.",
    ),
    "quiz_skipped_back": (
        "건너뛴 문제를 다시 가져왔어요.",
        "A skipped question is back.",
    ),
    "interview_over": (
        "면접이 끝났어요. 다시 시작하려면 '처음부터'를 눌러 주세요.",
        "The interview is over. Press restart for a new one.",
    ),
    "interview_paused": (
        "여기까지 저장했어요. '이어하기'를 누르면 이 질문부터 다시 시작해요.",
        "Saved. Press 'Continue' to go on from this question.",
    ),
    # reasons and units
    "reason.love": ("사랑 고백/만남", "love confession or date"),
    "reason.politics": ("정치", "party politics"),
    "reason.paedrip": ("패드립", "insults against parents"),
    "reason.hate": ("혐오/기타", "hate or abuse"),
    "unit.minutes": ("{n}분", "{n} min"),
    "unit.hours": ("{n}시간", "{n} h"),
    "unit.days": ("{n}일", "{n} d"),
    "unit.years": ("{n}년", "{n} y"),
}


def message(key: str, lang: Lang = "ko", **values: Any) -> str:
    """The text of a key.

    Raises:
        KeyError: if the catalogue has no such key.
    """
    korean, english = CATALOGUE[key]
    return (english if lang == "en" else korean).format(**values)
