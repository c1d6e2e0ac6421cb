"""The core on fakes: which face is shown, families of faces, pictures."""

import logging
import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from ohlora_core.core import Core, ProfileChoice, choose_profile
from ohlora_core.errors import (
    MissingModelError,
    ModelFileError,
    NotEnoughMemoryError,
    ScoreError,
    SettingsError,
    UnknownFaceError,
)
from ohlora_core.events import ExpressionChosen
from ohlora_core.hub import Hub
from ohlora_core.session import Preferences
from tests.fakes import FakeEncoder, FakeFace, FakeGenerator, make_core, make_settings
from tests.sentence.conftest import tiny_models  # noqa: F401
from tests.sentence.published_models import write_sbert


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


@pytest.mark.parametrize("profile", ["lite", "v4"])
@pytest.mark.parametrize("name", ["base/model.safetensors", "adapters/qna/adapter_config.json"])
def test_a_missing_s_bert_file_is_told_before_language_models_are_read(
    tmp_path,
    monkeypatch,
    profile,
    name,
    tiny_models,  # noqa: F811
):
    models = tmp_path / "models"
    shutil.copytree(tiny_models / "sentence", models / "sentence")
    (models / "sentence" / name).unlink()
    monkeypatch.setattr("ohlora_core.core.FacePipeline", lambda *_: FakeFace())
    monkeypatch.setattr("ohlora_core.core.load_generator", lambda _: pytest.fail("too late"))
    monkeypatch.setattr("ohlora_core.sentence.published.published_folders", lambda *_: {})
    with pytest.raises(ModelFileError, match=name):
        Core.load(make_settings(tmp_path / "data", profile=profile, models_dir=models))


def test_a_missing_file_of_a_published_s_bert_is_told_before_language_models_are_read(
    tmp_path,
    monkeypatch,
    tiny_models,  # noqa: F811
):
    def read(settings):
        raise EOFError("language models are read")

    write_sbert(tmp_path / "sbert")
    monkeypatch.setattr("ohlora_core.core.FacePipeline", lambda *_: FakeFace())
    monkeypatch.setattr("ohlora_core.core.load_generator", read)
    monkeypatch.setattr(Hub, "local", lambda *_: tmp_path / "sbert")
    settings = make_settings(tmp_path / "data", profile="v4", models_dir=tiny_models)
    with pytest.raises(EOFError):
        Core.load(settings)
    (tmp_path / "sbert" / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"model\.safetensors"):
        Core.load(settings)


class Machine:
    """What profile "auto" finds: a GPU or none, which profiles are fetched, and how much fits."""

    def __init__(self, monkeypatch, gpu, fetched, fits):
        self.fetched, self.fits = fetched, fits
        monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
        monkeypatch.setattr("torch.cuda.get_device_name", lambda: "T4")
        monkeypatch.setattr("ohlora_core.language.full.plan_full", self.plan)
        monkeypatch.setattr("ohlora_core.core.check_encoder", lambda _: None)

    def plan(self, profile, sources, local, *, four_bit):
        if profile not in self.fetched:
            base, _ = sources["output_message"]
            raise MissingModelError(profile, base.repo)
        if profile not in self.fits:
            raise NotEnoughMemoryError(profile, 12 * 2**30, 2**30, "cuda:0", ["--profile lite"])


@pytest.mark.parametrize(
    ("gpu", "fetched", "fits", "choice", "reason"),
    [
        (True, ["v4", "v2"], ["v4", "v2"], ProfileChoice("v4"), "v4, on T4"),
        (True, ["v4"], ["v4"], ProfileChoice("v4"), "v4, on T4"),
        (True, ["v4", "v2"], ["v2"], ProfileChoice("v2", "memory"), "not v4: .*do not fit"),
        (True, ["v4", "v2"], [], ProfileChoice("lite", "memory"), "not v2: .*do not fit"),
        (True, ["v2"], ["v2"], ProfileChoice("v2", "models"), "not v4: .*kakaocorp"),
        (True, [], [], ProfileChoice("lite", "models"), "not v2: .*EleutherAI"),
        (False, ["v4", "v2"], ["v4", "v2"], ProfileChoice("lite", "gpu"), "no CUDA GPU"),
    ],
)
def test_auto_is_the_best_profile_that_can_run_and_says_why(
    tmp_path, monkeypatch, caplog, gpu, fetched, fits, choice, reason
):
    Machine(monkeypatch, gpu, fetched, fits)
    with caplog.at_level(logging.INFO):
        assert choose_profile(make_settings(tmp_path, profile="auto")) == choice
    assert re.search(reason, caplog.text)
    assert choose_profile(make_settings(tmp_path, profile="v2")) == ProfileChoice("v2"), "as set"


def test_auto_does_not_pass_over_a_setting_that_cannot_be(tmp_path, monkeypatch):
    def refuse(*given, **options):
        raise SettingsError("", "pip install bitsandbytes")

    Machine(monkeypatch, True, [], [])
    monkeypatch.setattr("ohlora_core.language.full.plan_full", refuse)
    with pytest.raises(SettingsError, match="bitsandbytes"):
        choose_profile(make_settings(tmp_path, profile="auto", four_bit=True))


def test_auto_takes_a_profile_whose_s_berts_are_missing_for_none(tmp_path, monkeypatch):
    Machine(monkeypatch, True, ["v4", "v2"], ["v4", "v2"])

    def check(settings):
        if settings.profile == "v4":
            raise MissingModelError("v4", "ethics")

    monkeypatch.setattr("ohlora_core.core.check_encoder", check)
    choice = choose_profile(make_settings(tmp_path, profile="auto"))
    assert choice == ProfileChoice("v2", "models")


def test_a_core_of_auto_has_a_real_profile(tmp_path, monkeypatch, tiny_models):  # noqa: F811
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("ohlora_core.core.FacePipeline", lambda *_: FakeFace())
    monkeypatch.setattr("ohlora_core.language.load_lite", lambda _: FakeGenerator())
    monkeypatch.setattr("ohlora_core.sentence.load_lite", lambda _: FakeEncoder())
    core = Core.load(make_settings(tmp_path, profile="auto", models_dir=tiny_models))
    assert core.health()["profile"] == "lite" and core.is_too_long_for_chat("가" * 81)
    assert core.lack == "gpu"
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
