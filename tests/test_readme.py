"""README and repository say the same."""

from __future__ import annotations

import re
import subprocess

from ohlora_core.settings import PROJECT_DIR

README = (PROJECT_DIR / "README.md").read_text(encoding="utf-8")


def tree() -> dict[str, str]:
    """Path -> description, from the tree in the README."""
    block = next(b for b in README.split("```") if "app.py   " in b)
    found, parent = {}, ""
    for line in block.strip().splitlines():
        match = re.fullmatch(r"( *)(\S+) +(.+)", line)
        assert match, line
        indent, name, text = match.groups()
        if not indent:
            parent = name if name.endswith("/") else ""
        found[(parent if indent else "") + name] = text
    return found


def test_the_tree_has_every_part_and_no_other():
    package = PROJECT_DIR / "ohlora_core"
    expected = {
        f"ohlora_core/{path.name}{'/' if path.is_dir() else ''}"
        for path in package.iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }
    named = {path for path in tree() if path.startswith("ohlora_core/")} - {"ohlora_core/"}
    assert named == expected


def test_only_the_agreed_entries_are_at_the_top():
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=PROJECT_DIR, check=True
    )
    top = {path.split("/")[0] for path in listed.stdout.splitlines()}
    allowed = {".ci", ".env.example", ".gitattributes", ".gitignore", "LICENSE", "README.md"}
    allowed |= {"app.py", "models", "ohlora_core", "packages.txt", "pyproject.toml"}
    allowed |= {"requirements-dev.txt", "requirements.txt", "tests"}
    assert top <= allowed


def test_the_space_front_matter_names_the_pinned_gradio():
    pinned = re.search(r"gradio==(\S+)", (PROJECT_DIR / "requirements.txt").read_text())[1]
    assert f"sdk_version: {pinned}" in README and "app_file: app.py" in README


def test_models_and_tree_stay_within_the_budget():
    def tracked_bytes(*paths: str) -> int:
        listed = subprocess.run(
            ["git", "ls-files", "-z", *paths], capture_output=True, cwd=PROJECT_DIR, check=True
        )
        names = listed.stdout.decode().split("\0")[:-1]
        return sum((PROJECT_DIR / name).stat().st_size for name in names)

    assert tracked_bytes("models") <= 72 * 2**20
    assert tracked_bytes() <= 90 * 2**20
