from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_NEIGHBOURS: int

def blend(level: int, now: np.ndarray, neighbours: Sequence[np.ndarray], weights: NDArray[np.float32], falloff: NDArray[np.float32], side: int,
          out: np.ndarray) -> None: ...
def block_differences(level: int, now: np.ndarray, other: np.ndarray, shift: int, sums: NDArray[np.uint32]) -> None: ...
