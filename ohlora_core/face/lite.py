"""Synthesis network of the lite face: w to a picture by way of patch codes.

StyleGAN grows a picture from one constant map, which needs hours to learn where an edge lies that
moves with w. Here a few dense layers tell what is to be seen in each of 64 patches, as codes in a
basis of that patch (its principal components before training), and convolutions at 64 pixels draw
it at full size. Knows w and pictures; nothing of mappings, faces or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCHES = 8
"""Rows, and columns, of patches."""
MAP_SIZE_PX = 64
COARSE_MAPS = 12
"""Maps that are the picture at 128 pixels: three colours of four pixels each."""
ENLARGEMENT = 4


@dataclass(frozen=True)
class LiteConfig:
    """Sizes of a lite synthesis network."""

    hidden: int = 1024  # units of each layer
    layers: int = 2  # gated layers before the codes
    codes: int = 48  # numbers that describe a patch
    maps: int = 20  # feature maps that the codes make; the first 12 are the coarse picture
    channels: int = 48  # of the convolutions
    blocks: int = 4

    def __post_init__(self) -> None:
        if min(self.hidden, self.layers, self.codes, self.blocks, self.channels) < 1:
            raise ValueError("sizes must be positive")
        if self.maps < COARSE_MAPS or self.channels % 16:
            raise ValueError(f"maps must be at least {COARSE_MAPS}, channels a multiple of 16")


class GatedLayer(nn.Module):
    """A residual dense layer times another: a colour times where it is seen is one step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.ones_(self.gate.bias)

    def forward(self, x: Tensor) -> Tensor:  # [b, width]
        return torch.addcmul(x, F.leaky_relu(self.value(x), 0.2), self.gate(x))


class LiteBlock(nn.Module):
    """A residual 3x3 convolution, each channel of it scaled and shifted by what is to be drawn."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.style = nn.Linear(hidden, 2 * channels)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:  # [b, c, h, h], [b, hidden]
        scale, shift = self.style(hidden)[:, :, None, None].chunk(2, dim=1)
        return x + F.leaky_relu(torch.addcmul(shift, self.conv(x), scale + 1), 0.2)


class LiteSynthesis(nn.Module):
    """w to an image: dense layers, patch codes, a coarse picture, and its details."""

    def __init__(self, latent_size: int, config: LiteConfig) -> None:
        super().__init__()
        self.config = config
        self.w_mean = nn.Buffer(torch.zeros(latent_size))
        self.w_scale = nn.Buffer(torch.ones(latent_size))
        self.first = nn.Linear(latent_size, config.hidden)
        self.gated = nn.Sequential(*(GatedLayer(config.hidden) for _ in range(config.layers)))
        self.codes = nn.Linear(config.hidden, PATCHES**2 * config.codes)
        values = (MAP_SIZE_PX // PATCHES) ** 2 * config.maps
        self.basis = nn.Parameter(torch.randn(PATCHES**2, config.codes, values) * 0.01)
        self.mean = nn.Parameter(torch.zeros(PATCHES**2, values))
        self.enter = nn.Conv2d(config.maps, config.channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            LiteBlock(config.channels, config.hidden) for _ in range(config.blocks)
        )
        self.output = nn.Conv2d(config.channels, 3 * ENLARGEMENT**2, 3, padding=1)
        nn.init.zeros_(self.output.weight)  # details are added to a picture that is right already

    def channels_last(self) -> None:
        """Lay the convolutions' weights out as the maps lie: two to three times faster."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.to(memory_format=torch.channels_last)

    def understand(self, w: Tensor) -> Tensor:
        """[b, 512] -> [b, hidden]: what is to be drawn."""
        x: Tensor = self.gated(F.leaky_relu(self.first((w - self.w_mean) * self.w_scale), 0.2))
        return x

    def patch_codes(self, hidden: Tensor) -> Tensor:
        """[b, hidden] -> [64, b, codes], patches row by row."""
        codes: Tensor = self.codes(hidden)
        return codes.unflatten(1, (PATCHES**2, -1)).transpose(0, 1)

    def maps(self, codes: Tensor) -> Tensor:
        """[64, b, codes] -> [b, maps, 64, 64]."""
        patches = torch.baddbmm(self.mean[:, None], codes, self.basis)
        side = MAP_SIZE_PX // PATCHES
        x = patches.view(PATCHES, PATCHES, -1, side, side, self.config.maps)
        # Rows of patches and pixels meet, and so do columns: [b, y, row, x, column, map].
        x = x.permute(2, 0, 3, 1, 4, 5).reshape(-1, MAP_SIZE_PX, MAP_SIZE_PX, self.config.maps)
        return x.permute(0, 3, 1, 2)  # channels last in memory

    def coarse(self, maps: Tensor) -> Tensor:
        """[b, maps, 64, 64] -> [b, 3, 128, 128]."""
        # Three channels last would be enlarged three times slower.
        return F.pixel_shuffle(maps[:, :COARSE_MAPS], 2).contiguous()

    def forward(self, w: Tensor) -> Tensor:
        """[b, 512] -> [b, 3, 256, 256] float32, about -1..1 (not clipped)."""
        hidden = self.understand(w)
        maps = self.maps(self.patch_codes(hidden))
        x = self.enter(maps)
        for block in self.blocks:
            x = block(x, hidden)
        return self.assembled(maps, self.output(x))

    def assembled(self, maps: Tensor, details: Tensor) -> Tensor:
        """[b, maps, 64, 64], [b, 48, 64, 64] -> [b, 3, 256, 256]: coarse picture and details."""
        large = F.interpolate(self.coarse(maps), scale_factor=2.0, mode="bilinear")
        # In place, so that the picture stays channels last: what reads it is faster then.
        return F.pixel_shuffle(details, ENLARGEMENT).add_(large)
