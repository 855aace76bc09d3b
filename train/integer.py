"""Integer layers by fake quantisation: forward values are those of the integer network, exactly.

Tensors between layers hold the uint8 codes as floats. With weights |w| <= 64 and accumulators below
2^24 (docs/INTERNALS.md) float32 convolutions are exact, so `layer(x)` in float32 is the integer network;
under bf16 autocast it is the same up to rounding, which serves the early phases.
"""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from . import kernels
from .config import KNOTS, MAX_INDEX

MAX_WEIGHT = 64      # vpmaddubsw: 2 * 255 * 64 < 2^15
MAX_SHIFT = 14
GRID = 32.0          # activation codes per real unit
INDEX_GRID = 8.0     # index codes 4 * index, read as index / 8: one real unit is about one natural log unit of sigma


class RoundSTE(torch.autograd.Function):
    """Round to nearest; the gradient passes."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


class CodeSTE(torch.autograd.Function):
    """clamp(floor(x + 1/2), 0, high). The gradient passes inside the range, and outside where it leads back in
    (below 0 only when `leak`: a hidden ReLU keeps its zero gradient)."""

    @staticmethod
    def forward(ctx, x, high, leak):
        ctx.save_for_backward(x)
        ctx.high, ctx.leak = high, leak
        return torch.floor(x + 0.5).clamp_(0, high)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        stop = x > ctx.high
        stop &= g < 0
        low = x < 0
        if ctx.leak:
            low &= g > 0
        return g.masked_fill(stop | low, 0), None, None


class IntegerLayer(nn.Module):
    """A 1x1 (`spatial` False) or depthwise 3x3 layer of the sigma network.

    `grid_in`, `grid_out`: codes per real unit of its input and output; weight and bias are kept in real units.
    `knots`: the bias is a table over QP. `high`: largest output code.
    """

    def __init__(self, inputs: int, outputs: int, *, spatial: bool = False, grid_in: float = GRID,
                 grid_out: float = GRID, knots: bool = False, high: int = 255):
        super().__init__()
        self.spatial, self.ratio, self.grid_out, self.high = spatial, grid_out / grid_in, grid_out, high
        shape = (outputs, 1, 3, 3) if spatial else (outputs, inputs, 1, 1)
        fan = 9 if spatial else inputs
        self.weight = nn.Parameter((torch.rand(shape) * 2 - 1) * (3 / fan) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(KNOTS, outputs) if knots else torch.zeros(outputs))

    def shift(self) -> torch.Tensor:
        """Requantisation shift per output channel: the largest that keeps every weight within 64."""
        peak = (self.weight.detach() * self.ratio).flatten(1).abs().amax(1).clamp(min=2.0 ** -20)
        return torch.floor(torch.log2(MAX_WEIGHT / peak)).clamp(0, MAX_SHIFT)

    def quantised(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights as output codes per input code on their integer grid, and 2^shift."""
        scale = torch.exp2(self.shift())
        s = scale.view(-1, 1, 1, 1)
        w = self.weight * (self.ratio * s)
        # beyond 64 the weight saturates; its gradient goes on so that it can come back
        w = w + (torch.round(w).clamp(-MAX_WEIGHT, MAX_WEIGHT) - w).detach()
        return w / s, scale

    def integer_bias(self, bias: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return RoundSTE.apply(bias * (self.grid_out * scale))

    def accumulate(self, x: torch.Tensor, columns: slice | torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Convolution without bias in output codes, and 2^shift; `columns`: the inputs given, others being zero."""
        w, scale = self.quantised()
        x = x.float()      # codes of compiled layers are bf16
        if self.spatial:
            return F.conv2d(x, w, padding=1, groups=w.shape[0]), scale
        return F.conv2d(x, w if columns is None else w[:, columns]), scale

    def activate(self, acc: torch.Tensor) -> torch.Tensor:
        return CodeSTE.apply(acc, self.high, self.high == MAX_INDEX)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None = None, columns=None) -> torch.Tensor:
        """`bias`: (N, C) integers / 2^shift already in output codes replaces the layer's own."""
        if kernels.usable(x, self.weight.shape[0]):
            return self._fused(x, bias, columns)
        acc, scale = self.accumulate(x, columns)
        if bias is None:
            bias = self.integer_bias(self.bias, scale)[None] / scale
        return self.activate(acc.float() + bias[:, :, None, None])

    def _fused(self, x, bias, columns) -> torch.Tensor:
        w, scale = self.quantised()
        if bias is None:
            bias = self.integer_bias(self.bias, scale) / scale
        if self.spatial:
            return kernels.CodeDepthwise.apply(x, w, bias, self.high)
        w = w.flatten(1) if columns is None else w.flatten(1)[:, columns]
        exact = not torch.is_autocast_enabled(x.device.type)
        return kernels.CodePointwise.apply(x, w, bias.expand(x.shape[0], -1), self.high, self.high == MAX_INDEX, exact)

    def knot_bias(self, qp: torch.Tensor, extra: torch.Tensor | None = None) -> torch.Tensor:
        """(N, C) bias at integer `qp` in output codes, interpolated in integers as the codec does; `extra` (C) is added."""
        scale = torch.exp2(self.shift())
        k = self.integer_bias(self.bias, scale)
        i = (qp // 9).clamp(max=KNOTS - 2).long()
        f = (qp - 9 * i).float()[:, None]
        exact = k[i] * (9 - f) + k[i + 1] * f
        value = exact / 9 + (torch.floor((exact.double() + 4) / 9).float() - exact / 9).detach()
        if extra is not None:
            value = value + self.integer_bias(extra, scale)
        return value / scale

    @torch.no_grad()
    def integers(self) -> dict[str, torch.Tensor]:
        """weight (int8), bias (int32), shift (uint8) as exported."""
        shift = self.shift()
        s = torch.exp2(shift).view(-1, 1, 1, 1)
        w = torch.round(self.weight * (self.ratio * s)).clamp(-MAX_WEIGHT, MAX_WEIGHT)
        w = w[:, 0] if self.spatial else w[:, :, 0, 0]
        bias = torch.round(self.bias * (self.grid_out * torch.exp2(shift)))
        return dict(weight=w.to(torch.int8), bias=bias.to(torch.int32), shift=shift.to(torch.uint8))
