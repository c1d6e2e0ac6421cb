"""The core on fakes: which face is shown, families of faces, pictures."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ohlora_core.core import Core, chosen_profile
from ohlora_core.errors import MissingModelError, OhLoraError, ScoreError, UnknownFaceError
from ohlora_core.events import ExpressionChosen
from ohlora_core.hub import Hub
from ohlora_core.hub.manifest import group_sources
from ohlora_core.session import Preferences
from tests.fakes import FakeEncoder, FakeFace, FakeGenerator, make_core, make_settings


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


@pytest.mark.parametrize(
    ("gpu", "fetched", "profile", "reason"),
    [
        (True, ["v4", "v2"], "v4", "v4, on T4"),
        (True, ["v4"], "v4", "v4, on T4"),
        (True, ["v2"], "v2", "not v4: no kakaocorp"),
        (True, [], "lite", "not v2: no EleutherAI"),
        (False, ["v4", "v2"], "lite", "no CUDA GPU"),
    ],
)
def test_auto_is_the_best_profile_that_can_run_and_says_why(
    tmp_path, monkeypatch, caplog, gpu, fetched, profile, reason
):
    here = {source for name in fetched for source in group_sources(name)}

    def local(hub, source):
        if source not in here:
            raise OhLoraError("", f"no {source.repo}")
        return Path()

    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "T4")
    monkeypatch.setattr(Hub, "local", local)
    with caplog.at_level(logging.INFO):
        assert chosen_profile(make_settings(tmp_path, profile="auto")) == profile
    assert reason in caplog.text
    assert chosen_profile(make_settings(tmp_path, profile="v2")) == "v2", "what is set stays"


def test_a_core_of_auto_has_a_real_profile(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("ohlora_core.core.FacePipeline", lambda *_: FakeFace())
    monkeypatch.setattr("ohlora_core.language.load_lite", lambda _: FakeGenerator())
    monkeypatch.setattr("ohlora_core.sentence.load_lite", lambda _: FakeEncoder())
    core = Core.load(make_settings(tmp_path, profile="auto"))
    assert core.health()["profile"] == "lite" and core.is_too_long_for_chat("가" * 81)
    core.close()


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
