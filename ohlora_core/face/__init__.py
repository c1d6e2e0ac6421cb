"""The face: generator, property vectors, hair segmentation, ombre dyeing, animation, frames.

Importing a name loads only the module that holds it: torch comes with the pipeline, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ohlora_core.face.animation import (
        BASE,
        FPS,
        REPLY_FRAMES,
        Expression,
        reply_animation,
        rest_animation,
    )
    from ohlora_core.face.generator import load_generator
    from ohlora_core.face.hair import load_hair_model
    from ohlora_core.face.hairstyle import HAIR_PERIOD_FRAMES, HairStyle, wall_clock_phase
    from ohlora_core.face.ombre import apply_ombre
    from ohlora_core.face.pipeline import FacePipeline, encode_jpeg
    from ohlora_core.face.property_cnn import load_property_cnn
    from ohlora_core.face.published import FaceModels, load_face_models, load_face_vectors

__all__ = [
    "BASE",
    "FPS",
    "HAIR_PERIOD_FRAMES",
    "REPLY_FRAMES",
    "Expression",
    "FaceModels",
    "FacePipeline",
    "HairStyle",
    "apply_ombre",
    "encode_jpeg",
    "load_face_models",
    "load_face_vectors",
    "load_generator",
    "load_hair_model",
    "load_property_cnn",
    "reply_animation",
    "rest_animation",
    "wall_clock_phase",
]

_MODULES = {
    "animation": {
        "BASE",
        "FPS",
        "REPLY_FRAMES",
        "Expression",
        "reply_animation",
        "rest_animation",
    },
    "generator": {"load_generator"},
    "hair": {"load_hair_model"},
    "hairstyle": {"HAIR_PERIOD_FRAMES", "HairStyle", "wall_clock_phase"},
    "ombre": {"apply_ombre"},
    "pipeline": {"FacePipeline", "encode_jpeg"},
    "property_cnn": {"load_property_cnn"},
    "published": {"FaceModels", "load_face_models", "load_face_vectors"},
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"ohlora_core.face.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
