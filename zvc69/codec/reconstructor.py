"""Frames reconstructed beside each other, as far as their references allow."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ..bitstream import FrameType
from ..errors import StreamError
from ..media import Frame
from ..model import Backend
from .chain import Chain, Job
from .recovery import Step

WINDOW = 8
"""Frames of a stream with B frames that are looked at: a run of 7 and the P frame behind it, which needs none of its B frames."""


class Reconstructor:
    """Runs the frames of a chain. Of those in the window whose references are there, several run at a time, each on its share of the threads
    (`decoder.ENOUGH` says from how many on that pays). A frame that must run alone has all threads.

    What comes out is what frames one after the other would be, but for the order in which floats are summed.

    alone      runs one frame on all threads
    shared     the backend that runs `at_once` frames; None while it is not there yet, in which frames run alone
    """

    def __init__(self, chain: Chain, alone: Backend, shared: Callable[[], Backend | None], at_once: int) -> None:
        self._chain, self._alone, self._shared, self._at_once = chain, alone, shared, at_once
        self._waiting: deque[Job] = deque()
        self._between = False    # the stream has B frames: it pays to wait for more

    def frames(self, steps: Iterable[Step]) -> Iterator[Frame]:
        """What the steps show, in order of presentation; not what is held back at the end (`Chain.rest`).

        What iterating `steps` raises is raised after the frames before it, and so is CorruptStreamError where a frame refers to what is not there.
        """
        with ThreadPoolExecutor(max(1, self._at_once - 1), "zvc69-frames") as workers:
            try:
                for step in steps:
                    if self._chain.stands_alone(step):
                        yield from self._run(workers, 0)
                        yield from self._chain.show(step)
                        continue
                    self._waiting.append(self._chain.plan(step))
                    self._between |= step.header.type == FrameType.B
                    if self._chain.under_way:
                        yield from self._begin_last()
                        continue
                    yield from self._run(workers, WINDOW - 1 if self._between and self._at_once > 1 else 0)
            except StreamError:
                yield from self._run(workers, 0)
                raise
            yield from self._run(workers, 0)

    def _begin_last(self) -> Iterator[Frame]:
        """On a device frames are begun in order of coding, and made while those before come to the host."""
        self._chain.reconstruct(self._waiting[-1], self._alone)
        while len(self._waiting) > self._chain.under_way:
            yield from self._chain.finish(self._waiting.popleft())

    def _run(self, workers: ThreadPoolExecutor, most: int) -> Iterator[Frame]:
        """Reconstructs until `most` frames wait."""
        while len(self._waiting) > most:
            first, *others = [job for job in self._waiting if not job.done and job.ready][:self._at_once] or [None]
            if others and (backend := self._shared()) is not None:
                running = [workers.submit(self._chain.reconstruct, job, backend) for job in others]
                self._chain.reconstruct(first, backend)
                for future in running:
                    future.result()
            elif first is not None:
                self._chain.reconstruct(first, self._alone)
            while self._waiting and self._waiting[0].done:
                yield from self._chain.finish(self._waiting.popleft())
