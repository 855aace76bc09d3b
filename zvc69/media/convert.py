"""Pixel formats, by PyAV's libswscale; planes and AVFrames."""
from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from ..bitstream import ColourSpace
from .colour import MATRICES, Colour

Planes = tuple[np.ndarray, ...]
"""Y, U, V; of gray pictures Y alone."""

_YUV420 = {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"}
PLANAR_444 = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le"}
FORMATS = {
    ColourSpace.YUV420: _YUV420,
    ColourSpace.YUV444: PLANAR_444,
    ColourSpace.RGB: _YUV420,
    ColourSpace.GRAY: {8: "gray", 10: "gray10le", 12: "gray12le"},
}
"""FFmpeg's pixel format of planes in each space, by depth."""

# libswscale's flags SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP, SWS_ACCURATE_RND and SWS_BITEXACT, by value: PyAV names
# them from version 18 on. All input samples take part, and SIMD does not change the result: figures measured
# on converted pictures are the same on every machine.
# One thread: with several, PyAV 18's libswscale now and then gets single rows wrong (seen with 33x19 pictures).
_SCALER = {"interpolation": int(Interpolation.BICUBIC) | 0x2000 | 0x4000 | 0x40000 | 0x80000, "threads": 1}

# libswscale's SWS_CS_ITU601 and so on (by value: PyAV 17 has no name for BT.2020), and Kr and Kb of
# luma = Kr R + (1 - Kr - Kb) G + Kb B. By code points of H.273.
_BT601, _BT2020 = (5, 0.299, 0.114), (9, 0.2627, 0.0593)
_MATRICES = {1: (1, 0.2126, 0.0722), 4: (4, 0.30, 0.11), 5: _BT601, 6: _BT601, 7: (7, 0.212, 0.087), 9: _BT2020, 10: _BT2020}


def rgb_to_planes(rgb: np.ndarray, matrix: int = MATRICES["bt601"]) -> Planes:
    """(height, width, 3) uint8 -> Y, U, V uint8, 4:2:0, limited range."""
    height, width = rgb.shape[:2]
    frame = av.VideoFrame.from_ndarray(_pad_even(rgb), format="rgb24")
    return _crop(_read(_reformat(frame, "yuv420p", matrix=_known(matrix)[0])), width, height)


def planes_to_rgb(planes: Planes, depth: int, colour: Colour) -> np.ndarray:
    """Planes of `depth` bits -> (height, width, 3) uint8."""
    if len(planes) == 1:
        return np.repeat(gray_levels(planes[0], depth, colour.full_range, 8)[:, :, None], 3, axis=2)
    height, width = planes[0].shape
    padded = planes if colour.space == ColourSpace.YUV444 else (_pad_even(planes[0]), *planes[1:])
    frame = planes_to_av(padded, depth, colour)
    rgb = frame.reformat(format="rgb24", **_SCALER, src_colorspace=_known(colour.matrix)[0], dst_color_range=ColorRange.JPEG)
    return np.ascontiguousarray(_packed_rows(rgb.planes[0], 3)[:height, :width])


def planes_to_rgb48(planes: Planes, depth: int, colour: Colour) -> np.ndarray:
    """Planes of `depth` bits -> (height, width, 3) uint16, white at 65535.

    Only chroma's interpolation is libswscale's: its own 16-bit RGB is off by up to 252 (white comes out as 65283).
    """
    if len(planes) == 1:
        return np.repeat(gray_levels(planes[0], depth, colour.full_range, 16)[:, :, None], 3, axis=2)
    y, u, v = planes if colour.space == ColourSpace.YUV444 else upsampled(planes, depth)
    unit, peak = 1 << (depth - 8), (1 << depth) - 1
    low, span, chroma_span = (0, peak, peak) if colour.full_range else (16 * unit, 219 * unit, 224 * unit)
    luma = (y.astype(np.float32) - low) * np.float32(65535 / span)
    blue, red = ((plane.astype(np.float32) - 128 * unit) * np.float32(65535 / chroma_span) for plane in (u, v))
    _, kr, kb = _known(colour.matrix)
    r, b = luma + np.float32(2 * (1 - kr)) * red, luma + np.float32(2 * (1 - kb)) * blue
    g = (luma - np.float32(kr) * r - np.float32(kb) * b) / np.float32(1 - kr - kb)
    return np.clip(np.rint(np.stack([r, g, b], -1)), 0, 65535).astype(np.uint16)


def gray_levels(y: np.ndarray, depth: int, full_range: bool, to_depth: int, to_full: bool = True) -> np.ndarray:
    """Luma of `depth` bits in another depth or range, rounded to nearest."""
    if depth == to_depth and full_range == to_full:
        return y
    (low, span), (to_low, to_span) = _ends(depth, full_range), _ends(to_depth, to_full)
    levels = np.rint((y.astype(np.float64) - low) * (to_span / span) + to_low)
    return np.clip(levels, 0, 2**to_depth - 1).astype(np.uint8 if to_depth == 8 else np.uint16)


def av_to_planes(frame: av.VideoFrame) -> tuple[Planes, int, Colour]:
    """A frame of any pixel format -> planes, their depth and colour: Y alone of gray, of its own range; else Y, U, V of limited
    range, 4:4:4 where the source is, 4:2:0 of all others."""
    width, height, source = frame.width, frame.height, frame.format
    depth, space = _depth(source), _space(source)
    if space == ColourSpace.GRAY:
        full = frame.color_range != ColorRange.MPEG   # unspecified is full, as everywhere in FFmpeg
        return (_gray(frame, depth, full),), depth, Colour.of_av(frame, space, full_range=full)
    colour, target = Colour.of_av(frame, space), FORMATS[space][depth]
    if source.name == target and frame.color_range != ColorRange.JPEG:
        return _read(frame), depth, colour
    if space != ColourSpace.YUV444 and (width % 2 or height % 2) and not _is_subsampled_420(source):
        frame = _padded_even(frame, depth)
    matrix = _BT601[0] if space == ColourSpace.RGB else None
    return _crop(_read(_reformat(frame, target, matrix=matrix)), width, height), depth, colour


def planes_to_av(planes: Planes, depth: int, colour: Colour = Colour()) -> av.VideoFrame:
    """Planes -> a frame that owns a copy of them and states their colour."""
    height, width = planes[0].shape
    frame = _write(planes, width, height, FORMATS[colour.space][depth])
    colour.put(frame)
    return frame


def upsampled(planes: Planes, depth: int) -> Planes:
    """Y, U, V of 4:2:0 -> the same luma, chroma of full size."""
    height, width = planes[0].shape
    padded = planes_to_av((_pad_even(planes[0]), *planes[1:]), depth)
    _, u, v = _read(_reformat(padded, PLANAR_444[depth]))
    return planes[0], *(np.ascontiguousarray(plane[:height, :width]) for plane in (u, v))


def downsampled(planes: Planes, depth: int) -> Planes:
    """Y, U, V of 4:4:4 -> the same luma, chroma of half the size, rounded up."""
    padded = tuple(_pad_even(plane) for plane in planes)
    _, u, v = _read(_reformat(planes_to_av(padded, depth, Colour(ColourSpace.YUV444)), _YUV420[depth]))
    return planes[0], u, v


def limited(planes: Planes, depth: int, space: ColourSpace) -> Planes:
    """Y, U, V of full range -> the same in limited range."""
    return _read(_reformat(planes_to_av(planes, depth, Colour(space, full_range=True)), FORMATS[space][depth]))


def _reformat(frame: av.VideoFrame, format: str, *, matrix: int | None = None) -> av.VideoFrame:
    return frame.reformat(format=format, **_SCALER, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)


def _gray(frame: av.VideoFrame, depth: int, full: bool) -> np.ndarray:
    """Luma of a gray frame; alpha is ignored."""
    bits = frame.format.components[0].bits
    if not (frame.format.name.startswith("gray") and bits in (8, 9, 10, 12, 14, 16)):
        bits = 8 if depth == 8 else 16
        frame = frame.reformat(format="gray" if bits == 8 else "gray16le", **_SCALER)
    samples = _packed_rows(frame.planes[0], 1 if bits == 8 else 2).reshape(frame.height, -1)
    if bits == 8:
        return samples
    samples = samples.view(">u2" if frame.format.name.endswith("be") else "<u2")
    return gray_levels(samples.astype(np.uint16), bits, full, depth, full)


def _padded_even(frame: av.VideoFrame, depth: int) -> av.VideoFrame:
    """The frame at full chroma resolution, its last column and row repeated to even sizes.

    libswscale takes the chroma of an odd size to be exactly half of it and so shifts colours by up to
    half a sample; at even sizes it does not.
    """
    if _space(frame.format) == ColourSpace.RGB:
        rgb = frame.reformat(format="rgb24" if depth == 8 else "rgb48le", **_SCALER)
        samples = _packed_rows(rgb.planes[0], 3 if depth == 8 else 6)
        pixels = samples if depth == 8 else samples.view("<u2")
        return av.VideoFrame.from_ndarray(_pad_even(pixels), format=rgb.format.name)
    full = _reformat(frame, PLANAR_444[depth])
    planes = tuple(_pad_even(plane) for plane in _read(full))
    padded = planes_to_av(planes, depth, Colour(ColourSpace.YUV444))
    padded.colorspace = full.colorspace
    return padded


def _read(frame: av.VideoFrame) -> Planes:
    """Copies of the planes of a planar YUV frame, without alpha."""
    planes = []
    for plane, component in zip(frame.planes[:3], frame.format.components):
        itemsize = 1 if component.bits == 8 else 2
        rows = _packed_rows(plane, itemsize).reshape(plane.height, -1)
        planes.append(rows.view(np.uint8 if itemsize == 1 else "<u2").astype(f"u{itemsize}", copy=False))
    return tuple(planes)


def _write(planes: Planes, width: int, height: int, format: str) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, format)
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
    return rows.copy().reshape(plane.height, plane.width, pixel_bytes)


