"""StyleGAN v1 generator with a label (Karras et al. 2019), the one network of all face families.

Knows how a latent becomes an image; nothing of faces, expressions or frames. The embedded lite
model has the mapping of the published v7/v8 checkpoints and a synthesis of its own (`lite`). Key
names and arithmetic of the published ones follow design/checkpoints.md and are proved by
``parity.npz``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ohlora_core.errors import ModelFileError
from ohlora_core.face.lite import LiteConfig, LiteSynthesis
from ohlora_core.face.state_dict import load_strict, read_state_dict

LATENT_SIZE = 512
LABEL_EMBEDDING = 16
MAPPING_LAYERS = 8
MAPPING_LR_MUL = 0.01
# Small feature counts at high resolution run two to three times faster this way on CPUs.
CHANNELS_LAST = torch.channels_last
SQRT2 = math.sqrt(2.0)
RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256)
PUBLISHED_CHANNELS = (512, 512, 512, 512, 256, 128, 64)
LABEL_SIZES = {"lite": 3, "v7": 3, "v8": 7}


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of one generator.

    label_size: values of a label. channels: features at 4, 8, ... 256 pixels. lite: sizes of the
    lite synthesis network, which then takes the place of the published one.
    """

    label_size: int
    channels: tuple[int, ...] = PUBLISHED_CHANNELS
    lite: LiteConfig | None = None

    def __post_init__(self) -> None:
        if len(self.channels) != len(RESOLUTIONS):
            raise ValueError(f"channels needs one entry for each of {RESOLUTIONS}")


class Dense(nn.Module):
    """Linear layer with an equalised learning rate."""

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0, lr_mul: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_mul)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_scale = gain / math.sqrt(inputs) * lr_mul
        self.bias_scale = lr_mul
        self._frozen: tuple[Tensor, Tensor] | None = None

    def scaled(self) -> tuple[Tensor, Tensor]:
        """Weight and bias as they act."""
        return self.weight * self.weight_scale, self.bias * self.bias_scale

    def freeze(self) -> None:
        """Scale once; for inference, after the last change of weights."""
        with torch.no_grad():
            self._frozen = self.scaled()

    def forward(self, x: Tensor) -> Tensor:  # [batch, inputs] -> [batch, outputs]
        return F.linear(x, *(self._frozen or self.scaled()))


class MappingNetwork(nn.Module):
    """z and label to the disentangled latent w."""

    def __init__(self, label_size: int) -> None:
        super().__init__()
        self.label_weight = nn.Parameter(torch.randn(label_size, LABEL_EMBEDDING))
        for index in range(MAPPING_LAYERS):
            inputs = LATENT_SIZE + (LABEL_EMBEDDING if index == 0 else 0)
            layer = Dense(inputs, LATENT_SIZE, gain=SQRT2, lr_mul=MAPPING_LR_MUL)
            self.add_module(f"dense{index}", layer)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:  # [b, 512], [b, labels] -> [b, 512]
        x = torch.cat([z, label @ self.label_weight], dim=1)
        return self.dense(x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8))

    def dense(self, x: Tensor) -> Tensor:  # [b, 512 + label embedding] -> [b, 512]
        """The dense layers alone, after the pixel norm."""
        for layer in self.layers():
            x = F.leaky_relu(layer(x), 0.2)
        return x

    def layers(self) -> list[Dense]:
        """The dense layers in order."""
        return [module for module in self.children() if isinstance(module, Dense)]


class Truncation(nn.Module):
    """Holder of the published ``w_avg``; psi is 1, so it is never applied."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("w_avg", torch.zeros(LATENT_SIZE))


class FixedNoise(nn.Module):
    """Per-channel strength times one stored noise image: it never flickers between frames."""

    noise: Tensor

    def __init__(self, channels: int, resolution: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.register_buffer("noise", torch.randn(1, 1, resolution, resolution))

    def is_active(self) -> bool:
        """Whether the noise is learning or was learned; a generator without it saves a pass."""
        return self.weight.requires_grad or bool(self.weight.any())


class Blur(nn.Module):
    """Holder of the fixed [1,2,1]x[1,2,1]/16 kernel, which is folded into the convolution."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0])
        kernel = (row[:, None] * row[None, :] / 16).expand(channels, 1, 3, 3)
        self.register_buffer("kernel", kernel.clone())


