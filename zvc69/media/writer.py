"""Sinks: where decoded frames go, by the name of the output."""
from __future__ import annotations

import os
import sys
from fractions import Fraction
from typing import BinaryIO

from ..errors import ConfigError, MediaError
from . import y4m
from .atomic import AtomicFile
from .av_sink import CONTAINERS, AvSink
from .colour import Colour
from .frame import Frame
from .png_sink import PngFolderSink, PngSink, is_numbered
from .sink import FileSink, Geometry, Sink

__all__ = ["RawSink", "Sink", "Y4mSink", "open_sink"]


class Y4mSink(FileSink):
    """YUV4MPEG2."""

    def __init__(self, target: AtomicFile | BinaryIO, geometry: Geometry) -> None:
        super().__init__(target, geometry)
        colour = geometry.colour
        target.write(y4m.Y4mHeader(geometry.width, geometry.height, geometry.fps, geometry.depth, colour.full_range, colour.space).line())

    def _put(self, frame: Frame) -> None:
        y4m.write_frame(self._target.write, frame)


class RawSink(FileSink):
    """Planes one after the other, no header; 16-bit little-endian samples above 8 bits."""

    def _put(self, frame: Frame) -> None:
        self._target.write(frame.to_bytes())


_FILES: dict[str, type[FileSink]] = {".y4m": Y4mSink, ".yuv": RawSink, ".raw": RawSink, ".png": PngSink}


def open_sink(target: str | os.PathLike[str] | BinaryIO, width: int, height: int, fps: Fraction, depth: int = 8,
              *, colour: Colour = Colour(), crf: int | None = None) -> Sink:
    """Open an output for frames of width x height, `depth` bits, `fps` frames a second.

    target  a path ending in .y4m, .yuv or .raw (planes without header), .mp4, .mkv or .mov (H.264, see `AvSink`) or
            .png (one frame); a folder ("out/", or one that is there) or a pattern ("out/%06d.png") for a PNG of
            every frame; "-" for y4m on standard output; or a binary file object, for y4m. A file appears under its
            name when whole, and then replaces one that is there.
    colour  of the frames: gray and 4:4:4 are written as such, RGB as 4:2:0 but into pictures
    crf     quality of .mp4, .mkv and .mov, 0 (lossless) to 51; 17 unless given

    Raises MediaError for another ending, ConfigError for a `crf` that does not apply, OSError when it cannot be opened.
    """
    geometry = Geometry(width, height, fps, depth, colour.in_space(colour.space))
    if not isinstance(target, (str, os.PathLike)) or target == "-":
        _without_crf(crf)
        return Y4mSink(sys.stdout.buffer if target == "-" else target, geometry)
    name = os.fspath(target)
    ending = os.path.splitext(name)[1].lower()
    if ending in CONTAINERS:
        return _in_file(name, lambda file: AvSink(file, geometry, CONTAINERS[ending], crf))
    _without_crf(crf)
    if name.endswith(("/", os.sep)) or os.path.isdir(name) or ending == ".png" and is_numbered(name):
        return PngFolderSink(name, geometry)
    if ending not in _FILES:
        raise MediaError(f"{name}: output must end in {', '.join((*_FILES, *CONTAINERS))}, be a folder, or be - for y4m")
    return _in_file(name, lambda file: _FILES[ending](file, geometry))


def _without_crf(crf: int | None) -> None:
    if crf is not None:
        raise ConfigError(f"crf is for outputs that end in {', '.join(CONTAINERS)}")


def _in_file(name: str, make) -> Sink:
    file = AtomicFile(name)
    try:
        return make(file)
    except BaseException:
        file.discard()
        raise
