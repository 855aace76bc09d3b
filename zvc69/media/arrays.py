"""Arrays of other libraries, by DLPack."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConfigError

_MAIN_MEMORY = (1, 3, 11)
"""DLPack's device types whose memory the CPU reads: its own, and pinned by CUDA or ROCm."""


def as_array(picture: Any) -> np.ndarray:
    """`picture` as a NumPy array: itself, a view of an object that exports its memory by DLPack (PyTorch, JAX, CuPy's
    pinned arrays; read-only ones too), or what NumPy makes of anything else.

    Raises ConfigError for memory that NumPy cannot read: of a GPU, of a tensor that takes part in autograd, of types
    that it does not have.

    >>> class Exported:
    ...     def __init__(self, array): self.array = array
    ...     def __dlpack__(self, **how): return self.array.__dlpack__(**how)
    ...     def __dlpack_device__(self): return self.array.__dlpack_device__()
    >>> memory = np.zeros((2, 2))
    >>> np.shares_memory(as_array(Exported(memory)), memory)
    True
    """
    if isinstance(picture, np.ndarray) or not hasattr(picture, "__dlpack__"):
        return np.asarray(picture)
    name = type(picture).__name__
    try:
        if picture.__dlpack_device__()[0] not in _MAIN_MEMORY:
            raise BufferError("it is in the memory of another device, copy it to the CPU first")
        return np.from_dlpack(picture)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"a {name} cannot be read by DLPack: {' '.join(str(error).split())}") from None
