"""What the header says of the models that run."""

from __future__ import annotations

import pytest

from ohlora_core.web.identity import Identity
from ohlora_core.web.page import build_page
from tests.fakes import make_core


def header(core) -> str:
    """The HTML of the header, as the browser gets it."""
    config = build_page(core, Identity.of(core.settings)).get_config_file()
    shown = [component["props"].get("value") for component in config["components"]]
    (found,) = [value for value in shown if isinstance(value, str) and 'class="brand"' in value]
    return found


@pytest.mark.parametrize(
    ("lack", "korean", "english"),
    [
        ("gpu", "CUDA GPU 가 없어서 lite", "no CUDA GPU"),
        ("models", "다 받지 않아서 lite", "not all downloaded"),
        ("memory", "GPU 메모리가 부족해서 lite", "lacks memory"),
    ],
)
def test_a_profile_that_auto_had_to_fall_back_to_is_told_why(core, lack, korean, english):
    core.lack = lack
    shown = header(core)
    assert shown.index(korean) < shown.index(english)


def test_a_profile_that_was_asked_for_needs_no_reason(tmp_path):
    core = make_core(tmp_path)
    assert "lite" in header(core) and 'id="lack"' not in header(core)
    core.close()
