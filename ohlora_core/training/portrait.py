"""Illustrated portraits of a young woman as training pictures of the lite face generator.

Layers with depth (background, back hair, body, head, features, side locks, fringe) are moved by
their depth for the head turn, the way Live2D puppets are. Everything is a smooth, deterministic
function of z and of the expression. Needs skia-python.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ohlora_core.training.portrait_canvas import Stage
from ohlora_core.training.portrait_eyes import draw_brow, draw_eye
from ohlora_core.training.portrait_face import draw_head, draw_nose
from ohlora_core.training.portrait_hair import (
    HairTones,
    draw_back_hair,
    draw_fringe,
    draw_side_locks,
)
from ohlora_core.training.portrait_head import Head
from ohlora_core.training.portrait_identity import (
    OFFERED_FACES,
    Identity,
    identity_from_looks,
    identity_from_z,
    identity_of_seed,
    latent_of_seed,
)
from ohlora_core.training.portrait_mouth import draw_mouth
from ohlora_core.training.portrait_scene import (
    draw_background,
    draw_body,
    draw_hair_shadow,
    finish,
)

__all__ = [
    "OFFERED_FACES",
    "Identity",
    "identity_from_looks",
    "identity_from_z",
    "identity_of_seed",
    "latent_of_seed",
    "render",
]

_OVERSAMPLING = 2


def render(
    identity: Identity, eyes: float, mouth: float, pose: float, size: int = 256
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw one portrait.

    eyes: 0 closed .. 1 wide open (0.6 ordinary). mouth: 0 closed with a slight smile .. 1 wide
    open. pose: head turn -1 (to the left of the picture) .. 1, 0 frontal. Values outside are
    clipped. size: side of the square picture in pixels; crops of the published property models
    fit at 256.

    Returns the picture [size, size, 3] uint8 RGB and the soft hair mask [size, size] float32,
    0..1, in which hair hidden by face or clothes does not count.
    """
    eyes, mouth = min(max(eyes, 0.0), 1.0), min(max(mouth, 0.0), 1.0)
    head = Head(min(max(pose, -1.0), 1.0))
    tones = HairTones(identity.hair, identity.hair_end)
    stage = Stage(size * _OVERSAMPLING)
    draw_background(stage, identity)
    draw_back_hair(stage, identity, head, tones)
    draw_body(stage, identity, head, mouth)
    outline = draw_head(stage, identity, head, mouth)
    draw_hair_shadow(stage, identity, head, outline)
    draw_nose(stage, identity, head)
    for side in (-1.0, 1.0):
        draw_eye(stage, identity, head, eyes, side)
        draw_brow(stage, identity, head, eyes, side)
    draw_mouth(stage, identity, head, mouth)
    draw_side_locks(stage, identity, head, tones)
    draw_fringe(stage, identity, head, tones)
    small = cv2.resize(stage.picture, (size, size), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(stage.mask, (size, size), interpolation=cv2.INTER_AREA)
    hair = mask.astype(np.float32) / 255.0
    return finish(small[:, :, :3].astype(np.float32), hair, identity), hair
