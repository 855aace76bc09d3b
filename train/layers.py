"""Building blocks of the float network: packing, the DCT start, the block."""
from __future__ import annotations

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from . import kernels
from .config import CHANNELS, KNOTS, MAX_QP, STEPS


def step_size(qp: torch.Tensor) -> torch.Tensor:
    """Quantiser step in 8-bit levels at `qp`: 2 * 2^(qp / 10.5)."""
    return 2.0 * torch.pow(2.0, qp.float() / 10.5)


def dct_matrix(n: int) -> torch.Tensor:
    """Orthonormal DCT-II, (n, n)."""
    k, i = torch.arange(n).float()[:, None], torch.arange(n).float()[None]
    m = torch.cos(math.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt(2 / n)
    m[0] /= math.sqrt(2)
    return m


def packed_dct() -> torch.Tensor:
    """(96, 96) block-diagonal: 8x8 DCT of luma, 4x4 DCT of U and of V."""
    m = torch.zeros(CHANNELS, CHANNELS)
    m[:64, :64] = torch.kron(dct_matrix(8), dct_matrix(8))
    for at in (64, 80):
        m[at:at + 16, at:at + 16] = torch.kron(dct_matrix(4), dct_matrix(4))
    return m


def frequency(channel: int) -> float:
    """Diagonal frequency of a packed DCT channel, in luma units."""
    if channel < 64:
        return channel // 8 + channel % 8
    c = (channel - 64) % 16
    return 2 * (c // 4 + c % 4) + 0.5


def step_masks() -> torch.Tensor:
    """(4, 96, 2, 2): 1 where a symbol is decoded in that step (docs/INTERNALS.md)."""
    m = torch.zeros(STEPS, CHANNELS, 2, 2)
    for c in range(CHANNELS):
        for i in range(2):
            for j in range(2):
                m[(c + i + j) % 2 * 2 + (c // 2 + i) % 2, c, i, j] = 1
    return m


def pack(y: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Planes (N, 1, H, W), (N, 1, H/2, W/2) x 2 -> (N, 96, H/8, W/8)."""
    return torch.cat([F.pixel_unshuffle(y, 8), F.pixel_unshuffle(u, 4), F.pixel_unshuffle(v, 4)], 1)


def unpack(p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return F.pixel_shuffle(p[:, :64], 8), F.pixel_shuffle(p[:, 64:80], 4), F.pixel_shuffle(p[:, 80:], 4)


def at_qp(table: torch.Tensor, qp: torch.Tensor) -> torch.Tensor:
    """(KNOTS, C), (N,) -> (N, C, 1, 1), linear between knots."""
    t = qp.float() / MAX_QP * (KNOTS - 1)
    i = t.floor().clamp(max=KNOTS - 2).long()
    w = (t - i)[:, None]
    return (table[i] * (1 - w) + table[i + 1] * w)[:, :, None, None]


def conv1(inputs: int, outputs: int, zero: bool = False) -> nn.Conv2d:
    m = nn.Conv2d(inputs, outputs, 1)
    if zero:
        nn.init.zeros_(m.weight)
        nn.init.zeros_(m.bias)
    return m


def fused(x: torch.Tensor, *channels: int) -> bool:
    """Whether compiled kernels compute layers of so many channels: under bf16 autocast, on a CPU."""
    return torch.is_autocast_enabled(x.device.type) and kernels.usable(x, *channels)


class Depthwise(nn.Conv2d):
    """Depthwise convolution: 3x3, or 4x4 of stride 2."""

    def __init__(self, c: int, k: int = 3, stride: int = 1):
        super().__init__(c, c, k, stride, 1, groups=c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if fused(x, x.shape[1]):
            return kernels.Depthwise.apply(x, self.weight, self.bias, self.stride[0])
        return super().forward(x)


class Block(nn.Module):
    """Depthwise-separable residual, then a gated pointwise residual: 5 C^2 + 9 C MACs per position."""

    def __init__(self, c: int):
        super().__init__()
        self.inp, self.spatial, self.out = conv1(c, c), Depthwise(c), conv1(c, c)
        self.gate, self.mix = conv1(c, 2 * c), conv1(c, c)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.mix.weight.mul_(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if fused(x, x.shape[1]):
            layers = self.inp, self.spatial, self.out, self.gate, self.mix
            return kernels.FusedBlock.apply(x, *(p for layer in layers for p in (layer.weight, layer.bias)))
        x = x + self.out(self.spatial(F.leaky_relu(self.inp(x), 0.1)))
        u, v = self.gate(x).chunk(2, 1)
        return x + self.mix(u * F.hardsigmoid(v * 1.5))   # hardsigmoid(x) = clip(x / 6 + 1/2, 0, 1)


def blocks(c: int, n: int) -> nn.Sequential:
    return nn.Sequential(*[Block(c) for _ in range(n)])
