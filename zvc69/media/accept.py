"""What may be given to an encoder as a picture."""
from __future__ import annotations

from typing import Any

import av

from ..bitstream import ColourSpace, FileHeader
from ..errors import ConfigError
from .arrays import as_array
from .coded import to_coded
from .colour import MATRICES, Colour
from .frame import Frame

_NAMES = {code: name for name, code in MATRICES.items()}


def frame_of(picture: Any, height: int, depth: int = 8, matrix: int = 0) -> Frame:
    """A frame of a `Frame`, a PyAV frame of any format, or an array (NumPy's, or by DLPack) of `height` rows and `depth` bits.

    Arrays: (height, width, 3) uint8 is RGB, converted by `matrix` (H.273; BT.601 unless it is one that has a name),
    (height * 3 / 2, width) yuv420p, (3, height, width) yuv444p, (height, width) gray of full range; uint8 at depth 8,
    else uint16. Raises ConfigError for anything else.
    """
    if isinstance(picture, Frame):
        return picture
    if isinstance(picture, av.VideoFrame):
        return Frame.from_av(picture)
    array = as_array(picture)
    if array.dtype.kind not in "uif":
        raise ConfigError(f"a {type(picture).__name__} is not a picture: give a Frame, a PyAV frame or an array")
    if array.ndim == 3 and array.shape[2] != 3 and len(array) == 3:
        return Frame.from_yuv444p(array, depth=depth)
    if array.ndim == 3:
        return Frame.from_rgb24(array, matrix=_NAMES.get(matrix, "bt601"))
    if array.ndim == 2 and len(array) == height:
        return Frame.from_gray(array, depth=depth)
    return Frame.from_yuv420p(array, depth=depth)


def colour_of(picture: Any, height: int, depth: int = 8) -> Colour:
    """Colour of the stream that `picture` begins. Raises ConfigError as `frame_of` does."""
    return frame_of(picture, height, depth).colour


def coded_frame(picture: Any, header: FileHeader) -> Frame:
    """The 4:2:0 frame that is coded of `picture` (see `frame_of`) in a stream with this header.

    Raises ConfigError if it does not fit the stream's size, depth and colour space.
    """
    colour = Colour.of_header(header)
    frame = frame_of(picture, header.height, header.bit_depth, colour.matrix if colour.space == ColourSpace.RGB else 0)
    if (frame.width, frame.height) != (header.width, header.height):
        raise ConfigError(f"a frame of {frame.width}x{frame.height} for an encoder of {header.width}x{header.height}")
    if frame.depth != header.bit_depth:
        raise ConfigError(f"a frame of {frame.depth} bits for an encoder of {header.bit_depth}")
    return to_coded(frame, colour)
