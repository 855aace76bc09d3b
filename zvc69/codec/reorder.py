"""From coding order to the order of presentation."""
from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")
DEPTH = 16
"""Frames that are held back at most; a stream that needs more has lost some."""


class Reorder(Generic[T]):
    """Frames come with their time in coding order and leave in order of presentation, as soon as nothing earlier can come.

    That is known where a frame's time is the next one (times are numbers of frames in every stream of our encoder), where a keyframe
    begins (nothing after it is shown before it), and when more than 16 wait.

    >>> reorder = Reorder()
    >>> reorder.begin(0)
    []
    >>> [out for n in (0, 4, 2, 1, 3) for out in reorder.put(n, f"frame {n}")]
    ['frame 0', 'frame 1', 'frame 2', 'frame 3', 'frame 4']
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, T]] = []
        self._next, self._count = 0, 0

    def begin(self, pts: int) -> list[T]:
        """A group of pictures begins with its keyframe at `pts`: what waited leaves."""
        out = self.rest()
        self._next = pts
        return out

    def put(self, pts: int, content: T) -> list[T]:
        """What leaves now that the frame of `pts` is here."""
        self._count += 1
        heappush(self._waiting, (pts, self._count, content))
        return list(self._ready())

    def skip(self, pts: int) -> list[T]:
        """As `put` for a frame that will not come."""
        if pts != self._next:
            return []
        self._next += 1
        return list(self._ready())

    def rest(self) -> list[T]:
        """All that wait, at the end."""
        out = [content for *_, content in sorted(self._waiting)]
        self._waiting.clear()
        return out

    def _ready(self) -> Iterator[T]:
        while self._waiting and (self._waiting[0][0] <= self._next or len(self._waiting) > DEPTH):
            pts, _, content = heappop(self._waiting)
            self._next = max(self._next, pts + 1)
            yield content
