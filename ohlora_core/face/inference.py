"""A frozen, fast form of a generator's synthesis, for any family and machine.

Knows how the layers of a generator become passes over feature maps; nothing of faces or frames.
Equal to the reference network up to rounding:

- The style vectors of all layers come from one matrix product, and may be kept: they are linear
  in w, so an expression only adds to those of the neutral face.
- Instance norm and style are one factor and one offset per image and channel, applied where the
  next layer reads the map.
- float32 convolutions are Winograd F(4x4, 3x3) products, with an activation, noise and the sums of
  the next norm in the pass that writes the map. Upsampling layers multiply at the low resolution,
  tap by tap, and then sum and blur. Either way a quarter of the multiplications is left.
- bfloat16 convolutions are oneDNN's, on matrix units that need no such saving, with the same
  passes around them.

Without a C++ compiler the reference network itself runs, its kernels folded once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ohlora_core.face.compute import Compute
from ohlora_core.face.generator import (
    CHANNELS_LAST,
    Dense,
    Generator,
    StyleBlock,
    SynthesisNetwork,
    ToRgb,
)
from ohlora_core.face.layout import padded, panels, winograd
from ohlora_core.face.lite import LiteSynthesis
from ohlora_core.face.lite_inference import NativeLite
from ohlora_core.face.native import Activation, Kernels, load_kernels

TILED_FROM = 8
"""Smallest map, in pixels, that is worth Winograd's transforms."""
SINGLE_FROM = 64
"""Maps from this size on are made image by image: those of a batch would leave every cache."""


class Synthesis(Protocol):
    """w to pictures. `styles` is affine in w, and `picture` takes the sum of such vectors."""

    def styles(self, w: Tensor) -> Tensor:
        """[b, 512] -> [b, n] float32."""

    def picture(self, styles: Tensor) -> Tensor:
        """[b, n] -> [b, 3, 256, 256] float32, about -1..1 (not clipped)."""

    def __call__(self, w: Tensor) -> Tensor:
        """[b, 512] -> [b, 3, 256, 256] float32, about -1..1 (not clipped)."""


def fast_synthesis(generator: Generator, compute: Compute) -> Synthesis:
    """The fastest form of a frozen generator's synthesis that this machine can run."""
    if compute.device.type == "cuda":
        return CudaSynthesis(generator, compute)
    kernels = load_kernels()
    if kernels is None:
        return PlainSynthesis(generator)
    if isinstance(generator.synthesis, LiteSynthesis):
        return NativeLite(generator.synthesis, kernels)
    return NativeSynthesis(generator, compute.dtype, kernels)


class PlainSynthesis:
    """The reference network behind the same interface."""

    def __init__(self, generator: Generator) -> None:
        self.network = generator.synthesis

    def styles(self, w: Tensor) -> Tensor:
        return w

    def picture(self, styles: Tensor) -> Tensor:
        pictures: Tensor = self.network(styles)
        return pictures

    def __call__(self, w: Tensor) -> Tensor:
        return self.picture(w)


