"""Sheets of what models said, a JSON line each, for people to read and judge."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["write_sheet"]


def write_sheet(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON line per row; makes the folder."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
