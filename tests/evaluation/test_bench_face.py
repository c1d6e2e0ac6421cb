"""What the bench of the face reports, on tiny networks; never how fast it is."""

import pytest
import torch

from ohlora_core.evaluation import bench
from ohlora_core.face.generator import GeneratorConfig
from ohlora_core.face.native import load_kernels
from ohlora_core.settings import Settings
from tests.face.conftest import tiny_models  # noqa: F401

TINY = (16, 16, 16, 8, 8, 8, 8)


@pytest.fixture
def report(tiny_models, monkeypatch):  # noqa: F811
    monkeypatch.setattr(bench, "GeneratorConfig", lambda labels: GeneratorConfig(labels, TINY))
    monkeypatch.setattr(bench, "FACE_BATCH", 1)
    monkeypatch.setattr(bench, "FULL_BATCHES", 1)
    monkeypatch.setattr(bench, "LITE_BATCHES", 1)
    return bench.bench_face(Settings(models_dir=tiny_models), layers=True)


def test_fast_path_beside_the_reference(report):
    assert set(report["lite_ms_per_frame"]) == {"generator", "hair", "ombre", "jpeg", "total"}
    fast, reference = report["full_ms_per_frame"], report["full_reference_ms_per_frame"]
    assert set(fast) == set(reference) == {"generator", "hair", "ombre", "total"}
    assert report["ratio"] == pytest.approx(reference["total"] / fast["total"], abs=0.01)
    assert report["mean_difference"] < 0.01
    assert report["threads"] == torch.get_num_threads() and report["reason"]
    assert report["compiled"] == (load_kernels() is not None)


def test_layers_tell_time_and_work(report):
    if not report["compiled"]:
        assert report["layers"] == []
        return
    assert len(report["layers"]) == 13  # fourteen blocks, the first without a convolution
    for row in report["layers"]:
        assert row["ms"] >= 0 and row["gflop"] <= row["plain_gflop"]
