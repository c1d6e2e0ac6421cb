"""Writing and reading sanctions of a user, and the notices that tell about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from ohlora_core.ethics.policy import REASONS, Reason, period_for, period_text, total_period
from ohlora_core.events import Notice
from ohlora_core.store import Sanction, Transaction

__all__ = ["active_block_notice", "apply_sanctions"]


def active_block_notice(
    transaction: Transaction, user_id: str, now: datetime, time_zone: tzinfo
) -> Notice | None:
    """The notice of a user who is blocked now, or None."""
    block = transaction.active_block(user_id, now)
    if block is None:
        return None
    same_block = [
        sanction
        for sanction in transaction.sanctions(user_id)
        if sanction.until == block.until and not sanction.lifted
    ]
    until = block.until.astimezone(time_zone).strftime("%Y.%m.%d %H:%M:%S")
    reasons = _reason_texts(Reason(sanction.reason) for sanction in same_block)
    return Notice("block", "blocked", {"until": until, "reason": reasons})


def apply_sanctions(
    transaction: Transaction,
    user_id: str,
    reasons: Iterable[Reason],
    now: datetime,
    scale: float = 1.0,
) -> Notice | None:
    """Log each offence at its next level; returns the warning or block notice (None: no offence).

    Args:
        scale: Factor on the periods (`Settings.effective_block_scale`).
    """
    ordered = [reason for reason in REASONS if reason in set(reasons)]
    if not ordered:
        return None
    past = [sanction.reason for sanction in transaction.sanctions(user_id)]
    levels = {reason: past.count(reason.value) + 1 for reason in ordered}
    period = total_period([period_for(reason, levels[reason]) for reason in ordered]) * scale
    for reason in ordered:
        transaction.add_sanction(
            Sanction(
                user_id=user_id,
                reason=reason.value,
                level=levels[reason],
                period_s=period_for(reason, levels[reason]).total_seconds() * scale,
                until=now + period,
                created_at=now,
            )
        )
    names = _reason_texts(ordered)
    if not period:
        return Notice("warning", "warned", {"reason": names})
    return Notice("block", "sanctioned", {"reason": names, "period": period_text(period)})


def _reason_texts(reasons: Iterable[Reason]) -> tuple[Notice, ...]:
    return tuple(Notice("info", f"reason.{reason.value}") for reason in reasons)
