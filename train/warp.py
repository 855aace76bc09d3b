"""Motion compensation in PyTorch: the float form of zvc69.core.warp, with gradients to the reference picture."""
from __future__ import annotations

import torch

from . import kernels
from .layers import pack, unpack

QUARTERS_PER_BLOCK = 32      # quarter-pels in an 8x8 block's side


def cubic_taps(t: torch.Tensor) -> list[torch.Tensor]:
    """Catmull-Rom weights of the samples at -1, 0, 1, 2 for fractions t in [0, 1)."""
    t2, t3 = t * t, t * t * t
    return [-0.5 * t + t2 - 0.5 * t3, 1 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3]


def warp_plane(plane: torch.Tensor, field: torch.Tensor, block: int, denominator: int) -> torch.Tensor:
    """(N, 1, H, W) by vectors (N, 2, H/block, W/block), dx then dy in 1/denominator samples; edges are replicated."""
    n, _, height, width = plane.shape
    v = field.float().repeat_interleave(block, 2).repeat_interleave(block, 3)[:, :, :height, :width] / denominator
    x = v[:, 0] + torch.arange(width)
    y = v[:, 1] + torch.arange(height)[:, None]
    x0, y0 = x.floor(), y.floor()
    wx, wy = cubic_taps(x - x0), cubic_taps(y - y0)
    flat, out = plane.flatten(1), 0
    columns = [(x0.long() + k).clamp(0, width - 1) for k in range(-1, 3)]
    for k in range(4):
        row = (y0.long() + k - 1).clamp(0, height - 1) * width
        line = sum(flat.gather(1, (row + c).flatten(1)).view(n, height, width) * w for c, w in zip(columns, wx))
        out = out + line * wy[k]
    return out[:, None]


def warp_packed(picture: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """Packed picture (N, 96, h, w) compensated by one quarter-pel vector (N, 2, h, w) per 8x8 block."""
    if kernels.usable(picture):
        return kernels.Warp.apply(picture, field)
    return warp_planes(picture, field)


def warp_planes(picture: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """The plain form of `warp_packed`."""
    y, u, v = unpack(picture)
    return pack(warp_plane(y, field, 8, 4), warp_plane(u, field, 4, 8), warp_plane(v, field, 4, 8))


def fetch_state(state: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """State codes (N, C, h, w) at the block that each vector, rounded to whole blocks, points to; edges are replicated."""
    n, c, h, w = state.shape
    shift = torch.floor(field.float() / QUARTERS_PER_BLOCK + 0.5).long()
    i = (torch.arange(h)[:, None] + shift[:, 1]).clamp(0, h - 1)
    j = (torch.arange(w) + shift[:, 0]).clamp(0, w - 1)
    at = (i * w + j).flatten(1)[:, None].expand(n, c, h * w)
    return state.flatten(2).gather(2, at).view(n, c, h, w)
