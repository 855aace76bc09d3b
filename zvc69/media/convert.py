"""Pixel formats, by PyAV's libswscale; arrays and AVFrames."""
from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from ..errors import ConfigError

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]

FORMATS = {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"}
PLANAR_444 = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le"}
_MATRICES = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709}
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
"""Kr and Kb of luma = Kr R + (1 - Kr - Kb) G + Kb B."""

# libswscale's flags SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP, SWS_ACCURATE_RND and SWS_BITEXACT, by value: PyAV names
# them from version 18 on. All input samples take part, and SIMD does not change the result: figures measured
# on converted pictures are the same on every machine.
# One thread: with several, PyAV 18's libswscale now and then gets single rows wrong (seen with 33x19 pictures).
_SCALER = {"interpolation": int(Interpolation.BICUBIC) | 0x2000 | 0x4000 | 0x40000 | 0x80000, "threads": 1}


def rgb_to_planes(rgb: np.ndarray, matrix: str = "bt601") -> Planes:
    """(height, width, 3) uint8 -> Y, U, V uint8, limited range."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape or rgb.dtype != np.uint8:
        raise ConfigError(f"rgb24 is a (height, width, 3) uint8 array, not {rgb.shape} {rgb.dtype}")
    height, width = rgb.shape[:2]
    frame = av.VideoFrame.from_ndarray(_pad_even(rgb), format="rgb24")
    return _crop(_read(_reformat(frame, "yuv420p", matrix=_matrix(matrix))), width, height)


def planes_to_rgb(planes: Planes, depth: int, matrix: str = "bt601") -> np.ndarray:
    """Y, U, V of `depth` bits -> (height, width, 3) uint8."""
    height, width = planes[0].shape
    frame = planes_to_av((_pad_even(planes[0]), planes[1], planes[2]), depth)
    rgb = frame.reformat(format="rgb24", **_SCALER, src_colorspace=_matrix(matrix))
    return np.ascontiguousarray(_packed_rows(rgb.planes[0], 3)[:height, :width])


def planes_to_rgb48(planes: Planes, depth: int, matrix: str = "bt601") -> np.ndarray:
    """Y, U, V of `depth` bits -> (height, width, 3) uint16, white at 65535.

    Only chroma's interpolation is libswscale's: its own 16-bit RGB is off by up to 252 (white comes out as 65283).
    """
    _matrix(matrix)
    y, u, v = _read(at_full_chroma(planes_to_av(planes, depth), depth))
    scale = np.float32(65535 / (1 << (depth - 8)))
    luma = (y.astype(np.float32) - (16 << (depth - 8))) * (scale / 219)
    blue, red = ((plane.astype(np.float32) - (128 << (depth - 8))) * (scale / 224) for plane in (u, v))
    kr, kb = LUMA_WEIGHTS[matrix]
    r, b = luma + np.float32(2 * (1 - kr)) * red, luma + np.float32(2 * (1 - kb)) * blue
    g = (luma - np.float32(kr) * r - np.float32(kb) * b) / np.float32(1 - kr - kb)
    return np.clip(np.rint(np.stack([r, g, b], -1)), 0, 65535).astype(np.uint16)


def av_to_planes(frame: av.VideoFrame) -> tuple[Planes, int]:
    """A frame of any pixel format -> Y, U, V limited range, and their depth."""
    width, height, source = frame.width, frame.height, frame.format
    depth = _depth(source)
    if source.name == FORMATS[depth] and frame.color_range != ColorRange.JPEG:
        return _read(frame), depth
    if (width % 2 or height % 2) and not _is_subsampled_420(source):
        frame = _padded_even(frame, depth)
    matrix = Colorspace.ITU601 if source.is_rgb or "pal8" in source.name else None
    return _crop(_read(_reformat(frame, FORMATS[depth], matrix=matrix)), width, height), depth


def planes_to_av(planes: Planes, depth: int, *, full_range: bool = False) -> av.VideoFrame:
    """Y, U, V -> a frame that owns a copy of them."""
    height, width = planes[0].shape
    return _write(planes, width, height, FORMATS[depth], full_range)


def at_full_chroma(frame: av.VideoFrame, depth: int) -> av.VideoFrame:
    """A 4:2:0 frame of `depth` bits as 4:4:4 of the same size."""
    width, height = frame.width, frame.height
    planes = _read(frame)
    padded = planes_to_av((_pad_even(planes[0]), planes[1], planes[2]), depth)
    full = _read(_reformat(padded, PLANAR_444[depth]))
    cut = tuple(plane[:height, :width] for plane in full)
    return _write(cut, width, height, PLANAR_444[depth], False)


def _reformat(frame: av.VideoFrame, format: str, *, matrix: Colorspace | None = None) -> av.VideoFrame:
    return frame.reformat(format=format, **_SCALER, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)


def _padded_even(frame: av.VideoFrame, depth: int) -> av.VideoFrame:
    """The frame at full chroma resolution, its last column and row repeated to even sizes.

    libswscale takes the chroma of an odd size to be exactly half of it and so shifts colours by up to
    half a sample; at even sizes it does not.
    """
    if frame.format.is_rgb or "pal8" in frame.format.name:
        rgb = frame.reformat(format="rgb24" if depth == 8 else "rgb48le", **_SCALER)
        samples = _packed_rows(rgb.planes[0], 3 if depth == 8 else 6)
        pixels = samples if depth == 8 else samples.view("<u2")
        return av.VideoFrame.from_ndarray(_pad_even(pixels), format=rgb.format.name)
    full = _reformat(frame, PLANAR_444[depth])
    planes = tuple(_pad_even(plane) for plane in _read(full))
    padded = _write(planes, planes[0].shape[1], planes[0].shape[0], PLANAR_444[depth], False)
    padded.colorspace = full.colorspace
    return padded


def _read(frame: av.VideoFrame) -> Planes:
    """Copies of the three planes of a planar YUV frame."""
    planes = []
    for plane, component in zip(frame.planes, frame.format.components):
        itemsize = 1 if component.bits == 8 else 2
        rows = _packed_rows(plane, itemsize).reshape(plane.height, -1)
        planes.append(rows.view(np.uint8 if itemsize == 1 else "<u2").astype(f"u{itemsize}"))
    return planes[0], planes[1], planes[2]


def _write(planes: Planes, width: int, height: int, format: str, full_range: bool) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, format)
    frame.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
    for target, plane in zip(frame.planes, planes):
        line = np.zeros((target.height, target.line_size), np.uint8)
        rows = np.ascontiguousarray(plane.astype(plane.dtype.newbyteorder("<"), copy=False)).view(np.uint8)
        line[:, : rows.shape[1]] = rows
        # A frame's buffer may be longer than its rows; update() wants all of it.
        target.update(line.tobytes().ljust(target.buffer_size, b"\0"))
    return frame


def _packed_rows(plane: av.video.plane.VideoPlane, pixel_bytes: int) -> np.ndarray:
    """(height, width, pixel_bytes) uint8, a copy without the alignment at the end of rows."""
    lines = np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size]
    rows = lines.reshape(plane.height, plane.line_size)[:, : plane.width * pixel_bytes]
    return np.ascontiguousarray(rows).reshape(plane.height, plane.width, pixel_bytes)


def _pad_even(samples: np.ndarray) -> np.ndarray:
    rows, columns = samples.shape[0] % 2, samples.shape[1] % 2
    padding = [(0, rows), (0, columns)] + [(0, 0)] * (samples.ndim - 2)
    return np.ascontiguousarray(np.pad(samples, padding, mode="edge"))


def _crop(planes: Planes, width: int, height: int) -> Planes:
    """Luma cut to an odd size; chroma has the right one already."""
    return np.ascontiguousarray(planes[0][:height, :width]), planes[1], planes[2]


def _depth(format: av.VideoFormat) -> int:
    bits = max(component.bits for component in format.components)
    return 8 if bits <= 8 else 10 if bits <= 10 else 12


def _is_subsampled_420(format: av.VideoFormat) -> bool:
    # An odd size rounds up in every 4:2:0 format; gray and RGB report full size.
    return format.chroma_width(3) == 2 and format.chroma_height(3) == 2


def _matrix(name: str) -> Colorspace:
    if name not in _MATRICES:
        raise ConfigError(f"colour matrix {name!r} is not one of {', '.join(_MATRICES)}")
    return _MATRICES[name]
