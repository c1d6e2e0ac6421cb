"""Hair segmentation of the published faces: EffiSegNet (Vezakis et al. 2024) on EfficientNet-B0.

Same interface as the embedded student in `hair`, which loads both: a picture in -1..1 to one soft
map of 224 x 224. Knows pictures and maps; nothing of dyeing. Key names follow MONAI's
`EfficientNetBNFeatures` and the published checkpoint (design/checkpoints.md); ``parity.npz`` proves
the arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_core.face.generator import CHANNELS_LAST

MASK_SIZE = 224
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
DECODER_CHANNELS = 64
ENCODER_BN_EPS = 1e-3


class Stage(NamedTuple):
    """One stack of inverted residual blocks; only the first block strides."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    outputs: int
    is_scale: bool  # the decoder reads its output


B0_STAGES = (
    Stage(1, 3, 1, 1, 16, True),
    Stage(2, 3, 2, 6, 24, True),
    Stage(2, 5, 2, 6, 40, True),
    Stage(3, 3, 2, 6, 80, False),
    Stage(3, 5, 1, 6, 112, True),
    Stage(4, 5, 2, 6, 192, False),
    Stage(1, 3, 1, 6, 320, True),
)
"""EfficientNet-B0 (Tan and Le 2019, table 1)."""


