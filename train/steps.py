"""What one step of a phase trains on: intra crops, or a sequence in one of the coding structures."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .config import MAX_QP, SKIP_BELOW
from .data import Crops
from .network import Network, Rate
from .rate import lagrangian


@dataclass(frozen=True)
class Phase:
    """What a stretch of training does. Names as in docs/TRAINING.md."""

    name: str
    crop: int = 192
    batch: int = 16
    frames: int = 1              # of a sequence; more than one: with P and B frames
    rollout: int = 0             # up to so many frames of a sequence of P frames are coded before it begins, without gradients
    between: float = 0.0         # share of the sequences with B frames
    intra_every: int = 0         # each n-th step is one of 16 intra crops, of stills too; 0 = none
    through_time: bool = False   # gradients reach the frames that a frame refers to
    rate: float = 4e-4           # Adam's step at the top of the schedule
    qps: tuple[int, int] = (0, MAX_QP)    # of most samples: what such frames have in videos of usual quality
    bits: Rate = "noise"         # how bits are counted: see Network.forward
    intra_bits: Rate | None = None    # the same in steps of intra crops, if another
    rd: bool = False             # the encoder's own rounding and skip rule
    half: bool = True            # bf16
    exact: bool = False          # sigma network in float32, so that it is the integer network
    skip_below: int = 0
    checkpointed: bool = False   # activations of a frame are computed again for its gradients: less memory, a third more time


PHASES = {p.name: p for p in (
    Phase("U0"),
    Phase("U1", batch=8, frames=4, rate=3e-4),
    Phase("U2", crop=224, batch=4, frames=5, rate=3e-4, intra_every=4, through_time=True),
    Phase("U3", crop=224, batch=4, frames=5, rate=3e-4, between=0.35, intra_every=4, through_time=True),
    Phase("U3R", crop=192, batch=4, frames=4, rollout=9, rate=3e-4, between=0.3, intra_every=3, through_time=True,
          rd=True, skip_below=SKIP_BELOW, intra_bits="mixed", qps=(12, MAX_QP)),
    Phase("U3L", crop=224, batch=2, frames=13, rate=1.5e-4, between=0.35, intra_every=8, through_time=True, checkpointed=True),
    Phase("UI", bits="mixed", rd=True, skip_below=SKIP_BELOW, qps=(0, 48)),
    Phase("U4", rate=1.2e-4, bits="mixed", rd=True, exact=True, skip_below=SKIP_BELOW),
    # no gradients through time here: with "mixed" bits their norm rose a hundredfold within half an hour, and BD-rate got worse
    Phase("U5", crop=224, batch=4, frames=5, rate=1.2e-4, between=0.35, intra_every=4, bits="mixed", rd=True, exact=True, skip_below=SKIP_BELOW),
)}
INTRA_CROPS = 16
INTRA_SIZE = 192
LEVELS = 3            # of B frames at most
LONG_SHARE = 0.7      # of the sequences with B frames that have as many levels
ANY_QP_SHARE = 0.15   # of the samples of a phase with QPs of its own that may have any other


class Steps:
    """The data of a phase, and its gradients step by step."""

    def __init__(self, phase: Phase, folders: list[Path], seed: int, intra: Network | None = None, device: torch.device | str = "cpu"):
        """intra: codes the keyframes, which are then not learned; on `device`, as is the network that learns."""
        self._intra_network, self._device = intra, device
        self._phase, self._rng, self._generator = phase, np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self._how = dict(rate=phase.bits, rd=phase.rd, skip_below=phase.skip_below, half=phase.half, half_sigma=not phase.exact)
        self._crops = self._clips = None
        if phase.frames > 1:
            from .clips import Clips
            self._clips = Clips(folders, phase.crop, phase.frames + phase.rollout, seed, device)
        if phase.frames == 1 or phase.intra_every and intra is None:
            self._crops = Crops(folders, phase.crop if phase.frames == 1 else min(phase.crop, INTRA_SIZE), seed, device=device)

    def gradients(self, network: Network, step: int) -> tuple[torch.Tensor, int]:
        """Adds the step's gradients; returns mean J, bits per pixel and luma MSE, and the number of frames."""
        phase, every = self._phase, self._phase.intra_every
        if self._clips is None:
            return self._intra(network, phase.batch)
        if every and self._intra_network is None and step % every == every - 1:
            return self._intra(network, min(4 * phase.batch, INTRA_CROPS))
        from .structure import low_delay, random_access
        from .temporal import sequence_step  # needs the motion search, which stills do without
        between = self._rng.random() < phase.between
        rollout = 0 if between else int(self._rng.integers(phase.rollout + 1))
        structure = random_access(self._levels(), self._rng) if between else low_delay(phase.frames + rollout, self._rng)
        pictures = self._clips.batch(phase.batch, 1 + max(coding.t for coding in structure))
        stats = sequence_step(network, pictures, structure, self._qp(phase.batch), self._generator,
                              through_time=phase.through_time, checkpointed=phase.checkpointed, rollout=rollout,
                              intra=self._intra_network, parts=1 if torch.device(self._device).type == "cpu" else 2, **self._how)
        return stats, phase.batch * (len(structure) - rollout)

    def _levels(self) -> int:
        """Of a sequence with B frames: runs of 7 where they fit, some of 3."""
        most = max(1, int(np.log2(self._phase.frames + self._phase.rollout - 1)))
        return min(most, LEVELS) if self._rng.random() < LONG_SHARE else min(most, LEVELS - 1)

    def _intra(self, network: Network, n: int) -> tuple[torch.Tensor, int]:
        batch, qp = self._crops.batch(n).contiguous(memory_format=torch.channels_last), self._qp(n)
        out = network(batch, qp, **self._how | dict(rate=self._phase.intra_bits or self._phase.bits))
        j, bpp, luma, _ = lagrangian(out, batch, qp)
        j.mean().backward()
        return torch.stack([j.mean(), bpp.mean(), luma.mean()]).detach(), n

    def _qp(self, n: int) -> torch.Tensor:
        low, high = self._phase.qps
        usual, every = (torch.randint(first, last + 1, (n,), generator=self._generator) for first, last in ((low, high), (0, MAX_QP)))
        return torch.where(torch.rand(n, generator=self._generator) < ANY_QP_SHARE, every, usual).to(self._device)
