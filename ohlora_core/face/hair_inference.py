"""A frozen, fast float32 form of the hair models, for the processor.

Knows how their layers become passes over maps; nothing of dyeing. Equal to the reference networks
up to rounding: batch norms are folded into the convolutions before them, activations, sums and
skips happen in the pass that writes a map (`kernels/hair.cpp`). float32 everywhere: bfloat16 moves
the maps of EffiSegNet's encoder by 2.4%, and at this speed it has little to gain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ohlora_core.face.compute import Compute
from ohlora_core.face.effisegnet import (
    B0_STAGES,
    DECODER_CHANNELS,
    MASK_SIZE,
    EffiSegNet,
    InvertedResidual,
)
from ohlora_core.face.generator import CHANNELS_LAST
from ohlora_core.face.hair import HairStudent
from ohlora_core.face.layout import padded, panels, winograd
from ohlora_core.face.native import Activation, Kernels, load_kernels


def fast_hair(model: nn.Module, compute: Compute) -> nn.Module:
    """The fastest form of a frozen hair model that this machine can run, same call."""
    if compute.device.type == "cuda":
        return _OnDevice(model, compute)
    if isinstance(model, HairStudent):
        return folded_student(model)
    kernels = load_kernels()
    if isinstance(model, EffiSegNet) and kernels is not None:
        return NativeEffiSegNet(model, kernels)
    return model


class _OnDevice(nn.Module):
    """A hair model on an accelerator: pictures come from the processor, maps go back to it."""

    def __init__(self, model: nn.Module, compute: Compute) -> None:
        super().__init__()
        self.model = model.to(compute.device)
        self.device = compute.device

    def forward(self, image: Tensor) -> Tensor:
        made: Tensor = self.model(image.to(self.device))
        return made.cpu()


def folded_student(model: HairStudent) -> HairStudent:
    """The student with its batch norms folded into the convolutions."""
    made = HairStudent(tuple(block[0].out_channels for block in cast(Any, model.down)))
    made.load_state_dict(model.state_dict())
    made.eval().requires_grad_(False)
    for block in (*made.down, made.bottom, *made.up):
        layers = cast(nn.Sequential, block)
        layers[0] = fuse_conv_bn_eval(cast(nn.Conv2d, layers[0]), cast(nn.BatchNorm2d, layers[1]))
        layers[1] = nn.Identity()
    return made.to(memory_format=CHANNELS_LAST)  # type: ignore[call-overload]


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A batch norm as factor and offset [channels]."""
    variance, mean = cast(Tensor, norm.running_var), cast(Tensor, norm.running_mean)
    factor = norm.weight * torch.rsqrt(variance + norm.eps)
    return factor, norm.bias - mean * factor


