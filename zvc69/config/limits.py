"""Numbers that bound what users may choose."""
from __future__ import annotations

MAX_QP = 63
B_FRAMES = (0, 1, 3, 7, 15)
"""Lengths of a run of B frames: those that halve evenly into levels."""
MAX_LOOKAHEAD = 250
AUTO = "auto"
"""As a number of B frames: what the encoder finds best."""
MAX_PIXELS = 1 << 25
"""Largest picture that a decoder takes unless told otherwise, 8K: decoding takes about 220 bytes a pixel of memory, and a header of a
few bytes must not claim tens of gigabytes."""
