"""One training step over a short sequence: every frame on the reconstructions of the frames before it in coding order."""
from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from zvc69.codec.copying import COPY_BITS, FIRST_BIT_COST

from . import checkpoint_training
from .config import DISTORTION, LEVELS, MAX_QP, SKIP_BELOW
from .integer import RoundSTE
from .layers import step_size
from .network import Network, Output
from .rate import chroma_weight, lagrangian
from .search import Search
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


def code_sequence(network: Network, pictures: torch.Tensor, structure: list[Coding], base_qp: torch.Tensor, generator: torch.Generator,
                  through_time: bool = False, checkpointed: bool = False, rollout: int = 0, chances: Chances = Chances(), intra: Network | None = None,
                  **how) -> Iterator[tuple[Coding, torch.Tensor, torch.Tensor, Output]]:
    """Codes the frames of `pictures` (N, T, 96, h, w) in the order of `structure`; gives each one's plan, picture, QP and output.

    through_time: gradients reach the frames that a frame refers to. checkpointed: activations are computed again for gradients
    instead of kept. rollout: so many frames are coded first without gradients, and not given: what is learned after them is to
    live with errors that have gathered. intra: codes I frames, without gradients. `how` goes to `Network.forward`.
    """
    return (frame for frame in _coded(network, pictures, structure, base_qp, generator, through_time, checkpointed, rollout, chances, intra, how) if frame)


def _coded(network: Network, pictures: torch.Tensor, structure: list[Coding], base_qp: torch.Tensor, generator: torch.Generator, through_time: bool,
           checkpointed: bool, rollout: int, chances: Chances, intra: Network | None, how: dict) -> Iterator[tuple | None]:
    """The same, and None whenever it is to wait for something that other work can be done beside."""
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
        if coding.a is None:
            frame = picture, qp
        else:
            frame = yield from _predicted(network, picture, qp, coding, done, states, thresholds, generator, chances)
        with torch.set_grad_enabled(learned and torch.is_grad_enabled()):
            run = checkpoint_training.forward if checkpointed and learned else Network.__call__
            out = run(coder, *frame, **(how if learned else ROLLOUT))
        if number >= rollout:
            yield coding, picture, qp, out
        shown = RoundSTE.apply(out.picture).clamp(0, 255)
        done[coding.t], states[coding.t] = shown if through_time else shown.detach(), out.state.detach()


def sequence_step(network: Network, pictures: torch.Tensor, structure: list[Coding], base_qp: torch.Tensor, generator: torch.Generator,
                  through_time: bool = False, checkpointed: bool = False, rollout: int = 0, intra: Network | None = None, parts: int = 1,
                  **how) -> torch.Tensor:
    """Adds the gradients of all frames, as `code_sequence` codes them; without `through_time`, each is on its own.

    parts: of the batch that are coded by turns, one while another waits for its vectors.

    Returns mean J, bits per pixel and luma MSE over the frames that `network` codes.
    """
    stats, total = (torch.zeros(shape, device=pictures.device) for shape in (3, ()))
    learned = sum(intra is None or coding.a is not None for coding in structure[rollout:])
    batches = [_coded(network, *batch, structure, base, generator, through_time, checkpointed, rollout, Chances(), intra, how)
               for *batch, base in zip(pictures.chunk(parts), base_qp.chunk(parts))]
    for frame in _by_turns(batches):
        if frame is None or intra is not None and frame[0].a is None:
            continue
        coding, picture, qp, out = frame
        j, bpp, mse, _ = lagrangian(out, picture, qp)
        share = len(picture) / (len(pictures) * learned)
        loss = j.mean() * (share * (I_WEIGHT if coding.a is None else 1.0))
        if through_time:
            total = total + loss
        else:
            loss.backward()
        stats += torch.stack([j.mean(), bpp.mean(), mse.mean()]).detach() * share
    if through_time:
        total.backward()
    return stats


def _by_turns(iterators: list[Iterator]) -> Iterator:
    waiting = deque(iterators)
    while waiting:
        iterator = waiting.popleft()
        with suppress(StopIteration):
            yield next(iterator)
            waiting.append(iterator)


def _predicted(network: Network, picture: torch.Tensor, qp: torch.Tensor, coding: Coding, done, states, thresholds, generator,
               chances: Chances) -> Generator[None, None, tuple]:
    """A predicted frame as `Network.forward` takes it."""
    def chance() -> float:
        return float(torch.rand((), generator=generator))

    unwarped = chance() < chances.unwarped
    references = [done[t] for t in (coding.a, coding.b) if t is not None]
    if unwarped:
        slots, field = references, torch.zeros(picture.shape[0], 2, *picture.shape[2:], device=picture.device)
    else:
        searches = [Search(picture, reference, qp) for reference in references]
        yield None
        for search in searches:
            search.begin()
        yield None
        vectors = [search.fields() for search in searches]
        slots, field = [warp_packed(r, v, best_modes(picture, r, v)) for r, v in zip(references, vectors)], vectors[0]
    slot_a, slot_b = slots[0], slots[-1]
    blend = 0.5 if coding.between else 0.0
    state = None if chance() < chances.reset else fetch_state(states[coding.a], field)
    with torch.no_grad():
        base = torch.lerp(slot_a, slot_b, blend)
        copy = copy_map((network.transform(picture) - network.transform(base)) * LEVELS, qp, thresholds)
    return picture, qp, slot_a, slot_b, state, copy, blend