def _pad_even(samples: np.ndarray) -> np.ndarray:
    rows, columns = samples.shape[0] % 2, samples.shape[1] % 2
    padding = [(0, rows), (0, columns)] + [(0, 0)] * (samples.ndim - 2)
    return np.ascontiguousarray(np.pad(samples, padding, mode="edge"))


def _crop(planes: Planes, width: int, height: int) -> Planes:
    """Luma cut to an odd size; chroma has the right one already."""
    return np.ascontiguousarray(planes[0][:height, :width]), *planes[1:]


def _ends(depth: int, full_range: bool) -> tuple[int, int]:
    """Black, and the distance of white from it."""
    return (0, 2**depth - 1) if full_range else (16 << (depth - 8), 219 << (depth - 8))


def _depth(format: av.VideoFormat) -> int:
    bits = max(component.bits for component in format.components)
    return 8 if bits <= 8 else 10 if bits <= 10 else 12


def _space(format: av.VideoFormat) -> ColourSpace:
    if format.is_rgb or format.has_palette:
        return ColourSpace.RGB
    if sum(not component.is_alpha for component in format.components) == 1:
        return ColourSpace.GRAY
    # xyz12 is neither RGB nor YUV by its flags; what becomes of it is 4:2:0, as before there was anything else.
    whole = format.chroma_width(4) == 4 and format.chroma_height(4) == 4 and not format.name.startswith("xyz")
    return ColourSpace.YUV444 if whole else ColourSpace.YUV420


def _is_subsampled_420(format: av.VideoFormat) -> bool:
    # An odd size rounds up in every 4:2:0 format; gray and RGB report full size.
    return format.chroma_width(3) == 2 and format.chroma_height(3) == 2


def _known(matrix: int) -> tuple[int, float, float]:
    return _MATRICES.get(matrix, _BT601)
