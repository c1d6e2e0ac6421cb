import numpy as np
import pytest

from ohlora_core.chat.memory import MemoryReader
from ohlora_core.language import NOTHING_TO_REMEMBER
from tests.fakes import FakeEncoder

KEYS = ["이름", "취미", NOTHING_TO_REMEMBER]


class KeyEncoder(FakeEncoder):
    def similarity(self, task, text, candidates):
        key = "이름" if "이름" in text else "취미" if "주말" in text else NOTHING_TO_REMEMBER
        return np.array([float(name == key) for name in candidates])


class Values:
    """Gives one value to every message."""

    def __init__(self, value):
        self.value = value

    def read(self, key, message):
        return self.value


@pytest.mark.parametrize(
    ("message", "value", "memory"),
    [
        ("내 이름은 민준이야", "민준", "[이름: 민준]"),
        ("주말엔 낚시 가", "낚시", "[취미: 낚시]"),
        ("배고파", "배고픔", None),
        ("주말에 자살할래", "자살", None),
        ("내 이름은", None, None),
        ("내 이름은 [민준", "나 이름 [민준", None),
        ("내 이름은 a: b", "a: b", "[이름: a: b]"),
    ],
)
def test_what_is_read_is_one_memory_or_none(message, value, memory):
    assert MemoryReader(KeyEncoder(), Values(value), KEYS).read(message) == memory
