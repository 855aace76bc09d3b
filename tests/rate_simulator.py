"""Frames that take bits by a law, so that thousands of them can be put through rate control in a second."""
from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from zvc69.bitstream import FrameType
from zvc69.codec.gop import GopPlanner
from zvc69.codec.ratecontrol import Clip, Complexity, FrameStatistics, PlannedFrame, RateController, Statistics, first_pass, rate_controller
from zvc69.config import EncoderConfig

FPS, PIXELS = Fraction(30), 352 * 288
REFINING = 0.04
"""log2 of the bits that a P frame takes more for each QP that its reference is coarser."""


@dataclass(frozen=True)
class Scene:
    """frames; complexity of prediction and of a frame alone; log2 of the bits a pixel at QP 0 of P and I frames, and slopes, as
    measured on clips of the training set; sigma of a slow random walk of the bits, in log2; every so many frames one that predicts badly."""

    frames: int
    inter: float
    intra: float
    p: tuple[float, float]
    i: tuple[float, float]
    walk: float = 0.5
    jumps: int = 0


STILL = (0.15, 6.7, (0.4, 0.19), (1.1, 0.08))
MOVING = (2.2, 6.8, (2.1, 0.125), (1.9, 0.08))
NOISY = (7.0, 10.0, (2.0, 0.09), (2.3, 0.07))


@dataclass(frozen=True)
class Frame:
    """A frame's complexity, whether it begins a scene, and log2 of its bits a pixel at QP 0 with its slope, as I frame and as P frame."""

    complexity: Complexity
    cut: bool
    alone: tuple[float, float]
    predicted: tuple[float, float]

    def bits(self, type: FrameType, qp: int, reference_qp: int) -> int:
        level, slope = self.alone if type == FrameType.I else self.predicted
        refining = 0.0 if type == FrameType.I else REFINING * (reference_qp - qp)
        return 80 + int(PIXELS * 2 ** (level - slope * qp + refining))


def frames_of(scenes: Iterable[Scene], seed: int = 0) -> Iterator[Frame]:
    rng, keep, away = random.Random(seed), math.exp(-1 / 15), 0.0
    for scene in scenes:
        for n in range(scene.frames):
            away = keep * away + math.sqrt(1 - keep * keep) * rng.gauss(0, scene.walk)
            jump = scene.jumps and n and n % scene.jumps == 0
            now = away + rng.gauss(0, 0.06) + (1.5 if jump else 0.0)
            inter = scene.inter * 2 ** (0.7 * away + rng.gauss(0, 0.3)) * (12 if jump else 1)
            complexity = Complexity(scene.intra if n == 0 else inter, scene.intra)
            yield Frame(complexity, n == 0, scene.i, (scene.p[0] + now, scene.p[1]))


@dataclass(frozen=True)
class Coded:
    """What became of a frame; `offset` is that of its plan, `filler` is counted in `bits`."""

    type: FrameType
    qp: int
    bits: int
    tries: int
    offset: int
    filler: int


def simulate(scenes: Iterable[Scene], *, gop: int = 60, b_frames: int = 0, seed: int = 0, passes: int = 1, **options) -> list[Coded]:
    """The frames of some scenes, in coding order, under the rate control that `options` of the encoder ask for."""
    frames, config = list(frames_of(scenes, seed)), EncoderConfig(**options).resolved()
    if passes == 1:
        return _run(frames, gop, b_frames, rate_controller(config, 32, PIXELS, FPS))[0]
    statistics = _run(frames, gop, b_frames, rate_controller(first_pass(config), 32, PIXELS, FPS))[1]
    return _run(frames, gop, b_frames, rate_controller(config, 32, PIXELS, FPS, statistics))[0]


def _run(frames: list[Frame], gop: int, b_frames: int, control: RateController) -> tuple[list[Coded], Statistics]:
    planner, out, found = GopPlanner(gop, b_frames), [], []
    plans = [plan for n, frame in enumerate(frames) for plan in planner.push(n, keyframe=frame.cut)] + planner.flush()
    reference_qp = 32
    for plan in plans:
        frame = frames[plan.number]
        qp: int | None = control.begin(PlannedFrame(plan.number, plan.type, plan.layer, plan.offset, frame.complexity, plan.to_key, frame.cut))
        tried = {}
        while qp is not None:
            tried[qp] = frame.bits(plan.type, qp, reference_qp)
            qp = control.judge(tried[qp])
        bits = tried[control.chosen]
        filler = max(control.least - bits, 0)
        control.finish(bits, filler)
        out.append(Coded(plan.type, control.chosen, bits + filler, len(tried), plan.offset, filler))
        found.append(FrameStatistics(plan.number, plan.type, plan.layer, plan.offset, control.chosen, bits, frame.complexity.inter,
                                     frame.complexity.intra, 0))
        if plan.stored:
            reference_qp = control.chosen
    return out, Statistics(Clip(352, 288, 8, "30", "", {}), tuple(found))


def worst_window(bits: list[int], kbps: float, *, seconds: int = 10, after: int = 2) -> float:
    """Largest share by which any 10 seconds after the first 2 are off the bitrate."""
    length, begin = int(seconds * FPS), int(after * FPS)
    target = 1000 * kbps * seconds
    return max(abs(sum(bits[n:n + length]) / target - 1) for n in range(begin, len(bits) - length + 1))
