"""The models of a profile, each loaded when a task first asks for it. No face is needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ohlora_core.core import choose_profile, load_encoder, load_generator
from ohlora_core.language import TextGenerator
from ohlora_core.sentence import SentenceEncoder
from ohlora_core.settings import Settings

__all__ = ["Models"]


class Models:
    """What the tasks run on.

    Args:
        settings: Name the profile and the folders.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"profile": choose_profile(settings).name})
        if settings.threads:
            import torch

            torch.set_num_threads(settings.threads)

    @cached_property
    def generator(self) -> TextGenerator:
        """The language models; see `load_generator`."""
        return load_generator(self.settings)

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """The S-BERTs; see `load_encoder`."""
        return load_encoder(self.settings)

    @property
    def cache(self) -> Path:
        """Where the app keeps pre-computed vectors."""
        return self.settings.data_dir / "cache"
