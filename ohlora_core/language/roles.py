"""The seven jobs of the language model: marks, sampling temperature and answer length of each.

Knows nothing of models. Numbers and marks: sections 2 and 5 of the system description.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CONTROL_MARKS", "ROLE_FORMATS", "Role", "RoleFormat"]


class Role(StrEnum):
    """What the model is asked to write; the value is the name of the adapter."""

    OUTPUT_MESSAGE = "output_message"
    MEMORY = "memory"
    SUMMARY = "summary"
    EYES_MOUTH_POSE = "eyes_mouth_pose"
    QNA = "qna"
    QUIZ = "quiz"
    INTERVIEW = "interview"


@dataclass(frozen=True)
class RoleFormat:
    """How a role's answer is asked for and where it ends.

    Attributes:
        start_mark: Last text of the prompt; the answer follows it.
        end_mark: Text that ends the answer; never part of it.
        temperature: Sampling temperature of the first try.
        max_new_tokens: Longest answer, in tokens. For OUTPUT_MESSAGE the system counts 128 tokens
            "in all"; the prompt from the final input on is at most 40 tokens, so 88 remain.
    """

    start_mark: str
    end_mark: str
    temperature: float
    max_new_tokens: int


ROLE_FORMATS: dict[Role, RoleFormat] = {
    Role.OUTPUT_MESSAGE: RoleFormat("(답변 시작)", "(답변 종료)", 0.6, 88),
    Role.MEMORY: RoleFormat("(요약 시작)", "(요약 종료)", 0.6, 24),
    Role.SUMMARY: RoleFormat("(요약 시작)", "(요약 종료)", 0.6, 64),
    Role.EYES_MOUTH_POSE: RoleFormat("(표정 출력 시작)", "(표정 출력 종료)", 1.0, 36),
    Role.QNA: RoleFormat("(답변 시작)", "(답변 종료)", 0.6, 512),
    Role.QUIZ: RoleFormat("(해설 시작)", "(해설 종료)", 0.6, 512),
    Role.INTERVIEW: RoleFormat("(발화 시작)", "(발화 종료)", 0.6, 256),
}

# Every mark that gives a prompt its structure. The lite tokenizer has one token for each.
CONTROL_MARKS: tuple[str, ...] = (
    "(답변 시작)",
    "(답변 종료)",
    "(사용자 질문)",
    "(오로라 답변 요약)",
    "(오로라 답변)",
    "(표정 출력 시작)",
    "(표정 출력 종료)",
    "(요약 시작)",
    "(요약 종료)",
    "(예시)",
    "(답변)",
    "(제공된 정보)",
    "(퀴즈 문제)",
    "(모범 답안)",
    "(사용자 답변)",
    "(해설 시작)",
    "(해설 종료)",
    "(대화 주제)",
    "(성공한 답변)",
    "(다음 질문)",
    "(발화 시작)",
    "(발화 종료)",
    "(지금은",
    "### 답변:",
)
