"""From coding order to the order of presentation."""
from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")
DEPTH = 16
"""Frames that are held back at most; a stream that needs more has lost some."""
MOST_LOST = 255
"""Lost frames that are made up for at a time: the counter of frames cannot tell of more (docs/FORMAT.md, damage)."""


class Reorder(Generic[T]):
    """Frames come with their time in coding order and leave in order of presentation, as soon as nothing earlier can come.

    That is known where a frame's time is the next one (times are numbers of frames in every stream of our encoder), where a keyframe
    begins (nothing after it is shown before it), and when more than 16 wait.

    repeat: makes, of a frame that is shown, one that is shown at another time; for `lose`.

    >>> reorder = Reorder()
    >>> reorder.begin(0)
    []
    >>> [out for n in (0, 4, 2, 1, 3) for out in reorder.put(n, f"frame {n}")]
    ['frame 0', 'frame 1', 'frame 2', 'frame 3', 'frame 4']
    """

    def __init__(self, repeat: Callable[[T, int], T] | None = None) -> None:
        self._waiting: list[tuple[int, int, T | None]] = []
        self._next, self._count = 0, 0
        self._repeat = repeat
        self._lost = 0                   # frames that will not come, at times that are not known
        self._shown: tuple[T, ...] = ()  # the frame that left last

    def begin(self, pts: int) -> list[T]:
        """A group of pictures begins with its keyframe at `pts`: what waited leaves."""
        out = self._all()
        if self._shown:                  # else lost frames show the keyframe
            out += self._made_up(pts, *self._shown)
            self._lost = 0
        self._next = pts
        return out

    def put(self, pts: int, content: T | None) -> list[T]:
        """What leaves now that the frame of `pts` is here; None: nothing is to be shown at that time."""
        self._count += 1
        heappush(self._waiting, (pts, self._count, content))
        out: list[T] = []
        while self._waiting and (self._waiting[0][0] <= self._next or len(self._waiting) > DEPTH):
            out += self._first()
        return out

    def lose(self, count: int) -> None:
        """So many frames will not come, and when they were to be shown is not known: times that are left free until a keyframe, or
        until more than 16 frames wait, are taken for theirs, and show the frame before once more."""
        self._lost = min(self._lost + count, MOST_LOST)

    def rest(self) -> list[T]:
        """All that wait, at the end; and lost frames that were not made up for."""
        out = self._all()
        if self._shown:
            out += self._made_up(self._next + self._lost, *self._shown)
        return out

    def _all(self) -> list[T]:
        out: list[T] = []
        while self._waiting:
            out += self._first()
        return out

    def _first(self) -> list[T]:
        """The first of those that wait leaves, behind lost frames."""
        pts, _, content = heappop(self._waiting)
        out: list[T] = []
        if self._shown:
            out = self._made_up(pts, *self._shown)
        elif content is not None:
            self._next = max(pts - self._lost, 0)
            out, self._lost = self._made_up(pts, content), 0
        self._next = max(self._next, pts + 1)
        if content is None:
            return out
        self._shown = content,
        return [*out, content]

    def _made_up(self, until: int, content: T) -> list[T]:
        """Lost frames that are taken to be shown before `until`; they show `content`."""
        times = range(self._next, min(until, self._next + self._lost))
        self._lost -= len(times)
        self._next += len(times)
        return [self._repeat(content, pts) for pts in times]