class CudaSynthesis:
    """The network on a CUDA device, replayed as one graph per batch size: no launch costs."""

    def __init__(self, generator: Generator, compute: Compute) -> None:
        self.device = compute.device
        self.network = generator.synthesis.to(self.device)
        generator.freeze(compute.dtype)  # again: folded kernels do not move with the weights
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}

    def styles(self, w: Tensor) -> Tensor:
        return w

    def picture(self, styles: Tensor) -> Tensor:
        batch = len(styles)
        with torch.inference_mode():
            if batch not in self._graphs:
                self._graphs[batch] = self._captured(styles.to(self.device))
            graph, given, made = self._graphs[batch]
            given.copy_(styles)
            graph.replay()
            return made.cpu()

    def __call__(self, w: Tensor) -> Tensor:
        return self.picture(w)

    def _captured(self, w: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        given = w.clone()
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):  # the warm-up that capturing requires
            self.network(given)
        torch.cuda.current_stream(self.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            made = self.network(given)
        return graph, given, made


@dataclass
class Step:
    """One convolution of the fast path and what follows it. Channels are multiples of 16.

    kind: "tiles" (Winograd), "taps" (upsampling with blur), "units" (matrix units) or "plain" (maps
    too small for any of these). weights: as the kind wants them. noise: [pixels] or None.
    """

    name: str
    kind: str
    weights: Tensor
    bias: Tensor
    strength: Tensor
    noise: Tensor | None
    inputs: int
    outputs: int
    size: int  # of the map it reads

    @property
    def made_size(self) -> int:
        """Size of the map it makes."""
        return self.size * (2 if self.kind == "taps" else 1)

    def multiplications(self) -> int:
        """For one image, as executed."""
        every = self.inputs * self.outputs * self.size**2
        return every * 36 // 16 if self.kind == "tiles" else every * 9

    def plain_multiplications(self) -> int:
        """For one image, of the convolution as the network defines it."""
        return 9 * self.inputs * self.outputs * self.made_size**2


@dataclass
class Maps:
    """A map and what its readers do to each value first: times factor, plus offset."""

    x: Tensor  # [b, h, w, channels]
    factor: Tensor  # [b, channels]
    offset: Tensor

    def __getitem__(self, image: int) -> Maps:
        part = slice(image, image + 1)
        return Maps(self.x[part], self.factor[part], self.offset[part])


class NativeSynthesis:
    """The published synthesis by the passes of `kernels/synthesis.cpp`, in float32 or bfloat16.

    For one thread at a time: the maps lie in memory that the next call uses again. `spent` adds up
    the seconds of each step.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype, kernels: Kernels) -> None:
        network = cast(SynthesisNetwork, generator.synthesis)
        self.dtype = dtype
        self._kernels = kernels
        self.spent: dict[str, float] = {}
        self._memory: dict[tuple[str, tuple[int, ...]], Tensor] = {}
        with torch.inference_mode():
            blocks = [module for module in network.children() if isinstance(module, StyleBlock)]
            self.steps = [_step(f"layer{k}", block, dtype) for k, block in enumerate(blocks) if k]
            self.start = _start(blocks[0])
            self._to_rgb = _rgb_weights(network)
            styles = [block.style for block in blocks]
            self._style_weight, self._style_bias, self._style_sizes = _joined_styles(styles)

    def styles(self, w: Tensor) -> Tensor:
        return F.linear(w, self._style_weight, self._style_bias)

    def __call__(self, w: Tensor) -> Tensor:
        return self.picture(self.styles(w))

    def picture(self, styles: Tensor) -> Tensor:
        with torch.inference_mode():
            parts = list(styles.split(self._style_sizes, dim=1))
            maps = self._first(parts.pop(0))
            single = next((k for k, s in enumerate(self.steps) if s.made_size >= SINGLE_FROM), 0)
            for step in self.steps[:single]:
                maps = self.run(step, maps, parts.pop(0))
            made = []
            for image in range(len(styles)):
                one = maps[image]
                for step, style in zip(self.steps[single:], parts, strict=True):
                    one = self.run(step, one, style[image : image + 1])
                made.append(self._rgb(one))
            return torch.cat(made)

    def _first(self, style: Tensor) -> Maps:
        """The constant map of every image, with its style."""
        x = self.start.expand(len(style), -1, -1, -1).to(self.dtype).contiguous()
        return _normed(x, _totals(x.float()), style)

    def run(self, step: Step, maps: Maps, style: Tensor) -> Maps:
        """The map that a step makes, to be read with the norm and style that follow it."""
        started = time.perf_counter()
        totals = torch.zeros(maps.x.shape[0], 2, step.outputs, dtype=torch.float64)
        if step.kind == "plain":
            y = self._plain(step, maps, totals)
        elif self.dtype == torch.float32:
            y = self._float32(step, maps, totals)
        else:
            y = self._bfloat16(step, maps, totals)
        made = _normed(y, totals, style)
        spent = time.perf_counter() - started
        self.spent[step.name] = self.spent.get(step.name, 0.0) + spent
        return made

    def _plain(self, step: Step, maps: Maps, totals: Tensor) -> Tensor:
        """[b, h, w, outputs] of a small map by PyTorch's operations, in float32."""
        x = torch.addcmul(maps.offset[:, None, None], maps.x.float(), maps.factor[:, None, None])
        y = F.conv2d(x.permute(0, 3, 1, 2), step.weights, step.bias, padding=1)
        y = y.permute(0, 2, 3, 1)
        if step.noise is not None:
            y = y + step.noise.view(step.made_size, -1, 1) * step.strength
        y = F.leaky_relu(y, 0.2)
        totals.copy_(_totals(y))
        return y.to(self.dtype).contiguous()

    def _float32(self, step: Step, maps: Maps, totals: Tensor) -> Tensor:
        batch, made = maps.x.shape[0], step.made_size
        y = self._reused(step.name, (batch, made, made, step.outputs))
        read = (maps.x, maps.factor, maps.offset, step.weights)
        follow = (step.bias, step.strength, step.noise, y, totals)
        sizes = (batch, step.size, step.size, step.inputs, step.outputs)
        if step.kind == "taps":
            self._kernels("up", *read, *follow, *sizes)
        else:
            self._kernels("conv", *read, *follow, *sizes, Activation.LEAKY_RELU)
        return y

    def _bfloat16(self, step: Step, maps: Maps, totals: Tensor) -> Tensor:
        batch, size, made = maps.x.shape[0], step.size, step.made_size
        x = self._reused("normed " + step.name, tuple(maps.x.shape))
        read = (maps.x, maps.factor, maps.offset)
        self._kernels("norm_bf16", *read, x, batch, size * size, step.inputs)
        follow = (step.bias, step.strength, step.noise)
        if step.kind == "taps":
            y = self._reused(step.name, (batch, made, made, step.outputs))
            rows = x.view(-1, step.inputs)
            products = self._reused("products " + step.name, (len(rows), 9 * step.outputs))
            torch.mm(rows, step.weights, out=products)
            sizes = (batch, size, size, step.outputs)
            self._kernels("up_bf16", products, *follow, y, totals, *sizes)
            return y
        y = F.conv2d(x.permute(0, 3, 1, 2), step.weights, padding=1)
        y = y.permute(0, 2, 3, 1).contiguous()
        self._kernels("finish_bf16", *follow, y, totals, batch, size * size, step.outputs)
        return y

    def _rgb(self, maps: Maps) -> Tensor:
        """The published output layer: [1, h, w, channels] -> [1, 3, h, w]."""
        batch, height, width, channels = maps.x.shape
        weight, bias = self._to_rgb  # [channels, 16], [3]
        weights = weight * maps.factor[:, :, None]
        biases = maps.offset @ weight[:, :3] + bias
        if self.dtype != torch.float32:
            made = torch.bmm(maps.x.flatten(1, 2), weights.to(self.dtype))[..., :3].float()
            return (made + biases[:, None]).transpose(1, 2).unflatten(2, (height, width))
        picture = torch.empty(batch, 3, height, width)
        sizes = (batch, height * width, channels)
        self._kernels("rgb", maps.x, weights, biases, picture, *sizes)
        return picture

    def _reused(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The map that a step writes: new memory would cost more than the pass that fills it."""
        key = name, shape
        if key not in self._memory:
            self._memory[key] = torch.empty(shape, dtype=self.dtype)
        return self._memory[key]


def _totals(y: Tensor) -> Tensor:
    """[b, h, w, c] -> [b, 2, c] float64: sums of values and of squares."""
    wide = y.double()
    return torch.stack([wide.sum((1, 2)), wide.square().sum((1, 2))], dim=1)


def _normed(y: Tensor, totals: Tensor, style: Tensor) -> Maps:
    """Instance norm and style of map y as one factor and one offset. style: scales, shifts."""
    mean, square = (totals / (y.shape[1] * y.shape[2])).unbind(1)
    variance = (square - mean * mean).clamp_(min=0)
    scale, shift = style.chunk(2, dim=1)
    factor = (scale + 1) * torch.rsqrt(variance + 1e-8).float()
    return Maps(y, factor, shift - mean.float() * factor)


def _joined_styles(layers: list[Dense]) -> tuple[Tensor, Tensor, list[int]]:
    """One weight [n, 512] and bias [n] for all layers, and the length of each layer's part."""
    scaled = [layer.scaled() for layer in layers]
    weights = [padded(weight, 0, parts=2) for weight, _ in scaled]
    bias = torch.cat([padded(bias, 0, parts=2) for _, bias in scaled])
    return torch.cat(weights), bias, [len(weight) for weight in weights]


def _step(name: str, block: StyleBlock, dtype: torch.dtype) -> Step:
    weight = block.weight * block.weight_scale
    weight = padded(padded(weight.flip(2, 3) if block.flips else weight, 0), 1)
    outputs, inputs = weight.shape[:2]
    noise = block.apply_noise
    size = noise.noise.shape[-1] // (2 if block.upsamples else 1)
    if block.upsamples:
        kind = "taps"
        taps = weight.permute(1, 2, 3, 0).reshape(inputs, 9 * outputs)
        weight = panels(taps[None]) if dtype == torch.float32 else taps.to(dtype)
    elif size < TILED_FROM:
        kind = "plain"
        weight = weight.to(torch.float32, memory_format=CHANNELS_LAST)
    elif dtype == torch.float32:
        kind = "tiles"
        weight = winograd(weight)
    else:
        kind = "units"
        weight = weight.to(dtype, memory_format=CHANNELS_LAST)
    bias = padded(block.bias, 0).float().contiguous()
    strength, image = torch.zeros_like(bias), None
    if noise.is_active():
        strength = padded(noise.weight, 0).float()
        image = noise.noise.flatten().float().contiguous()
    return Step(name, kind, weight, bias, strength, image, inputs, outputs, size)


def _start(block: StyleBlock) -> Tensor:
    """The first block's map before its norm, the same for every w: [1, 4, 4, channels]."""
    noise = block.apply_noise.noise * block.apply_noise.weight.view(1, -1, 1, 1)
    x = F.leaky_relu(block.const + noise + block.bias.view(1, -1, 1, 1), 0.2)
    return padded(x.permute(0, 2, 3, 1), 3).contiguous()


def _rgb_weights(network: SynthesisNetwork) -> tuple[Tensor, Tensor]:
    """Weights [channels, 16], of which three columns are used, and bias [3] of the last output."""
    output = [module for module in network.children() if isinstance(module, ToRgb)][-1]
    weight = (output.weight * output.weight_scale)[:, :, 0, 0].t()
    return padded(padded(weight, 0), 1).float().contiguous(), output.bias.float()
