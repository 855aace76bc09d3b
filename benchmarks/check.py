"""Fails when a benchmark has become slower against its peer or reference than it was.

    python -m benchmarks.check [--update]

A suite is a file bench_NAME.py here with `ratios() -> dict[str, float]` that takes a few seconds; --update finds them all. Figures are ratios to
something measured in the same run, higher is better, so most of the machine's load cancels out; each is the median of several interleaved rounds.
What does not cancel is where a process' memory lies: a suite with a figure more than 10 % below benchmarks/results/baseline.json is measured again in
a new process, up to five times in all, and the best of each figure counts. A baseline is the lowest of five processes: for steady figures that is
their median, for those bound by memory what can be relied on. Figures of instruction sets that this CPU has not are left out. Ratios differ between
machines, so there is a baseline for each model of CPU; on one that has none the bound is 80 % below the lowest of all (kernels of the sigma network
gain 38 times on one CPU with AVX-512, and 14 to 28 on another, as its memory is used by others), which shows a kernel that has lost its vectors, and
kernels that do little but move memory are left out: how much vectors help those is the machine's affair.
"""
from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

from zvc69.core import cpu

from .environment import cpu_model, environment

BASELINE = Path(__file__).parent / "results" / "baseline.json"
ROUNDS = 3
PROCESSES = 5
TOLERANCE, TOLERANCE_ELSEWHERE = 0.10, 0.80
MEMORY_BOUND = ("pack ", "planes ", "state ", "scale residual ", "scale state ")
"""How the names of figures begin that are not compared between models of CPU."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="measure, and make the figures the baseline")
    parser.add_argument("--measure", metavar="SUITE", help="print the figures of one suite as JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure_here(arguments.measure)))
        return
    if arguments.update:
        update()
        return
    suites, tolerance = baseline_of(json.loads(BASELINE.read_text()), cpu_model())
    print(f"{cpu_model()}: " + (f"bound {tolerance:.0%}" if tolerance == TOLERANCE else f"has no baseline; bound {tolerance:.0%} below the lowest of others"))
    worse: dict[str, str] = {}
    for suite, figures in suites.items():
        worse |= check(suite, figures, tolerance)
    if worse:
        sys.exit("slower than the baseline: " + "; ".join(f"{name} {problem}" for name, problem in worse.items()))


def baseline_of(baselines: dict, model: str) -> tuple[dict[str, dict[str, float]], float]:
    """Suites to compare with on a CPU of this model, and the bound."""
    if model in baselines:
        return baselines[model]["suites"], TOLERANCE
    suites: dict[str, dict[str, float]] = {}
    for record in baselines.values():
        for suite, figures in record["suites"].items():
            known = suites.setdefault(suite, {})
            for name, ratio in figures.items():
                if not name.startswith(MEMORY_BOUND):
                    known[name] = min(ratio, known.get(name, ratio))
    return suites, TOLERANCE_ELSEWHERE


def check(suite: str, baseline: dict[str, float], tolerance: float) -> dict[str, str]:
    """Figures of `suite` that are too low, with both numbers; prints all."""
    best: dict[str, float] = {}
    for _ in range(PROCESSES):
        for name, ratio in measure(suite).items():
            best[name] = max(ratio, best.get(name, 0.0))
        worse = regressions(best, baseline, tolerance, cpu.available())
        if not worse:
            break
    for name, ratio in best.items():
        print(f"{suite:<10}{name:<58}{ratio:>7.2f}  baseline {baseline.get(name, float('nan')):>9.2f}")
    return {f"{suite}: {name}": problem for name, problem in worse.items()}


def regressions(measured: dict[str, float], baseline: dict[str, float], tolerance: float, levels: tuple[str, ...]) -> dict[str, str]:
    """Baseline figures that are missed by more than `tolerance`, or not measured though this CPU's `levels` allow it."""
    problems = {}
    for name, expected in baseline.items():
        if any(level in name.split() for level in cpu.LEVELS if level not in levels):
            continue
        if name not in measured:
            problems[name] = "was not measured"
        elif measured[name] < expected * (1 - tolerance):
            problems[name] = f"{measured[name]:.2f}, was {expected:.2f}"
    return problems


def measure(suite: str) -> dict[str, float]:
    """Medians of a few rounds in a process of its own."""
    run = subprocess.run([sys.executable, "-m", f"{__package__}.check", "--measure", suite], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def measure_here(suite: str) -> dict[str, float]:
    """Medians of a few rounds."""
    module = importlib.import_module(f".bench_{suite}", __package__)
    rounds = [module.ratios() for _ in range(ROUNDS)]
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def lowest(runs: list[dict[str, float]]) -> dict[str, float]:
    """Lowest of each figure."""
    return {name: min(figures[name] for figures in runs) for name in runs[0]}


def update() -> None:
    """Write the baseline of this CPU's model."""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    suites = {suite: lowest([measure(suite) for _ in range(PROCESSES)]) for suite in names}
    baselines = json.loads(BASELINE.read_text())
    baselines[cpu_model()] = environment("python -m benchmarks.check --update") | {"suites": suites}
    BASELINE.write_text(json.dumps(baselines, indent=2) + "\n")
    print(json.dumps(suites, indent=2))


if __name__ == "__main__":
    main()
