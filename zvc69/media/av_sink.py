"""Frames as H.264 or HEVC in a container, by FFmpeg."""
from __future__ import annotations

from dataclasses import replace

import av

from ..bitstream import ColourSpace
from ..errors import ConfigError, MediaError
from . import convert
from .atomic import AtomicFile
from .colour import Colour
from .frame import Frame
from .sink import FileSink, Geometry

CONTAINERS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}
"""FFmpeg's muxer by the ending of the output."""
DEFAULT_CRF, MAX_CRF = 17, 51
"""17 is what x264's users call visually lossless."""


class AvSink(FileSink):
    """Video in .mp4, .mkv or .mov: H.264 by x264 for 8 and 10 bits, HEVC by x265 for 12, which x264 does not have.

    crf     constant rate factor of the encoder: 0 is lossless, 51 the worst; None = 17

    Frames keep their times: `pts` counts from the first frame's, frames without one follow the frame before. Gray and
    4:4:4 stay so, RGB becomes 4:2:0. 4:2:0 in these codecs has even sizes only: pictures of odd size become 4:4:4.
    """

    def __init__(self, target: AtomicFile, geometry: Geometry, container: str, crf: int | None = None) -> None:
        super().__init__(target, geometry)
        crf = DEFAULT_CRF if crf is None else crf
        if not 0 <= crf <= MAX_CRF:
            raise ConfigError(f"crf {crf} is not within 0..{MAX_CRF}")
        codec = "libx264" if geometry.depth <= 10 else "libx265"
        self._first: int | None = None
        self._last = -1
        self._colour = _storable(geometry)
        try:
            self._container = av.open(target, "w", format=container)
            self._stream = self._container.add_stream(codec, rate=geometry.fps, options=_options(codec, crf))
            self._stream.width, self._stream.height = geometry.width, geometry.height
            self._stream.pix_fmt = convert.FORMATS[self._colour.space][geometry.depth]
            self._colour.put(self._stream.codec_context)
            if codec == "libx265" and container != "matroska":
                self._stream.codec_context.codec_tag = "hvc1"   # the tag that Apple's players know
            self._stream.codec_context.open()
        except (av.FFmpegError, ValueError) as error:
            raise _failure(error) from None

    def _put(self, frame: Frame) -> None:
        picture = frame.convert(self._colour.space).to_av()
        picture.pts, picture.time_base = self._time(frame), 1 / self._geometry.fps
        self._mux(picture)

    def _time(self, frame: Frame) -> int:
        """When the frame is shown, in frame periods from the first one's; containers need times that rise."""
        if self._first is None:
            self._first = frame.pts or 0
        time = self._last + 1 if frame.pts is None else frame.pts - self._first
        if time <= self._last:
            raise MediaError(f"frame shown at {frame.pts} after one at {self._last + self._first}", frame=self.frames)
        self._last = time
        return time

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except av.FFmpegError as error:
            raise _failure(error) from None

    def close(self) -> None:
        try:
            self._mux(None)
            try:
                self._container.close()
            except av.FFmpegError as error:
                raise _failure(error) from None
        except BaseException:
            self.abort()
            raise
        super().close()

    def abort(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass   # what it could not write is dropped anyway
        super().abort()


def _storable(geometry: Geometry) -> Colour:
    """The geometry's colour, in the space that the video gets."""
    colour = geometry.colour
    if colour.space in (ColourSpace.GRAY, ColourSpace.YUV444):
        return colour
    odd = geometry.width % 2 or geometry.height % 2
    return replace(colour, space=ColourSpace.YUV444 if odd else ColourSpace.YUV420)


def _options(codec: str, crf: int) -> dict[str, str]:
    if codec == "libx264":
        # At more than 8 bits only qp 0 is lossless, not crf 0.
        return {"crf": str(crf)} if crf else {"qp": "0"}
    return {"x265-params": "log-level=error" + (f":crf={crf}" if crf else ":lossless=1")}


def _failure(error: Exception) -> MediaError:
    reason = getattr(error, "strerror", None) or str(error)
    return MediaError(f"FFmpeg cannot write the video: {' '.join(reason.split())}")
