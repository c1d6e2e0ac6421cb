from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ohlora_core.ethics import (
    MAX_PERIOD,
    EthicsGuard,
    Reason,
    active_block_notice,
    apply_sanctions,
    period_for,
    period_text,
)
from ohlora_core.sentence import SentenceTask
from ohlora_core.store import Store

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
hour, day = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 'test.sqlite3'}")


@pytest.mark.parametrize(
    ("reason", "periods"),
    [
        (Reason.LOVE, [0 * day, hour, day, 14 * day, 1461 * day, 1461 * day]),
        (Reason.POLITICS, [0 * day, 3 * day, 7 * day, 30 * day, 365 * day, 365 * day]),
        (Reason.PAEDRIP, [7 * day, 30 * day, 1461 * day, 1461 * day]),
        (Reason.HATE, [day, 7 * day, 90 * day, 1461 * day, 1461 * day]),
    ],
)
def test_periods_escalate_and_the_last_one_holds(reason, periods):
    assert [period_for(reason, level) for level in range(1, len(periods) + 1)] == periods


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (timedelta(minutes=59), "59분"),
        (hour, "1시간"),
        (timedelta(hours=23, minutes=59), "23시간"),
        (8 * day, "8일"),
        (364 * day, "364일"),
        (MAX_PERIOD, "4년"),
        (timedelta(seconds=36), "1분"),
    ],
)
def test_the_period_is_told_in_its_largest_unit(period, text):
    assert period_text(period).text("ko") == text


def sanction(store, reasons, scale=1.0, user="me"):
    with store.transaction() as transaction:
        return apply_sanctions(transaction, user, reasons, NOW, scale)


def test_a_first_love_offence_is_a_warning_and_the_second_a_block(store):
    first = sanction(store, [Reason.LOVE])
    assert first.kind == "warning"
    assert first.text("ko") == (
        "🚨 사랑 고백/만남 발언으로 Oh-LoRA 👱‍♀️ (오로라) 에게 경고를 받았습니다. 🚨"
    )
    second = sanction(store, [Reason.LOVE])
    assert second.kind == "block" and "1시간 동안" in second.text("ko")
    with store.transaction() as transaction:
        notice = active_block_notice(transaction, "me", NOW, SEOUL)
        assert active_block_notice(transaction, "you", NOW, SEOUL) is None
        assert active_block_notice(transaction, "me", NOW + hour, SEOUL) is None
        assert [s.level for s in transaction.sanctions("me")] == [1, 2]
    assert notice.text("ko") == (
        "Oh-LoRA 👱‍♀️ 가 대화를 거부하였습니다.\n만료일: 2026.11.21 13:00:00\n사유: 사랑 고백/만남"
    )


def test_several_reasons_add_up_and_are_named_together(store):
    notice = sanction(store, [Reason.HATE, Reason.PAEDRIP])
    assert "8일 동안" in notice.text("ko") and "패드립, 혐오/기타" in notice.text("ko")


def test_the_scale_shortens_blocks(store):
    sanction(store, [Reason.HATE], scale=0.01)
    with store.transaction() as transaction:
        assert transaction.active_block("me", NOW + timedelta(minutes=14)) is not None
        assert transaction.active_block("me", NOW + timedelta(minutes=15)) is None


def test_lifting_ends_the_block_but_keeps_the_level(store):
    now = datetime.now(UTC)
    for expected in (1, 7):
        with store.transaction() as transaction:
            apply_sanctions(transaction, "me", [Reason.HATE], now)
            block = transaction.active_block("me", now)
            assert block.until - now == expected * day
            assert transaction.lift_blocks("me") == 1
            assert transaction.active_block("me", now) is None


@pytest.mark.parametrize(
    ("name", "reply", "offences"),
    [
        ("사랑 고백/만남", "그건 좀 부담스러워", {Reason.LOVE}),
        ("사랑 고백/만남", "나도 좋아!", set()),
        ("사랑 고백/만남", None, {Reason.LOVE}),
        ("정치", "미안, 정치는 몰라", {Reason.POLITICS}),
        ("패드립", "응", {Reason.PAEDRIP}),
        ("혐오/기타", "응", {Reason.HATE}),
    ],
)
def test_love_and_politics_need_a_refusing_reply(encoder, name, reply, offences):
    encoder.overrides[(SentenceTask.ETHICS, "글", name)] = 0.95
    scores = EthicsGuard(encoder).score("글")
    assert scores.decided_by(reply) == offences


def test_an_ordinary_message_is_no_offence_whatever_else_scores(encoder):
    encoder.overrides = {
        (SentenceTask.ETHICS, "글", "패드립"): 0.99,
        (SentenceTask.ETHICS, "글", "일반"): 0.6,
    }
    assert not EthicsGuard(encoder).score("글").above
