"""The published S-BERTs: one whole RoBERTa per task, in sentence-transformers format.

All are fine-tunes of klue/roberta-base: mean pooling (their files say so), at most 64 tokens and
lower-cased input. Knows folders; nothing of hubs, and nothing of what the cosines are for.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import safe_open
from sentence_transformers import SentenceTransformer

from ohlora_core.errors import ModelFileError, NotEnoughMemoryError
from ohlora_core.sentence.caching import CachedEncoder
from ohlora_core.sentence.encoder import check_readable
from ohlora_core.sentence.protocol import SentenceEncoder
from ohlora_core.sentence.tasks import BASE_TASKS, SentenceTask

__all__ = [
    "LITE_TASKS",
    "MAX_TOKENS",
    "PUBLISHED_TASKS",
    "THRESHOLDS",
    "PublishedEncoder",
    "load_model",
    "lower_cased",
    "published_folders",
    "unit_vectors",
]

logger = logging.getLogger(__name__)

LITE_TASKS = BASE_TASKS - {SentenceTask.ETHICS, SentenceTask.MEMORY}
"""No model was published for these: only small language models need examples and ranked replies.
The embedded encoder does them."""
PUBLISHED_TASKS = tuple(task for task in SentenceTask if task not in LITE_TASKS)

MAX_TOKENS = 64
THRESHOLDS = {
    "memory": 0.95,
    "qna": 0.5,
    "ethics.general": 0.5,
    "ethics.love": 0.98,
    "ethics.politics": 0.95,
    "ethics.paedrip": 0.9,
    "ethics.hate": 0.9,
}
"""Of the original system (system description, sections 2.4, 3 and 5)."""

_FILES = (
    "modules.json",
    "config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "model.safetensors",
)
_UNUSED_WEIGHTS = ("pooler.", "embeddings.position_ids", "embeddings.token_type_ids")
_FETCH_AGAIN = (
    "그 파일을 지우고 다시 받아 주세요: python -m ohlora_core fetch v4 (또는 v2)",
    "delete it and fetch it again: python -m ohlora_core fetch v4 (or v2)",
)
_SMALLER = ["OHLORA_FOUR_BIT=1", "--profile lite"]
_BATCH = 64
SourceT = TypeVar("SourceT")


class PublishedEncoder(CachedEncoder):
    """A model per task, all loaded at the start, so that no turn waits for one.

    Args:
        models: One for each of `PUBLISHED_TASKS`, all with vectors of one length.
        fingerprint: Identifies the models' files.
        lite: The embedded encoder, for `LITE_TASKS`.
    """

    def __init__(
        self,
        models: Mapping[SentenceTask, SentenceTransformer],
        fingerprint: str,
        lite: SentenceEncoder,
    ) -> None:
        self._models = models
        self._lite = lite
        dimension = models[SentenceTask.MEMORY].get_embedding_dimension() or 0
        super().__init__(dimension, THRESHOLDS, f"{fingerprint} {lite.fingerprint}")

    @classmethod
    def load(
        cls,
        sources: Mapping[str, SourceT],
        local: Callable[[SourceT], Path],
        lite: SentenceEncoder,
    ) -> PublishedEncoder:
        """Load every model, in float16 on a CUDA GPU and in float32 elsewhere.

        Args:
            sources: Where the model of each published task is, by the task's value.
            local: Gives the folder of a source, or raises what tells the user how to get it.
            lite: The embedded encoder.

        Raises:
            ModelFileError: naming the file that is missing, cut off or of another model.
            NotEnoughMemoryError: if the GPU has no room for them.
        """
        folders = published_folders(sources, local)
        models = {task: load_model(folder) for task, folder in folders.items()}
        digest = hashlib.sha256()
        for folder in folders.values():
            digest.update(_fingerprint(folder).encode())
        return cls(models, digest.hexdigest(), lite)

    def encode(self, task: SentenceTask, texts: Sequence[str]) -> np.ndarray:
        """[n, d] float32 vectors of unit length; `d` of `LITE_TASKS` is that of the lite model."""
        if task in LITE_TASKS:
            return self._lite.encode(task, texts)
        return super().encode(task, texts)

    def _forward(self, task: SentenceTask, texts: list[str]) -> np.ndarray:
        return unit_vectors(self._models[task], texts)


def published_folders(
    sources: Mapping[str, SourceT], local: Callable[[SourceT], Path]
) -> dict[SentenceTask, Path]:
    """The folder of each published task's model; every file is there and whole.

    Raises:
        ModelFileError: naming the file that is missing or cut off.
    """
    folders = {task: local(sources[task.value]) for task in PUBLISHED_TASKS}
    for folder in dict.fromkeys(folders.values()):
        _check_files(folder)
    return folders


def load_model(folder: Path) -> SentenceTransformer:
    """One model from its folder, tried out once.

    Raises:
        ModelFileError: naming the file (or the folder) that is missing or broken.
        NotEnoughMemoryError: if the GPU has no room for it.
    """
    _check_files(folder)
    device, dtype = _device_and_dtype()
    try:
        model = SentenceTransformer(
            str(folder), device=device, local_files_only=True, model_kwargs={"dtype": dtype}
        )
    except torch.OutOfMemoryError as error:
        needed = (folder / "model.safetensors").stat().st_size // 2  # float32 in the file
        free = torch.cuda.mem_get_info()[0]
        raise NotEnoughMemoryError("S-BERT", needed, free, device, _SMALLER) from error
    except Exception as error:  # the libraries raise many types for a damaged file
        raise ModelFileError(folder, _FETCH_AGAIN, f"{type(error).__name__}: {error}") from error
    model.max_seq_length = MAX_TOKENS
    _check_complete(model, folder / "model.safetensors")
    if not np.isfinite(unit_vectors(model, ["안녕"])).all():
        raise ModelFileError(folder / "model.safetensors", _FETCH_AGAIN, "weights are not finite")
    logger.info("%s: %s on %s", folder, str(dtype).removeprefix("torch."), device)
    return model


def _check_files(folder: Path) -> None:
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            raise ModelFileError(path, _FETCH_AGAIN, "no such file")
        check_readable(path, _FETCH_AGAIN)


def unit_vectors(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """[n, d] float32 vectors of unit length, of at least one text."""
    vectors = model.encode(
        lower_cased(texts), batch_size=_BATCH, show_progress_bar=False, convert_to_tensor=True
    )
    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()


def lower_cased(texts: Sequence[str]) -> list[str]:
    """As the models were trained. Done here: of a model that is saved again, sentence-transformers
    6 forgets `do_lower_case`."""
    return [text.lower() for text in texts]


def _device_and_dtype() -> tuple[str, torch.dtype]:
    """float16 on a CUDA GPU: it moves a cosine by less than 0.0005, bfloat16 by up to 0.003, which
    thresholds of 0.98 do not bear. On a processor the original's float32."""
    if torch.cuda.is_available():
        return "cuda", torch.float16
    return "cpu", torch.float32


def _fingerprint(folder: Path) -> str:
    """A digest of all that decides the vectors."""
    digest = hashlib.sha256()
    for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.safetensors")]):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _check_complete(model: SentenceTransformer, path: Path) -> None:
    """Refuse a file that lacks weights: the library only warns, and fills in random ones."""
    with safe_open(str(path), framework="numpy") as file:
        stored = set(file.keys())
    transformer: Any = model.transformers_model
    prefix = f"{transformer.base_model_prefix}."
    lacking = [
        name
        for name in transformer.state_dict()
        if name not in stored
        and prefix + name not in stored
        and not name.startswith(_UNUSED_WEIGHTS)
    ]
    if lacking:
        raise ModelFileError(path, _FETCH_AGAIN, f"it lacks {', '.join(lacking[:3])}")
