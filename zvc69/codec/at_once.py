"""Frames coded at the same time: B frames that do not refer to each other, and trials of a run in several ways."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..bitstream import FrameType
from .frame_coder import Coded, FrameCoder
from .gop import FramePlan, Plans
from .references import PictureBuffer
from .slots import Reference

T, R = TypeVar("T"), TypeVar("R")
MOST = 2
"""Frames at a time: each motion search holds sixteen pictures."""


class FramesAtOnce:
    """What is coded ahead of its turn, beside a frame whose turn it is.

    alone      the coder that has all threads
    make       makes one that may be called from `count` threads at a time, each with its share; called by `prepare`, or when there is work for it
    count      frames at a time; with 1 there is nothing but `alone`
    nearest_alone   P frames refer to the nearest frame before them, and to no other

    A frame that is coded ahead is what it would have been in its turn: its references are coded, and its QP is known. What was coded at another QP than
    it then gets is thrown away.
    """

    def __init__(self, alone: FrameCoder, make: Callable[[], FrameCoder], count: int, *, nearest_alone: bool) -> None:
        self._alone, self._make, self._count, self._nearest_alone = alone, make, count, nearest_alone
        self._shared: Future[FrameCoder] | None = None
        self._workers: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._ahead: dict[FramePlan, tuple[int, Coded]] = {}

    def prepare(self) -> None:
        """Make the other coder, beside what is going on."""
        with self._lock:      # frames are looked at on another thread than they are coded on
            if self._count > 1 and self._shared is None:
                self._workers = ThreadPoolExecutor(self._count, "zvc69-frames")
                self._shared = self._workers.submit(self._make)

    @property
    def coder(self) -> FrameCoder:
        """For use inside of `map`."""
        self.prepare()
        return self._alone if self._shared is None else self._shared.result()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`function` of each, as many at a time as there may be, in order."""
        if self._count == 1:
            return [function(item) for item in items]
        self.coder      # before the workers wait for it: one of them makes it
        return list(self._workers.map(function, items))

    def choose(self, plan: FramePlan, following: Plans, pictures: PictureBuffer[Reference]) -> list[FramePlan]:
        """Those of the frames that follow, in order of coding, that can be coded beside the B frame `plan`: B frames whose references are there; where P frames
        refer to none but the P frame before them, the next one too."""
        if self._count == 1 or self._alone.refines_all or plan.type != FrameType.B:     # refinement goes from frame to frame
            return []
        there = {entry.pts for entry in pictures.recent()} | {known.number for known in self._ahead}

        def possible(other: FramePlan) -> bool:
            if other.type == FrameType.B:
                return {other.past, other.future} <= there
            return other == next_p and self._nearest_alone and not other.sigma_reset

        next_p = next((other for other in following if other.type != FrameType.B), None)
        can = [other for other in following if other.type != FrameType.I and other not in self._ahead and possible(other)]
        return can[:self._count - 1]

    def with_known(self, pictures: PictureBuffer[Reference]) -> PictureBuffer[Reference]:
        """A copy that has the frames coded ahead too."""
        out = pictures.copy()
        for plan, (_, coded) in self._ahead.items():
            if coded.reference is not None:
                out.add(coded.reference, plan.number)
        return out

    def keep(self, plans: Sequence[FramePlan], qps: Sequence[int], coded: Sequence[Coded]) -> None:
        """Frames that were coded ahead."""
        self._ahead |= {plan: (qp, of_it) for plan, qp, of_it in zip(plans, qps, coded, strict=True)}

    def known(self, plan: FramePlan, qp: int) -> Coded | None:
        """The frame, whose turn it is, if it was coded ahead at this QP."""
        at, coded = self._ahead.pop(plan, (None, None))
        return coded if at == qp else None
