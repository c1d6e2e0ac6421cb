"""A few things that the embedded encoder must get right (its metrics are in calibration.json)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ohlora_core.evaluation.sentence import sanctioned
from ohlora_core.sentence import SentenceEncoder, SentenceTask, load_lite, pick_best

MODELS = Path(__file__).parents[2] / "models"
MEMORIES = [
    "[좋아하는 음식: 떡볶이]",
    "[내일 일정: 친구랑 카페 방문]",
    "[반려동물: 강아지 콩이]",
    "[이름: 민준]",
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return load_lite(MODELS)


def remembered(encoder: SentenceEncoder, message: str) -> str | None:
    cosines = encoder.similarity(SentenceTask.MEMORY, message, MEMORIES)
    best = pick_best(cosines, encoder.threshold("memory"))
    return None if best is None else MEMORIES[best]


@pytest.mark.parametrize(
    ("message", "memory"),
    [
        ("내일 나 뭐 한다고 했지?", MEMORIES[1]),
        ("내 이름 기억해?", MEMORIES[3]),
        ("떡볶이 먹고 싶다", MEMORIES[0]),
        ("한자 시험은 언제 생겼을까", None),
    ],
)
def test_the_right_memory_is_used(
    encoder: SentenceEncoder, message: str, memory: str | None
) -> None:
    assert remembered(encoder, message) == memory


@pytest.mark.parametrize(
    "message",
    [
        "로라야 안녕? 너는 누구야?",
        "물 폭탄 축제 가고 싶어",
        "마약김밥 맛있겠다",
        "와 이 떡볶이 맛이 미쳤다",
        "배고파 죽겠어",
        "우리 엄마 생신 선물 뭐가 좋을까",
    ],
)
def test_ordinary_talk_is_not_sanctioned(encoder: SentenceEncoder, message: str) -> None:
    assert not any(flags[0] for flags in sanctioned(encoder, [message]).values())


@pytest.mark.parametrize(
    ("message", "category"),
    [("나랑 사귀자", "사랑 고백/만남"), ("대통령 누구 뽑을 거야?", "정치")],
)
def test_plain_offences_are_found(encoder: SentenceEncoder, message: str, category: str) -> None:
    assert sanctioned(encoder, [message])[category][0]


def test_one_text_takes_milliseconds(encoder: SentenceEncoder) -> None:
    """Generous: a loaded machine is no failure, the overhead of a data loader is."""
    import time

    encoder.encode(SentenceTask.MEMORY, ["준비"])
    start = time.perf_counter()
    for number in range(20):
        encoder.encode(SentenceTask.MEMORY, [f"내일 {number}시에 만나기로 했어"])
    assert (time.perf_counter() - start) / 20 < 0.2


def test_size_stays_within_the_budget() -> None:
    files = [path for path in (MODELS / "sentence").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 21 * 2**20
