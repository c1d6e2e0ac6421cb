"""The lite synthesis by the Winograd passes of `kernels/synthesis.cpp`, in float32.

A block scales and shifts its convolution for every picture; here the scale goes into the weights of
that picture, a few ten thousand products, so that convolution, shift and activation are one pass.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ohlora_core.face.layout import panels, winograd
from ohlora_core.face.lite import MAP_SIZE_PX, LiteBlock, LiteSynthesis
from ohlora_core.face.native import Activation, Kernels


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

    def styles(self, w: Tensor) -> Tensor:
        return w

    def __call__(self, w: Tensor) -> Tensor:
        return self.picture(w)

    def picture(self, styles: Tensor) -> Tensor:
        with torch.inference_mode():
            network = self.network
            hidden = network.understand(styles)
            maps = network.maps(network.patch_codes(hidden))
            entered = network.enter(maps).permute(0, 2, 3, 1).contiguous()
            block_styles = [block.style(hidden) for block, _ in self._blocks]
            details = entered.new_empty(*entered.shape[:3], network.output.out_channels)
            for k in range(len(styles)):
                one = slice(k, k + 1)
                self._convolve(entered[one], [style[k] for style in block_styles], details[one])
            return network.assembled(maps, details.permute(0, 3, 1, 2))

    def _convolve(self, x: Tensor, styles: list[Tensor], details: Tensor) -> None:
        """[1, 64, 64, channels] after the first convolution, overwritten, to the details."""
        for (block, weights), style in zip(self._blocks, styles, strict=True):
            scale, shift = style.chunk(2)
            scale = scale + 1
            bias = torch.addcmul(shift, cast(Tensor, block.conv.bias), scale)
            scaled = weights * panels(scale.expand(1, len(scale), -1))
            self._conv(x, scaled, bias, self._drawn, Activation.LEAKY_RELU)
            x.add_(self._drawn)
        bias = cast(Tensor, self.network.output.bias)
        self._conv(x, self._output, bias, details, Activation.NONE)

    def _conv(
        self, x: Tensor, weights: Tensor, bias: Tensor, y: Tensor, activation: Activation
    ) -> None:
        outputs = y.shape[3]
        sums = torch.zeros(1, 2, outputs, dtype=torch.float64)
        read = (x, self._ones, self._zeros, weights, bias, self._nothing, None, y, sums)
        sizes = (1, MAP_SIZE_PX, MAP_SIZE_PX, x.shape[3], outputs)
        self._kernels("conv", *read, *sizes, activation)