class SameConv(nn.Conv2d):
    """Square convolution with TensorFlow's "same" padding: an odd pixel goes right and below."""

    def forward(self, x: Tensor) -> Tensor:  # [b, in, h, w] -> [b, out, ceil(h/s), ceil(w/s)]
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[2:])
        if height % 2 or width % 2:
            x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
            padding = (0, 0)
        else:
            padding = (height // 2, width // 2)
        return F.conv2d(x, self.weight, self.bias, stride, padding, groups=self.groups)


def _pointwise(inputs: int, outputs: int, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=bias)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=ENCODER_BN_EPS)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, squeeze and excitation, projection, skip if sizes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        squeezed = max(1, inputs // 4)
        self.expands = expansion > 1
        self.skips = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = _pointwise(inputs, wide)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._se_reduce = _pointwise(wide, squeezed, bias=True)
        self._se_expand = _pointwise(squeezed, wide, bias=True)
        self._project_conv = _pointwise(wide, outputs)
        self._bn2 = _norm(outputs)

    def forward(self, inputs: Tensor) -> Tensor:  # [b, in, h, w] -> [b, out, h/stride, w/stride]
        x = inputs
        if self.expands:
            x = F.silu(self._bn0(self._expand_conv(x)), inplace=True)
        x = F.silu(self._bn1(self._depthwise_conv(x)), inplace=True)
        squeezed = F.silu(self._se_reduce(x.mean((2, 3), keepdim=True)))
        x = x * torch.sigmoid(self._se_expand(squeezed))
        x = self._bn2(self._project_conv(x))
        return x + inputs if self.skips else x


class EfficientNetFeatures(nn.Module):
    """EfficientNet-B0 as an encoder of five scales.

    `_conv_head` and `_bn1` are in the published file but belong to the classifier: never applied.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, STEM_CHANNELS, 3, 2, bias=False)
        self._bn0 = _norm(STEM_CHANNELS)
        self._blocks = nn.ModuleList()
        inputs, number = STEM_CHANNELS, 0
        for stage in B0_STAGES:
            blocks = nn.Sequential()
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                block = InvertedResidual(
                    inputs, stage.outputs, stage.kernel, stride, stage.expansion
                )
                # the published names count blocks through all stages
                blocks.add_module(str(number), block)
                inputs, number = stage.outputs, number + 1
            self._blocks.append(blocks)
        self._conv_head = _pointwise(inputs, HEAD_CHANNELS)
        self._bn1 = _norm(HEAD_CHANNELS)

    def forward(self, image: Tensor) -> list[Tensor]:
        """[b, 3, h, w] -> maps of 16, 24, 40, 112, 320 channels at 1/2, 1/4, 1/8, 1/16, 1/32."""
        x = F.silu(self._bn0(self._conv_stem(image)), inplace=True)
        scales = []
        for stage, blocks in zip(B0_STAGES, self._blocks, strict=True):
            x = blocks(x)
            if stage.is_scale:
                scales.append(x)
        return scales


class GhostModule(nn.Module):
    """Half of the features by a 1x1 convolution, the rest from those by a cheap depthwise one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.primary_conv = nn.Sequential(
            _pointwise(channels, half), nn.ReLU(inplace=True), nn.BatchNorm2d(half)
        )
        self.cheap_operation = nn.Sequential(
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(half),
        )

    def completed(self, primary: Tensor) -> Tensor:  # [b, c/2, h, w] -> [b, c, h, w]
        return torch.cat([primary, self.cheap_operation(primary)], dim=1)

    def forward(self, x: Tensor) -> Tensor:  # [b, c, h, w] -> [b, c, h, w]
        return self.completed(self.primary_conv(x))


class EffiSegNet(nn.Module):
    """The network with random weights."""

    conv1: nn.Conv2d  # one of five, added by number

    def __init__(self) -> None:
        super().__init__()
        self.encoder = EfficientNetFeatures()
        scales = [stage.outputs for stage in B0_STAGES if stage.is_scale]
        for index, channels in enumerate(scales, start=1):
            conv = nn.Conv2d(channels, DECODER_CHANNELS, 3, padding=1, bias=False)
            self.add_module(f"conv{index}", conv)
            self.add_module(f"bn{index}", nn.BatchNorm2d(DECODER_CHANNELS))
        self.bn6 = nn.BatchNorm2d(DECODER_CHANNELS)
        self.ghost1 = GhostModule(DECODER_CHANNELS)
        self.ghost2 = GhostModule(DECODER_CHANNELS)
        self.conv6 = _pointwise(DECODER_CHANNELS, 1)

    def logits(self, image: Tensor) -> Tensor:  # [b, 3, 256, 256] -> [b, 1, 224, 224]
        # The paper enlarges all five maps to 224 before it adds them. Each is half the size of the
        # one before it, so nearest enlargement commutes with the sums and the 1x1 layers: doubling
        # on the way up and enlarging the 32 primary maps at the end is equal and far cheaper.
        scales = self.encoder(image.contiguous(memory_format=CHANNELS_LAST))
        scales = [scale.to(self.conv1.weight.dtype) for scale in scales]
        total = self._decoded(len(scales), scales[-1])
        for index in range(len(scales) - 1, 0, -1):
            total = self._decoded(index, scales[index - 1]) + F.interpolate(total, scale_factor=2.0)
        primary = self.ghost1.primary_conv(self.bn6(total))
        if self.training:  # the norms need the statistics of the whole batch
            return self._completed(primary)
        # Image by image: maps of a whole batch at this size leave every cache.
        return torch.cat([self._completed(x) for x in primary.split(1)])

    def _decoded(self, index: int, x: Tensor) -> Tensor:  # [b, c, h, w] -> [b, 64, h, w]
        x = F.relu(self.get_submodule(f"conv{index}")(x), inplace=True)
        return self.get_submodule(f"bn{index}")(x)

    def _completed(self, primary: Tensor) -> Tensor:  # [b, 32, 128, 128] -> [b, 1, 224, 224]
        enlarged = F.interpolate(primary, (MASK_SIZE, MASK_SIZE))
        return self.conv6(self.ghost2(self.ghost1.completed(enlarged)))

    def forward(self, image: Tensor) -> Tensor:
        """[b, 3, 256, 256] in -1..1 -> soft hair maps [b, 1, 224, 224] in 0..1, float32."""
        return torch.sigmoid(self.logits(image).float())

    def freeze(self, dtype: torch.dtype) -> EffiSegNet:
        """Ready for inference: no gradients, the decoder in dtype.

        The encoder stays in float32: in bfloat16 it alone moves the maps by 2.4% on average, the
        decoder by 0.5%.
        """
        for module in self.children():
            if module is not self.encoder:
                module.to(dtype)
        return self.eval().requires_grad_(False)
