"""One training step over a sequence: an I frame, then P frames on their own reconstructions."""
from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from zvc69.codec.copying import CHROMA_WEIGHT, FIRST_BIT_COST

from .config import DISTORTION, LEVELS, MAX_QP
from .layers import step_size
from .network import Network
from .rate import lagrangian
from .warp import fetch_state, warp_packed

if TYPE_CHECKING:
    from .clips import Sequence

I_WEIGHT = 0.5               # I frames cost most of the bits of a short chain; P frames are what is learned here
I_OFFSET = -5
OFFSETS = (-4, 2, 0, 2)      # hierarchical QP, by frame number modulo 4
COPY_SHARE = 0.6             # of the crops have copy blocks
COPY_BITS = (1.0, 12.0)      # a block is copied if coding it gains less than a threshold drawn from here
RESET_SHARE = 0.1            # of the P frames start from the blank sigma state


def frame_qp(base: torch.Tensor, t: int) -> torch.Tensor:
    """QP of frame t of a GOP at base QP (N,)."""
    return (base + (OFFSETS[t % 4] if t else I_OFFSET)).clamp(0, MAX_QP)


def copy_map(difference: torch.Tensor, qp: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """(N, 1, h/4, w/4) bool: 32x32 blocks where coding gains less than `bits` (N,), as zvc69.codec.copying judges it.

    difference: DCT of picture - prediction, (N, 96, h, w) in 8-bit levels.
    """
    weight = torch.ones(96, 1, 1)
    weight[64:] = CHROMA_WEIGHT ** 0.5
    c = difference.abs() * weight / step_size(qp)[:, None, None, None]
    gain = (DISTORTION * c * c - (FIRST_BIT_COST + DISTORTION / 12) - 2 * torch.log2(1 + c)).clamp(min=0)
    return F.avg_pool2d(gain.sum(1, keepdim=True), 4) * 16 < bits[:, None, None, None]


def sequence_step(network: Network, sequence: Sequence, base_qp: torch.Tensor, generator: torch.Generator, **how) -> torch.Tensor:
    """Adds the gradients of all frames, each on the detached reconstruction before it; `how` goes to `Network.forward`.

    Returns mean J, bits per pixel and luma MSE over the frames.
    """
    n, frames = sequence.pictures.shape[:2]
    thresholds = torch.empty(n).uniform_(*COPY_BITS, generator=generator) * (torch.rand(n, generator=generator) < COPY_SHARE)
    stats = torch.zeros(3)
    picture = reconstruction = state = None
    for t in range(frames):
        picture = sequence.pictures[:, t].contiguous(memory_format=torch.channels_last)
        qp = frame_qp(base_qp, t)
        if t == 0:
            out = network(picture, qp, **how)
        else:
            field = sequence.fields[:, t]
            slot = warp_packed(reconstruction, field)
            older = slot if torch.rand((), generator=generator) < 0.5 else reconstruction
            reset = torch.rand((), generator=generator) < RESET_SHARE
            fetched = None if reset else fetch_state(state, field)
            copy = copy_map(network.transform(picture) * LEVELS - network.transform(slot) * LEVELS, qp, thresholds)
            out = network(picture, qp, slot, older, fetched, copy, **how)
        j, bpp, luma, _ = lagrangian(out, picture, qp)
        (j.mean() * (I_WEIGHT if t == 0 else 1.0) / frames).backward()
        stats += torch.stack([j.mean(), bpp.mean(), luma.mean()]).detach() / frames
        reconstruction, state = out.picture.detach().round().clamp(0, 255), out.state.detach()
    return stats
