"""State along vectors in plain NumPy: what the kernels of zvc69.core.state must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..scale import State

BLOCK_QUARTERS = 32
"""Quarter pixels in the side of an 8x8 block."""


def fetch(state: State, vectors: NDArray[np.int16]) -> State:
    """As `zvc69.core.state.fetch`."""
    h, w, _ = state[0].shape
    shift = (vectors.astype(np.int32) + BLOCK_QUARTERS // 2) // BLOCK_QUARTERS
    i = np.clip(np.arange(h)[:, None] + shift[:, :, 1], 0, h - 1)
    j = np.clip(np.arange(w) + shift[:, :, 0], 0, w - 1)
    return state[0][i, j], state[1][i, j]
