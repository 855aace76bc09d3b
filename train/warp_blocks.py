"""`warp.warp_packed` for devices without compiled kernels: every block's samples gathered at once, then matrix products."""
from __future__ import annotations

from functools import cache

import torch

from .layers import unpack

TAPS = 8             # of the sharp filter; the cubic one has 4 in the middle
SHARP, OVERLAP = 1, 2        # bits of a mode, how one picture is compensated; 0: cubic filter, each block on its own
SHARES = {8: (6 / 16, 2 / 16), 4: (4 / 16,)}     # of a neighbour's prediction, from its side of the block on, by the block's size

_SHARP_TAPS = torch.tensor([[0, 0, 0, 64, 0, 0, 0, 0], [-1, 4, -10, 58, 17, -5, 1, 0], [-1, 4, -11, 40, 40, -11, 4, -1], [0, 1, -5, 17, 58, -10, 4, -1]]) / 64


def cubic_taps(t: torch.Tensor) -> list[torch.Tensor]:
    """Catmull-Rom weights of the samples at -1, 0, 1, 2 for fractions t in [0, 1)."""
    t2, t3 = t * t, t * t * t
    return [-0.5 * t + t2 - 0.5 * t3, 1 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3]


def sharp_taps(t: torch.Tensor) -> list[torch.Tensor]:
    """Weights of the samples at -3 to 4 for quarters t: the luma filters of ITU-T H.265, 8.5.3.3.3."""
    return list(_sharp_table(t.device)[(t * 4).long()].unbind(-1))


def band_matrices(fractions: torch.Tensor, sharp: torch.Tensor, block: int) -> torch.Tensor:
    """(N, h, w) fractions of a sample, (N,) bool -> (N h w, block, block + 7): what makes a block's samples out of those around."""
    cubic = torch.stack(cubic_taps(fractions), -1)
    cubic = torch.nn.functional.pad(cubic, (2, 2))
    taps = torch.where(sharp[:, None, None, None], torch.stack(sharp_taps(fractions), -1), cubic) if block == 8 else cubic
    return (taps.view(-1, TAPS) @ _places(taps.device, block)).view(-1, block, block + TAPS - 1)


@cache
def _places(device: torch.device, block: int) -> torch.Tensor:
    """Where each tap stands in a block's matrix."""
    place = torch.zeros(TAPS, block, block + TAPS - 1)
    for i in range(block):
        place[torch.arange(TAPS), i, i + torch.arange(TAPS)] = 1
    return place.view(TAPS, -1).to(device)


@cache
def _shares(device: torch.device, block: int) -> torch.Tensor:
    """(block,) of the neighbour above or at the left."""
    return torch.tensor([*SHARES[block], *(block - len(SHARES[block])) * (0.0,)], device=device)


@cache
def _sharp_table(device: torch.device) -> torch.Tensor:
    return _SHARP_TAPS.to(device)


def warp_blocks(plane: torch.Tensor, field: torch.Tensor, block: int, sharp: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) by (N, 2, H/block, W/block) quarter luma samples, each block on its own: (N, block * block, H/block, W/block). sharp: (N,) bool."""
    n, _, height, width = plane.shape
    h, w = height // block, width // block
    v = field.float() * (block / 32)                 # in samples: 8 is luma's block, 4 chroma's
    whole = v.floor()
    fraction = v - whole
    reach = torch.arange(block + TAPS - 1, device=plane.device) - (TAPS // 2 - 1)
    x, y = (whole[:, axis].long() + block * at for axis, at in ((0, torch.arange(w, device=plane.device)), (1, torch.arange(h, device=plane.device)[:, None])))
    rows = (y[..., None] + reach).clamp(0, height - 1)
    columns = (x[..., None] + reach).clamp(0, width - 1)
    at = rows[..., :, None] * width + columns[..., None, :]
    around = plane.flatten(1).gather(1, at.flatten(1)).view(-1, block + TAPS - 1, block + TAPS - 1)
    across, down = (band_matrices(fraction[:, axis], sharp, block) for axis in (0, 1))
    out = torch.bmm(torch.bmm(down, around), across.transpose(1, 2))
    return out.view(n, h, w, block * block).permute(0, 3, 1, 2)


def overlapped_blocks(plane: torch.Tensor, field: torch.Tensor, block: int, sharp: torch.Tensor, overlap: torch.Tensor) -> torch.Tensor:
    """The same; where `overlap` (N,) bool, mixed as `warp.overlapped_plane` does."""
    own = out = warp_blocks(plane, field, block, sharp)
    shares = _shares(plane.device, block)
    for axis in (2, 3):
        size = field.shape[axis]
        for step in (-1, 1):
            beyond = field.index_select(axis, (torch.arange(size, device=plane.device) + step).clamp(0, size - 1))
            line = shares if step < 0 else shares.flip(0)
            share = (line[:, None] if axis == 2 else line).expand(block, block).reshape(1, -1, 1, 1) * overlap[:, None, None, None]
            out = out + share * (warp_blocks(plane, beyond, block, sharp) - own)
    return out


def warp_all(picture: torch.Tensor, field: torch.Tensor, modes: torch.Tensor) -> torch.Tensor:
    """As `warp.warp_packed`."""
    sharp, overlap = (modes & SHARP) > 0, (modes & OVERLAP) > 0
    return torch.cat([overlapped_blocks(plane, field, block, sharp, overlap) for plane, block in zip(unpack(picture), (8, 4, 4))], 1)


def luma_errors(current: torch.Tensor, reference: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """(4, N): mean squared error of luma by each mode."""
    plane, wanted, n = unpack(reference)[0], current[:, :64], len(field)
    errors = []
    for mode in range(4):
        sharp, overlap = (torch.full((n,), bool(mode & bit), device=plane.device) for bit in (SHARP, OVERLAP))
        predicted = overlapped_blocks(plane, field, 8, sharp, overlap) if mode & OVERLAP else warp_blocks(plane, field, 8, sharp)
        errors.append((predicted - wanted).square().mean((1, 2, 3)))
    return torch.stack(errors)
