"""The decoded picture buffer: what later frames may refer to (docs/FORMAT.md, picture buffer)."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..bitstream import FrameHeader
from ..bitstream.references import MAX_ENTRIES
from ..errors import CorruptStreamError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One stored frame: its content, when it is shown, and whether it is marked long-term."""

    content: T
    pts: int
    long_term: bool = False


class PictureBuffer(Generic[T]):
    """At most 16 frames, entry 0 the one stored last. What is kept of a frame is the user's affair: the parser keeps sigma
    states, the decoder pictures, the encoder both.

    >>> buffer = PictureBuffer(capacity=2)
    >>> for n in range(3):
    ...     buffer.add(f"picture {n}", pts=n)
    >>> [entry.content for entry in buffer.recent()]
    ['picture 2', 'picture 1']
    """

    def __init__(self, capacity: int = MAX_ENTRIES) -> None:
        self._capacity = capacity
        self._entries: list[Entry[T]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, content: T, pts: int, long_term: bool = False) -> None:
        """Store a frame. A full buffer first drops the oldest one that is not long-term, or the oldest of all."""
        if len(self._entries) == self._capacity:
            short = [i for i, entry in enumerate(self._entries) if not entry.long_term]
            del self._entries[short[-1] if short else -1]
        self._entries.insert(0, Entry(content, pts, long_term))

    def get(self, entry: int) -> T:
        """Content of an entry, 0 = stored last. Raises CorruptStreamError if there is none."""
        if not 0 <= entry < len(self._entries):
            raise CorruptStreamError(f"a reference to picture buffer entry {entry}, {len(self._entries)} are there")
        return self._entries[entry].content

    def at(self, pts: int) -> T:
        """Content of the entry shown at `pts`. Raises KeyError if there is none."""
        for entry in self._entries:
            if entry.pts == pts:
                return entry.content
        raise KeyError(pts)

    def find(self, content: T | None) -> int | None:
        """The entry that holds this very object; None if none does."""
        return next((i for i, entry in enumerate(self._entries) if entry.content is content), None)

    def recent(self) -> list[Entry[T]]:
        """All entries, the one stored last first."""
        return list(self._entries)

    def past(self, pts: int) -> list[Entry[T]]:
        """List 0 of a frame shown at `pts`: entries shown before it, nearest first."""
        return sorted((e for e in self._entries if e.pts < pts), key=lambda e: -e.pts)

    def future(self, pts: int) -> list[Entry[T]]:
        """List 1: entries shown after it, nearest first."""
        return sorted((e for e in self._entries if e.pts > pts), key=lambda e: e.pts)

    def change(self, function: Callable[[T], T]) -> None:
        """Replace every entry's content by `function` of it."""
        self._entries = [replace(entry, content=function(entry.content)) for entry in self._entries]

    def copy(self) -> PictureBuffer[T]:
        """Another buffer of the same contents."""
        other: PictureBuffer[T] = PictureBuffer(self._capacity)
        other._entries = list(self._entries)
        return other

    def clear(self) -> None:
        """Forget everything, as before a keyframe."""
        self._entries.clear()

    def follow(self, header: FrameHeader, content: T) -> None:
        """Do what a frame's header says once it is decoded: empty the buffer at a keyframe, store the frame if it is to be stored."""
        if header.keyframe:
            self.clear()
        if header.stored:
            self.add(content, header.pts, header.long_term)
