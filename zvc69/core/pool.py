"""Buffers that are used again: a decoder in its stride asks the system for no frame-sized memory."""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
Empty = Callable[..., np.ndarray]
"""What makes arrays: `numpy.empty`, or a pool's method of that name."""

SMALLEST = 1 << 14
"""Bytes below which an array is left to NumPy: its allocator is quicker there."""
ALIGNMENT = 64
MOST_IDLE = 24
"""Blocks of one size that are kept while nobody uses them: a full picture buffer and what is on its way."""


class Pool:
    """Hands out uninitialised NumPy arrays whose memory comes back when the last view of it is gone.

    That is any view: a slice, a plane that a user keeps, a tensor that was made by DLPack. Arrays are 64-byte aligned. Blocks
    are kept by size, up to 24 idle ones of each; a decoder has a pool of its own, and it goes with the decoder and its frames.
    May be used by several threads.

    allocated   blocks that were asked of the system so far

    Plain Python over NumPy: what is pooled is memory of megabytes, so that handing one out (a few microseconds) does not count, and
    NumPy's own reference from a view to what it views says when the memory is free. A class in C++ would do the same twice.

    >>> pool = Pool()
    >>> first = pool.empty((720, 1280), np.uint8)
    >>> row, first = first[100], None       # one row is still in use
    >>> second = pool.empty((720, 1280), np.uint8)
    >>> del row, second
    >>> third, fourth = pool.empty((720, 1280), np.uint8), pool.empty((640, 360), np.float32)
    >>> pool.allocated
    2
    """

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._idle: dict[int, deque[NDArray[np.uint8]]] = {}
        self._most_idle = most_idle
        self.allocated = 0

    @property
    def idle_bytes(self) -> int:
        """Memory that waits to be used."""
        return sum(block.nbytes for blocks in list(self._idle.values()) for block in list(blocks))

    def empty(self, shape: int | Sequence[int], dtype: DTypeLike) -> np.ndarray:
        """An uninitialised, writable, C-contiguous array, as `numpy.empty` gives."""
        dtype = np.dtype(dtype)
        size = dtype.itemsize * (math.prod(shape) if isinstance(shape, Sequence) else shape)
        if size < SMALLEST:
            return np.empty(shape, dtype)
        return np.asarray(_Lease(self._block(size), self._idle[size], size)).view(dtype).reshape(shape)

    def planes(self, width: int, height: int, depth: int) -> Planes:
        """Planes y (height, width), u and v (half of that, rounded up): uint8 at `depth` 8, else uint16. One block for all."""
        dtype, half = np.dtype(np.uint8 if depth == 8 else np.uint16), ((height + 1) // 2, (width + 1) // 2)
        luma, chroma = height * width, half[0] * half[1]
        samples = self.empty(luma + 2 * chroma, dtype)
        y, u, v = np.split(samples, (luma, luma + chroma))
        return y.reshape(height, width), u.reshape(half), v.reshape(half)

    def _block(self, size: int) -> NDArray[np.uint8]:
        blocks = self._idle.setdefault(size, deque(maxlen=self._most_idle))
        try:
            return blocks.pop()      # the one used last: it may still be in the cache
        except IndexError:
            self.allocated += 1
            return np.empty(size + ALIGNMENT, np.uint8)


class _Lease:
    """What arrays of a block refer to as the owner of their memory; when none is left, the block is idle again."""

    __slots__ = ("__array_interface__", "_block", "_idle")

    def __init__(self, block: NDArray[np.uint8], idle: deque[NDArray[np.uint8]], size: int) -> None:
        self._block, self._idle = block, idle
        start = -(-block.ctypes.data // ALIGNMENT) * ALIGNMENT
        self.__array_interface__ = {"version": 3, "shape": (size,), "typestr": "|u1", "data": (start, False)}

    def __del__(self) -> None:
        # May run on any thread and between any two instructions: an append to a deque needs no lock.
        self._idle.append(self._block)
