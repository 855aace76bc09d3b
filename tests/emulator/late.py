"""An emulated device whose queues do as little as they must, as late as they may: what nobody ordered goes wrong."""
from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from zvc69.errors import BackendError

from . import EmulatedDevice


class _Event:
    def __init__(self) -> None:
        self.records = self.done = 0


class LateDevice(EmulatedDevice):
    """Work waits in its queue until the host waits for something; then any queue that may go on does, in an order that `seed` shuffles."""

    def __init__(self, seed: int = 0, **more: Any) -> None:
        super().__init__(seed, **more)
        self._random, self._queues = random.Random(seed), [deque()]
        self._current = self._queues[0]
        self.overlaps: set[tuple[int, ...]] = set()
        """Which queues had something to do together."""

    def queue(self) -> deque:
        self._queues.append(deque())
        return self._queues[-1]

    @contextmanager
    def using(self, queue: deque) -> Iterator[None]:
        before, self._current = self._current, queue
        try:
            yield
        finally:
            self._current = before

    def event(self) -> _Event:
        return _Event()

    def record(self, event: _Event) -> None:
        event.records += 1
        number = event.records

        def reach() -> bool:
            event.done = max(event.done, number)
            return True

        self._current.append(reach)

    def follow(self, event: _Event) -> None:
        number = event.records      # what was recorded before; later records do not count
        self._current.append(lambda: event.done >= number)

    def wait_for(self, event: _Event) -> None:
        super().wait_for(event)
        self._run(lambda: event.done < event.records)

    def reached(self, event: _Event) -> bool:
        return event.done >= event.records

    def synchronise(self) -> None:
        super().synchronise()
        self._wait(self._current)

    def download(self, buffer: np.ndarray) -> np.ndarray:
        self._wait(self._current)
        return super().download(buffer)

    def upload(self, array: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        kept = np.array(array)
        buffer = self.empty(kept.shape, kept.dtype) if into is None else into
        self._later(lambda: super(LateDevice, self).upload(kept, buffer))
        return buffer

    def zeros(self, shape: Sequence[int] | int, dtype: Any) -> np.ndarray:
        buffer = self.empty(shape, dtype)
        self.fill_zero(buffer)
        return buffer

    def send(self, host: np.ndarray, to: np.ndarray) -> None:
        self._later(lambda: super(LateDevice, self).send(host, to))

    def fetch(self, buffer: np.ndarray, host: np.ndarray) -> None:
        self._later(lambda: super(LateDevice, self).fetch(buffer, host))

    def copy(self, source: np.ndarray, to: np.ndarray) -> None:
        self._later(lambda: super(LateDevice, self).copy(source, to))

    def fill_zero(self, buffer: np.ndarray) -> None:
        self._later(lambda: super(LateDevice, self).fill_zero(buffer))

    def launch(self, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared: int = 0) -> None:
        self._later(lambda: super(LateDevice, self).launch(kernel, grid, block, arguments, shared))

    def _later(self, work: Callable[[], object]) -> None:
        self._current.append(lambda: (work(), True)[1])

    def _wait(self, queue: deque) -> None:
        self._run(lambda: bool(queue))

    def _run(self, more: Callable[[], bool]) -> None:
        while more():
            busy = [n for n, queue in enumerate(self._queues) if queue]
            self.overlaps.add(tuple(busy))
            self._random.shuffle(busy)
            for n in busy:
                if self._queues[n][0]():
                    self._queues[n].popleft()
                    break
            else:
                raise BackendError("every queue waits for another one")
