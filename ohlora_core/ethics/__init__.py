"""The ethics guard: category scores by S-BERT, the sanction policy, and the record of sanctions."""

from ohlora_core.ethics.guard import EthicsGuard, EthicsScores
from ohlora_core.ethics.policy import MAX_PERIOD, REASONS, Reason, period_for, period_text
from ohlora_core.ethics.sanctions import active_block_notice, apply_sanctions

__all__ = [
    "MAX_PERIOD",
    "REASONS",
    "EthicsGuard",
    "EthicsScores",
    "Reason",
    "active_block_notice",
    "apply_sanctions",
    "period_for",
    "period_text",
]
