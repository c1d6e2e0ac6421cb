"""The sentence encoders (S-BERT): one small base, one adapter per task, cosine scores.

Importing this package is light; torch and sentence-transformers are loaded by `load_lite`
and `load_published`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ohlora_core.sentence.formats import fact_texts, interview_answer_text, interview_next_text
from ohlora_core.sentence.index import TextIndex
from ohlora_core.sentence.protocol import SentenceEncoder
from ohlora_core.sentence.scoring import pick_best, pick_best_owner
from ohlora_core.sentence.tasks import SentenceTask

__all__ = [
    "SentenceEncoder",
    "SentenceTask",
    "TextIndex",
    "check_lite",
    "check_published",
    "fact_texts",
    "interview_answer_text",
    "interview_next_text",
    "load_lite",
    "load_published",
    "pick_best",
    "pick_best_owner",
]

SourceT = TypeVar("SourceT")


def load_lite(models_dir: Path) -> SentenceEncoder:
    """Load the embedded encoder from `models_dir / "sentence"`.

    Raises:
        ModelFileError: if a file is missing or cannot be read; it names the file and the command
            that restores it.
    """
    from ohlora_core.sentence.encoder import LocalEncoder

    return LocalEncoder.load(Path(models_dir) / "sentence")


def check_lite(models_dir: Path) -> None:
    """See that the files of the embedded encoder are here; loads none.

    Raises:
        ModelFileError: as `load_lite`.
    """
    from ohlora_core.errors import ModelFileError
    from ohlora_core.sentence import encoder

    for path in encoder.files_of(Path(models_dir) / "sentence"):
        if not path.is_file():
            raise ModelFileError(path, detail="no such file")
        encoder.check_readable(path)


def load_published(
    sources: Mapping[str, SourceT], local: Callable[[SourceT], Path], models_dir: Path
) -> SentenceEncoder:
    """Load the published encoders, and the embedded one for the tasks that have none.

    Args:
        sources: Where each published task's model is, by the task's value
            (`hub.manifest.sentence_sources`).
        local: Gives the folder of a source (`Hub.local`).
        models_dir: Holds sentence/, the embedded encoder.

    Raises:
        MissingModelError: from `local`, if a model is not here.
        ModelFileError: if a file is missing, cut off or of another model.
    """
    from ohlora_core.sentence.published import PublishedEncoder

    return PublishedEncoder.load(sources, local, load_lite(models_dir))


def check_published(
    sources: Mapping[str, SourceT], local: Callable[[SourceT], Path], models_dir: Path
) -> None:
    """See that the files of what `load_published` loads are here and whole; loads none.

    Raises:
        MissingModelError: as `load_published`.
        ModelFileError: as `load_published`.
    """
    from ohlora_core.sentence.published import published_folders

    published_folders(sources, local)
    check_lite(models_dir)