class _Memory:
    """The map that a layer writes: new memory would cost more than the pass that fills it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, *shape: int) -> Tensor:
        if shape not in self._kept:
            self._kept[shape] = torch.empty(shape)
        return self._kept[shape]


@dataclass
class _Pointwise:
    """A 1x1 layer with everything between it and the next: [b, h, w, in] -> [b, h, w, out]."""

    kernels: Kernels
    weights: Tensor
    bias: Tensor
    inputs: int
    outputs: int
    activation: Activation = Activation.NONE
    memory: _Memory = field(default_factory=_Memory)

    @classmethod
    def of(
        cls,
        kernels: Kernels,
        weight: Tensor,
        bias: Tensor,
        activation: Activation = Activation.NONE,
    ) -> _Pointwise:
        """weight: [out, in]."""
        matrix = padded(padded(weight.t(), 0), 1)
        inputs, outputs = matrix.shape
        bias = padded(bias, 0).float().contiguous()
        return cls(kernels, panels(matrix[None]), bias, inputs, outputs, activation)

    def __call__(
        self, x: Tensor, factor: Tensor | None = None, added: Tensor | None = None
    ) -> Tensor:
        batch, height, width, _ = x.shape
        y = self.memory(batch, height, width, self.outputs)
        halved = int(added is not None and added.shape[1] < height)
        sizes = (batch, height * width, width, self.inputs, self.outputs)
        self.kernels(
            "pointwise",
            x, factor, self.weights, self.bias, added, y, *sizes, halved, self.activation,
        )  # fmt: skip
        return y


class _Residual:
    """An inverted residual block of the encoder."""

    def __init__(self, block: InvertedResidual, kernels: Kernels) -> None:
        self.kernels = kernels
        self.memory = _Memory()
        self.skips = block.skips
        self.expand: _Pointwise | None = None
        if block.expands:
            fused = fuse_conv_bn_eval(block._expand_conv, block._bn0)
            self.expand = _of_conv(fused, kernels, Activation.SILU)
        depthwise = fuse_conv_bn_eval(block._depthwise_conv, block._bn1)
        self.size, self.stride = depthwise.kernel_size[0], depthwise.stride[0]
        self.taps = padded(depthwise.weight.flatten(1).t(), 1).contiguous()
        self.bias = padded(cast(Tensor, depthwise.bias), 0).contiguous()
        reduce, widen = block._se_reduce, block._se_expand
        self.reduce = padded(reduce.weight.flatten(1), 1), reduce.bias
        self.widen = padded(widen.weight.flatten(1), 0), padded(cast(Tensor, widen.bias), 0)
        self.project = _of_conv(fuse_conv_bn_eval(block._project_conv, block._bn2), kernels)

    def __call__(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else self.expand(x)
        batch, height, width, channels = wide.shape
        y = self.memory(batch, height // self.stride, width // self.stride, channels)
        totals = torch.zeros(batch, channels, dtype=torch.float64)
        # TensorFlow's "same" padding: an odd pixel goes right and below
        before = (self.size - self.stride) // 2
        sizes = (batch, height, width, channels, self.size, self.stride, before)
        self.kernels("depthwise", wide, self.taps, self.bias, y, totals, *sizes)
        squeezed = (totals / (y.shape[1] * y.shape[2])).float()
        squeezed = F.silu(F.linear(squeezed, *self.reduce))
        factor = torch.sigmoid(F.linear(squeezed, *self.widen))
        return self.project(y, factor, x if self.skips else None)


def _of_conv(
    conv: nn.Conv2d, kernels: Kernels, activation: Activation = Activation.NONE
) -> _Pointwise:
    return _Pointwise.of(kernels, conv.weight.flatten(1), cast(Tensor, conv.bias), activation)


@dataclass
class _Scale:
    """One encoder scale's way into the decoder: 3x3 layer and ReLU, then norm and 1x1 layer."""

    conv: Tensor
    inputs: int
    merge: _Pointwise


class NativeEffiSegNet(nn.Module):
    """EffiSegNet by the passes of `kernels/hair.cpp`: [b, 3, 256, 256] -> [b, 1, 224, 224].

    For one thread at a time: the layers write memory that the next call uses again.
    """

    def __init__(self, model: EffiSegNet, kernels: Kernels) -> None:
        super().__init__()
        self._kernels = kernels
        with torch.inference_mode():
            model = model.float()
            encoder = model.encoder
            stem = fuse_conv_bn_eval(encoder._conv_stem, encoder._bn0)
            self._stem = stem.to(memory_format=CHANNELS_LAST)  # type: ignore[call-overload]
            self._stages = [
                ([_Residual(block, kernels) for block in cast(Any, blocks)], stage.is_scale)
                for blocks, stage in zip(encoder._blocks, B0_STAGES, strict=True)
            ]
            self._scales = _decoder(model, kernels)
            self._ghosts = _Ghosts(model, kernels)

    def forward(self, image: Tensor) -> Tensor:
        """[b, 3, 256, 256] in -1..1 -> soft hair maps [b, 1, 224, 224] in 0..1, float32."""
        # Image by image: the wide maps of a whole batch would leave every cache.
        return torch.cat([self._map(one) for one in image.split(1)])

    def _map(self, image: Tensor) -> Tensor:
        x = F.silu(self._stem(image.contiguous(memory_format=CHANNELS_LAST)), inplace=True)
        x = x.permute(0, 2, 3, 1).contiguous()
        scales = []
        for blocks, is_scale in self._stages:
            for block in blocks:
                x = block(x)
            if is_scale:
                scales.append(x)
        total: Tensor | None = None
        for features, scale in zip(scales[::-1], self._scales[::-1], strict=True):
            total = scale.merge(self._decoded(scale, features), added=total)
        return torch.sigmoid(self._ghosts(cast(Tensor, total)))

    def _decoded(self, scale: _Scale, x: Tensor) -> Tensor:
        """[b, h, w, in] -> [b, h, w, 64]: 3x3 layer and ReLU."""
        batch, height, width, _ = x.shape
        y = torch.empty(batch, height, width, DECODER_CHANNELS)
        ones, nothing = torch.ones(batch, scale.inputs), torch.zeros(batch, scale.inputs)
        unused = torch.zeros(batch, 2, DECODER_CHANNELS, dtype=torch.float64)
        bias = torch.zeros(DECODER_CHANNELS)
        sizes = (batch, height, width, scale.inputs, DECODER_CHANNELS)
        self._kernels("conv", x, ones, nothing, scale.conv, bias, bias, None, y, unused, *sizes, 1)
        return y


