"""The core on fakes: which face is shown, families of faces, pictures."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from ohlora_core.core import Core
from ohlora_core.errors import MissingModelError, ScoreError, UnknownFaceError
from ohlora_core.events import ExpressionChosen
from ohlora_core.session import Preferences
from tests.fakes import make_core, make_settings


def test_new_users_see_the_first_face_unless_the_settings_say_otherwise(tmp_path):
    core = make_core(tmp_path / "a")
    assert core.default_face == 1 and core.health()["face"] == "lite #1"
    core.close()
    core = make_core(tmp_path / "b", face="v8", face_number=3)
    assert core.session("me").preferences().face == 3 and core.health()["face"] == "v8 #3"
    core.close()


def test_a_face_of_the_settings_that_is_not_offered_is_told(tmp_path):
    with pytest.raises(UnknownFaceError, match="1, 2, 3"):
        make_core(tmp_path, face_number=1996)


@pytest.mark.parametrize("family", ["v7", "v8"])
def test_a_published_face_that_is_not_here_is_named_before_anything_is_loaded(tmp_path, family):
    settings = make_settings(tmp_path, face=family, downloads_dir=tmp_path / "none")
    with pytest.raises(MissingModelError, match=f"stylegan.*{family}"):
        Core.load(settings)


def test_pictures_are_clipped_and_never_of_nan(core):
    me = Preferences(face=1, hair="natural")
    wide, far = core.picture(me, -1.5, -1.8, 0.6), core.picture(me, -99.0, -99.0, 99.0)
    assert np.array_equal(wide[:200], far[:200])
    with pytest.raises(ScoreError, match="eyes"):
        core.picture(me, float("nan"), 1.0, 0.0)


def test_addresses_of_pictures_change_with_the_models(core, monkeypatch):
    before = core.face_version
    monkeypatch.setattr(core.face, "fingerprint", "other")
    assert core.face_version != before


def test_a_loop_waits_while_a_reply_is_rendered(core):
    me = Preferences(face=1)
    known: Future[ExpressionChosen] = Future()
    frames = core.reply_frames(known, "안녕!", me)
    with ThreadPoolExecutor(1) as pool:
        loop = pool.submit(core.idle_loop, me)
        with pytest.raises(TimeoutError):
            loop.result(timeout=0.3)
        known.set_result(ExpressionChosen(("보통", "보통", "없음"), -0.4, -0.6, 0.0))
        assert sum(map(len, frames)) >= 110
        assert loop.result(timeout=20).is_file()


def test_a_thumbnail_is_kept_and_an_unknown_face_has_none(core):
    assert core.thumbnail(2) == core.thumbnail(2)
    assert core.thumbnail(2).is_file()
    with pytest.raises(UnknownFaceError, match="1, 2, 3"):
        core.thumbnail(4)
