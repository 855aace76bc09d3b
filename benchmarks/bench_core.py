"""Speed of each instruction set's kernels against the scalar ones, and of some against NumPy.

    python -m benchmarks.bench_core [--output benchmarks/results/core.json]

What runs are the benchmarks of tests/checkcore: checksum, packing, quantiser, sigma network, and what P frames take from
the frames before them, through their Python API, one thread, on a 1280x720 picture. NumPy's versions are the references that the
kernels are checked against (zvc69.core.reference); of the gains of copying, one matrix product. All variants take turns inside one
run; medians are recorded, and the least time too, since that is nearest to an idle machine's.
"""
from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from tests.checkcore import check_copying, check_planes, check_state, check_warp, harness
from tests.checkcore.check_pack import planes
from zvc69.core import cpu
from zvc69.core.copying import GainModel
from zvc69.core.reference import copying as numpy_copying
from zvc69.core.reference import pack as numpy_pack
from zvc69.core.reference import planes as numpy_planes
from zvc69.core.reference import state as numpy_state

from .environment import environment

FAMILIES = ("checksum", "pack", "quantise", "scale", "state", "planes", "copying")
ROUNDS = 31
WIDTH, HEIGHT = 1280, 720
BLOCKS = 92, 160
"""Of 8x8, padding included."""

Timed = Callable[[], float]
"""Runs once; nanoseconds per unit."""


Work = Callable[[], object]


def numpy_work(family: str, rng: np.random.Generator) -> dict[str, tuple[Work, int]]:
    """NumPy's counterparts of a family's benchmarks: what to run, and how many units that handles."""
    samples, blocks = WIDTH * HEIGHT, BLOCKS[0] * BLOCKS[1]
    work: dict[str, tuple[Work, int]] = {}
    if family == "pack":
        for depth in (8, 10):
            picture = planes(rng, WIDTH, HEIGHT, depth)
            packed = numpy_pack.pack(*picture, depth)
            work[f"pack 1280x720 depth {depth}"] = (lambda p=picture, d=depth: numpy_pack.pack(*p, d)), samples
            work[f"unpack 1280x720 depth {depth}"] = (lambda p=packed, d=depth: numpy_pack.unpack(p, WIDTH, HEIGHT, d)), samples
    elif family == "state":
        both = check_state.codes(rng, *BLOCKS, 96)
        moved, still = check_warp.block_field(rng, WIDTH, HEIGHT, 200), np.zeros((*BLOCKS, 2), np.int16)
        work["fetch of 1280x720 along any vectors, per block"] = (lambda: numpy_state.fetch(both, moved)), blocks
        work["fetch of 1280x720 without motion, per block"] = (lambda: numpy_state.fetch(both, still)), blocks
    elif family == "planes":
        for depth in (8, 16):
            a, b = check_planes.pictures(rng, WIDTH, HEIGHT, depth)
            work[f"average 1280x720, {depth} bits a sample"] = (lambda a=a, b=b: numpy_planes.average(a, b)), samples
            work[f"block_errors of two 1280x720, {depth} bits a sample"] = (lambda a=a[0], b=b[0]: numpy_planes.block_errors(a, b, a)), samples
        a, b = check_planes.pictures(rng, WIDTH, HEIGHT, 8)
        chosen = check_planes.flags(rng, WIDTH, HEIGHT)
        work["choose_blocks 1280x720, in place"] = (lambda: numpy_planes.choose_blocks(a, b, chosen)), samples
    elif family == "copying":
        both, transform = check_copying.pictures(rng, *BLOCKS, 20), packed_transform()
        work["gains of 1280x736, per block"] = (lambda: gains_by_matrix(*both, 16.0, check_copying.MODELS[0], transform)), blocks
    return work


def packed_transform() -> np.ndarray:
    """(96, 96): the orthonormal DCTs of a packed picture."""
    out = np.zeros((96, 96), np.float32)
    for first, n, one, scale in ((0, 8, numpy_copying.transform8, numpy_copying.SCALE_8),
                                 *((at, 4, numpy_copying.transform4, numpy_copying.SCALE_4) for at in (64, 80))):
        matrix = one(np.eye(n, dtype=np.float32)) * np.array(scale)[:, None]
        out[first:first + n * n, first:first + n * n] = np.kron(matrix, matrix)
    return out


def gains_by_matrix(picture: np.ndarray, prediction: np.ndarray, step: float, model: GainModel, transform: np.ndarray) -> np.ndarray:
    """As `copying.gains`, the way NumPy is fast at: a product with the 96x96 matrix of all transforms."""
    _, h, w = picture.shape
    weight = np.where(np.arange(96) < 64, 1, model.chroma ** 0.5).astype(np.float32)[:, None]
    c = np.abs(transform @ (picture - prediction).reshape(96, h * w)) * (weight * np.float32(1 / step))
    gain = np.maximum(np.float32(model.distortion) * c * c - np.float32(model.constant) - 2 * np.log2(1 + c), 0)
    return gain.reshape(96, h // 4, 4, w // 4, 4).sum(axis=(0, 2, 4))


def timed_work(run: Work, units: int) -> Timed:
    def timed() -> float:
        start = perf_counter_ns()
        run()
        return (perf_counter_ns() - start) / units

    return timed


def measure(bench: harness.Bench, rounds: int = ROUNDS) -> dict:
    """Median and least ns per unit of every variant, and how many times faster than scalar (and NumPy) they are."""
    timed: dict[str, Timed] = {level: bench.prepare(level) for level in cpu.available()}
    if other := numpy_work(bench.family, np.random.default_rng(69)).get(bench.name):
        timed["numpy"] = timed_work(*other)
    samples: dict[str, list[float]] = {name: [] for name in timed}
    for run in timed.values():
        run()  # caches and packed weights
    for _ in range(rounds):
        for name, run in timed.items():
            samples[name].append(run())
    median = {name: statistics.median(values) for name, values in samples.items()}
    result = {
        "ns_per_unit": {name: round(ns, 3) for name, ns in median.items()},
        "least_ns_per_unit": {name: round(min(values), 3) for name, values in samples.items()},
    }
    for peer in ("scalar", "numpy"):
        if peer in median:
            result[f"times_faster_than_{peer}"] = {
                name: round(median[peer] / ns, 2) for name, ns in median.items() if name not in ("scalar", "numpy")}
    return result


def all_benches() -> list[harness.Bench]:
    return [bench for family in FAMILIES for bench in harness.benches(family)]


def ratios() -> dict[str, float]:
    """How many times faster than the scalar kernels, for benchmarks.check."""
    return {f"{bench.family} {bench.name} {level}": ratio for bench in all_benches()
            for level, ratio in measure(bench, rounds=5)["times_faster_than_scalar"].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the record (JSON) here")
    arguments = parser.parse_args()
    record = environment("python -m benchmarks.bench_core " + shlex.join(sys.argv[1:])) | {
        "method": f"median and least of {ROUNDS} interleaved rounds, one thread, Python call included; "
                  "a unit is a byte (checksum), a luma sample (pack, planes), a symbol (quantise), an 8x8 block (scale, state, copying)",
        "cases": {f"{bench.family}: {bench.name}": measure(bench) for bench in all_benches()},
    }
    text = json.dumps(record, indent=2)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
