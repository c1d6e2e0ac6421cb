from datetime import UTC, datetime, timedelta

import pytest

from ohlora_core.store import QuizAnswer, Sanction, Store


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 'test.sqlite3'}")


def test_a_failed_transaction_writes_nothing(store):
    with pytest.raises(RuntimeError), store.transaction() as transaction:
        transaction.add_memory("me", "[이름: 지우]")
        raise RuntimeError
    with store.transaction() as transaction:
        assert transaction.memories("me") == []


def test_memories_are_equal_up_to_spaces(store):
    with store.transaction() as transaction:
        assert transaction.add_memory("me", "[내일 일정: 카페 방문]")
    with store.transaction() as transaction:
        assert not transaction.add_memory("me", "[내일일정:카페방문]")
        assert transaction.add_memory("you", "[내일 일정: 카페 방문]")


def test_nobody_deletes_the_memory_of_another(store):
    with store.transaction() as transaction:
        transaction.add_memory("me", "[이름: 지우]")
    with store.transaction() as transaction:
        (memory,) = transaction.memories("me")
        assert not transaction.delete_memory("you", memory.id)
        assert transaction.delete_memory("me", memory.id)


def test_everything_survives_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path / 'test.sqlite3'}"
    until = datetime(2030, 1, 1, tzinfo=UTC)
    with Store(url).transaction() as transaction:
        transaction.add_turn("me", "chat", "안녕", "응", "인사", {"frames": 1})
        transaction.set_document("me", "preferences", {"face": 3})
        transaction.add_quiz_answer(
            QuizAnswer(user_id="me", quiz_id="mse", round=1, status="answered", score=0.5)
        )
        transaction.add_sanction(
            Sanction(user_id="me", reason="hate", level=1, period_s=1.0, until=until)
        )
    with Store(url).transaction() as transaction:
        (turn,) = transaction.last_turns("me", "chat", 5)
        assert (turn.summary, turn.details) == ("인사", {"frames": 1})
        assert transaction.document("me", "preferences") == {"face": 3}
        assert transaction.quiz_answers("me", 1)[0].score == 0.5
        assert transaction.active_block("me", until - timedelta(seconds=1)).until == until


def test_forgetting_keeps_only_the_sanctions(store):
    now = datetime.now(UTC)
    with store.transaction() as transaction:
        transaction.add_memory("me", "[이름: 지우]")
        transaction.add_turn("me", "chat", "안녕", "응")
        transaction.set_document("me", "quiz_round", {"round": 2})
        transaction.add_sanction(
            Sanction(user_id="me", reason="hate", level=1, period_s=1.0, until=now)
        )
    with store.transaction() as transaction:
        transaction.forget("me")
    with store.transaction() as transaction:
        assert transaction.memories("me") == [] == transaction.last_turns("me", "chat", 9)
        assert transaction.document("me", "quiz_round") is None
        assert len(transaction.sanctions("me")) == 1


def test_the_newest_turns_come_oldest_first(store):
    with store.transaction() as transaction:
        for number in range(5):
            transaction.add_turn("me", "chat", str(number), "응")
        transaction.add_turn("me", "qna", "x", "응")
    with store.transaction() as transaction:
        assert [turn.message for turn in transaction.last_turns("me", "chat", 2)] == ["3", "4"]
