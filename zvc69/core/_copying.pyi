import numpy as np
from numpy.typing import NDArray

def gains(level: int, picture: NDArray[np.float32], prediction: NDArray[np.float32], luma_scale: float, chroma_scale: float,
          distortion: float, constant: float, least: float, out: NDArray[np.float32]) -> None: ...
