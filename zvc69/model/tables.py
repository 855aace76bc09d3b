"""The integers of a model that the parser needs: sigma network, frequency tables; and rounding thresholds made of them."""
from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from ..core.entropy import Tables
from ..core.quantise import SIGMA_INDICES, THRESHOLDS
from ..core.scale import SigmaNetwork
from ..errors import ModelError

FILE, INTRA_FILE = "integers.npz", "integers_intra.npz"
KNOT_SPACING = 9     # z's tables stand at qp 0, 9, ..., 63
Z_KNOTS = 8


def _tables(arrays: dict[str, NDArray], prefix: str, count: int) -> list[Tables]:
    """`count` table sets of equal size from flat arrays `prefix.first`, `.shift`, `.sizes`, `.frequencies`."""
    first, shift, sizes, flat = (arrays[f"{prefix}.{part}"] for part in ("first", "shift", "sizes", "frequencies"))
    if len(sizes) % count or int(sizes.sum()) != len(flat):
        raise ValueError(f"{prefix} tables do not add up")
    each = np.split(flat, np.cumsum(sizes)[:-1])
    n = len(sizes) // count
    return [Tables(first[i:i + n], shift[i:i + n], each[i:i + n]) for i in range(0, len(sizes), n)]


class IntegerPart:
    """Everything that decides how bits are read.

    sigma       the integer sigma network
    y_tables    64 tables by sigma index, for r; and for z of frames with temporal state

    Read from `data`, a file called `name`. Raises ModelError.
    """

    def __init__(self, data: bytes, name: str = FILE):
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            self.y_tables = _tables(arrays, "y", 1)[0]
            self._z_tables = _tables(arrays, "z", Z_KNOTS)
            self.sigma = SigmaNetwork({k: v for k, v in arrays.items() if not k.startswith(("y.", "z."))})
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise ModelError(f"{name} is damaged: {error}") from error
        if len(self.y_tables) != SIGMA_INDICES:
            raise ModelError(f"{name} has {len(self.y_tables)} sigma tables, not {SIGMA_INDICES}")

    def z_tables(self, qp: int) -> Tables:
        """Factorised tables, one per hyper channel, of the knot nearest to `qp` (frames without temporal state)."""
        return self._z_tables[(qp + KNOT_SPACING // 2) // KNOT_SPACING]

    def thresholds(self, distortion: float) -> NDArray[np.float32]:
        """(64, 16) float32 for `core.quantise`: |v| from which magnitude m costs less than m - 1.

        Cost is bits of these tables (mean of both signs) + distortion * error^2. Magnitude 15 stands for the
        slope beyond it too.
        """
        m = np.arange(THRESHOLDS)
        index = np.arange(SIGMA_INDICES)[:, None]
        bits = (self.y_tables.bits(index, m[None]) + self.y_tables.bits(index, -m[None])).astype(np.float64) / 2
        t = np.zeros((SIGMA_INDICES, THRESHOLDS))
        t[:, 1:] = m[1:] - 0.5 + np.maximum(np.diff(bits, axis=1), 0) / (2 * distortion)
        return np.maximum.accumulate(t, axis=1).astype(np.float32)
