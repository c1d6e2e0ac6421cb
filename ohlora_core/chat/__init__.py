"""One chat turn: time words, memory, reply, expression, summary (system.md section 2)."""

from ohlora_core.chat.engine import ChatAids, ChatEngine, ChatInput
from ohlora_core.chat.reply import NO_REPLY

__all__ = ["NO_REPLY", "ChatAids", "ChatEngine", "ChatInput"]
