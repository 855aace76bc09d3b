"""Time by stage: where a frame's milliseconds go."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class StageTime:
    """Seconds spent in a stage, and how often it ran."""

    seconds: float
    calls: int


class Profiler:
    """Adds up the time of named stages; threads may share one.

    Times are wall-clock seconds of the thread that ran the stage: stages that overlap on several threads
    add up to more than the time that passed.

    >>> profiler = Profiler()
    >>> with profiler.stage("analysis"):
    ...     pass
    >>> profiler.times()["analysis"].calls
    1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, StageTime] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a ``with`` block for stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            with self._lock:
                before = self._stages.get(name, StageTime(0.0, 0))
                self._stages[name] = StageTime(before.seconds + seconds, before.calls + 1)

    def times(self) -> dict[str, StageTime]:
        """A copy of the sums so far, in order of first appearance."""
        with self._lock:
            return dict(self._stages)

    def report(self) -> str:
        """A table, one line a stage: total seconds, calls, milliseconds a call, share."""
        times = self.times()
        total = sum(t.seconds for t in times.values()) or 1.0
        lines = [f"{'stage':<16}{'s':>9}{'calls':>8}{'ms/call':>10}{'share':>8}"]
        lines += [f"{name:<16}{t.seconds:>9.3f}{t.calls:>8}{1e3 * t.seconds / t.calls:>10.2f}{t.seconds / total:>8.1%}"
                  for name, t in times.items()]
        return "\n".join(lines)
