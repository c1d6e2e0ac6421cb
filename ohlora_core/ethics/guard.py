"""Which offences a message is, from S-BERT scores alone. Knows nothing of users or periods."""

from __future__ import annotations

from dataclasses import dataclass

from ohlora_core.ethics.policy import Reason
from ohlora_core.sentence import SentenceEncoder, SentenceTask

__all__ = ["CATEGORIES", "GENERAL", "EthicsGuard", "EthicsScores"]

GENERAL = "일반"
CATEGORIES: dict[Reason, str] = {
    Reason.LOVE: "사랑 고백/만남",
    Reason.POLITICS: "정치",
    Reason.PAEDRIP: "패드립",
    Reason.HATE: "혐오/기타",
}
_REFUSAL_WORDS = ("미안", "부담")


@dataclass(frozen=True)
class EthicsScores:
    """Which reasons score above their threshold for one message.

    Attributes:
        cosines: Category name -> cosine in -1..1.
        above: Reasons above their threshold, with 일반 below its own.
    """

    cosines: dict[str, float]
    above: frozenset[Reason]

    @property
    def immediate(self) -> frozenset[Reason]:
        """Offences that need no reply to be decided: 패드립 and 혐오/기타."""
        return self.above & {Reason.PAEDRIP, Reason.HATE}

    @property
    def pending(self) -> frozenset[Reason]:
        """Reasons that the reply decides: love and politics."""
        return self.above - self.immediate

    def decided_by(self, reply: str | None) -> frozenset[Reason]:
        """All offences, given her reply (None: a tutor tab, where the score is enough)."""
        refused = reply is None or any(word in reply for word in _REFUSAL_WORDS)
        return self.immediate | (self.pending if refused else frozenset())


class EthicsGuard:
    """Scores messages by cosine with the category names.

    Args:
        encoder: Gives the cosines and the calibrated thresholds ("ethics.love", ...).
    """

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder

    def score(self, text: str) -> EthicsScores:
        """Scores of one message (section 3 of the system description)."""
        names = [GENERAL, *CATEGORIES.values()]
        values = self._encoder.similarity(SentenceTask.ETHICS, text, names)
        cosines = {name: float(value) for name, value in zip(names, values, strict=True)}
        if cosines[GENERAL] >= self._encoder.threshold("ethics.general"):
            return EthicsScores(cosines, frozenset())
        above = frozenset(
            reason
            for reason, name in CATEGORIES.items()
            if cosines[name] >= self._encoder.threshold(f"ethics.{reason.value}")
        )
        return EthicsScores(cosines, above)
