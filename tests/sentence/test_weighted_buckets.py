import pytest

from ohlora_core.sentence.linear import weighted_buckets


@pytest.mark.parametrize("text", ["배고파", "오늘은 비가 와서 집에만 있었어 그래서 심심해"])
def test_texts_of_any_length_weigh_the_same(text):
    square = sum(weight**2 for weight in weighted_buckets(text, 2**20).values())
    assert square == pytest.approx(2.0, rel=0.1)  # characters and morphemes


def test_endings_count_beside_letters():
    told, asked = weighted_buckets("밥 먹었어", 2**20), weighted_buckets("밥 먹었니", 2**20)
    assert told.keys() & asked.keys()
    assert told.keys() - asked.keys()


@pytest.mark.parametrize("text", ["", " ", "\ud83d", "😊", "ㅋ"])
def test_odd_texts_have_buckets_too(text):
    assert all(0 <= bucket < 64 for bucket in weighted_buckets(text, 64))
    assert weighted_buckets(text, 64)
