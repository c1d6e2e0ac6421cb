"""CNNs that score properties of a face picture: eyes, mouth, head pose, hair, background.

Same layers, crops and key names as the published property CNNs (design/checkpoints.md); the lite
one has fewer channels. Knows pictures and scores; nothing of latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ohlora_core.face.state_dict import load_strict, read_state_dict

Crop = tuple[slice, slice]
ALL = slice(0, 256)


@dataclass(frozen=True)
class PropertySpec:
    """One property: where it is seen, and its convolutions (C) and pools (P)."""

    crop: Crop  # rows, columns of the 256 px picture
    layers: str
    channels: tuple[int, ...]
    outputs: int = 1

    def flat_size(self, divisor: int) -> int:
        """Values after the last layer."""
        height, width = (part.stop - part.start for part in self.crop)
        for kind in self.layers:
            height, width = (height - 2, width - 2) if kind == "C" else (height // 2, width // 2)
        return height * width * (self.channels[-1] // divisor)


_SIX = (32, 64, 64, 128, 128, 128)
_LOW = (slice(128, 256), ALL)
SPECS: dict[str, PropertySpec] = {
    "eyes": PropertySpec((slice(96, 144), slice(64, 192)), "CCPCPCP", _SIX[:4]),
    "hair_color": PropertySpec((ALL, ALL), "CCPCPCPCPCP", _SIX),
    "hair_length": PropertySpec(_LOW, "CCPCPCPCPC", _SIX),
    "mouth": PropertySpec((slice(160, 208), slice(96, 160)), "CCPCPCP", _SIX[:4]),
    "pose": PropertySpec((slice(112, 160), slice(88, 168)), "CCPCPCC", _SIX[:5]),
    "background": PropertySpec((slice(0, 128), ALL), "CCPCPCPCPC", _SIX, outputs=2),
}
"""In the order of the published output columns; background gives mean and deviation."""
HAIRSTYLE_CHANNELS = (32, 64, 64, 96, 128, 128)
HAIRSTYLE_CROPS = {
    "bottom_left_cnn": (slice(128, 256), slice(0, 96)),
    "bottom_right_cnn": (slice(128, 256), slice(160, 256)),
}
HIDDEN = 256


class ConvStack(nn.Module):
    """3x3 valid convolutions conv1, conv2, ... with leaky ReLU 0.01, and 2x2 max pools."""

    def __init__(self, layers: str, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = layers
        inputs = 3
        for index, outputs in enumerate(channels, start=1):
            block = nn.Sequential(nn.Conv2d(inputs, outputs, 3), nn.LeakyReLU(0.01))
            self.add_module(f"conv{index}", block)
            inputs = outputs
        self.pool = nn.MaxPool2d(2)

    def features(self, x: Tensor) -> Tensor:  # [b, 3, h, w] -> [b, flat]
        index = 0
        for kind in self.layers:
            if kind == "P":
                x = self.pool(x)
            else:
                index += 1
                x = self.get_submodule(f"conv{index}")(x)
        return x.flatten(1)


class ScoreCnn(ConvStack):
    """One property."""

    def __init__(self, spec: PropertySpec, divisor: int) -> None:
        super().__init__(spec.layers, tuple(c // divisor for c in spec.channels))
        hidden = HIDDEN // divisor
        self.crop = spec.crop
        self.fc1 = nn.Sequential(nn.Linear(spec.flat_size(divisor), hidden), nn.Tanh())
        self.fc_final = nn.Linear(hidden, spec.outputs)

    def forward(self, image: Tensor) -> Tensor:  # [b, 3, 256, 256] -> [b, outputs]
        rows, columns = self.crop
        return self.fc_final(self.fc1(self.features(image[:, :, rows, columns])))


class HairstyleCnn(nn.Module):
    """Hairstyle of the merged published CNN: both lower corners, seen by two stacks."""

    def __init__(self) -> None:
        super().__init__()
        for name in HAIRSTYLE_CROPS:
            self.add_module(name, ConvStack("CCPCPCPCC", HAIRSTYLE_CHANNELS))
        self.fc1 = nn.Sequential(nn.Linear(2 * 10 * 6 * 128, 2 * HIDDEN), nn.Tanh())
        self.fc_final = nn.Linear(2 * HIDDEN, 1)

    def forward(self, image: Tensor) -> Tensor:  # [b, 3, 256, 256] -> [b, 1]
        parts = []
        for name, (rows, columns) in HAIRSTYLE_CROPS.items():
            stack = self.get_submodule(name)
            assert isinstance(stack, ConvStack)
            parts.append(stack.features(image[:, :, rows, columns]))
        return self.fc_final(self.fc1(torch.cat(parts, dim=1)))


class PropertyCnn(nn.Module):
    """All property CNNs side by side.

    properties: names in SPECS. channel_divisor: 1 as published, more for a smaller model.
    """

    def __init__(
        self,
        properties: tuple[str, ...] = tuple(SPECS),
        channel_divisor: int = 1,
        with_hairstyle: bool = False,
    ) -> None:
        super().__init__()
        self.properties = properties
        for name in properties:
            self.add_module(f"{name}_score_cnn", ScoreCnn(SPECS[name], channel_divisor))
        if with_hairstyle:
            self.hairstyle_score_cnn = HairstyleCnn()

    def forward(self, image: Tensor) -> Tensor:
        """[b, 3, 256, 256] in -1..1 -> [b, scores], columns in the order of the modules."""
        return torch.cat([cnn(image) for cnn in self.children()], dim=1)

    def scores(self, image: Tensor, names: Sequence[str]) -> Tensor:
        """[b, 3, 256, 256] in -1..1 -> [b, len(names)]: only these properties, so only their work.

        names: of SPECS or "hairstyle"; the background counts by its mean.
        """
        nets = [self.get_submodule(f"{name}_score_cnn") for name in names]
        return torch.cat([net(image)[:, :1] for net in nets], dim=1)


LITE_DIVISOR = 4
_FIRST_WEIGHT = "eyes_score_cnn.conv1.0.weight"


def load_property_cnn(path: Path) -> PropertyCnn:
    """Load a property CNN, ready for inference in float32.

    path: weights (``.pth`` or safetensors) of the published CNN v2 (7 scores), of the merged v3
    (8 scores, with hairstyle) or of a narrower one; the keys tell which. Raises ModelFileError.
    """
    state = read_state_dict(path)
    first, widest = state.get(_FIRST_WEIGHT), SPECS["eyes"].channels[0]
    width = widest if first is None or not 0 < len(first) <= widest else len(first)
    cnn = PropertyCnn(
        channel_divisor=widest // width,
        with_hairstyle=any(key.startswith("hairstyle_score_cnn.") for key in state),
    )
    load_strict(cnn, state, path)
    return cnn.eval().requires_grad_(False)
