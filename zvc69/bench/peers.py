"""Other codecs, through PyAV's encoders: what is run, and how."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

import av
from av.bitstream import BitStreamFilterContext

from ..errors import MediaError
from ..media import Frame
from .clips import Clip
from .point import Point, Watch, measured
from .versions import FILTERS, encoder_version

FORMATS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "obu"}
"""Muxers of bare elementary streams: nothing is kept outside of the bytes that are counted."""

_PIXEL_FORMATS = {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"}
_CLOSED = 9999   # a gop of 0: the first frame is the only keyframe

# About 31 to 48 dB on most clips, as ZVC69 at QP 8 to 58.
_CRF_X264, _CRF_X265 = (15, 21, 27, 33, 39, 45), (13, 19, 25, 31, 37, 43)
_CRF_INTRA = (12, 18, 24, 30, 36, 42)
_CRF_SVT = (10, 23, 35, 46, 56, 63)

_X264 = dict(preset="medium", tune="psnr")
_X265 = _X264 | {"x265-params": "pools=none:frame-threads=1:log-level=none"}
_NO_B = dict(bf="0")


def _svt(preset: int, structure: int) -> dict[str, str]:
    return {"preset": str(preset), "svtav1-params": f"tune=1:pred-struct={structure}:lp=1"}


@dataclass(frozen=True)
class Peer:
    """An encoder of PyAV's with options as ffmpeg takes them, at several values of `crf`; gop: largest distance of keyframes, 0 = one only.

    One thread: what the encoders write then depends neither on the machine nor on its load.
    """

    name: str
    codec: str
    options: dict[str, str]
    crfs: tuple[int, ...]
    gop: int = 60
    intra: bool = False

    @property
    def settings(self) -> list[dict[str, int]]:
        return [{"crf": crf} for crf in self.crfs]

    @property
    def missing(self) -> str | None:
        """Why it cannot be run here, or None."""
        return None if self.codec in av.codecs_available else f"PyAV was built without {self.codec}"

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that determines the stream but clip and CRF."""
        return dict(codec=self.codec, version=encoder_version(self.codec), options=self._all_options, filter=FILTERS.get(self.codec))

    @property
    def command(self) -> str:
        """The same by ffmpeg's command line."""
        options = " ".join(f"-{key} {value}" for key, value in self._all_options.items())
        stripped = f" -bsf:v {FILTERS[self.codec]}" if self.codec in FILTERS else ""
        return f"ffmpeg -i CLIP -an -c:v {self.codec} {options} -crf CRF -threads 1{stripped} -f {FORMATS[self.codec]} OUT"

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return self.identity | dict(command=self.command, crf=list(self.crfs), rate=f"whole elementary stream (-f {FORMATS[self.codec]})", zvc69=False)

    def code(self, clip: Clip, setting: dict[str, int]) -> Point:
        """Encode to a bare stream, decode that. Raises MediaError if the encoder does not take the clip."""
        # The library writes its settings to stderr; errors alone may stay.
        os.environ.setdefault("SVT_LOG", "1")
        encoding, decoding = Watch(), Watch()
        try:
            with tempfile.TemporaryFile() as file:
                self._encode(clip, setting, file, encoding)
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                point = measured(clip, self._decoded(file, decoding), size)
        except av.FFmpegError as error:
            raise MediaError(f"{self.codec}: {error.strerror or error}") from None
        return point | dict(encode_fps=encoding.fps(clip.frames), decode_fps=decoding.fps(clip.frames))

    @property
    def _all_options(self) -> dict[str, str]:
        return self.options | dict(g="1" if self.intra else str(self.gop or _CLOSED))

    def _encode(self, clip: Clip, setting: dict[str, int], file: BinaryIO, watch: Watch) -> None:
        pixel_format = _PIXEL_FORMATS[clip.depth]
        if pixel_format not in {f.name for f in av.codec.Codec(self.codec, "w").video_formats}:
            raise MediaError(f"{self.codec} takes no {clip.depth} bits")
        with av.open(file, "w", format=FORMATS[self.codec]) as container:
            options = self._all_options | {key: str(value) for key, value in setting.items()}
            stream = container.add_stream(self.codec, rate=clip.fps, options=options)
            stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, pixel_format
            stream.codec_context.thread_count = 1
            strip = BitStreamFilterContext(FILTERS[self.codec], stream) if self.codec in FILTERS else None

            def put(packets: list[av.Packet]) -> None:
                for packet in packets:
                    container.mux(strip.filter(packet) if strip else packet)

            for frame in clip:
                picture = frame.to_av()
                put(watch(lambda: stream.encode(picture)))
            put(watch(lambda: stream.encode(None)))
            if strip:
                container.mux(strip.filter(None))

    def _decoded(self, file: BinaryIO, watch: Watch) -> Iterator[Frame]:
        with av.open(file, format=FORMATS[self.codec]) as container:
            container.streams.video[0].codec_context.thread_count = 1
            frames = container.decode(video=0)
            while (frame := watch(lambda: next(frames, None))) is not None:
                yield Frame.from_av(frame)


def all_peers(gop: int = 60) -> dict[str, Peer]:
    """Every peer by name, with keyframes at most `gop` frames apart (0: the first only)."""
    peers = [
        Peer("x264", "libx264", _X264, _CRF_X264, gop),
        Peer("x264-ld", "libx264", _X264 | _NO_B, _CRF_X264, gop),
        Peer("x264-intra", "libx264", _X264, _CRF_INTRA, gop, intra=True),
        Peer("x265", "libx265", _X265, _CRF_X265, gop),
        Peer("x265-ld", "libx265", _X265 | _NO_B, _CRF_X265, gop),
        Peer("svtav1-p8", "libsvtav1", _svt(8, 2), _CRF_SVT, gop),
        Peer("svtav1-p8-ld", "libsvtav1", _svt(8, 1), _CRF_SVT, gop),
        Peer("svtav1-p10-ld", "libsvtav1", _svt(10, 1), _CRF_SVT, gop),
    ]
    return {peer.name: peer for peer in peers}


PEERS = tuple(all_peers())
"""Names of the peers. Plain: B frames (random access); -ld: low delay, none; -intra: keyframes alone."""
