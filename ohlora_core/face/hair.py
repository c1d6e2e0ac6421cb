"""Where the hair is: the light segmentation student, and the loader of both hair models.

Every hair model takes a picture in -1..1 and gives one soft map of 224 x 224. Knows pictures and
maps; nothing of dyeing.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_core.face.effisegnet import MASK_SIZE, EffiSegNet
from ohlora_core.face.generator import CHANNELS_LAST
from ohlora_core.face.state_dict import load_strict, read_state_dict

STUDENT_CHANNELS = (8, 16, 24, 32, 48)
_DOWN_WEIGHT = r"down\.\d+\.0\.weight"


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class HairStudent(nn.Module):
    """A small U-Net that works at half resolution."""

    def __init__(self, channels: tuple[int, ...] = STUDENT_CHANNELS) -> None:
        super().__init__()
        inputs = (3, *channels[:-1])
        pairs = zip(inputs, channels, strict=True)
        self.down = nn.ModuleList(_block(i, o, stride=2) for i, o in pairs)
        self.bottom = _block(channels[-1], channels[-1])
        steps = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.up = nn.ModuleList(_block(deep + skip, skip) for deep, skip in steps)
        self.output = nn.Conv2d(channels[0], 1, 3, padding=1)

    def logits(self, image: Tensor) -> Tensor:  # [b, 3, 256, 256] -> [b, 1, 128, 128]
        x = image.contiguous(memory_format=CHANNELS_LAST)
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = self.bottom(x)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        return self.output(x)

    def forward(self, image: Tensor) -> Tensor:
        """[b, 3, 256, 256] in -1..1 -> soft hair maps [b, 1, 224, 224] in 0..1."""
        size = (MASK_SIZE, MASK_SIZE)
        enlarged = F.interpolate(self.logits(image), size, mode="bilinear", align_corners=False)
        return torch.sigmoid(enlarged)


def load_hair_model(path: Path, dtype: torch.dtype = torch.float32) -> HairStudent | EffiSegNet:
    """Load a hair model, ready for inference.

    path: weights (``.pth`` or safetensors) of a student of any width or of the published
    EffiSegNet; the keys tell which. dtype: number format of EffiSegNet's decoder; the student is
    too small to gain from another one than float32. Raises ModelFileError.
    """
    state = read_state_dict(path)
    sizes = [len(weight) for key, weight in state.items() if re.fullmatch(_DOWN_WEIGHT, key)]
    model = HairStudent(tuple(sorted(sizes))) if sizes else EffiSegNet()
    load_strict(model, state, path)
    if isinstance(model, EffiSegNet):
        return model.freeze(dtype)
    return model.eval().requires_grad_(False)
