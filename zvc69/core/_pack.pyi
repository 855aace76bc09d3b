from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

def pack(level: int, planes: Sequence[np.ndarray], depth: int, channel_last: bool, bfloat16: bool, packed: NDArray[np.uint8]) -> None: ...
def unpack(level: int, packed: NDArray[np.uint8], channel_last: bool, bfloat16: bool, a: NDArray[np.uint8] | None, b: NDArray[np.uint8] | None,
           blend: float, depth: int, planes: Sequence[np.ndarray]) -> None: ...
