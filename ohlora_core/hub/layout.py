"""Where a model lies among the files of its repository, and which of them it needs.

Works on lists of names, "folder/file" from the top of the repository: the hub's or a folder's.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ohlora_core.errors import DownloadError
from ohlora_core.hub.manifest import GROUPS, Source, group_sources

__all__ = ["is_file", "locate", "needed_files"]

_MARKS = ("adapter_config.json", "modules.json", "config.json")
"""What makes a folder an adapter, an S-BERT, a base model; the first that occurs counts."""
_TEXTS = (".json", ".txt", ".model", ".jinja")
_PICKLED_WEIGHTS = re.compile(r"(pytorch_model|adapter_model)[^/]*\.bin")
_MODULE_FOLDER = re.compile(r"\d+_\w+")  # of an S-BERT, e.g. 1_Pooling
_WEIGHT_FILE = re.compile(r".*\.pth")


def is_file(source: Source) -> bool:
    """Whether a source is one file rather than a folder."""
    return bool(_WEIGHT_FILE.fullmatch(source.path))


def locate(source: Source, names: Collection[str]) -> str | None:
    """The path of a source in its repository: its own if it is there, else the one like it.

    A file is like it by its name. A folder is like it if it holds the mark of a model and shares
    the most folder names with it; never one that belongs to another source of the repository.

    Returns:
        The path ("" is the top), or None if nothing there is like it.

    Raises:
        DownloadError: if several are equally like it; lists them.
    """
    if is_file(source):
        if source.path in names:
            return source.path
        return _only(source, [name for name in names if _parts(name)[-1:] == [source.path]])
    folders = {mark: _folders(names, mark) for mark in _MARKS}
    if any(source.path in found for found in folders.values()):
        return source.path
    others = _other_names(source)
    for mark in _MARKS:
        free = [
            folder
            for folder in folders[mark]
            if not others & set(_parts(folder)) and "checkpoint-" not in folder
        ]
        if free:
            likeness = {f: len(set(_parts(f)) & set(_parts(source.path))) for f in free}
            best = max(likeness.values())
            return _only(source, [f for f in free if likeness[f] == best])
    return None


def needed_files(path: str, names: Collection[str]) -> list[str]:
    """The files that a model at `path` (as `locate` found it) is loaded from.

    Settings, vocabulary and weights of the folder itself and of the numbered modules of an S-BERT;
    pickled weights only where there are no safetensors, nothing that only a training needs.
    """
    if path in names:
        return [path]
    inside = {name: name.removeprefix(f"{path}/" if path else "") for name in names}
    inside = {
        name: rest
        for name, rest in inside.items()
        if (not path or name != rest) and _is_of_model(rest)
    }
    safe = [name for name, rest in inside.items() if rest.endswith(".safetensors")]
    return sorted(
        name
        for name, rest in inside.items()
        if rest.endswith(_TEXTS)
        or name in safe
        or (not _beside(name, safe) and _PICKLED_WEIGHTS.fullmatch(_parts(rest)[-1]))
    )


def _is_of_model(rest: str) -> bool:
    """Whether a file lies in the folder itself or in a module of an S-BERT."""
    *folders, _ = _parts(rest)
    return not folders or (len(folders) == 1 and bool(_MODULE_FOLDER.fullmatch(folders[0])))


def _beside(name: str, others: list[str]) -> bool:
    return any(_parts(name)[:-1] == _parts(other)[:-1] for other in others)


def _folders(names: Collection[str], mark: str) -> list[str]:
    return sorted("/".join(_parts(name)[:-1]) for name in names if _parts(name)[-1:] == [mark])


def _parts(path: str) -> list[str]:
    return path.split("/") if path else []


def _other_names(source: Source) -> set[str]:
    """Folder names of the other sources of the same repository."""
    known = {other for group in GROUPS for other in group_sources(group)}
    others = {part for s in known if s.repo == source.repo for part in _parts(s.path)}
    return others - set(_parts(source.path))


def _only(source: Source, found: list[str]) -> str | None:
    if len(found) > 1:
        wanted, listed = source.path or "/", ", ".join(path or "/" for path in sorted(found))
        raise DownloadError(
            f"{source.repo} 에 '{wanted}' 이(가) 없고 비슷한 모델이 여러 개라 고를 수 없어요: "
            f"{listed}. 맞는 것을 직접 받아 '{wanted}' 자리에 놓아 주세요.",
            f"{source.repo} has no '{wanted}', and several models are equally like it: {listed}. "
            f"Download the right one yourself and put it at '{wanted}'.",
        )
    return found[0] if found else None
