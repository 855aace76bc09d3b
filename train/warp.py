"""Motion compensation in PyTorch: the float form of zvc69.core.warp, with gradients to the reference picture."""
from __future__ import annotations

import torch

from . import kernels
from .layers import pack, unpack

QUARTERS_PER_BLOCK = 32      # quarter-pels in an 8x8 block's side


SHARP, OVERLAP = 1, 2        # bits of a mode, how one picture is compensated; 0: cubic filter, each block on its own
SHARES = {8: (6 / 16, 2 / 16), 4: (4 / 16,)}     # of a neighbour's prediction, from its side of the block on, by the block's size

_SHARP_TAPS = torch.tensor([[0, 0, 0, 64, 0, 0, 0, 0], [-1, 4, -10, 58, 17, -5, 1, 0], [-1, 4, -11, 40, 40, -11, 4, -1], [0, 1, -5, 17, 58, -10, 4, -1]]) / 64


def cubic_taps(t: torch.Tensor) -> list[torch.Tensor]:
    """Catmull-Rom weights of the samples at -1, 0, 1, 2 for fractions t in [0, 1)."""
    t2, t3 = t * t, t * t * t
    return [-0.5 * t + t2 - 0.5 * t3, 1 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3]


def sharp_taps(t: torch.Tensor) -> list[torch.Tensor]:
    """Weights of the samples at -3 to 4 for quarters t: the luma filters of ITU-T H.265, 8.5.3.3.3."""
    return list(_SHARP_TAPS[(t * 4).long()].unbind(-1))


def warp_plane(plane: torch.Tensor, field: torch.Tensor, block: int, denominator: int, taps=cubic_taps) -> torch.Tensor:
    """(N, 1, H, W) by vectors (N, 2, H/block, W/block), dx then dy in 1/denominator samples; edges are replicated."""
    n, _, height, width = plane.shape
    v = field.float().repeat_interleave(block, 2).repeat_interleave(block, 3)[:, :, :height, :width] / denominator
    x = v[:, 0] + torch.arange(width)
    y = v[:, 1] + torch.arange(height)[:, None]
    x0, y0 = x.floor(), y.floor()
    wx, wy = taps(x - x0), taps(y - y0)
    flat, out, before = plane.flatten(1), 0, len(wx) // 2 - 1
    columns = [(x0.long() + k - before).clamp(0, width - 1) for k in range(len(wx))]
    for k in range(len(wy)):
        row = (y0.long() + k - before).clamp(0, height - 1) * width
        line = sum(flat.gather(1, (row + c).flatten(1)).view(n, height, width) * w for c, w in zip(columns, wx))
        out = out + line * wy[k]
    return out[:, None]


def overlapped_plane(plane: torch.Tensor, field: torch.Tensor, block: int, denominator: int, taps=cubic_taps) -> torch.Tensor:
    """As `warp_plane`, near the sides of each block mixed with what the vector of the block beyond predicts. In corners both
    neighbours' shares are added here; the codec mixes one side after the other."""
    own = warp_plane(plane, field, block, denominator, taps)
    out, shares = own, torch.zeros(block)
    shares[:len(SHARES[block])] = torch.tensor(SHARES[block])
    for axis in (2, 3):
        size = field.shape[axis]
        for step in (-1, 1):
            beyond = field.index_select(axis, (torch.arange(size) + step).clamp(0, size - 1))
            share = (shares if step < 0 else shares.flip(0)).repeat(size)[:plane.shape[axis]]
            out = out + (share[:, None] if axis == 2 else share) * (warp_plane(plane, beyond, block, denominator, taps) - own)
    return out


def warp_packed(picture: torch.Tensor, field: torch.Tensor, modes: torch.Tensor | None = None) -> torch.Tensor:
    """Packed picture (N, 96, h, w) compensated by one quarter-pel vector (N, 2, h, w) per 8x8 block. modes (N,) uint8: bits SHARP, OVERLAP."""
    modes = torch.zeros(len(picture), dtype=torch.uint8) if modes is None else modes
    if kernels.usable(picture):
        return kernels.Warp.apply(picture, field, modes)
    return torch.cat([warp_planes(p[None], f[None], m) for p, f, m in zip(picture, field, modes.tolist())])


def warp_planes(picture: torch.Tensor, field: torch.Tensor, mode: int = 0) -> torch.Tensor:
    """The plain form of `warp_packed`, one mode for all."""
    y, u, v = unpack(picture)
    warp = overlapped_plane if mode & OVERLAP else warp_plane
    return pack(warp(y, field, 8, 4, sharp_taps if mode & SHARP else cubic_taps), warp(u, field, 4, 8), warp(v, field, 4, 8))


def best_modes(current: torch.Tensor, reference: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """(N,) uint8: the mode of each picture that predicts the luma of `current` best, by squared error; the encoder goes by the absolute one."""
    errors = []
    for mode in range(4):
        predicted = warp_packed(reference.detach(), field, torch.full((len(field),), mode, dtype=torch.uint8))
        errors.append((predicted - current)[:, :64].square().mean((1, 2, 3)))
    return torch.stack(errors).argmin(0).to(torch.uint8)


def fetch_state(state: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """State codes (N, C, h, w) at the block that each vector, rounded to whole blocks, points to; edges are replicated."""
    n, c, h, w = state.shape
    shift = torch.floor(field.float() / QUARTERS_PER_BLOCK + 0.5).long()
    i = (torch.arange(h)[:, None] + shift[:, 1]).clamp(0, h - 1)
    j = (torch.arange(w) + shift[:, 0]).clamp(0, w - 1)
    at = (i * w + j).flatten(1)[:, None].expand(n, c, h * w)
    return state.flatten(2).gather(2, at).view(n, c, h, w)
