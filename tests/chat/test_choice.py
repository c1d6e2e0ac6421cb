import numpy as np
import pytest
import torch

from ohlora_core.chat.choice import (
    FILE,
    INPUTS,
    Candidate,
    Choice,
    ReplyChooser,
    features_of,
    with_judged,
)
from ohlora_core.content import CommentRow, DialogueRow
from ohlora_core.errors import ModelFileError
from ohlora_core.training.choice import Judged, fit_chooser
from tests.fakes import FakeEncoder

ROW = DialogueRow(
    message="배고파",
    reply="밥 먹자!",
    new_summary="배고픔",
    eyes="보통",
    mouth="보통",
    pose="없음",
    topic="t",
    intent="i",
    act="피곤",
)
COMMENT = CommentRow(act="낭패", after="told", comment="저런!")


def choice(message="배고프다", score=0.8):
    near = Candidate("밥 먹자!", "own", "피곤", ROW, None, score, score, score)
    told = Candidate("배고프구나! 저런!", "told", "낭패", None, COMMENT)
    return Choice(message, None, None, {"피곤": 0.9, "낭패": 0.2}, [near, told])


def judged(score, accepted):
    one = choice(score=score)
    return Judged(one, features_of(one, FakeEncoder()), accepted)


@pytest.fixture(scope="module")
def chooser():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.2, 1.0, 400)
    return fit_chooser([judged(float(at), [at > 0.6, at <= 0.6]) for at in scores])


def test_a_near_row_is_taken_and_a_far_one_is_not(chooser):
    assert chooser.best(choice(score=0.9), FakeEncoder()).form == "own"
    assert chooser.best(choice(score=0.3), FakeEncoder()).form == "told"


def test_features_are_finite_and_of_the_width_that_the_network_reads(chooser):
    for one in (choice(), Choice("응", "[상태: 감기]", "감기 이야기", {}, choice().candidates)):
        table = with_judged(features_of(one, FakeEncoder()), one, chooser.accepted)
        assert table.shape == (2, INPUTS)
        assert np.isfinite(table).all()


def test_what_readers_judged_counts_by_act_and_by_comment():
    one = choice()
    table = features_of(one, FakeEncoder())
    unknown = with_judged(table, one, {})[1, -3:]
    liked = with_judged(table, one, {"told|낭패": (8, 10), "저런!": (6, 6)})[1, -3:]
    assert (liked > unknown).all()


def test_a_chooser_is_the_same_after_saving(chooser, tmp_path):
    (tmp_path / "language").mkdir()
    chooser.save(tmp_path)
    loaded = ReplyChooser.load(tmp_path)
    table = torch.randn(5, INPUTS)
    assert torch.equal(loaded(table), chooser(table))
    assert loaded.accepted == chooser.accepted


def test_a_file_that_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(ModelFileError):
        ReplyChooser.load(tmp_path)
    (tmp_path / "language").mkdir()
    (tmp_path / FILE).write_bytes(b"no weights")
    with pytest.raises(ModelFileError):
        ReplyChooser.load(tmp_path)
