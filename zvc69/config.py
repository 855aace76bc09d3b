"""Choices that a user makes."""
from __future__ import annotations

from enum import Enum


class Quality(str, Enum):
    """Names for a QP of the model: about 0.1, 0.25, 0.5 and 1.0 bits per pixel on photographs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very-high"


MAX_QP = 63
MAX_PIXELS = 1 << 25
"""Largest picture that a decoder takes unless told otherwise, 8K: decoding takes about 220 bytes a pixel of memory, and a header of a
few bytes must not claim tens of gigabytes."""