def _decoder(model: EffiSegNet, kernels: Kernels) -> list[_Scale]:
    """The decoder up to the first ghost module's primary features, from the largest map on.

    The enlarged maps are added and then multiplied by a 1x1 layer; here each is multiplied before
    it is enlarged, which is the same and cheaper. Every offset goes into the bias of the last.
    """
    factor, offset = _affine(model.bn6)
    merge = cast(nn.Conv2d, model.ghost1.primary_conv[0]).weight.flatten(1)
    scales = []
    stages = [stage for stage in B0_STAGES if stage.is_scale]
    for index in range(len(stages), 0, -1):
        conv = cast(nn.Conv2d, model.get_submodule(f"conv{index}"))
        own, shift = _affine(cast(nn.BatchNorm2d, model.get_submodule(f"bn{index}")))
        offset = offset + factor * shift
        weight = padded(conv.weight, 1)
        bias = merge @ offset if index == 1 else merge.new_zeros(len(merge))
        activation = Activation.RELU if index == 1 else Activation.NONE
        pointwise = _Pointwise.of(kernels, merge * (factor * own), bias, activation)
        scales.append(_Scale(winograd(weight), weight.shape[1], pointwise))
    return scales[::-1]


class _Ghosts:
    """From the first primary features [b, 128, 128, 32] to the logits [b, 1, 224, 224]."""

    def __init__(self, model: EffiSegNet, kernels: Kernels) -> None:
        self.kernels = kernels
        _, _, norm = cast(Any, model.ghost1.primary_conv)
        self.factor, self.offset = _affine(norm)
        cheap, _, norm = cast(Any, model.ghost1.cheap_operation)
        cheap_factor, cheap_offset = _affine(norm)
        half = len(self.factor)
        conv, _, norm = cast(Any, model.ghost2.primary_conv)
        own, added = conv.weight.flatten(1).split(half, dim=1)
        self.product = _Pointwise.of(kernels, own, added @ cheap_offset)
        second, _, last = cast(Any, model.ghost2.cheap_operation)
        last_factor, last_offset = _affine(last)
        primary_end, cheap_end = model.conv6.weight.flatten().split(half)
        ends = [primary_end, cheap_end * last_factor, (cheap_end @ last_offset)[None]]
        places = torch.arange(MASK_SIZE // 7 * 4, dtype=torch.float32)
        enlarged = F.interpolate(places[None, None], MASK_SIZE)
        self.weights = (
            enlarged.flatten().to(torch.int32),
            cheap.weight.flatten(1).t().contiguous(),
            panels((added * cheap_factor).t()[None]),
            *(values.contiguous() for values in _affine(norm)),
            second.weight.flatten(1).t().contiguous(),
            torch.cat(ends).contiguous(),
        )

    def __call__(self, x: Tensor) -> Tensor:
        x = torch.addcmul(self.offset, x, self.factor)
        y = torch.empty(len(x), 1, MASK_SIZE, MASK_SIZE)
        sizes = (len(x), x.shape[1], MASK_SIZE)
        self.kernels("ghosts", x, self.product(x), *self.weights, y, *sizes)
        return y
