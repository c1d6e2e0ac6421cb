"""What the bench of the page makes of the player's notes; never how fast it is."""

import shutil

import pytest

from ohlora_core.evaluation.bench_page import BrowserMissingError, bench_page, paint_report
from tests.fakes import make_settings


def test_paints_are_counted_from_the_complete_reply():
    paints = [1300.0, *(1340.0 + 40 * k for k in range(24)), 2400.0]
    assert paint_report({"complete": 1000.0, "paints": paints}) == {
        "first_frame_s": 0.3,
        "painted_fps": round(25 / 1.1, 2),
        "longest_gap_ms": 140,
        "frames": 26,
    }


def test_without_a_browser_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BrowserMissingError, match="apt-get install chromium"):
        bench_page(make_settings(tmp_path))
