"""Registry of kernel checks and benchmarks.

    from .harness import bench, check, compare

    @check("scale", "pointwise")
    def pointwise(rng, level):
        '''Runs inside cpu.force(level); raises AssertionError where a level and the reference differ.'''
        x = rng.integers(0, 256, (7, 96), dtype=np.uint8)
        compare("pointwise", scale.pointwise(x), reference.pointwise(x))

    @bench("scale", "pointwise 64x64")
    def pointwise_speed(rng):
        '''Returns what to time and how many units (symbols, pixels, bytes ...) one run handles.'''
        return lambda: scale.pointwise(x), 64 * 64

`rng` is a seeded numpy Generator: the same one for every level, so that all of them see the same input.
"""
from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zvc69.core import cpu

Work = tuple[Callable[[], object], int]


@dataclass(frozen=True)
class Check:
    family: str
    name: str
    function: Callable[[np.random.Generator, str], None]

    def run(self, level: str, seed: int = 0) -> None:
        with cpu.force(level):
            self.function(generator(seed, self.family, self.name), level)


@dataclass(frozen=True)
class Bench:
    family: str
    name: str
    function: Callable[[np.random.Generator], Work]

    def prepare(self, level: str, seed: int = 0) -> Callable[[], float]:
        """Returns a function that runs once at `level` and gives nanoseconds per unit."""
        from time import perf_counter_ns

        with cpu.force(level):
            run, units = self.function(generator(seed, self.family, self.name))

        def timed() -> float:
            with cpu.force(level):
                start = perf_counter_ns()
                run()
                return (perf_counter_ns() - start) / units

        return timed


_checks: list[Check] = []
_benches: list[Bench] = []


def check(family: str, name: str) -> Callable:
    """Register `function(rng, level)` as a check."""
    def register(function: Callable[[np.random.Generator, str], None]) -> Callable:
        _checks.append(Check(family, name, function))
        return function
    return register


def bench(family: str, name: str) -> Callable:
    """Register `function(rng) -> (callable, units)` as a benchmark."""
    def register(function: Callable[[np.random.Generator], Work]) -> Callable:
        _benches.append(Bench(family, name, function))
        return function
    return register


def families() -> list[str]:
    """Names of the families that have a check_<family>.py here."""
    package = importlib.import_module(__package__)
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name.removeprefix("check_") for name in names if name.startswith("check_"))


def load(family: str) -> None:
    """Import check_<family>.py, which registers its checks and benchmarks."""
    importlib.import_module(f"{__package__}.check_{family}")


def checks(family: str) -> list[Check]:
    load(family)
    return [c for c in _checks if c.family == family]


def benches(family: str) -> list[Bench]:
    load(family)
    return [b for b in _benches if b.family == family]


def generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32("/".join(names).encode())])


def compare(what: str, got: np.ndarray, want: np.ndarray) -> None:
    """Assert that two arrays agree in shape, dtype and every bit; say where they first differ."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, reference {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, reference {want.dtype}"
    bits = f"u{got.dtype.itemsize}" if got.dtype.kind == "f" else got.dtype
    wrong = np.argwhere(np.atleast_1d(got).view(bits) != np.atleast_1d(want).view(bits))
    if len(wrong):
        shown = "; ".join(
            f"{tuple(map(int, at))}: {np.atleast_1d(got)[tuple(at)]}, reference {np.atleast_1d(want)[tuple(at)]}"
            for at in wrong[:8])
        raise AssertionError(f"{what}: {len(wrong)} of {got.size} differ, first at {shown}")
