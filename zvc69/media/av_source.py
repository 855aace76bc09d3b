"""Video and stills by FFmpeg."""
from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av

from ..errors import MediaError
from .frame import Frame
from .source import Source, fitted_rate


class AvSource(Source):
    """The first video stream of anything that FFmpeg opens: a name, or an object with `read`.

    Opening decodes the first frame: only it tells size and depth for certain.
    """

    def __init__(self, target: str | BinaryIO, name: str) -> None:
        self.name = name
        try:
            self._container = av.open(target, "r")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _media_error(name, error) from None
        try:
            self._open_stream()
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> None:
        if not self._container.streams.video:
            raise MediaError(f"{self.name}: no video in it")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self._decoded = self._decode(stream)
        first = next(self._decoded, None)
        if first is None:
            raise MediaError(f"{self.name}: no frame in it")
        self._first: av.VideoFrame | None = first
        self.width, self.height = first.width, first.height
        picture = Frame.from_av(first)
        self.depth, self.colour = picture.depth, picture.colour
        self.fps = fitted_rate(Fraction(stream.average_rate or stream.guessed_rate or 25))
        self.total_frames = self._count(stream)
        rotation = getattr(first, "rotation", 0)
        if rotation:
            self.notes = (f"{self.name}: its rotation by {rotation} degrees is ignored",)

    def _count(self, stream: Any) -> int | None:
        if stream.frames:
            return stream.frames
        # png_pipe, jpeg_pipe, ...: a still; image2 is that too, or a numbered sequence.
        format = self._container.format.name
        if format.endswith("_pipe") or (format == "image2" and "%" not in self.name and "*" not in self.name):
            return 1
        return None

    def _decode(self, stream: Any) -> Iterator[av.VideoFrame]:
        try:
            yield from self._container.decode(stream)
        except (av.FFmpegError, OSError) as error:
            raise _media_error(self.name, error) from None

    def __iter__(self) -> Iterator[Frame]:
        number = 0
        while (frame := self._next()) is not None:
            if (frame.width, frame.height) != (self.width, self.height):
                raise MediaError(
                    f"{self.name}: picture size changes from {self.width}x{self.height} to {frame.width}x{frame.height}",
                    frame=number,
                )
            picture = Frame.from_av(frame, pts=number)
            if picture.depth != self.depth:
                raise MediaError(f"{self.name}: bit depth changes to {picture.depth}", frame=number)
            yield picture
            number += 1

    def _next(self) -> av.VideoFrame | None:
        first, self._first = self._first, None
        return first if first is not None else next(self._decoded, None)

    def close(self) -> None:
        self._container.close()


def _media_error(name: str, error: Exception) -> MediaError:
    reason = getattr(error, "strerror", None) or str(error)
    return MediaError(f"{name}: {' '.join(reason.split())}")
