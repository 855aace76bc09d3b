import numpy as np
from numpy.typing import NDArray

def quantise(level: int, y: NDArray[np.float32], mean: NDArray[np.float32], index: NDArray[np.uint8],
             thresholds: NDArray[np.float32], classes: NDArray[np.uint8] | None, step: int, skip_below: int, r: NDArray[np.int16]) -> None: ...
