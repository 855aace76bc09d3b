"""The fuzz targets on mutated seeds, the same ones every time, and on all inputs that fuzzing once broke something with."""
from __future__ import annotations

import random
from pathlib import Path

import pytest

from zvc69.bitstream import StreamReader
from zvc69.core import cpu

from .fuzz.targets import TARGETS, mutated, seeds

FOUND = Path(__file__).parent / "fuzz" / "found"
ROUNDS = {"reader": 2000, "check": 1000, "entropy": 4000, "motion": 4000, "payload": 500}


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_end_in_the_packages_errors_or_none(name):
    rng = random.Random(name)
    for _ in range(ROUNDS[name]):
        TARGETS[name](mutated(rng.choice(seeds(name)), rng))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_get_through(name):
    """Else the fuzzer would begin at the door."""
    assert all(TARGETS[name](data) for data in seeds(name))


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("name", ["entropy", "motion", "payload"])
def test_every_instruction_set_withstands_them(name, level):
    rng = random.Random(level)
    with cpu.force(level):
        for _ in range(ROUNDS[name] // 10):
            TARGETS[name](mutated(rng.choice(seeds(name)), rng))


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path):
    TARGETS[path.parent.name](path.read_bytes())


def test_a_target_that_breaks_is_noticed(monkeypatch):
    """The targets catch no more than they say."""
    def broken(self):
        raise IndexError("list index out of range")

    monkeypatch.setattr(StreamReader, "__next__", broken)
    with pytest.raises(IndexError):
        TARGETS["reader"](seeds("reader")[0])
