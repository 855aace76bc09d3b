"""How much of a decoded frame is its own."""
from __future__ import annotations

from enum import Enum


class Integrity(Enum):
    """What a decoded frame was made from."""

    WHOLE = "whole"
    """From its own data, and so was all that it refers to."""

    AFFECTED = "affected"
    """From its own data, but predicted from frames that are not whole."""

    CONCEALED = "concealed"
    """Without its own data, which is lost or cannot be parsed: from the pictures before it."""
