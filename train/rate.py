"""Bits of symbols under the Gaussian tables, the encoder's rounding rule, and the training loss."""
from __future__ import annotations

import math
from collections.abc import Callable

import torch

from zvc69.codec import copying

from . import kernels
from .config import DISTORTION, MAX_INDEX, MAX_QP, ROUNDING, SIGMA_MIN, SIGMA_RATIO
from .layers import step_size

LOG_MIN, LOG_STEP = math.log(SIGMA_MIN), math.log(SIGMA_RATIO) / MAX_INDEX
FLOOR = 2e-5      # escape: about 16 bits


def gaussian_bits(r: torch.Tensor, index: torch.Tensor | None, log_sigma: torch.Tensor | None = None) -> torch.Tensor:
    """-log2 of a zero-mean Gaussian's mass on [r - 1/2, r + 1/2]; sigma by index, or by `log_sigma` where index is None."""
    if index is not None and r.shape == index.shape and r.numel() % kernels.LANES == 0 and kernels.usable(r):
        return kernels.GaussianBits.apply(r, index, LOG_MIN, LOG_STEP, FLOOR)
    ls = LOG_MIN + LOG_STEP * index if index is not None else log_sigma
    scale = torch.exp(-ls) * math.sqrt(0.5)
    a = r.abs().float()
    # erfc keeps the tail's precision in float32
    p = 0.5 * (torch.erfc((a - 0.5) * scale) - torch.erfc((a + 0.5) * scale))
    return -torch.log2(p.clamp(min=FLOOR))


def threshold_table(distortion: float = ROUNDING, magnitudes: int = 15) -> torch.Tensor:
    """(64, magnitudes): |v| from which magnitude m costs less than m - 1 in bits + distortion * error^2.

    Ideal Gaussian bits; the codec computes the same from the model's integer tables.
    """
    index = torch.arange(MAX_INDEX + 1).double()[:, None]
    m = torch.arange(magnitudes + 1).double()[None]
    scale = torch.exp(-(LOG_MIN + LOG_STEP * index)) * math.sqrt(0.5)
    p = 0.5 * (torch.erfc((m - 0.5) * scale) - torch.erfc((m + 0.5) * scale))
    bits = -torch.log2(p.clamp(min=2.0 ** -20))
    more = (bits[:, 1:] - bits[:, :-1]).clamp(min=0)
    t = m[:, 1:] - 0.5 + more / (2 * distortion)
    return torch.cummax(t, 1).values.float()


def chroma_weights() -> torch.Tensor:
    return torch.tensor([copying.chroma_weight(qp) for qp in range(MAX_QP + 1)])


_tables: dict[tuple[str, Callable], torch.Tensor] = {}


def on(device: torch.device, table: Callable[[], torch.Tensor]) -> torch.Tensor:
    """What `table` gives, computed once for each device."""
    key = str(device), table
    if key not in _tables:
        _tables[key] = table().to(device)
    return _tables[key]


class RdRound(torch.autograd.Function):
    """The plain form of `rd_round`: magnitude by the thresholds of the symbol's sigma index."""

    @staticmethod
    def forward(ctx, v, index, skip_below):
        t = on(v.device, threshold_table)
        i, a = index.long(), v.abs()
        # |v| cannot pass a threshold far above its own rounding: two candidates below, one above
        low = (torch.floor(a + 0.5) - 1).clamp(0, 14)
        m = low
        for step in (0, 1):
            at = (low + step).clamp(max=14)
            m = torch.where(a >= t[i, at.long()], at + 1, m)
        m = torch.where(a >= 15, torch.round(a), m)
        m = torch.where(index < skip_below, torch.zeros_like(m), m)
        return torch.sign(v) * m

    @staticmethod
    def backward(ctx, g):
        return g, None, None


def rd_round(v: torch.Tensor, index: torch.Tensor, skip_below: int) -> torch.Tensor:
    """Symbols of v, (N, C, h, w), as the encoder rounds them for sigma indices of that shape; the gradient passes as it is."""
    if v.numel() % kernels.LANES == 0 and kernels.usable(v):
        return kernels.RdRound.apply(v, index.detach(), on(v.device, threshold_table), skip_below)
    return RdRound.apply(v, index.detach(), skip_below)


def chroma_weight(qp: torch.Tensor) -> torch.Tensor:
    """zvc69.codec.copying.chroma_weight of each QP, whole numbers."""
    return on(qp.device, chroma_weights)[qp]


def lagrangian(out, picture: torch.Tensor, qp: torch.Tensor):
    """Weighted J per sample, bits per pixel, MSE of luma and of chroma in 8-bit levels squared.

    J = bits + 7.5 / step^2 * (MSE_Y + w (MSE_U + MSE_V) / 4) per luma pixel, w a chroma sample's weight; J's keeps the low rates
    from drowning in the high ones' gradient.
    """
    e = (out.picture - picture) ** 2
    luma, chroma = e[:, :64].mean((1, 2, 3)), e[:, 64:].mean((1, 2, 3))
    bpp = (out.y_bits + out.z_bits) / (picture.shape[2] * picture.shape[3] * 64)
    j = bpp + DISTORTION / step_size(qp) ** 2 * (luma + chroma_weight(qp) * chroma / 2)
    return j * torch.exp(0.052 * (qp.float() - 30)), bpp, luma, chroma
