"""What the encoder's refinement of latents brings, and two more ways to spend time in it.

    python -m benchmarks.refinement CLIP... [--frames 9] [--qp 16,24,32,40] [--steps 1,2,4,6,10] [--json benchmarks/results/refinement.json]

Every clip is coded as a chain, a keyframe and P frames with the encoder's QP offsets, in every way in turn, frame by frame, so that times are to be
compared. BD-rates are against coding without refinement: of chains, and of their keyframes as stills. The ways: so many steps of refinement; 6 steps
of it with whole 8x8 positions zeroed where that costs less; and each P frame coded at three QPs, of which the one is kept that costs least at the
frame's own.
"""
from __future__ import annotations

import argparse
import itertools
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.environment import environment
from zvc69.codec.copying import LAGRANGIAN, step_size
from zvc69.codec.frame_coder import Coded, FrameCoder
from zvc69.codec.gop import GopPlanner
from zvc69.codec.refinement import KNOT, Refiner
from zvc69.codec.slots import Reference
from zvc69.codec.trial import squared_error as error_of
from zvc69.config import MAX_QP, EncoderConfig
from zvc69.media import Frame, open_source
from zvc69.metrics import bd_rate, frame_psnr
from zvc69.model import create_backend, load_model
from zvc69.profiler import Profiler

HEADER_BYTES = 8
DISTORTION = 1.33
"""Of the QPs tried, how much an error counts against 7.5: later frames are predicted from this one."""
ZEROING_TRIALS = 3


