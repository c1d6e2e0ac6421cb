"""Reads and writes of user state. One `Transaction` is one database transaction.

Knows nothing of models, prompts or the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, create_engine, delete, event, select, update
from sqlalchemy.orm import Session

from ohlora_core.store.tables import Base, Document, Memory, QuizAnswer, Sanction, Turn

SQLITE_BUSY_TIMEOUT_S = 15


class Store:
    """The database of one app.

    Args:
        url: SQLAlchemy URL; for SQLite files WAL is switched on.
    """

    def __init__(self, url: str) -> None:
        self._engine = _make_engine(url)
        Base.metadata.create_all(self._engine)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits at the end and rolls back on any exception."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield Transaction(session)

    def close(self) -> None:
        self._engine.dispose()


class Transaction:
    """All reads and writes; made by `Store.transaction`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # memories
    def memories(self, user_id: str) -> list[Memory]:
        query = select(Memory).where(Memory.user_id == user_id).order_by(Memory.id)
        return list(self._session.scalars(query))

    def add_memory(self, user_id: str, text: str) -> bool:
        """Store a memory unless the user has it already (spaces ignored); whether it was new."""
        known = {"".join(memory.text.split()) for memory in self.memories(user_id)}
        if "".join(text.split()) in known:
            return False
        self._session.add(Memory(user_id=user_id, text=text))
        return True

    def delete_memory(self, user_id: str, memory_id: int) -> bool:
        query = delete(Memory).where(Memory.user_id == user_id, Memory.id == memory_id)
        return _row_count(self._session.execute(query)) > 0

    # transcripts
    def add_turn(
        self,
        user_id: str,
        tab: str,
        message: str,
        reply: str,
        summary: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        self._session.add(
            Turn(
                user_id=user_id,
                tab=tab,
                message=message,
                reply=reply,
                summary=summary,
                details=details or {},
            )
        )

    def last_turns(self, user_id: str, tab: str, count: int) -> list[Turn]:
        """The newest turns of a tab, oldest first."""
        query = (
            select(Turn)
            .where(Turn.user_id == user_id, Turn.tab == tab)
            .order_by(Turn.id.desc())
            .limit(count)
        )
        return list(self._session.scalars(query))[::-1]

    def clear_turns(self, user_id: str, tab: str) -> None:
        self._session.execute(delete(Turn).where(Turn.user_id == user_id, Turn.tab == tab))

    # sanctions
    def sanctions(self, user_id: str | None = None) -> list[Sanction]:
        """The log, oldest first; of all users if no user is given."""
        query = select(Sanction).order_by(Sanction.id)
        if user_id is not None:
            query = query.where(Sanction.user_id == user_id)
        return list(self._session.scalars(query))

    def add_sanction(self, sanction: Sanction) -> None:
        self._session.add(sanction)

    def active_block(self, user_id: str, now: datetime) -> Sanction | None:
        """The block that ends last among those not yet over."""
        query = (
            select(Sanction)
            .where(Sanction.user_id == user_id, Sanction.until > now, Sanction.lifted.is_(False))
            .order_by(Sanction.until.desc())
        )
        return self._session.scalars(query).first()

    def lift_blocks(self, user_id: str) -> int:
        """Lift every running block of a user; the log and the levels stay. Returns how many."""
        query = (
            update(Sanction)
            .where(
                Sanction.user_id == user_id,
                Sanction.until > datetime.now(UTC),
                Sanction.lifted.is_(False),
            )
            .values(lifted=True)
        )
        return _row_count(self._session.execute(query))

    # quiz
    def quiz_answers(self, user_id: str, round_number: int | None = None) -> list[QuizAnswer]:
        query = select(QuizAnswer).where(QuizAnswer.user_id == user_id).order_by(QuizAnswer.id)
        if round_number is not None:
            query = query.where(QuizAnswer.round == round_number)
        return list(self._session.scalars(query))

    def add_quiz_answer(self, answer: QuizAnswer) -> None:
        self._session.add(answer)

    # documents
    def document(self, user_id: str, name: str) -> dict[str, Any] | None:
        """A stored JSON value, or None."""
        row = self._session.get(Document, (user_id, name))
        return row.value if row else None

    def set_document(self, user_id: str, name: str, value: dict[str, Any] | None) -> None:
        """Store a JSON value; None deletes it."""
        row = self._session.get(Document, (user_id, name))
        if value is None:
            if row:
                self._session.delete(row)
        elif row:
            row.value = value
        else:
            self._session.add(Document(user_id=user_id, name=name, value=value))

    def forget(self, user_id: str) -> None:
        """Delete everything about a user but the sanctions: forgetting does not lift a block."""
        for table in (Memory, Turn, QuizAnswer, Document):
            self._session.execute(delete(table).where(table.user_id == user_id))


def _row_count(result: Any) -> int:
    return int(result.rowcount)


def _make_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _use_wal(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
