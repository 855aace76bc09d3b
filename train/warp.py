"""Motion compensation in PyTorch: the float form of zvc69.core.warp, with gradients to the reference picture."""
from __future__ import annotations

from collections.abc import Callable

import torch

from . import kernels
from .kernels import cuda
from .layers import pack, unpack
from .warp_blocks import OVERLAP, SHARES, SHARP, cubic_taps, luma_errors, sharp_taps, warp_all

QUARTERS_PER_BLOCK = 32      # quarter-pels in an 8x8 block's side


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
    modes = torch.zeros(len(picture), dtype=torch.uint8, device=picture.device) if modes is None else modes
    compiled = _compiled(picture)
    return compiled(picture, field, modes) if compiled else warp_all(picture, field, modes)


def _compiled(picture: torch.Tensor) -> Callable | None:
    if kernels.usable(picture):
        return kernels.Warp.apply
    return cuda.Warp.apply if cuda.usable(picture) else None


def warp_planes(picture: torch.Tensor, field: torch.Tensor, mode: int = 0) -> torch.Tensor:
    """The plain form of `warp_packed`, one mode for all."""
    y, u, v = unpack(picture)
    warp = overlapped_plane if mode & OVERLAP else warp_plane
    return pack(warp(y, field, 8, 4, sharp_taps if mode & SHARP else cubic_taps), warp(u, field, 4, 8), warp(v, field, 4, 8))


def best_modes(current: torch.Tensor, reference: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """(N,) uint8: the mode of each picture that predicts the luma of `current` best, by squared error; the encoder goes by the absolute one."""
    reference = reference.detach()
    if compiled := _compiled(reference):
        warped = (compiled(reference, field, torch.full((len(field),), mode, dtype=torch.uint8, device=field.device)) for mode in range(4))
        errors = torch.stack([(predicted - current)[:, :64].square().mean((1, 2, 3)) for predicted in warped])
    else:
        errors = luma_errors(current, reference, field)
    return errors.argmin(0).to(torch.uint8)


def fetch_state(state: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """State codes (N, C, h, w) at the block that each vector, rounded to whole blocks, points to; edges are replicated."""
    n, c, h, w = state.shape
    shift = torch.floor(field.float() / QUARTERS_PER_BLOCK + 0.5).long()
    i = (torch.arange(h, device=state.device)[:, None] + shift[:, 1]).clamp(0, h - 1)
    j = (torch.arange(w, device=state.device) + shift[:, 0]).clamp(0, w - 1)
    at = (i * w + j).flatten(1)[:, None].expand(n, c, h * w)
    return state.flatten(2).gather(2, at).view(n, c, h, w)
