"""Labels of Gradio components that follow the language of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr
from gradio.blocks import Block

from ohlora_core.messages import Lang
from ohlora_core.web.texts import text

__all__ = ["Labels"]

B = TypeVar("B", bound=Block)


@dataclass(frozen=True)
class _Labelled:
    """A component, property -> key of its texts, and value -> key of its choices."""

    component: Block
    texts: dict[str, str]
    choices: dict[str, str]


class Labels:
    """Remembers which properties of which components carry a text of the catalogue.

    Args:
        lang: Language that the page starts with.
    """

    def __init__(self, lang: Lang) -> None:
        self._lang = lang
        self._labelled: list[_Labelled] = []

    def __call__(
        self,
        kind: type[B],
        texts: dict[str, str],
        choices: dict[str, str] | None = None,
        **options: Any,
    ) -> B:
        """Make a component.

        Args:
            texts: Property -> key of the catalogue, e.g. {"label": "send"}.
            choices: Value -> key of the catalogue, for a component with choices.
        """
        component = kind(**_filled(texts, choices or {}, self._lang), **options)
        self._labelled.append(_Labelled(component, texts, choices or {}))
        return component

    @property
    def components(self) -> list[Block]:
        return [labelled.component for labelled in self._labelled]

    def updates(self, lang: Lang) -> list[dict[str, Any]]:
        """One update per component, in the order of `components`."""
        return [
            gr.update(**_filled(labelled.texts, labelled.choices, lang))
            for labelled in self._labelled
        ]


def _filled(texts: dict[str, str], choices: dict[str, str], lang: Lang) -> dict[str, Any]:
    filled: dict[str, Any] = {name: text(key, lang) for name, key in texts.items()}
    if choices:
        filled["choices"] = [(text(key, lang), value) for value, key in choices.items()]
    return filled
