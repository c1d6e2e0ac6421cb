import json
import lzma

from ohlora_core import content
from ohlora_core.language import NOTHING_TO_REMEMBER
from ohlora_core.training.choice import JUDGED_FILE
from ohlora_core.training.sentence_objectives import asked_classes


def test_every_judged_message_is_of_the_training_split_and_judged_once_with_a_memory():
    with lzma.open(JUDGED_FILE, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) > 10_000
    assert len({(row["message"], row.get("memory")) for row in rows}) == len(rows)
    assert {content.split_of(row["message"]) for row in rows} == {"train"}
    assert not any(set(row["good"]) & set(row["bad"]) for row in rows)


def test_messages_that_mean_no_memory_are_a_class_of_their_own():
    classified = asked_classes()
    assert NOTHING_TO_REMEMBER in classified.names
    held = {row.message for row in content.load_meant_keys() if row.split != "train"}
    held |= {row.message for row in content.load_dialogues() if row.split != "train"}
    assert not held & {text for text, _, _ in classified.texts}
