"""Which instruction set the compiled kernels run with.

Chosen once, when the module is imported: the best one that the CPU has, or the one named in the
environment variable ``ZVC69_ISA``. Every level gives identical results; the choice is speed alone.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import _cpu

LEVELS = ("scalar", "avx2", "avx512")

_best = _cpu.detect()
_current = _best


def available() -> tuple[str, ...]:
    """Levels that this CPU can run, slowest first."""
    return LEVELS[: _best + 1]


def current() -> str:
    """Name of the level in use."""
    return LEVELS[_current]


def level() -> int:
    """The level in use as the integer that the compiled modules take."""
    return _current


def select(name: str) -> None:
    """Use level `name` from now on. Raises ValueError if this CPU does not have it."""
    global _current
    if name not in available():
        raise ValueError(f"instruction set {name!r} is not one of {', '.join(available())} on this CPU")
    _current = LEVELS.index(name)


@contextmanager
def force(name: str) -> Iterator[None]:
    """Use level `name` inside a ``with`` block (tests, benchmarks)."""
    before = current()
    select(name)
    try:
        yield
    finally:
        select(before)


if os.environ.get("ZVC69_ISA"):
    select(os.environ["ZVC69_ISA"])