class ZeroingRefiner(Refiner):
    """Refinement, then whole 8x8 positions without any symbol where that costs less by gradient and curvature; kept if it does by the picture."""

    def refine(self, first, round_again, analysis, qp, target, steps):
        best, shown = super().refine(first, round_again, analysis, qp, target, steps)
        weight, margin = self._distortion / step_size(qp) ** 2, 0.0
        curvature = self._curvature(qp // KNOT, first, analysis, qp, target) * step_size(qp) ** 2 * target.blocks
        least = self.cost(best, shown, qp, target)
        for _ in range(ZEROING_TRIALS):
            residual = best.sigma.residual()
            _, gradient = self._backend.gradient(analysis, best.mean_2, residual, qp, target.picture, target.weight)
            error = weight * (curvature * residual ** 2 - 2 * gradient * residual).sum(0)
            zero = (error - self._saved(best) < -margin) & residual.any(0)
            if not zero.any():
                break
            c, i, j = np.ogrid[:len(residual), :residual.shape[1], :residual.shape[2]]
            means = np.where((c + i + j) % 2 == 0, analysis.mean_1, best.mean_2)
            tried = round_again(np.where(zero, means, means + residual))
            picture, _ = self._backend.gradient(analysis, tried.mean_2, tried.sigma.residual(), qp, target.picture, target.weight)
            cost = self.cost(tried, picture, qp, target)
            if cost < least:
                best, shown, least = tried, picture, cost
            else:
                margin = 3 * margin + 1
        return best, shown

    def _saved(self, rounded):
        """(h, w): bits of each position's symbols beyond those of zeros."""
        bits = self._tables.bits
        return sum(np.where(index >= self._skip, bits(index, r) - bits(index, 0), 0).sum(-1) for index, r in zip(rounded.indices, rounded.residuals))


class Chain:
    """One way of coding, on one clip at one QP, frame by frame."""

    def __init__(self, coder: FrameCoder, qp: int, offsets: tuple[int, ...] = (0,)) -> None:
        self._coder, self._qp, self._offsets = coder, qp, offsets
        self._reference: Reference | None = None
        self.bits: list[int] = []
        self.psnr: list[float] = []
        self.seconds: list[float] = []

    def step(self, frame: Frame, number: int, offset: int) -> None:
        qp = min(max(self._qp + offset, 0), MAX_QP)
        start = time.process_time()
        found = [self._code(frame, number, min(max(qp + o, 0), MAX_QP)) for o in self._offsets]
        coded = found[0] if len(found) == 1 else min(found, key=lambda coded: _cost(frame, coded, qp))
        self.seconds.append(time.process_time() - start)
        self._reference, shown = coded.reference, coded.reference.planes
        self.bits.append(8 * (len(coded.payload) + HEADER_BYTES))
        self.psnr.append(frame_psnr(frame, replace(frame, y=shown[0], u=shown[1], v=shown[2])).weighted)

    def _code(self, frame: Frame, number: int, qp: int) -> Coded:
        if self._reference is None:
            return self._coder.intra(frame, qp, number, reference=True)
        return self._coder.inter(frame, qp, number, self._reference)


def _cost(frame: Frame, coded: Coded, qp: int) -> float:
    return 8 * len(coded.payload) + DISTORTION * LAGRANGIAN / step_size(qp) ** 2 * error_of(frame, coded.reference.planes, qp)


def ways(steps: list[int]) -> dict[str, tuple[FrameCoder, tuple[int, ...]]]:
    """Coders by name, the first without refinement; and the QP offsets that each tries."""
    model = load_model()
    backend = create_backend("auto", model, 1)

    def coder(refinement: int) -> FrameCoder:
        config = EncoderConfig(preset="medium", refinement=refinement, key_refinement=refinement, reference_frames=1, threads=1).resolved()
        return FrameCoder(model, backend, Profiler(), config)

    zeroing = coder(6)
    zeroing._refiner = {inter: ZeroingRefiner(model, backend, inter=inter) for inter in (False, True)}
    return {"none": (coder(0), (0,)), **{f"{n} steps": (coder(n), (0,)) for n in steps},
            "6 steps, positions zeroed": (zeroing, (0,)), "three QPs": (coder(0), (0, -1, 1))}


def measure(path: Path, count: int, qps: list[int], steps: list[int]) -> dict[str, list[dict]]:
    """Points of a clip by way."""
    with open_source(path) as source:
        frames = [frame.convert("yuv420") for frame in itertools.islice(source, count)]
    planner = GopPlanner(0)
    plan = [plan for n in range(count) for plan in planner.push(n)]
    curves: dict[str, list[dict]] = {}
    for qp in qps:
        chains = {name: Chain(coder, qp, offsets) for name, (coder, offsets) in ways(steps).items()}
        for step in plan:
            for chain in chains.values():
                chain.step(frames[step.number], step.number, step.offset)
        for name, chain in chains.items():
            curves.setdefault(name, []).append(dict(
                bits=sum(chain.bits) / count, psnr=mean(chain.psnr), key_bits=chain.bits[0], key_psnr=chain.psnr[0], seconds=mean(chain.seconds[2:])))
    return curves


def summary(clips: dict[str, dict[str, list[dict]]]) -> dict[str, dict]:
    found = {}
    for way in next(iter(clips.values())):
        rates = {kind: {clip: bd_rate(*([(p[bits], p[psnr]) for p in curves[name]] for name in ("none", way))) for clip, curves in clips.items()}
                 for kind, bits, psnr in (("chain", "bits", "psnr"), ("keyframes", "key_bits", "key_psnr"))}
        time_ratio = mean(p["seconds"] / q["seconds"] for curves in clips.values() for p, q in zip(curves[way], curves["none"]))
        found[way] = dict(chain=mean(rates["chain"].values()), keyframes=mean(rates["keyframes"].values()), time=time_ratio, clips=rates["chain"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--qp", type=lambda text: [int(qp) for qp in text.split(",")], default=[16, 24, 32, 40])
    parser.add_argument("--steps", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2, 4, 6, 10])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    words = [Path(word).name if Path(word).exists() else word for word in sys.argv[1:]]
    about, clips = environment("python -m benchmarks.refinement " + shlex.join(words)), {}
    for path in args.clips:
        clips[path.stem] = measure(path, args.frames, args.qp, args.steps)
        print(path.stem, *(f"{way} {r['chain']:+.2f}" for way, r in summary({path.stem: clips[path.stem]}).items()), sep="  ", flush=True)
        if args.json:      # after each clip: what stands there is whole
            result = about | dict(frames=args.frames, qps=args.qp, summary=summary(clips), points=clips)
            args.json.write_text(json.dumps(result, indent=1) + "\n")
    for way, r in summary(clips).items():
        print(f"{way:28} chain {r['chain']:+.2f} %  keyframes {r['keyframes']:+.2f} %  time x {r['time']:.2f}")


if __name__ == "__main__":
    main()
