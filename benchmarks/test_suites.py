"""The suites under pytest-benchmark, which keeps and compares its records.

    python -m pytest benchmarks/test_suites.py --benchmark-json=suites.json

The figures are the ratios in each record's `extra_info`, to a reference or a peer in the same run; `benchmarks.check` is
what fails when one falls.
"""
from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SUITES = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))


@pytest.mark.parametrize("suite", SUITES)
def test_every_figure_of_a_suite_is_a_ratio(benchmark, suite):
    ratios = benchmark.pedantic(importlib.import_module(f"benchmarks.{suite}").ratios, rounds=1)
    benchmark.extra_info |= ratios
    assert ratios and all(0 < ratio < float("inf") for ratio in ratios.values())
