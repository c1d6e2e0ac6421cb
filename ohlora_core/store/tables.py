"""The schema. Every row belongs to one user id; times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Index, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

USER_ID_LENGTH = 200


class UtcDateTime(TypeDecorator[datetime]):
    """A time-zone-aware datetime on every database (SQLite drops the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Base of all tables."""


def _now() -> datetime:
    return datetime.now(UTC)


class Memory(Base):
    """A thing she remembers about a user, "[key: value]"."""

    __tablename__ = "memories"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    user_id: Mapped[str] = mapped_column(String(USER_ID_LENGTH), index=True)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default_factory=_now)


class Turn(Base):
    """One exchange in one tab (transcript)."""

    __tablename__ = "turns"
    __table_args__ = (Index("turns_by_user", "user_id", "tab", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    user_id: Mapped[str] = mapped_column(String(USER_ID_LENGTH))
    tab: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(Text)
    reply: Mapped[str] = mapped_column(Text)
    summary: Mapped[str] = mapped_column(Text, default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default_factory=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default_factory=_now)


class Sanction(Base):
    """One logged warning or block. `until` moves to the past when the host lifts it."""

    __tablename__ = "sanctions"
    __table_args__ = (Index("sanctions_by_user", "user_id", "until"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    user_id: Mapped[str] = mapped_column(String(USER_ID_LENGTH))
    reason: Mapped[str] = mapped_column(String(20))
    level: Mapped[int]
    period_s: Mapped[float]
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default_factory=_now)
    lifted: Mapped[bool] = mapped_column(default=False)


class QuizAnswer(Base):
    """An answered, skipped or voided quiz question."""

    __tablename__ = "quiz_answers"
    __table_args__ = (Index("quiz_by_user", "user_id", "round"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    user_id: Mapped[str] = mapped_column(String(USER_ID_LENGTH))
    quiz_id: Mapped[str] = mapped_column(String(100))
    round: Mapped[int]
    status: Mapped[str] = mapped_column(String(10))
    answer: Mapped[str] = mapped_column(Text, default="")
    score: Mapped[float | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default_factory=_now)


class Document(Base):
    """A small JSON value of a user: interview state, quiz round, preferences."""

    __tablename__ = "documents"

    user_id: Mapped[str] = mapped_column(String(USER_ID_LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSON)
