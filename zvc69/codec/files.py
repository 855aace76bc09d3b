"""Whole files and pipes: encode and decode, with progress."""
from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any, BinaryIO

from ..bitstream import StreamWriter
from ..config import EncoderConfig
from ..errors import MediaError
from ..media import Colour, Frame, Integrity, Source, colour_of, open_sink, open_source
from ..metrics import bits_per_pixel, kilobits_per_second
from ..profiler import Profiler
from .encoder import Encoder, configured
from .prefetch import prefetch
from .ratecontrol import Statistics
from .video import VideoReader

Progress = Callable[[int, int | None, int], None]
"""Called after every frame with frames done, frames in all (None: unknown) and bytes so far."""


@dataclass(frozen=True)
class EncodeSummary:
    """What was coded: `bytes` is the whole stream, `seconds` wall-clock time, `fps` frames coded a second."""

    frames: int
    bytes: int
    seconds: float
    width: int
    height: int
    rate: Fraction
    average_qp: float
    backend: str
    notes: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def bpp(self) -> float:
        """Bits per pixel."""
        return bits_per_pixel(self.bytes, self.width, self.height, self.frames)

    @property
    def kbps(self) -> float:
        """Kilobits (1000 bits) a second of video."""
        return kilobits_per_second(self.bytes, self.frames, self.rate)


@dataclass(frozen=True)
class DecodeSummary:
    """What was decoded. Tolerant mode: of `frames`, so many are `concealed` and so many `affected` (see `Integrity`), for `damaged`
    stretches of the stream were passed over."""

    frames: int
    seconds: float
    width: int
    height: int
    backend: str
    damaged: int = 0
    concealed: int = 0
    affected: int = 0

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0


@contextmanager
def opened(source: str | os.PathLike[str] | BinaryIO, frames: int | None, colour: Colour | str | None) -> Iterator[tuple[Source, Iterable[Frame], Colour]]:
    """A source, its first `frames` in a colour space (None: its own), and that space. Raises MediaError, OSError."""
    with open_source(source) as video:
        pictures: Iterable[Frame] = islice(video, frames)
        if colour is None:
            yield video, pictures, video.colour
        else:
            space = video.colour.in_space(Colour.of(colour).space)
            yield video, (frame.convert(space.space) for frame in pictures), space


def encode_once(source: str | os.PathLike[str] | BinaryIO, target: str | os.PathLike[str] | BinaryIO, *, frames: int | None = None,
                colour: Colour | str | None = None, **options: Any) -> EncodeSummary:
    """`encode_file` in one pass; options as for `encode_frames`."""
    with opened(source, frames, colour) as (video, pictures, space):
        total = video.total_frames if frames is None else min(frames, video.total_frames or frames)
        return encode_frames(pictures, target, width=video.width, height=video.height, fps=video.fps, depth=video.depth,
                             colour=space, total=total, notes=video.notes, **options)


def encode_frames(frames: Iterable[Frame], target: str | os.PathLike[str] | BinaryIO, *, width: int, height: int, fps: Fraction | float,
                  depth: int = 8, colour: Colour | str | None = None, total: int | None = None, progress: Progress | None = None,
                  notes: tuple[str, ...] = (), config: EncoderConfig | None = None, statistics: Statistics | None = None,
                  collect: Callable[[Statistics], object] | None = None, profiler: Profiler | None = None, **options: Any) -> EncodeSummary:
    """Encode frames from any iterable (see `Encoder.encode` for what a frame may be) to a stream; else as
    `encode_file`.

    colour: as for `Encoder`; None = that of the first frame. statistics: of a first pass, as for `Encoder`; collect: is given those of this one.
    """
    start = time.perf_counter()
    if colour is None:
        colour, frames = _colour_of_first(frames, height, depth)
    config = configured(config, options)
    if total == 1 and config.gop is None:
        # Nothing will refer to a still: it is not to be better than its quality says. But all the time is there for it.
        config = config.replaced(gop=1, b_frames=None, lookahead=None, temporal_filter=None, sigma_reset=0, key_refinement=config.resolved().key_refinement)
    encoder = Encoder(width, height, fps, config, depth=depth, colour=colour, statistics=statistics, profiler=profiler)
    if collect is not None:
        encoder.collect()
    done, qps = 0, 0
    with StreamWriter(_output(target), encoder.header) as writer:
        for packet in encoder.encode_all(frames):
            writer.write_packet(packet)
            done, qps = done + 1, qps + packet.header.qp
            if progress:
                progress(done, total, writer.size)
        if not done:
            raise MediaError("the input has no frames")
    if collect is not None:
        collect(encoder.statistics())
    return EncodeSummary(done, writer.size, time.perf_counter() - start, width, height, encoder.header.fps, qps / done, encoder.backend, notes)


def decode_file(source: str | os.PathLike[str] | BinaryIO, target: str | os.PathLike[str] | BinaryIO, *, frames: int | None = None,
                strict: bool = True, crf: int | None = None, progress: Progress | None = None, **options) -> DecodeSummary:
    """Decode a stream ("-": standard input) to y4m, raw planes, H.264 or pictures, by the name of `target` (see `media.open_sink`).

    frames: only the first so many. strict: damage raises and leaves no output, but for pictures of a folder; otherwise lost and damaged
    frames are concealed. crf: quality of .mp4, .mkv and .mov, 0 (lossless) to 51. options: as for `VideoReader`. Raises StreamError and its
    kinds, MediaError, ConfigError, BackendError, OSError.
    """
    start, marks = time.perf_counter(), Counter()
    with ExitStack() as stack:
        video = stack.enter_context(VideoReader(_input(source), strict=strict, **options))
        header = video.header
        total = header.total_frames or None
        if frames is not None:
            total = min(frames, total or frames)
        sink = stack.enter_context(open_sink(target, header.width, header.height, header.fps, header.bit_depth,
                                              colour=Colour.of_header(header), crf=crf))
        # one thread decodes, this one writes: both release the GIL for nearly all of their time
        for frame in prefetch(islice(video, frames)):
            sink.write(frame)
            marks[frame.integrity] += 1
            if progress:
                progress(sink.frames, total, 0)
    return DecodeSummary(sink.frames, time.perf_counter() - start, header.width, header.height, video.backend, len(video.damage),
                         marks[Integrity.CONCEALED], marks[Integrity.AFFECTED])


def _colour_of_first(frames: Iterable[Frame], height: int, depth: int) -> tuple[Colour, Iterable[Frame]]:
    """Colour of the first frame, and all frames."""
    iterator = iter(frames)
    first = list(islice(iterator, 1))
    return (colour_of(first[0], height, depth) if first else Colour()), chain(first, iterator)


def _input(source):
    if source == "-":
        import sys
        return sys.stdin.buffer
    return source


def _output(target):
    if target == "-":
        import sys
        return sys.stdout.buffer
    return target
