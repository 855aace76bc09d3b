"""Quality by name."""
from __future__ import annotations

from enum import Enum


class Quality(str, Enum):
    """Names for a QP of the model: about 0.1, 0.25, 0.5 and 1.0 bits per pixel on photographs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very-high"
