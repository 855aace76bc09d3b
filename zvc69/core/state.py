"""Sigma state of a reference frame: fetched along block vectors."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import _state, cpu
from .scale import State


def fetch(state: State, vectors: NDArray[np.int16], out: State | None = None) -> State:
    """State of a frame whose blocks refer to those of `state` by `vectors`.

    Both arrays of `state` are (h, w, channels) uint8; `vectors` is (h, w, 2) int16: dx, dy in quarter luma pixels of each 8x8 block, any
    values. Block (i, j) gets the codes of block (i + floor((dy + 16) / 32), j + floor((dx + 16) / 32)), clamped into the picture.
    `out`, two C-contiguous arrays that do not overlap those of `state`, is filled and returned if given.

    Raises ValueError for another shape or dtype. Source: docs/FORMAT.md, state.

    >>> codes = np.arange(3, dtype=np.uint8).reshape(1, 3, 1)
    >>> vectors = np.zeros((1, 3, 2), np.int16)
    >>> vectors[0, 0] = 16, 0                           # half a block, which goes up
    >>> vectors[0, 2] = -48, 99                         # one block and a half, which goes up to -1
    >>> fetch((codes, codes + 5), vectors)[1].ravel().tolist()
    [6, 6, 6]
    """
    first = state[0]
    if first.ndim != 3 or 0 in first.shape:
        raise ValueError(f"a state is (h, w, channels), not of shape {first.shape}")
    for codes in state:
        if codes.dtype != np.uint8 or codes.shape != first.shape:
            raise ValueError(f"a state is two uint8 arrays of one shape, not {codes.dtype} of shape {codes.shape} beside {first.shape}")
    if vectors.dtype != np.int16 or vectors.shape != (*first.shape[:2], 2):
        raise ValueError(f"vectors must be int16 of shape {(*first.shape[:2], 2)}, not {vectors.dtype} of shape {vectors.shape}")
    if out is None:
        out = np.empty(first.shape, np.uint8), np.empty(first.shape, np.uint8)
    for to in out:
        if (to.dtype != np.uint8 or to.shape != first.shape or not to.flags.c_contiguous or not to.flags.writeable
                or any(np.may_share_memory(to, codes) for codes in state)):
            raise ValueError(f"out must be two writable, C-contiguous uint8 arrays of shape {first.shape} beside the state's")
    magnitude, index = state
    _state.fetch(cpu.level(), np.ascontiguousarray(magnitude), np.ascontiguousarray(index), np.ascontiguousarray(vectors), *out)
    return out