@dataclass
class UpsamplingKernels:
    """Low-resolution kernels equal to nearest upsampling, 3x3 convolution and [1,2,1] blur.

    full: [4*out, in, 3, 3] in pixel-shuffle order. The blur pads with zeros, while the folded
    kernel also sees convolution values one pixel outside; rows/columns/corners hold what they add
    to the outermost ring, so that it can be subtracted again.
    """

    full: Tensor
    rows: tuple[Tensor, Tensor]  # top, bottom: [2*out, in, 3]
    columns: tuple[Tensor, Tensor]  # left, right: [2*out, in, 3]
    corners: Tensor  # [out, in, 2, 2]

    def to(self, dtype: torch.dtype) -> UpsamplingKernels:
        """The same in another number format, laid out for channels-last features."""
        return UpsamplingKernels(
            full=self.full.to(dtype, memory_format=CHANNELS_LAST),
            rows=(self.rows[0].to(dtype), self.rows[1].to(dtype)),
            columns=(self.columns[0].to(dtype), self.columns[1].to(dtype)),
            corners=self.corners.to(dtype),
        )


def _phase_matrix(device: torch.device, dtype: torch.dtype) -> Tensor:
    """[2, 3, 3]: output phase, low-resolution tap, tap of the 3-wide kernel, blur included.

    Output pixel 2i+phase sums blur tap b in -1..1 and kernel tap k in -1..1 at the upsampled
    position 2i+phase+b+k, which is low-resolution pixel floor((phase+b+k)/2) + i.
    """
    matrix = torch.zeros(2, 3, 3, device=device, dtype=dtype)
    for phase in range(2):
        for blur, strength in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            for tap in (-1, 0, 1):
                matrix[phase, (phase + blur + tap) // 2 + 1, tap + 1] += strength
    return matrix


def upsampling_kernels(weight: Tensor) -> UpsamplingKernels:
    """Fold nearest upsampling and the blur into `weight` [out, in, 3, 3] (already scaled)."""
    phases = _phase_matrix(weight.device, weight.dtype)
    outputs, inputs = weight.shape[:2]
    full = torch.einsum("pyk,qxl,oikl->opqiyx", phases, phases, weight)
    full = full.reshape(outputs * 4, inputs, 3, 3)

    def strip(taps: Tensor) -> Tensor:  # [out, in, 3] -> [2*out, in, 3]
        return torch.einsum("qxl,oil->oqix", phases, taps).reshape(outputs * 2, inputs, 3) / 4

    return UpsamplingKernels(
        full=full,
        rows=(strip(weight[:, :, 2]), strip(weight[:, :, 0])),
        columns=(strip(weight[:, :, :, 2]), strip(weight[:, :, :, 0])),
        corners=weight[:, :, ::2, ::2].flip(2, 3) / 16,
    )


class _SubtractRing(torch.autograd.Function):
    """Subtract strips from the outermost ring in place; plain slicing costs six full passes."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, rows: Tensor, columns: Tensor, corners: Tensor) -> Tensor:
        ctx.mark_dirty(y)
        step = y.shape[-1] - 1
        y[:, :, ::step] -= rows
        y[:, :, :, ::step] -= columns
        y[:, :, ::step, ::step] += corners
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        grad = grads[0]
        step = grad.shape[-1] - 1
        edges = grad[:, :, ::step], grad[:, :, :, ::step], grad[:, :, ::step, ::step]
        return grad, -edges[0], -edges[1], edges[2]


def _strips(x: Tensor, kernels: tuple[Tensor, Tensor]) -> Tensor:
    """[b, in, 2, n] -> [b, out, 2, 2n]: one kernel for each of the two opposite edges."""
    batch, _, _, length = x.shape
    y = F.conv1d(x.transpose(1, 2).flatten(1, 2), torch.cat(kernels), padding=1, groups=2)
    y = y.view(batch, 2, -1, 2, length).permute(0, 2, 1, 4, 3)
    return y.reshape(batch, -1, 2, 2 * length)


def upsampled_conv(x: Tensor, kernels: UpsamplingKernels, bias: Tensor | None = None) -> Tensor:
    """[b, in, h, h] -> [b, out, 2h, 2h], exactly blur(conv(nearest(x))) with zero padding."""
    wide_bias = None if bias is None else bias.repeat_interleave(4)
    y = F.pixel_shuffle(F.conv2d(x, kernels.full, wide_bias, padding=1), 2)
    step = x.shape[-1] - 1
    rows = _strips(x[:, :, ::step], kernels.rows)
    columns = _strips(x[:, :, :, ::step].transpose(2, 3), kernels.columns).transpose(2, 3)
    corners = torch.einsum("bixy,oixy->boxy", x[:, :, ::step, ::step], kernels.corners)
    return cast(Tensor, _SubtractRing.apply(y, rows, columns, corners))


class StyleBlock(nn.Module):
    """(const | conv | upsampled conv + blur), noise, bias, leaky ReLU, instance norm, style."""

    def __init__(self, inputs: int, outputs: int, resolution: int, index: int) -> None:
        super().__init__()
        self.upsamples = index > 0 and index % 2 == 0
        self.flips = self.upsamples and resolution >= 128
        self.bias = nn.Parameter(torch.zeros(outputs))
        if index == 0:
            self.const = nn.Parameter(torch.ones(1, outputs, resolution, resolution))
        else:
            self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
            self.weight_scale = SQRT2 / math.sqrt(inputs * 9)
        self.is_first = index == 0
        self.apply_noise = FixedNoise(outputs, resolution)
        if self.upsamples:
            self.blur = Blur(outputs)
        self.style = Dense(LATENT_SIZE, outputs * 2)
        self._frozen: Tensor | UpsamplingKernels | None = None
        self._dtype: torch.dtype | None = None

    def kernels(self) -> Tensor | UpsamplingKernels:
        """The scaled convolution weights, folded with upsampling and blur where there are any."""
        weight = self.weight * self.weight_scale
        if not self.upsamples:
            return weight
        # The published fused transposed convolution is this convolution with both axes flipped.
        return upsampling_kernels(weight.flip(2, 3) if self.flips else weight)

    def freeze(self, dtype: torch.dtype | None = None) -> None:
        """Compute the kernels once; for inference, after the last change of weights.

        dtype: number format of the features from now on; default that of the parameters.
        """
        self._dtype = dtype or self.bias.dtype
        if not self.is_first:
            with torch.no_grad():
                kernels = self.kernels()
                if isinstance(kernels, UpsamplingKernels):
                    self._frozen = kernels.to(self._dtype)
                else:
                    self._frozen = kernels.to(self._dtype, memory_format=CHANNELS_LAST)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:  # [b, in, h, h], [b, 512]
        noisy = self.apply_noise.is_active()
        dtype = self._dtype or self.bias.dtype
        bias = None if noisy else self.bias.to(dtype)
        if self.is_first:
            x = self.const.expand(w.shape[0], -1, -1, -1).contiguous(memory_format=CHANNELS_LAST)
            x = x.to(dtype)
        else:
            kernels = self._frozen if self._frozen is not None else self.kernels()
            if isinstance(kernels, UpsamplingKernels):
                x = upsampled_conv(x, kernels, bias)
            else:
                x = F.conv2d(x, kernels, bias, padding=1)
        if noisy:
            noise = self.apply_noise.noise * self.apply_noise.weight.view(1, -1, 1, 1)
            x = x + (noise + self.bias.view(1, -1, 1, 1)).to(dtype)
        elif self.is_first:
            x = x + self.bias.view(1, -1, 1, 1).to(dtype)
        return activate_and_style(x, self.style(w))


def activate_and_style(x: Tensor, style: Tensor) -> Tensor:
    """Leaky ReLU, instance norm over each [h, w] map, then x * (1 + scale) + shift.

    x: [b, c, h, w]; style: [b, 2c], scales before shifts. Norm and style are folded into one scale
    and one shift of each map. Without gradients x is overwritten.
    """
    if torch.is_grad_enabled():
        x = F.leaky_relu(x, 0.2)
        var, mean = torch.var_mean(x, dim=(2, 3), correction=0)
    else:
        F.leaky_relu_(x, 0.2)
        # var_mean is ten times slower than these statistics of channels-last maps.
        stats = [torch.batch_norm_update_stats(image[None], None, None, 0.0) for image in x]
        mean, var = (torch.stack(values) for values in zip(*stats, strict=True))
    scale, shift = style.float().chunk(2, dim=1)
    factor = torch.rsqrt(var.float() + 1e-8) * (scale + 1)
    offset = (shift - mean * factor).to(x.dtype)[:, :, None, None]
    factor = factor.to(x.dtype)[:, :, None, None]
    if torch.is_grad_enabled():
        return torch.addcmul(offset, x, factor)
    return torch.addcmul(offset, x, factor, out=x)


class ToRgb(nn.Module):
    """1x1 convolution to the image."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.weight_scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.weight_scale
        return F.conv2d(x, weight.to(x.dtype), self.bias.to(x.dtype))


class SynthesisNetwork(nn.Module):
    """w to an image; two style blocks per resolution, the output layer of the last one used."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("lod", torch.zeros(()))
        for level, resolution in enumerate(RESOLUTIONS):
            outputs = channels[level]
            inputs = channels[max(level - 1, 0)]
            first, second = 2 * level, 2 * level + 1
            self.add_module(f"layer{first}", StyleBlock(inputs, outputs, resolution, first))
            self.add_module(f"layer{second}", StyleBlock(outputs, outputs, resolution, second))
            self.add_module(f"output{level}", ToRgb(outputs))

    def forward(self, w: Tensor) -> Tensor:
        """[b, 512] -> [b, 3, 256, 256] float32, about -1..1 (not clipped)."""
        x = w.new_empty(0)
        for block in self.children():
            if isinstance(block, StyleBlock):
                x = block(x, w)
        output = self.get_submodule(f"output{len(RESOLUTIONS) - 1}")
        return output(x).float()


class Generator(nn.Module):
    """mapping(z, label) -> w; synthesis(w) -> image [b, 3, 256, 256], about -1..1."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config.label_size)
        self.truncation = Truncation()
        self.synthesis: SynthesisNetwork | LiteSynthesis = (
            LiteSynthesis(LATENT_SIZE, config.lite)
            if config.lite
            else SynthesisNetwork(config.channels)
        )

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        image: Tensor = self.synthesis(self.mapping(z, label))
        return image

    def freeze(self, dtype: torch.dtype | None = None) -> Generator:
        """Ready for inference: no gradients, kernels folded once. Weights must not change after.

        dtype: number format of the features (default: of the weights). Mapping and styles keep
        that of the weights: w moves in steps finer than bfloat16 can tell apart. So does all of
        the lite synthesis, which is too small to gain.
        """
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, Dense):
                module.freeze()
            elif isinstance(module, StyleBlock):
                module.freeze(dtype)
            elif isinstance(module, LiteSynthesis):
                module.channels_last()
        return self


def load_generator(path: Path, version: str, dtype: torch.dtype = torch.float32) -> Generator:
    """Load a generator, ready for inference with features in dtype.

    path: a weights file (``.pth`` or safetensors). version: "v7", "v8" (published sizes) or "lite",
    whose sizes come from ``config.json`` beside the file. Raises ModelFileError.
    """
    if version not in LABEL_SIZES:
        raise ValueError(f"unknown face version {version!r}; known: {sorted(LABEL_SIZES)}")
    config = GeneratorConfig(LABEL_SIZES[version])
    if version == "lite":
        config_path = path.parent / "config.json"
        try:
            sizes = json.loads(config_path.read_text(encoding="utf-8"))
            config = GeneratorConfig(LABEL_SIZES[version], lite=LiteConfig(**sizes))
        except OSError as error:
            raise ModelFileError(config_path, detail=error.strerror or str(error)) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(config_path, detail=f"{type(error).__name__}: {error}") from error
    generator = Generator(config)
    load_strict(generator, read_state_dict(path), path)
    return generator.freeze(dtype)
