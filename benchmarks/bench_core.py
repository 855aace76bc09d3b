"""Speed of each instruction set's kernels against the scalar ones, and of packing against NumPy.

    python -m benchmarks.bench_core [--output benchmarks/results/core.json]

What runs are the benchmarks of tests/checkcore: checksum, packing, quantiser and sigma network through their Python
API, one thread, on a 1280x720 picture. The NumPy packing is the reference that the kernels are checked against
(zvc69.core.reference.pack), a reshape and a transposition. All variants take turns inside one run; medians are
recorded, and the least time too, since that is nearest to an idle machine's.
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

from tests.checkcore import harness
from tests.checkcore.check_pack import planes
from zvc69.core import cpu
from zvc69.core.reference import pack as numpy_pack

from .environment import environment

FAMILIES = ("checksum", "pack", "quantise", "scale")
ROUNDS = 31
WIDTH, HEIGHT = 1280, 720

Timed = Callable[[], float]
"""Runs once; nanoseconds per unit."""


def numpy_packing(name: str) -> Timed | None:
    """NumPy's counterpart of benchmark `name` of the packing family, None if it has none."""
    rng = np.random.default_rng(69)
    work: dict[str, Callable[[], object]] = {}
    for depth in (8, 10):
        picture = planes(rng, WIDTH, HEIGHT, depth)
        packed = numpy_pack.pack(*picture, depth)
        work[f"pack 1280x720 depth {depth}"] = lambda p=picture, d=depth: numpy_pack.pack(*p, d)
        work[f"unpack 1280x720 depth {depth}"] = lambda p=packed, d=depth: numpy_pack.unpack(p, WIDTH, HEIGHT, d)
    if name not in work:
        return None

    def timed() -> float:
        start = perf_counter_ns()
        work[name]()
        return (perf_counter_ns() - start) / (WIDTH * HEIGHT)

    return timed


def measure(bench: harness.Bench, rounds: int = ROUNDS) -> dict:
    """Median and least ns per unit of every variant, and how many times faster than scalar (and NumPy) they are."""
    timed: dict[str, Timed] = {level: bench.prepare(level) for level in cpu.available()}
    if bench.family == "pack" and (other := numpy_packing(bench.name)):
        timed["numpy"] = other
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
                  "a unit is a byte (checksum), a luma sample (pack), a symbol (quantise), an 8x8 block (scale)",
        "cases": {f"{bench.family}: {bench.name}": measure(bench) for bench in all_benches()},
    }
    text = json.dumps(record, indent=2)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
