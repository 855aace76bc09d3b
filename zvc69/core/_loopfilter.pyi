import numpy as np
from numpy.typing import NDArray

FINE_DEPTH: int
BLOCK: int
TAPS: int
CLASSES: int

# Targets, predictions and outputs are seen as bytes.
def widen(plane: NDArray[np.uint16], prediction: NDArray[np.uint8], depth: int, copied: NDArray[np.uint8], side: int) -> None: ...
def classify(level: int, luma: NDArray[np.uint16], classes: NDArray[np.uint8]) -> None: ...
def apply(level: int, samples: NDArray[np.uint16], classes: NDArray[np.uint8] | None, copied: NDArray[np.uint8] | None, side: int,
          coefficients: NDArray[np.int8], depth: int, out: NDArray[np.uint8]) -> None: ...
def statistics(level: int, samples: NDArray[np.uint16], classes: NDArray[np.uint8] | None, copied: NDArray[np.uint8] | None, side: int,
               target: NDArray[np.uint8], depth: int, products: NDArray[np.int64], count: NDArray[np.int64]) -> None: ...
