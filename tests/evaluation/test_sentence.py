"""What the metrics of the sentence encoder count, on a fake encoder."""

from ohlora_core import content
from ohlora_core.evaluation import sentence
from tests.fakes import FakeEncoder


def test_every_ordinary_message_is_counted_for_sanctions(monkeypatch):
    messages = [f"{number}번째 이야기" for number in range(1700)]
    monkeypatch.setattr(sentence, "ordinary_messages", lambda corpora, use: list(messages))
    monkeypatch.setattr(
        sentence,
        "sanctioned",
        lambda encoder, texts: {"패드립": [text in messages[-3:] for text in texts]},
    )
    monkeypatch.setattr(sentence, "CATEGORY_KEYS", {"패드립": "paedrip"})
    found = sentence.ethics(FakeEncoder(), None, ("test",))
    general = [r for r in content.load_ethics() if r.split == "test" and r.category == "일반"]
    assert found["ordinary_n"] == 1700 + len(general)
    assert found["false_sanctions"] == 3
