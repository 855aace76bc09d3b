"""python -m tests.checkcore [family ...] [--bench] [--seed N]: run every check at every level of this CPU."""
from __future__ import annotations

import argparse
import statistics
import sys

from zvc69.core import cpu

from . import harness

ROUNDS = 15


def run_checks(families: list[str], seed: int) -> int:
    failures = 0
    for family in families:
        for one in harness.checks(family):
            for level in cpu.available():
                try:
                    one.run(level, seed)
                except AssertionError as error:
                    failures += 1
                    print(f"FAILED {family}/{one.name} [{level}] seed {seed}: {error}")
                else:
                    print(f"ok     {family}/{one.name} [{level}]")
    return failures


def run_benches(families: list[str], seed: int) -> None:
    for family in families:
        for one in harness.benches(family):
            timed = {level: one.prepare(level, seed) for level in cpu.available()}
            # Levels take turns, so that a change of clock or load falls on all of them.
            samples = [{level: run() for level, run in timed.items()} for _ in range(ROUNDS)]
            medians = {level: statistics.median(s[level] for s in samples) for level in timed}
            print(f"{family}/{one.name}: " + ", ".join(
                f"{level} {ns:.3g} ns ({medians['scalar'] / ns:.1f}x)" for level, ns in medians.items()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.checkcore", description=__doc__)
    parser.add_argument("family", nargs="*", help=f"of {', '.join(harness.families())}; all without one")
    parser.add_argument("--bench", action="store_true", help="time the kernels too")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    families = arguments.family or harness.families()
    failures = run_checks(families, arguments.seed)
    if arguments.bench:
        run_benches(families, arguments.seed)
    print(f"{failures} failed" if failures else "all levels agree with the reference")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
