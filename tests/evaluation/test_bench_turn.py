"""What the bench of chat turns measures, on fakes; never how fast it is."""

from ohlora_core.content import load_dialogues
from ohlora_core.core import Core
from ohlora_core.evaluation import bench
from ohlora_core.sentence import SentenceTask
from tests.fakes import FakeEncoder, FakeGenerator, make_core, make_settings


def test_fifty_turns_have_fifty_messages_of_the_validation_split(tmp_path, monkeypatch):
    asked = []
    core = make_core(tmp_path, FakeGenerator())
    chat = core.chat.read
    monkeypatch.setattr(core.chat, "read", lambda *given: asked.append(given[0]) or chat(*given))
    monkeypatch.setattr(core, "perform", without_face(core))
    monkeypatch.setattr(Core, "load", lambda settings: core)
    report = bench.bench_turn(make_settings(tmp_path))
    validation = {row.message for row in load_dialogues() if row.split == "validation"}
    assert len(set(asked[1:])) == len(asked[1:]) == report["turns"] == 50
    assert set(asked[1:]) <= validation
    assert 0 <= report["first_text_s"] <= report["turn_s"]


def test_a_message_that_is_taken_for_an_offence_ends_no_turn(tmp_path, monkeypatch):
    encoder = FakeEncoder()
    first, *others = bench.turn_messages()
    encoder.overrides[SentenceTask.ETHICS, first, "패드립"] = 1.0
    encoder.overrides[SentenceTask.ETHICS, first, "일반"] = 0.0
    kept = []

    def load(settings):
        kept.append(make_core(tmp_path, encoder=encoder, block_scale=settings.block_scale))
        monkeypatch.setattr(kept[0], "perform", without_face(kept[0]))
        return kept[0]

    monkeypatch.setattr(Core, "load", load)
    assert bench.bench_turn(make_settings(tmp_path), 3)["turns"] == 3
    said = [turn.message for turn in kept[0].session("bench").history("chat")]
    assert said == [bench.WARM_UP, first, *others[:2]]


def without_face(core):
    perform = core.perform

    def still(reply, preferences, finish):
        return perform(reply, type(preferences)(preferences.face, animation=False), finish)

    return still
