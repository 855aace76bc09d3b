"""The picture that the codec takes and gives: planar 4:2:0 of 8, 10 or 12 bits."""
from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np

from ..errors import ConfigError
from . import convert

DEPTHS = (8, 10, 12)
_PLANAR_DEPTHS = {"yuv420p": 8, "yuv420p10": 10, "yuv420p10le": 10, "yuv420p12": 12, "yuv420p12le": 12}


def plane_dtype(depth: int) -> np.dtype:
    """Sample type of planes of `depth` bits: uint8 up to 8 bits, uint16 above."""
    return np.dtype(np.uint8 if depth == 8 else np.uint16)


def plane_shapes(width: int, height: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """(rows, columns) of Y, U and V; chroma is half of each size, rounded up."""
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return (height, width), chroma, chroma


@dataclass(frozen=True, eq=False)
class Frame:
    """One 4:2:0 picture.

    y       (height, width) samples, uint8 for depth 8, uint16 (values in the low bits) for 10 and 12
    u, v    (ceil(height / 2), ceil(width / 2)), same dtype
    depth   bits per sample: 8, 10 or 12
    pts     presentation time in frame periods (1 / fps), or None

    Samples are limited range ("video levels"), as in nearly all video. Colour matrix and chroma position
    are not part of the picture: YUV goes through unchanged, conversions from and to RGB use BT.601
    (libswscale's default) unless told otherwise.

    Raises ConfigError when planes do not fit together.

    >>> import numpy as np
    >>> frame = Frame.from_rgb24(np.full((18, 33, 3), 255, np.uint8))
    >>> frame.width, frame.height, frame.u.shape, int(frame.y[0, 0])
    (33, 18, (9, 17), 235)
    """

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    depth: int = 8
    pts: int | None = None

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise ConfigError(f"bit depth {self.depth} is not one of 8, 10, 12")
        if self.y.ndim != 2 or 0 in self.y.shape:
            raise ConfigError(f"luma must be a (height, width) array, not one of shape {self.y.shape}")
        dtype = plane_dtype(self.depth)
        for name, plane, shape in zip("yuv", self.planes, plane_shapes(self.width, self.height)):
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
    def planes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Y, U, V."""
        return self.y, self.u, self.v

    @classmethod
    def from_yuv420p(cls, y: np.ndarray, u: np.ndarray | None = None, v: np.ndarray | None = None,
                     *, depth: int = 8, pts: int | None = None) -> Frame:
        """A frame of three planes, or of one (height * 3 / 2, width) array as PyAV's `to_ndarray` gives.

        Planes are not copied. The single array needs even sizes: no such array exists for odd ones.
        """
        if u is None and v is None:
            y, u, v = _split(y)
        if u is None or v is None:
            raise ConfigError("give all three planes, or one array that holds them")
        return cls(y, u, v, depth, pts)

    @classmethod
    def from_rgb24(cls, rgb: np.ndarray, *, matrix: str = "bt601", pts: int | None = None) -> Frame:
        """An 8-bit frame of a (height, width, 3) uint8 array; `matrix` is "bt601" or "bt709"."""
        return cls(*convert.rgb_to_planes(rgb, matrix), 8, pts)

    @classmethod
    def from_ndarray(cls, array: np.ndarray, format: str = "rgb24", *, pts: int | None = None) -> Frame:
        """A frame of one array of `format`: rgb24, yuv420p, yuv420p10 or yuv420p12."""
        if format == "rgb24":
            return cls.from_rgb24(array, pts=pts)
        return cls.from_yuv420p(array, depth=_planar_depth(format), pts=pts)

    @classmethod
    def from_av(cls, frame: av.VideoFrame, *, pts: int | None = None) -> Frame:
        """A frame of a PyAV frame of any pixel format.

        Other subsampling, RGB and full range are converted (RGB by BT.601); the depth is the least of
        8, 10 and 12 that holds the source's, 12 at most. `pts` is not taken from the source: its unit differs.
        """
        planes, depth = convert.av_to_planes(frame)
        return cls(*planes, depth, pts)

    def to_ndarray(self, format: str | None = None) -> np.ndarray:
        """The frame as one array, a copy.

        format None or the frame's own (yuv420p, yuv420p10, yuv420p12): (height * 3 / 2, width), even sizes
        only; rgb24: (height, width, 3) uint8.
        """
        if format == "rgb24":
            return self.to_rgb()
        if format is not None and _planar_depth(format) != self.depth:
            raise ConfigError(f"a frame of {self.depth} bits cannot be given as {format}")
        if self.width % 2 or self.height % 2:
            raise ConfigError(f"no single array holds 4:2:0 of odd size {self.width}x{self.height}: use y, u, v")
        flat = np.concatenate([plane.reshape(-1) for plane in self.planes])
        return flat.reshape(self.height * 3 // 2, self.width)

    def to_rgb(self, matrix: str = "bt601", *, depth: int = 8) -> np.ndarray:
        """(height, width, 3) RGB: uint8, or uint16 up to 65535 for `depth` 16; `matrix` is "bt601" or "bt709"."""
        if depth not in (8, 16):
            raise ConfigError(f"RGB has 8 or 16 bits a channel, not {depth}")
        return (convert.planes_to_rgb if depth == 8 else convert.planes_to_rgb48)(self.planes, self.depth, matrix)

    def to_av(self) -> av.VideoFrame:
        """A PyAV frame: yuv420p, yuv420p10le or yuv420p12le, limited range; pts set, time base left open."""
        frame = convert.planes_to_av(self.planes, self.depth)
        frame.pts = self.pts
        return frame

    def to_bytes(self) -> bytes:
        """Samples of Y, U, V in rows, uint16 little-endian above 8 bits: what y4m and raw files hold."""
        return b"".join(plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes() for plane in self.planes)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray, width: int, height: int, depth: int = 8,
                   *, pts: int | None = None) -> Frame:
        """The inverse of `to_bytes`; planes are views of `data`. Raises ConfigError on another length."""
        if depth not in DEPTHS:
            raise ConfigError(f"bit depth {depth} is not one of 8, 10, 12")
        if len(data) != frame_bytes(width, height, depth):
            raise ConfigError(f"{len(data)} bytes are not a frame of {width}x{height}, {depth} bits")
        flat = np.frombuffer(data, plane_dtype(depth).newbyteorder("<")).astype(plane_dtype(depth), copy=False)
        planes, start = [], 0
        for rows, columns in plane_shapes(width, height):
            planes.append(flat[start : start + rows * columns].reshape(rows, columns))
            start += rows * columns
        return cls(*planes, depth, pts)


def frame_bytes(width: int, height: int, depth: int) -> int:
    """Size of a raw frame in bytes."""
    samples = sum(rows * columns for rows, columns in plane_shapes(width, height))
    return samples * plane_dtype(depth).itemsize


def _planar_depth(format: str) -> int:
    if format not in _PLANAR_DEPTHS:
        raise ConfigError(f"format {format!r} is not one of rgb24, yuv420p, yuv420p10, yuv420p12")
    return _PLANAR_DEPTHS[format]


def _split(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if array.ndim != 2 or array.shape[0] % 3 or array.shape[1] % 2:
        raise ConfigError(f"an array of shape {array.shape} is not (height * 3 / 2, width) with even sizes")
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    chroma = array[height:].reshape(2, height // 2, width // 2)
    return array[:height], chroma[0], chroma[1]
