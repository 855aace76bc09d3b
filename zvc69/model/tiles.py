"""Which parts of a frame the networks run on where most of it is copied: rectangles of 32x32 blocks around those that are coded."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 4
"""Positions at 1/8 of the resolution along a side of a 32x32."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Rows `top` to `bottom` and columns `left` to `right` of any grid, the last ones not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def scaled(self, factor: int) -> Rectangle:
        """The same on a grid that is finer by `factor`."""
        return Rectangle(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    def divided(self, factor: int) -> Rectangle:
        """The same on a grid that is coarser by `factor`, on which it lies."""
        return Rectangle(self.top // factor, self.left // factor, self.bottom // factor, self.right // factor)

    def aligned(self, step: int, room: Rectangle) -> Rectangle:
        """Grown to multiples of `step`, within `room`."""
        return Rectangle(self.top // step * step, self.left // step * step, -(-self.bottom // step) * step, -(-self.right // step) * step).overlap(room)

    def overlap(self, other: Rectangle) -> Rectangle:
        return Rectangle(max(self.top, other.top), max(self.left, other.left), min(self.bottom, other.bottom), min(self.right, other.right))

    def around(self, other: Rectangle) -> Rectangle:
        """The smallest one that holds both."""
        return Rectangle(min(self.top, other.top), min(self.left, other.left), max(self.bottom, other.bottom), max(self.right, other.right))

    def of(self, array: NDArray, held: Rectangle | None = None) -> NDArray:
        """A view of it in an array (channels, rows, columns), which holds all or the rectangle `held`."""
        top, left = (held.top, held.left) if held else (0, 0)
        return array[:, self.top - top:self.bottom - top, self.left - left:self.right - left]


Cost = Callable[[NDArray, NDArray, NDArray, NDArray], NDArray]
"""What running rectangles takes, of arrays of tops, lefts, bottoms and rights in blocks."""


def plan(wanted: NDArray[np.bool_], cost: Cost) -> list[Rectangle]:
    """Rectangles that hold all wanted blocks of (rows, columns), in the cheapest way that cutting in two again and again finds: the box around
    all is cut where both boxes around what is wanted on either side cost least, as long as that is less than one box.
    """
    if not wanted.any():
        return []
    boxes = _boxes(wanted)
    whole = Rectangle(int(boxes.first[0]), int(boxes.left[0]), int(boxes.last[-1]), int(boxes.right[0]))
    return _divided(wanted, whole, cost)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Boxes around what is wanted in rows up to each one (`last`, `left_before`, ...) and from each one on."""

    last: NDArray
    left_before: NDArray
    right_before: NDArray
    first: NDArray
    left: NDArray
    right: NDArray


def _boxes(wanted: NDArray[np.bool_]) -> _Boxes:
    rows, columns = wanted.shape
    full, row = wanted.any(1), np.arange(rows)
    left = np.where(full, wanted.argmax(1), columns)
    right = np.where(full, columns - wanted[:, ::-1].argmax(1), 0)
    return _Boxes(np.maximum.accumulate(np.where(full, row + 1, 0)), np.minimum.accumulate(left), np.maximum.accumulate(right),
                  np.minimum.accumulate(np.where(full, row, rows)[::-1])[::-1], np.minimum.accumulate(left[::-1])[::-1],
                  np.maximum.accumulate(right[::-1])[::-1])


def _divided(wanted: NDArray[np.bool_], box: Rectangle, cost: Cost) -> list[Rectangle]:
    best, halves = cost(*(np.array([edge]) for edge in (box.top, box.left, box.bottom, box.right)))[0], None
    for across in (False, True):
        inside = wanted[box.slices].T if across else wanted[box.slices]
        if len(inside) < 2:
            continue
        b = _boxes(inside)
        top, left = (box.left, box.top) if across else (box.top, box.left)
        edges = (np.full(len(inside) - 1, top), left + b.left_before[:-1], top + b.last[:-1], left + b.right_before[:-1],
                 top + b.first[1:], left + b.left[1:], np.full(len(inside) - 1, top + len(inside)), left + b.right[1:])
        if across:
            edges = tuple(edges[i] for i in (1, 0, 3, 2, 5, 4, 7, 6))
        costs = cost(*edges[:4]) + cost(*edges[4:])
        at = int(costs.argmin())
        if costs[at] < best:
            best, halves = costs[at], [Rectangle(*(int(edge[at]) for edge in half)) for half in (edges[:4], edges[4:])]
    return [box] if halves is None else [part for half in halves for part in _divided(wanted, half, cost)]
