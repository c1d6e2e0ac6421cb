"""Dependencies point one way (architecture page); a drift fails here."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ohlora_core"

# each layer may import those below it (and itself); modules of one layer do not import each other
LAYERS = (
    {"web"},
    {"core", "session"},
    {"chat", "tutor", "ethics"},
    {"language", "sentence", "face"},
    {"store", "hub", "content"},
    {"events"},
    {"settings", "errors", "messages", "morphemes"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FREE = {"training", "evaluation", "__main__"}  # may import all but web


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    """The parts of ohlora_core that a module imports, at module level or later."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    known = set(LEVEL) | FREE
    parts = {name.split(".")[1] for name in names if name.startswith("ohlora_core.")}
    return parts & known


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    part = part_of(path)
    imports = imported_parts(path) - {part}
    if part == "__init__":
        assert not imports
    elif part in FREE:
        assert "web" not in imports
    else:
        assert part in LEVEL, f"{part} has no layer"
        together = {"core", "session"}
        not_below = {
            other
            for other in imports
            if other in FREE or (LEVEL[other] <= LEVEL[part] and not {part, other} <= together)
        }
        if part in LAYERS[-1]:
            not_below -= LAYERS[-1]
        assert not not_below, f"{part} must not import {sorted(not_below)}"


def test_the_package_imports_at_once():
    code = "import sys, ohlora_core; print(sorted(set(sys.modules) & {'torch', 'gradio', 'numpy'}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert done.stdout.strip() == "[]"
