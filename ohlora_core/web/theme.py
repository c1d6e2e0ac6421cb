"""Colours and type of the page. Only fonts that the visitor's system has."""

from __future__ import annotations

import gradio as gr

__all__ = ["make_theme"]

_FONTS = [
    "Pretendard",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "system-ui",
    "sans-serif",
]
_MONO = ["ui-monospace", "SFMono-Regular", "Consolas", "monospace"]
_VIOLET = gr.themes.Color(
    "#f4f2ff", "#e9e5ff", "#d6cfff", "#b9adff", "#9a87ff", "#7d63f5",
    "#6a4be4", "#5a3bc6", "#4a319f", "#3d2b80", "#241a4f",
)  # fmt: skip
_TEAL = gr.themes.Color(
    "#effdfa", "#d0faf1", "#a2f3e4", "#6ae6d3", "#37cfbd", "#19b0a1",
    "#0f8d84", "#10716b", "#125a56", "#134a48", "#052e2d",
)  # fmt: skip


def make_theme() -> gr.themes.Base:
    """The theme; what it cannot say is in static/style.css."""
    return gr.themes.Base(
        primary_hue=_VIOLET,
        secondary_hue=_TEAL,
        neutral_hue="slate",
        radius_size="lg",
        font=_FONTS,
        font_mono=_MONO,
    ).set(
        body_background_fill="transparent",
        body_background_fill_dark="transparent",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0px",
        button_primary_background_fill="linear-gradient(120deg, *primary_600, *primary_500)",
        button_primary_background_fill_hover="linear-gradient(120deg, *primary_700, *primary_600)",
        button_primary_background_fill_dark="linear-gradient(120deg, *primary_600, *primary_500)",
        button_primary_text_color="white",
        button_secondary_background_fill="var(--surface)",
        button_secondary_background_fill_dark="var(--surface)",
        button_secondary_border_color="var(--line)",
        button_secondary_border_color_dark="var(--line)",
        button_border_width="1px",
        input_background_fill="var(--surface)",
        input_background_fill_dark="var(--surface)",
        input_border_color="var(--line)",
        input_border_color_dark="var(--line)",
        input_border_width="1px",
    )
