"""PNG pictures, by FFmpeg's encoder."""
from __future__ import annotations

from fractions import Fraction

import av
import numpy as np


def encode(rgb: np.ndarray) -> bytes:
    """A (height, width, 3) uint8 picture as a PNG file."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = rgb.shape[:2]
    encoder.pix_fmt = "rgb24"
    encoder.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame.pts = 0
    packets = encoder.encode(frame) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)
