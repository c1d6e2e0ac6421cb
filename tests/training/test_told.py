from ohlora_core import content
from ohlora_core.language import NOTHING_TO_REMEMBER
from ohlora_core.training.sentence_objectives import told_classes
from ohlora_core.training.told import Told, with_other_values


def test_another_value_of_the_key_stands_in_a_message_with_its_particles():
    rows = [
        Told("나는 유진이라고 해", "이름", "유진"),
        Told("로아라고 불러", "이름", "로아"),
        Told("등산이 취미야", "취미", "등산"),
        Told("시험 망해서 우울해", "기분", "우울함"),
        Told("우울함이 커", "기분", "설렘"),
    ]
    assert with_other_values(rows, seed=1) == [
        Told("나는 로아라고 해", "이름", "로아"),
        Told("유진이라고 불러", "이름", "유진"),
    ]


def test_what_is_told_is_learnt_from_training_messages_alone():
    classified = told_classes()
    assert NOTHING_TO_REMEMBER in classified.names
    assert {number for _, number, _ in classified.texts} == set(range(len(classified.names)))
    held = {row.message for row in content.load_dialogues() if row.split != "train"}
    assert not held & {text for text, _, _ in classified.texts}
