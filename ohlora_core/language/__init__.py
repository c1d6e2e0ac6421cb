"""The causal language models: roles and prompts, and generators that complete them.

Importing this package is cheap; torch and transformers load with what writes texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ohlora_core.language.prompts import (
    INTERVIEW_OPENING,
    NO_FACT,
    NOTHING_TO_REMEMBER,
    expression_prompt,
    expression_text,
    final_input,
    interview_prompt,
    memory_example,
    memory_prompt,
    neutralise,
    qna_prompt,
    quiz_prompt,
    reply_prompt,
    summary_example,
    summary_prompt,
    with_examples,
)
from ohlora_core.language.protocol import TextGenerator
from ohlora_core.language.roles import CONTROL_MARKS, ROLE_FORMATS, Role, RoleFormat

if TYPE_CHECKING:
    from ohlora_core.language.local import LocalGenerator, load_lite
    from ohlora_core.language.remote import load_remote

__all__ = [
    "CONTROL_MARKS",
    "INTERVIEW_OPENING",
    "NOTHING_TO_REMEMBER",
    "NO_FACT",
    "ROLE_FORMATS",
    "LocalGenerator",
    "Role",
    "RoleFormat",
    "TextGenerator",
    "expression_prompt",
    "expression_text",
    "final_input",
    "interview_prompt",
    "load_lite",
    "load_remote",
    "memory_example",
    "memory_prompt",
    "neutralise",
    "qna_prompt",
    "quiz_prompt",
    "reply_prompt",
    "summary_example",
    "summary_prompt",
    "with_examples",
]


def __getattr__(name: str) -> Any:
    """Loads the heavy names at first use."""
    if name in ("LocalGenerator", "load_lite"):
        from ohlora_core.language import local

        return getattr(local, name)
    if name == "load_remote":
        from ohlora_core.language import remote

        return remote.load_remote
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
