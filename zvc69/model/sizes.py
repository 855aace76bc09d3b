"""Sizes that graphs run at. Runtimes run a graph faster that they have made for one size."""
from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import NDArray

COARSE = frozenset({"z", "keep"})
"""Inputs at 1/32 of the picture's resolution; all others of four axes are at 1/8."""


def size_of(inputs: Mapping[str, NDArray]) -> dict[str, int]:
    """What the inputs say of the symbolic axes of a graph: h, w, hz, wz."""
    found: dict[str, int] = {}
    for name, array in inputs.items():
        if array.ndim == 4:
            end = "z" if name in COARSE else ""
            found["h" + end], found["w" + end] = array.shape[2:]
    return found
