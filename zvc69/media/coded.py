"""Between pictures and what is coded of them: 4:2:0, whatever the colour space of the stream."""
from __future__ import annotations

import numpy as np

from ..bitstream import ColourSpace
from ..errors import ConfigError
from .colour import Colour
from .convert import upsampled
from .frame import Frame
from .integrity import Integrity
from .layout import plane_shapes

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def to_coded(frame: Frame, colour: Colour) -> Frame:
    """The 4:2:0 frame that is coded of `frame` in a stream of `colour`.

    Gray streams hold the luma of gray frames, in the stream's range, and neutral chroma. Raises ConfigError for another frame
    in a gray stream, which would lose its colours.
    """
    if colour.space != ColourSpace.GRAY:
        return frame.convert(ColourSpace.YUV420)
    if frame.colour.space != ColourSpace.GRAY:
        raise ConfigError("a colour picture in a gray stream: convert it, or choose another colour space")
    y = frame.convert(ColourSpace.GRAY, full_range=colour.full_range).y
    chroma = np.full(plane_shapes(frame.width, frame.height)[1], 1 << (frame.depth - 1), y.dtype)
    return Frame(y, chroma, chroma, frame.depth, frame.pts)


def from_coded(planes: Planes, depth: int, colour: Colour, pts: int | None = None, integrity: Integrity = Integrity.WHOLE) -> Frame:
    """The frame of a stream of `colour` whose coded planes are these: the reverse, but for what 4:2:0 does not hold."""
    if colour.space == ColourSpace.GRAY:
        kept: tuple[np.ndarray | None, ...] = (planes[0], None, None)
    else:
        kept = upsampled(planes, depth) if colour.space == ColourSpace.YUV444 else planes
    return Frame(*kept, depth=depth, pts=pts, colour=colour, integrity=integrity)
