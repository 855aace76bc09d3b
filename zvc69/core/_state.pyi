import numpy as np
from numpy.typing import NDArray

def fetch(level: int, magnitude: NDArray[np.uint8], index: NDArray[np.uint8], vectors: NDArray[np.int16],
          magnitude_out: NDArray[np.uint8], index_out: NDArray[np.uint8]) -> None: ...
