"""The sentence encoders (S-BERT): one small base, one adapter per task, cosine scores.

Importing this package is light; torch and sentence-transformers are loaded by `load_lite`.
"""

from __future__ import annotations

from pathlib import Path

from ohlora_core.sentence.formats import fact_texts, interview_answer_text, interview_next_text
from ohlora_core.sentence.index import TextIndex
from ohlora_core.sentence.protocol import SentenceEncoder
from ohlora_core.sentence.scoring import pick_best, pick_best_owner
from ohlora_core.sentence.tasks import SentenceTask

__all__ = [
    "SentenceEncoder",
    "SentenceTask",
    "TextIndex",
    "fact_texts",
    "interview_answer_text",
    "interview_next_text",
    "load_lite",
    "pick_best",
    "pick_best_owner",
]


def load_lite(models_dir: Path) -> SentenceEncoder:
    """Load the embedded encoder from `models_dir / "sentence"`.

    Raises:
        ModelFileError: if a file is missing or cannot be read; it names the file and the command
            that restores it.
    """
    from ohlora_core.sentence.encoder import LocalEncoder

    return LocalEncoder.load(Path(models_dir) / "sentence")
