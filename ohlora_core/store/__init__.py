"""What must survive a restart: memories, sanctions, quiz log, interview state, transcripts."""

from ohlora_core.store.database import Store, Transaction
from ohlora_core.store.tables import Memory, QuizAnswer, Sanction, Turn

__all__ = ["Memory", "QuizAnswer", "Sanction", "Store", "Transaction", "Turn"]
