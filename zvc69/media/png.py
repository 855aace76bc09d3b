"""PNG pictures, by FFmpeg's encoder."""
from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from ..bitstream import ColourSpace
from .convert import gray_levels
from .frame import Frame

# What PNG calls its samples, by (dimensions, bytes of a sample) of an array; PyAV swaps bytes by the name.
_FORMATS = {(3, 1): "rgb24", (3, 2): "rgb48be", (2, 1): "gray", (2, 2): "gray16be"}


def encode(picture: np.ndarray) -> bytes:
    """A picture as a PNG file: (height, width, 3) RGB or (height, width) gray, uint8, or uint16 up to 65535."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt = _FORMATS[picture.ndim, picture.itemsize]
    encoder.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=encoder.pix_fmt)
    frame.pts = 0
    packets = encoder.encode(frame) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)


def encode_frame(frame: Frame) -> bytes:
    """A frame as a PNG file: gray or RGB, 8 bits a channel of 8-bit frames, 16 of deeper ones."""
    depth = 8 if frame.depth == 8 else 16
    if frame.colour.space == ColourSpace.GRAY:
        return encode(gray_levels(frame.y, frame.depth, frame.colour.full_range, depth))
    return encode(frame.to_rgb(depth=depth))
