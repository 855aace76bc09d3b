"""The benchmark gate's verdicts."""
from __future__ import annotations

import pytest

from benchmarks import check

LEVELS = ("scalar", "avx2")


@pytest.mark.parametrize("measured, expected", [
    ({"decode avx2": 10.0}, set()),
    ({"decode avx2": 9.1}, set()),
    ({"decode avx2": 8.9}, {"decode avx2"}),
    ({"other": 8.9}, {"decode avx2"}),
])
def test_figures_may_fall_by_the_tolerance(measured, expected):
    assert set(check.regressions(measured, {"decode avx2": 10.0}, 0.1, LEVELS)) == expected


def test_levels_that_this_cpu_has_not_are_left_out():
    assert not check.regressions({}, {"decode avx512 20000": 10.0}, 0.1, LEVELS)


def test_failing_suite_is_measured_again_and_its_best_counts(monkeypatch, capsys):
    rounds = iter([{"a": 5.0, "b": 10.0}, {"a": 9.5, "b": 3.0}])
    monkeypatch.setattr(check, "measure", lambda suite: next(rounds))
    assert check.check("entropy", {"a": 10.0, "b": 10.0}, 0.1) == {}


def test_lasting_regression_is_named(monkeypatch, capsys):
    monkeypatch.setattr(check, "measure", lambda suite: {"a": 5.0})
    assert check.check("entropy", {"a": 10.0}, 0.1) == {"entropy: a": "5.00, was 10.00"}


def test_cpu_without_a_baseline_is_held_to_the_lowest_of_others_but_for_what_memory_bounds():
    baselines = {"one": {"suites": {"core": {"a": 4.0, "b": 2.0, "pack c": 5.0}}}, "two": {"suites": {"core": {"a": 3.0}}}}
    assert check.baseline_of(baselines, "one") == ({"core": {"a": 4.0, "b": 2.0, "pack c": 5.0}}, check.TOLERANCE)
    assert check.baseline_of(baselines, "three") == ({"core": {"a": 3.0, "b": 2.0}}, check.TOLERANCE_ELSEWHERE)
