from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

def pack(level: int, planes: Sequence[np.ndarray], depth: int, channel_last: bool, packed: NDArray[np.float32]) -> None: ...
def unpack(level: int, packed: NDArray[np.float32], channel_last: bool, depth: int, planes: Sequence[np.ndarray]) -> None: ...
