from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

def warp(level: int, references: Sequence[np.ndarray], outs: Sequence[np.ndarray], first: int, depth: int, bilinear: bool,
         sharp: bool, overlap: bool, vectors: NDArray[np.int16], dense: bool, threads: int) -> None: ...
