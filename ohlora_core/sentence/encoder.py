"""The embedded encoder: a SentenceTransformer with a PEFT adapter for some tasks.

Others have a bag of character n-grams, whose vector is joined to that of the base, or a linear head
on the base, or both.
Knows nothing of what the cosines are used for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftConfig, set_peft_model_state_dict
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from ohlora_core.errors import ModelFileError
from ohlora_core.sentence.caching import CachedEncoder
from ohlora_core.sentence.linear import FILE as HEAD
from ohlora_core.sentence.linear import LinearHead
from ohlora_core.sentence.ngrams import FILE as NGRAMS
from ohlora_core.sentence.ngrams import NgramBag, joined
from ohlora_core.sentence.pooling import bucketed_vectors, token_ids
from ohlora_core.sentence.tasks import (
    BASE_TASKS,
    HEAD_SHARES,
    HEAD_TASKS,
    NGRAM_SHARES,
    NGRAM_TASKS,
    SentenceTask,
)

__all__ = [
    "ADAPTER_PREFIX",
    "LocalEncoder",
    "check_readable",
    "files_of",
    "load_adapter",
    "load_base",
]

logger = logging.getLogger(__name__)

_BASE_FILES = (
    "modules.json",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_CALIBRATION = "calibration.json"
ADAPTER_PREFIX = "base_model.model."  # of weight names in PEFT's file format


class LocalEncoder(CachedEncoder):
    """One small base and what each task has beside it; adapters are switched under the lock.

    Args:
        model: The base with an adapter for each task that has one, named after the tasks.
        thresholds: Calibrated cosine thresholds by name.
        fingerprint: Identifies the model's files.
        bags: Those of `NGRAM_TASKS`.
        heads: Those of `HEAD_TASKS`.
        cache_size: How many single-text vectors are kept (about 1 KiB each).
    """

    def __init__(
        self,
        model: SentenceTransformer,
        thresholds: dict[str, float],
        fingerprint: str,
        bags: Mapping[SentenceTask, NgramBag],
        heads: Mapping[SentenceTask, LinearHead],
        cache_size: int = 4096,
    ) -> None:
        self._bags, self._heads = bags, heads
        self._recent: dict[str, torch.Tensor] = {}  # vectors of the base, of the last texts
        self._tokenizer = model.tokenizer
        transformer: Any = model.transformers_model
        self._transformer = transformer.eval()
        transformer.disable_adapters()
        self._active: SentenceTask | None = None
        super().__init__(transformer.config.hidden_size, thresholds, fingerprint, cache_size)

    @classmethod
    def load(cls, folder: Path) -> LocalEncoder:
        """Load base, adapters and calibration.

        Args:
            folder: Holds base/, adapters/<task>/ and calibration.json.

        Raises:
            ModelFileError: naming the file that is missing or cannot be read.
        """
        base, calibration = folder / "base", folder / _CALIBRATION
        parts = {task: folder / "adapters" / task.value for task in SentenceTask}
        files = files_of(folder)
        digest = hashlib.sha256()
        for path in files:
            try:
                digest.update(path.read_bytes())
            except OSError as error:
                raise ModelFileError(path, detail=error.strerror or str(error)) from error
        try:
            thresholds = json.loads(calibration.read_text(encoding="utf-8"))["thresholds"]
            thresholds = {name: float(value) for name, value in thresholds.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(calibration, detail=str(error)) from error
        for path in files:
            check_readable(path)
        model = _load_part(base, lambda: load_base(base))
        bags: dict[SentenceTask, NgramBag] = {}
        heads: dict[SentenceTask, LinearHead] = {}
        for task, path in parts.items():
            if task not in BASE_TASKS:
                _load_part(path, lambda path=path, task=task: load_adapter(model, path, task))
            if task in NGRAM_TASKS:
                bags[task] = _load_part(path / NGRAMS, lambda path=path: NgramBag.load(path))
            if task in HEAD_TASKS:
                heads[task] = _load_part(path / HEAD, lambda path=path: LinearHead.load(path))
        return cls(model, thresholds, digest.hexdigest(), bags, heads)

    @torch.inference_mode()
    def _forward(self, task: SentenceTask, texts: list[str]) -> np.ndarray:
        if task in BASE_TASKS:
            if missing := [text for text in texts if text not in self._recent]:
                known = self._recent | dict(zip(missing, self._pooled(None, missing), strict=True))
                self._recent = {text: known[text] for text in texts}
            pooled = torch.stack([self._recent[text] for text in texts])
        else:
            pooled = self._pooled(task, texts)
        vectors = pooled
        if bag := self._bags.get(task):
            vectors = joined(pooled, bag(texts), NGRAM_SHARES[task])
        if head := self._heads.get(task):
            joins = task in HEAD_SHARES
            shares = head(texts, pooled, of_records=joins)
            vectors = joined(vectors, shares, HEAD_SHARES[task]) if joins else shares
        return vectors.numpy()

    def _pooled(self, adapter: SentenceTask | None, texts: list[str]) -> torch.Tensor:
        """[n, d] by the adapter of a task, or by the base alone."""
        if self._active != adapter:
            if adapter is None:
                self._transformer.disable_adapters()
            else:
                self._transformer.enable_adapters()
                self._transformer.set_adapter(adapter.value)
            self._active = adapter
        ids = token_ids(self._tokenizer, texts)
        return bucketed_vectors(self._transformer, ids, self._tokenizer.pad_token_id)


def files_of(folder: Path) -> list[Path]:
    """All files of the embedded encoder in a folder, whether they are there or not."""
    names = [f"base/{name}" for name in _BASE_FILES]
    for task in SentenceTask:
        own = [] if task in BASE_TASKS else [*_ADAPTER_FILES]
        own += [NGRAMS] if task in NGRAM_TASKS else []
        own += [HEAD] if task in HEAD_TASKS else []
        names += [f"adapters/{task.value}/{name}" for name in own]
    return [folder / name for name in (*names, _CALIBRATION)]


def load_base(path: Path) -> SentenceTransformer:
    """The base without adapters, in float32 on the processor."""
    return SentenceTransformer(
        str(path),
        device="cpu",
        local_files_only=True,
        model_kwargs={"torch_dtype": torch.float32},
    )


def load_adapter(model: SentenceTransformer, path: Path, task: SentenceTask) -> None:
    """Add one adapter; PEFT's own loader, since it leaves the adapters before it alone."""
    state = load_file(path / "adapter_model.safetensors")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")
        model.add_adapter(PeftConfig.from_pretrained(str(path)), adapter_name=task.value)
    plain = {name.removeprefix(ADAPTER_PREFIX): weight.float() for name, weight in state.items()}
    transformer: Any = model.transformers_model
    report: Any = set_peft_model_state_dict(transformer, plain, adapter_name=task.value)
    absent = [name for name in report.missing_keys if f".{task.value}" in name]
    if absent or report.unexpected_keys:
        raise ValueError(f"weights do not fit: {(absent + report.unexpected_keys)[:3]}")


def _load_part(path: Path, load: Any) -> Any:
    """Run a library's loader; whatever it raises for a bad file becomes a `ModelFileError`."""
    try:
        return load()
    except Exception as error:  # the libraries raise many types for a damaged file
        raise ModelFileError(path, detail=f"{type(error).__name__}: {error}") from error


def check_readable(path: Path, hint: tuple[str, str] | None = None) -> None:
    """Name the damaged file itself, which the libraries' own errors often do not.

    Raises:
        ModelFileError: if a .json or .safetensors file is not a whole one; `hint` tells how to
            restore it.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".safetensors":
            with safe_open(str(path), framework="numpy") as file:
                file.keys()
    except (ValueError, SafetensorError) as error:
        raise ModelFileError(path, hint, str(error)) from error
