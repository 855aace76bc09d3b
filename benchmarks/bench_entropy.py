"""Speed of the entropy coder against constriction's Python API, on the same symbols and sigmas.

    python -m benchmarks.bench_entropy [--output benchmarks/results/entropy.json]

constriction (https://bamler-lab.github.io/constriction) codes with `AnsCoder` and a `QuantizedGaussian` over
per-symbol means and standard deviations, as neural codecs use it: it integrates the Gaussian for every symbol,
where ZVC69 looks up one of 64 tables. Both take NumPy arrays and give NumPy arrays. Sigmas are
log-uniform over 0.12..8 and nothing is skipped. All variants take turns inside one run; medians are recorded.
"""
from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import constriction
import numpy as np

from zvc69.core import cpu, entropy

from .environment import environment

LOWEST, HIGHEST = -128, 127
CASES = {
    "20000 symbols, lanes by size": (20_000, None),
    "100000 symbols, lanes by size": (100_000, None),
    "1000000 symbols, 32 lanes": (1_000_000, 32),
}
ROUNDS = 31


def symbols(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values int16, sigma indices uint8, and the sigmas of those indices."""
    rng = np.random.default_rng(69)
    drawn = np.exp(rng.uniform(np.log(0.12), np.log(8), n))
    index = np.round(63 * np.log(drawn / 0.1) / np.log(1280)).astype(np.uint8)
    sigma = 0.1 * 1280 ** (index / 63)
    return np.round(rng.normal(0, sigma)).astype(np.int16), index, sigma


def encode(values: np.ndarray, index: np.ndarray, lanes: int | None) -> tuple[int, bytes]:
    encoder = entropy.Encoder()
    encoder.put(values, index, entropy.GAUSSIAN)
    return encoder.finish(lanes)


def decode(data: bytes, index: np.ndarray, lanes: int) -> np.ndarray:
    decoder = entropy.Decoder(data, lanes)
    values = decoder.get(index, entropy.GAUSSIAN)
    decoder.finish()
    return values


def at_level(level: str, work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with cpu.force(level):
            return work()
    return run


def measure(n: int, lanes: int | None, rounds: int = ROUNDS) -> dict:
    values, index, sigma = symbols(n)
    family = constriction.stream.model.QuantizedGaussian(LOWEST, HIGHEST)
    means, wide = np.zeros(n), values.astype(np.int32)

    def other_encode() -> np.ndarray:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(wide, family, means, sigma)
        return coder.get_compressed()

    other_data = other_encode()

    def other_decode() -> np.ndarray:
        return constriction.stream.stack.AnsCoder(other_data).decode(family, means, sigma)

    used_lanes, data = encode(values, index, lanes)
    assert np.array_equal(decode(data, index, used_lanes), values) and np.array_equal(other_decode(), values)

    work: dict[str, Callable[[], object]] = {"encode constriction": other_encode, "decode constriction": other_decode}
    for level in cpu.available():
        work[f"encode {level}"] = at_level(level, lambda: encode(values, index, lanes))
        work[f"decode {level}"] = at_level(level, lambda: decode(data, index, used_lanes))
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            start = perf_counter()
            run()
            times[name].append((perf_counter() - start) / n * 1e9)
    median = {name: statistics.median(samples) for name, samples in times.items()}
    bits = float(entropy.GAUSSIAN.bits(index, values).sum(dtype=np.float64))
    return {
        "symbols": n,
        "lanes": used_lanes,
        "bytes": {"zvc69": len(data), "constriction": other_data.nbytes, "cost of the tables": round(bits / 8, 1)},
        "ns_per_symbol": {name: round(ns, 3) for name, ns in median.items()},
        "times_faster": {
            name: round(median[name.split()[0] + " constriction"] / ns, 1)
            for name, ns in median.items() if not name.endswith("constriction")
        },
    }


def ratios() -> dict[str, float]:
    """How many times faster than constriction, for benchmarks.check."""
    return measure(100_000, 32, rounds=9)["times_faster"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the record (JSON) here")
    arguments = parser.parse_args()
    record = environment("python -m benchmarks.bench_entropy " + shlex.join(sys.argv[1:])) | {
        "method": f"median of {ROUNDS} interleaved rounds, one thread, Python call included",
        "cases": {name: measure(*case) for name, case in CASES.items()},
    }
    text = json.dumps(record, indent=2)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
