"""The lite synthesis by the Winograd passes of `kernels/synthesis.cpp`, in float32.

A block scales and shifts its convolution for every picture; here the scale goes into the weights of
that picture, a few ten thousand products, so that convolution, shift and activation are one pass.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ohlora_core.face.layout import panels, winograd
from ohlora_core.face.lite import ENLARGEMENT, MAP_SIZE_PX, LiteBlock, LiteSynthesis
from ohlora_core.face.native import Kernels

_LEAKY, _NO_ACTIVATION = 0, 2


class NativeLite:
    """A frozen `LiteSynthesis`; equal to it up to rounding. For one thread at a time."""

    def __init__(self, network: LiteSynthesis, kernels: Kernels) -> None:
        self.network = network
        self._kernels = kernels
        self._blocks = [
            (cast(LiteBlock, block), winograd(cast(LiteBlock, block).conv.weight))
            for block in network.blocks
        ]
        self._output = winograd(network.output.weight)
        channels = network.config.channels
        self._nothing = torch.zeros(channels)
        self._ones, self._zeros = torch.ones(1, channels), torch.zeros(1, channels)
        self._drawn = torch.empty(1, MAP_SIZE_PX, MAP_SIZE_PX, channels)
        details = network.output.out_channels
        self._details = torch.empty(1, MAP_SIZE_PX, MAP_SIZE_PX, details)

    def styles(self, w: Tensor) -> Tensor:
        return w

    def __call__(self, w: Tensor) -> Tensor:
        return self.picture(w)

    def picture(self, styles: Tensor) -> Tensor:
        with torch.inference_mode():
            network = self.network
            hidden = network.understand(styles)
            maps = network.maps(network.patch_codes(hidden))
            entered = network.enter(maps).permute(0, 2, 3, 1)
            block_styles = [block.style(hidden) for block, _ in self._blocks]
            details = torch.cat(
                [
                    self._convolved(entered[k : k + 1], [style[k] for style in block_styles])
                    for k in range(len(styles))
                ]
            )
            large = F.interpolate(network.coarse(maps), scale_factor=2.0, mode="bilinear")
            # In place, so that the picture stays channels last: what reads it is faster then.
            return F.pixel_shuffle(details.permute(0, 3, 1, 2), ENLARGEMENT).add_(large)

    def _convolved(self, x: Tensor, styles: list[Tensor]) -> Tensor:
        """[1, 64, 64, channels] after the first convolution -> [1, 64, 64, 48]: the details."""
        x = x.clone(memory_format=torch.contiguous_format)  # sums are added in place
        for (block, weights), style in zip(self._blocks, styles, strict=True):
            scale, shift = style.chunk(2)
            scale = scale + 1
            bias = torch.addcmul(shift, cast(Tensor, block.conv.bias), scale)
            scaled = weights * panels(scale.expand(1, len(scale), -1))
            self._conv(x, scaled, bias, self._drawn, _LEAKY)
            x = x.add_(self._drawn)
        bias = cast(Tensor, self.network.output.bias)
        self._conv(x, self._output, bias, self._details, _NO_ACTIVATION)
        return self._details.clone()

    def _conv(self, x: Tensor, weights: Tensor, bias: Tensor, y: Tensor, activation: int) -> None:
        outputs = y.shape[3]
        sums = torch.zeros(1, 2, outputs, dtype=torch.float64)
        read = (x, self._ones, self._zeros, weights, bias, self._nothing, None, y, sums)
        sizes = (1, MAP_SIZE_PX, MAP_SIZE_PX, x.shape[3], outputs)
        self._kernels("conv", *read, *sizes, activation)
