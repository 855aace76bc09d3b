"""What the GPU's choice of motion costs beside the CPU's: bits and quality of chains of P frames. Needs no GPU: its search runs in plain NumPy.

    python -m benchmarks.gpu_motion CLIP... [--frames 6] [--qp 16,24,32,40] [--json benchmarks/results/gpu_motion.json]

Every clip is coded as a keyframe and P frames, in every way in turn: with the CPU's search at each effort, and as the GPU chooses, by one search with the
filter that is expected and then the best of the four ways to predict with its vectors. BD-rates are against effort 1.
"""
from __future__ import annotations

import argparse
import itertools
import json
import shlex
import sys
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.environment import environment
from benchmarks.refinement import Chain
from zvc69.codec.compensation import CHANGE_BITS
from zvc69.codec.copying import step_size
from zvc69.codec.frame_coder import FrameCoder
from zvc69.codec.gop import GopPlanner
from zvc69.codec.slots import Reference, Slot
from zvc69.config import EncoderConfig
from zvc69.core.motion import KERNELS, RATE_WEIGHT, MotionField
from zvc69.core.planes import block_errors
from zvc69.core.reference.motion_search import Search
from zvc69.cuda.motion import search_weights
from zvc69.media import Frame, open_source
from zvc69.metrics import bd_rate
from zvc69.model import create_backend, load_model
from zvc69.profiler import Profiler

BASE = "CPU, effort 1"


class DeviceCoder(FrameCoder):
    """Chooses slots as `zvc69.cuda.choices`."""

    def _slots(self, frame, qp, pts, references):
        return [self._chosen(frame, qp, pts, reference) for reference in references]

    @staticmethod
    def _chosen(frame: Frame, qp: int, pts: int, reference: Reference) -> Slot:
        expected, (luma, *chroma) = reference.field_at(pts), reference.planes
        way = 0 if expected is None else (expected.kernel == "sharp") + 2 * expected.overlap
        vectors = Search(frame.y, luma, frame.depth, int(search_weights()[qp]), way & 1 == 1, None if expected is None else expected.vectors).vectors()
        field, change, best = MotionField.from_vectors(vectors), RATE_WEIGHT * step_size(qp) * CHANGE_BITS, None
        for other in range(4):
            tried = field.using(KERNELS[(way ^ other) & 1], way ^ other >= 2)
            shown = tried.warp_luma(luma, frame.depth)
            cost = int(block_errors(frame.y, shown).sum(dtype=np.uint64)) / 2 ** (frame.depth - 8) + change * other.bit_count()
            if best is None or cost < best[0]:
                best = cost, tried, shown
        return Slot(reference, expected, best[1], (best[2], *best[1].warp_chroma(*chroma, frame.depth)))


def coders() -> dict[str, FrameCoder]:
    model = load_model()
    backend = create_backend("auto", model, 1)
    configs = {effort: EncoderConfig(preset="medium", motion_effort=effort, refinement=0, key_refinement=0, reference_frames=1, threads=1).resolved()
               for effort in (0, 1, 2)}
    return {f"CPU, effort {effort}": FrameCoder(model, backend, Profiler(), config) for effort, config in configs.items()} | {
        "GPU": DeviceCoder(model, backend, Profiler(), configs[1])}


def measure(path: Path, count: int, qps: list[int]) -> dict[str, list[tuple[float, float]]]:
    """Bits of a frame and PSNR at each QP, by way."""
    with open_source(path) as source:
        frames = [frame.convert("yuv420") for frame in itertools.islice(source, count)]
    planner, curves = GopPlanner(0), {}
    plan = [plan for n in range(count) for plan in planner.push(n)]
    for qp, (name, coder) in itertools.product(qps, coders().items()):
        chain = Chain(coder, qp)
        for step in plan:
            chain.step(frames[step.number], step.number, step.offset)
        curves.setdefault(name, []).append((sum(chain.bits[1:]) / (count - 1), mean(chain.psnr[1:])))
    return curves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--qp", default="16,24,32,40")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clips: dict[str, dict] = {}
    for path in options.clips:
        clips[path.stem] = measure(path, options.frames, [int(qp) for qp in options.qp.split(",")])
        print(path.stem, {name: round(bd_rate(clips[path.stem][BASE], curve), 2) for name, curve in clips[path.stem].items()}, file=sys.stderr, flush=True)
    rates = {name: mean(bd_rate(curves[BASE], curves[name]) for curves in clips.values()) for name in next(iter(clips.values()))}
    print("| way | BD-rate of P frames |\n|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:+.2f} % |")
    if options.json:
        words = ["CLIP..." if word in map(str, options.clips) else word for word in sys.argv[1:]]
        about = environment("python -m benchmarks.gpu_motion " + shlex.join(dict.fromkeys(words)))
        options.json.write_text(json.dumps(about | {"frames": options.frames, "bd_rates": rates, "clips": clips}, indent=1) + "\n")


if __name__ == "__main__":
    main()
