"""Bounds that the format sets, so that lying fields are refused before anything is allocated for them."""
from __future__ import annotations

MIN_SIDE, MAX_SIDE = 16, 16384
"""Width and height of a picture, in pixels."""

MAX_QP = 63
MAX_LAYER = 7
MAX_CHANNELS = 1024
"""Latent and hyper channels, each."""

MAX_SUBSTREAMS = 64
MAX_UINT32 = (1 << 32) - 1
MAX_UINT64 = (1 << 64) - 1

BLOCK = 32
"""Pictures are padded to a multiple of this many pixels; one position of z."""


def padded(side: int) -> int:
    """`side` pixels rounded up to whole blocks."""
    return -(-side // BLOCK) * BLOCK


def max_payload(width: int, height: int) -> int:
    """Largest payload in bytes that a frame of this size may have: ten times the raw 8-bit picture and some.

    No encoder comes near; it is what bounds the memory that a damaged length can ask for.
    """
    return min(16 * padded(width) * padded(height) + 65536, MAX_UINT32)
