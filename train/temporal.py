"""One training step over a short sequence: every frame on the reconstructions of the frames before it in coding order."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from zvc69.codec.copying import COPY_BITS, FIRST_BIT_COST
from zvc69.core import motion

from . import checkpoint_training
from .config import DISTORTION, LEVELS, MAX_QP, SKIP_BELOW
from .integer import RoundSTE
from .layers import step_size
from .network import Network, Output
from .rate import chroma_weight, lagrangian
from .structure import Coding
from .warp import best_modes, fetch_state, warp_packed

I_WEIGHT = 0.5               # I frames cost most of the bits of a short chain; P frames are what is learned here
ROLLOUT = dict(rate="coded", rd=True, skip_below=SKIP_BELOW, half=True, half_sigma=True)    # the encoder's own arithmetic, but for bf16


@dataclass(frozen=True)
class Chances:
    """What is drawn for a sequence and its frames."""

    copy: float = 0.6                             # share of the crops that have copy blocks
    copy_bits: tuple[float, float] = (1.0, 12.0)  # a block is copied if coding it gains less than a threshold drawn from here
    reset: float = 0.1                            # share of the frames with references that start from the blank sigma state
    unwarped: float = 0.05                        # share that has all vectors zero: the implicit mode


ENCODER = Chances(1.0, (COPY_BITS, COPY_BITS), 0.0, 0.0)       # nothing by chance


def frame_qp(base: torch.Tensor, offset: int) -> torch.Tensor:
    """QP of a frame at base QP (N,)."""
    return (base + offset).clamp(0, MAX_QP)


def copy_map(difference: torch.Tensor, qp: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """(N, 1, h/4, w/4) bool: 32x32 blocks where coding gains less than `bits` (N,), as zvc69.codec.copying judges it.

    difference: DCT of picture - prediction, (N, 96, h, w) in 8-bit levels.
    """
    weight = torch.ones(len(qp), 96, 1, 1, device=qp.device)
    weight[:, 64:] = chroma_weight(qp).sqrt()[:, None, None, None]
    c = difference.abs() * weight / step_size(qp)[:, None, None, None]
    gain = (DISTORTION * c * c - (FIRST_BIT_COST + DISTORTION / 12) - 2 * torch.log2(1 + c)).clamp(min=0)
    return F.avg_pool2d(gain.sum(1, keepdim=True), 4) * 16 < bits[:, None, None, None]


def luma(packed: torch.Tensor) -> np.ndarray:
    """(N, H, W) uint8 of packed pictures."""
    return F.pixel_shuffle(packed.detach()[:, :64], 8)[:, 0].round().clamp(0, 255).byte().cpu().numpy()


def fields(current: torch.Tensor, reference: torch.Tensor, qp: torch.Tensor) -> torch.Tensor:
    """(N, 2, h, w) quarter-pel vectors that the encoder's search finds from each picture into its reference."""
    found = _searchers().map(lambda y, r, q: motion.search(y, r, q, depth=8).vectors, luma(current), luma(reference), qp.tolist())
    return torch.from_numpy(np.stack(list(found))).to(current.device).float().permute(0, 3, 1, 2)


@cache
def _searchers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(torch.get_num_threads())


def code_sequence(network: Network, pictures: torch.Tensor, structure: list[Coding], base_qp: torch.Tensor, generator: torch.Generator,
                  through_time: bool = False, checkpointed: bool = False, rollout: int = 0, chances: Chances = Chances(), intra: Network | None = None,
                  **how) -> Iterator[tuple[Coding, torch.Tensor, torch.Tensor, Output]]:
    """Codes the frames of `pictures` (N, T, 96, h, w) in the order of `structure`; gives each one's plan, picture, QP and output.

    through_time: gradients reach the frames that a frame refers to. checkpointed: activations are computed again for gradients
    instead of kept. rollout: so many frames are coded first without gradients, and not given: what is learned after them is to
    live with errors that have gathered. intra: codes I frames, without gradients. `how` goes to `Network.forward`.
    """
    n = pictures.shape[0]
    thresholds = torch.empty(n).uniform_(*chances.copy_bits, generator=generator) * (torch.rand(n, generator=generator) < chances.copy)
    thresholds = thresholds.to(pictures.device)
    done: dict[int, torch.Tensor] = {}
    states: dict[int, torch.Tensor] = {}
    for number, coding in enumerate(structure):
        coder = network if intra is None or coding.a is not None else intra
        learned = number >= rollout and coder is network
        picture = pictures[:, coding.t].contiguous(memory_format=torch.channels_last)
        qp = frame_qp(base_qp, coding.offset)
        frame = (picture, qp) if coding.a is None else _predicted(network, picture, qp, coding, done, states, thresholds, generator, chances)
        with torch.set_grad_enabled(learned and torch.is_grad_enabled()):
            run = checkpoint_training.forward if checkpointed and learned else Network.__call__
            out = run(coder, *frame, **(how if learned else ROLLOUT))
        if number >= rollout:
            yield coding, picture, qp, out
        shown = RoundSTE.apply(out.picture).clamp(0, 255)
        done[coding.t], states[coding.t] = shown if through_time else shown.detach(), out.state.detach()


def sequence_step(network: Network, pictures: torch.Tensor, structure: list[Coding], base_qp: torch.Tensor, generator: torch.Generator,
                  through_time: bool = False, checkpointed: bool = False, rollout: int = 0, intra: Network | None = None, **how) -> torch.Tensor:
    """Adds the gradients of all frames, as `code_sequence` codes them; without `through_time`, each is on its own.

    Returns mean J, bits per pixel and luma MSE over the frames that `network` codes.
    """
    stats, total = (torch.zeros(shape, device=pictures.device) for shape in (3, ()))
    learned = sum(intra is None or coding.a is not None for coding in structure[rollout:])
    for coding, picture, qp, out in code_sequence(network, pictures, structure, base_qp, generator, through_time, checkpointed, rollout, intra=intra,
                                                  **how):
        if intra is not None and coding.a is None:
            continue
        j, bpp, mse, _ = lagrangian(out, picture, qp)
        loss = j.mean() * ((I_WEIGHT if coding.a is None else 1.0) / learned)
        if through_time:
            total = total + loss
        else:
            loss.backward()
        stats += torch.stack([j.mean(), bpp.mean(), mse.mean()]).detach() / learned
    if through_time:
        total.backward()
    return stats


def _predicted(network: Network, picture: torch.Tensor, qp: torch.Tensor, coding: Coding, done, states, thresholds, generator, chances: Chances) -> tuple:
    """A predicted frame as `Network.forward` takes it."""
    def chance() -> float:
        return float(torch.rand((), generator=generator))

    unwarped = chance() < chances.unwarped
    still = torch.zeros(picture.shape[0], 2, *picture.shape[2:], device=picture.device)

    def compensated(t: int) -> tuple[torch.Tensor, torch.Tensor]:
        if unwarped:
            return done[t], still
        field = fields(picture, done[t], qp)
        return warp_packed(done[t], field, best_modes(picture, done[t], field)), field

    slot_a, field = compensated(coding.a)
    slot_b = slot_a if coding.b is None else compensated(coding.b)[0]
    blend = 0.5 if coding.between else 0.0
    state = None if chance() < chances.reset else fetch_state(states[coding.a], field)
    with torch.no_grad():
        base = torch.lerp(slot_a, slot_b, blend)
        copy = copy_map((network.transform(picture) - network.transform(base)) * LEVELS, qp, thresholds)
    return picture, qp, slot_a, slot_b, state, copy, blend
