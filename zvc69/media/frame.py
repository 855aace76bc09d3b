"""The picture that the codec takes and gives: planes of 8, 10 or 12 bits."""
from __future__ import annotations

from dataclasses import dataclass, replace

import av
import numpy as np

from ..bitstream import ColourSpace
from ..errors import ConfigError
from . import convert
from .arrays import as_array
from .colour import Colour, matrix_code
from .integrity import Integrity
from .layout import DEPTHS, array_format, frame_bytes, join, plane_dtype, plane_shapes, split_420

__all__ = ["Frame", "frame_bytes", "plane_dtype", "plane_shapes"]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    y       (height, width) samples, uint8 for depth 8, uint16 (values in the low bits) for 10 and 12
    u, v    the same of (ceil(height / 2), ceil(width / 2)) samples; of full size if `colour.space` is YUV444, None if GRAY
    depth   bits per sample: 8, 10 or 12
    pts     presentation time in frame periods (1 / fps), or None
    colour  layout of the planes and what the samples mean: see `Colour`
    integrity  of a decoded frame: whether it was lost, or predicted from lost ones: see `Integrity`

    Samples are limited range ("video levels") unless `colour.full_range`; sources give full range of gray alone. YUV goes
    through unchanged; conversions from and to RGB use the matrix that `colour` states, else BT.601 (libswscale's default).

    Planes are NumPy arrays, so that libraries with DLPack take them without a copy (`torch.from_dlpack(frame.y)`); they may
    be read-only. The `from_...` methods take such libraries' arrays in main memory, and do not copy planes.

    Raises ConfigError when planes do not fit together.

    >>> import numpy as np
    >>> frame = Frame.from_rgb24(np.full((18, 33, 3), 255, np.uint8))
    >>> frame.width, frame.height, frame.u.shape, int(frame.y[0, 0])
    (33, 18, (9, 17), 235)
    >>> Frame.from_gray(np.full((18, 33), 255, np.uint8)).planes[0][0, 0], frame.convert("gray").to_ndarray().shape
    (np.uint8(255), (18, 33))
    """

    y: np.ndarray
    u: np.ndarray | None = None
    v: np.ndarray | None = None
    depth: int = 8
    pts: int | None = None
    colour: Colour = Colour()
    integrity: Integrity = Integrity.WHOLE

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise ConfigError(f"bit depth {self.depth} is not one of 8, 10, 12")
        if self.y.ndim != 2 or 0 in self.y.shape:
            raise ConfigError(f"luma must be a (height, width) array, not one of shape {self.y.shape}")
        gray = self.colour.space == ColourSpace.GRAY
        if gray != (self.u is None) or gray != (self.v is None):
            raise ConfigError(f"a picture of {self.colour.space.name} has {'one plane' if gray else 'three planes'}")
        dtype = plane_dtype(self.depth)
        for name, plane, shape in zip("yuv", self.planes, plane_shapes(self.width, self.height, self.colour.space)):
            if plane.shape != shape:
                raise ConfigError(f"plane {name} has shape {plane.shape}, {self.width}x{self.height} needs {shape}")
            if plane.dtype != dtype:
                raise ConfigError(f"plane {name} is {plane.dtype}, a depth of {self.depth} bits needs {dtype}")

    @property
    def width(self) -> int:
        return self.y.shape[1]

    @property
    def height(self) -> int:
        return self.y.shape[0]

    @property
    def planes(self) -> tuple[np.ndarray, ...]:
        """Y, U, V; of a gray picture Y alone."""
        return (self.y,) if self.u is None or self.v is None else (self.y, self.u, self.v)

    @classmethod
    def from_yuv420p(cls, y: np.ndarray, u: np.ndarray | None = None, v: np.ndarray | None = None,
                     *, depth: int = 8, pts: int | None = None) -> Frame:
        """A frame of three planes, or of one (height * 3 / 2, width) array as PyAV's `to_ndarray` gives.

        Planes are not copied. The single array needs even sizes: no such array exists for odd ones.
        """
        if u is None and v is None:
            return cls(*split_420(as_array(y)), depth, pts)
        if u is None or v is None:
            raise ConfigError("give all three planes, or one array that holds them")
        return cls(as_array(y), as_array(u), as_array(v), depth, pts)

    @classmethod
    def from_yuv444p(cls, planes: np.ndarray, *, depth: int = 8, pts: int | None = None) -> Frame:
        """A 4:4:4 frame of a (3, height, width) array, which is not copied."""
        planes = as_array(planes)
        if planes.ndim != 3 or len(planes) != 3:
            raise ConfigError(f"yuv444p is a (3, height, width) array, not one of shape {planes.shape}")
        return cls(*planes, depth, pts, Colour(ColourSpace.YUV444))

    @classmethod
    def from_gray(cls, y: np.ndarray, *, depth: int = 8, full_range: bool = True, pts: int | None = None) -> Frame:
        """A gray frame of a (height, width) array, which is not copied."""
        return cls(as_array(y), None, None, depth, pts, Colour(ColourSpace.GRAY, full_range=full_range))

    @classmethod
    def from_rgb24(cls, rgb: np.ndarray, *, matrix: str = "bt601", pts: int | None = None) -> Frame:
        """An 8-bit frame of a (height, width, 3) uint8 array; `matrix` is "bt601", "bt709" or "bt2020"."""
        rgb = as_array(rgb)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape or rgb.dtype != np.uint8:
            raise ConfigError(f"rgb24 is a (height, width, 3) uint8 array, not {rgb.shape} {rgb.dtype}")
        code = matrix_code(matrix)
        return cls(*convert.rgb_to_planes(rgb, code), depth=8, pts=pts, colour=Colour(ColourSpace.RGB, code))

    @classmethod
    def from_ndarray(cls, array: np.ndarray, format: str = "rgb24", *, pts: int | None = None) -> Frame:
        """A frame of one array of `format`: rgb24; yuv420p, yuv444p, gray, or these with 10 or 12 behind them."""
        if format == "rgb24":
            return cls.from_rgb24(array, pts=pts)
        space, depth = array_format(format)
        if space == ColourSpace.GRAY:
            return cls.from_gray(array, depth=depth, pts=pts)
        return (cls.from_yuv444p if space == ColourSpace.YUV444 else cls.from_yuv420p)(array, depth=depth, pts=pts)

    @classmethod
    def from_av(cls, frame: av.VideoFrame, *, pts: int | None = None) -> Frame:
        """A frame of a PyAV frame of any pixel format.

        Gray and 4:4:4 stay so; other subsampling and RGB are converted to 4:2:0 (RGB by BT.601), full range to limited except
        of gray; the depth is the least of 8, 10 and 12 that holds the source's, 12 at most. `pts` is not taken from the
        source: its unit differs.
        """
        planes, depth, colour = convert.av_to_planes(frame)
        return cls(*planes, depth=depth, pts=pts, colour=colour)

    def convert(self, space: ColourSpace | str, *, full_range: bool | None = None) -> Frame:
        """The frame in another colour space: chroma resampled, dropped, or neutral where there was none.

        full_range  of gray; None leaves gray as it is. All else becomes limited range. A frame that needs no change is
        returned itself.
        """
        colour = self.colour.in_space(Colour.of(space).space)
        if colour.space == ColourSpace.GRAY:
            full = colour.full_range if full_range is None else full_range
            y = convert.gray_levels(self.y, self.depth, self.colour.full_range, self.depth, full)
            return self._as((y,), replace(colour, full_range=full))
        if colour == self.colour:
            return self
        planes = self.planes
        if len(planes) == 1:
            y = convert.gray_levels(self.y, self.depth, self.colour.full_range, self.depth, False)
            shapes = plane_shapes(self.width, self.height, colour.space)[1:]
            return self._as((y, *(np.full(shape, 1 << (self.depth - 1), y.dtype) for shape in shapes)), colour)
        if self.colour.full_range:
            planes = convert.limited(planes, self.depth, self.colour.space)
        if (colour.space == ColourSpace.YUV444) != (self.colour.space == ColourSpace.YUV444):
            resample = convert.upsampled if colour.space == ColourSpace.YUV444 else convert.downsampled
            planes = resample(planes, self.depth)
        return self._as(planes, colour)

    def _as(self, planes: tuple[np.ndarray, ...], colour: Colour) -> Frame:
        if colour == self.colour:
            return self
        return Frame(*planes, depth=self.depth, pts=self.pts, colour=colour, integrity=self.integrity)

    def to_ndarray(self, format: str | None = None) -> np.ndarray:
        """The frame as one array, a copy, converted if it is of another kind.

        rgb24, rgb48    (height, width, 3) uint8, uint16 up to 65535
        gray, gray10, gray12            (height, width)
        yuv420p, yuv420p10, yuv420p12   (height * 3 / 2, width), even sizes only
        yuv444p, yuv444p10, yuv444p12   (3, height, width)
        None            what fits the frame's colour space and depth

        Raises ConfigError for other depths than the frame's.
        """
        if format is None:
            if self.colour.space == ColourSpace.RGB:
                return self.to_rgb(depth=8 if self.depth == 8 else 16)
            return join(self.planes, self.colour.space)
        if format in ("rgb24", "rgb48"):
            return self.to_rgb(depth=8 if format == "rgb24" else 16)
        space, depth = array_format(format)
        if depth != self.depth:
            raise ConfigError(f"a frame of {self.depth} bits cannot be given as {format}")
        return join(self.convert(space).planes, space)

    def to_rgb(self, matrix: str | None = None, *, depth: int = 8) -> np.ndarray:
        """(height, width, 3) RGB: uint8, or uint16 up to 65535 for `depth` 16.

        matrix  "bt601", "bt709" or "bt2020"; None takes the one that `colour` states, else BT.601
        """
        if depth not in (8, 16):
            raise ConfigError(f"RGB has 8 or 16 bits a channel, not {depth}")
        colour = self.colour if matrix is None else replace(self.colour, matrix=matrix_code(matrix))
        return (convert.planes_to_rgb if depth == 8 else convert.planes_to_rgb48)(self.planes, self.depth, colour)

    def to_av(self) -> av.VideoFrame:
        """A PyAV frame: yuv420p, yuv444p or gray, or their forms of 10 and 12 bits; colour stated, pts set, time base left open."""
        frame = convert.planes_to_av(self.planes, self.depth, self.colour)
        frame.pts = self.pts
        return frame

    def to_bytes(self) -> bytes:
        """Samples of the planes in rows, uint16 little-endian above 8 bits: what y4m and raw files hold."""
        return b"".join(plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes() for plane in self.planes)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray, width: int, height: int, depth: int = 8,
                   *, pts: int | None = None, colour: Colour = Colour()) -> Frame:
        """The inverse of `to_bytes`; planes are views of `data`. Raises ConfigError on another length."""
        if depth not in DEPTHS:
            raise ConfigError(f"bit depth {depth} is not one of 8, 10, 12")
        if len(data) != frame_bytes(width, height, depth, colour.space):
            raise ConfigError(f"{len(data)} bytes are not a frame of {width}x{height}, {depth} bits")
        flat = np.frombuffer(data, plane_dtype(depth).newbyteorder("<")).astype(plane_dtype(depth), copy=False)
        planes, start = [], 0
        for rows, columns in plane_shapes(width, height, colour.space):
            planes.append(flat[start : start + rows * columns].reshape(rows, columns))
            start += rows * columns
        return cls(*planes, depth=depth, pts=pts, colour=colour)
