"""The CRF at which a clip reaches a size or a PSNR: searched on samples, then verified on the whole (after ab-av1)."""
from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from ..bitstream import FrameType
from ..config import MAX_QP, EncoderConfig
from ..errors import ConfigError, MediaError
from ..media import Colour, Frame
from ..metrics import PsnrMeter
from .decoder import Decoder
from .encoder import Encoder
from .files import EncodeSummary, Progress, encode_once, opened
from .ratecontrol import Statistics
from .video import VideoReader

SAMPLES, LENGTH = 4, 12
"""Stretches of a clip that stand for it, and frames of each."""
TRIES = 5
"""CRFs that are tried on the samples at most."""
WHOLE = 4
"""Times that the whole is coded at most."""
CLOSE_DB, CLOSE_SHARE = 0.1, 0.02
"""How close to its PSNR, and to its size, a clip is to come."""
APART = 1.0
"""Distance of CRFs that a slope is taken from."""
DB_PER_QP, LOG_PER_QP = -0.42, -0.09
"""What a QP costs in dB and in log2 of the size, before two are known."""


@dataclass(frozen=True, slots=True)
class _Goal:
    """What is wanted, on a scale on which it falls about linearly with the CRF: dB, or log2 of bytes."""

    value: float
    close: float
    slope: float
    psnr: bool

    @classmethod
    def of(cls, psnr: float | None, size: float | None) -> _Goal:
        if (psnr is None) == (size is None):
            raise ConfigError("give target_psnr or target_size, not both")
        if psnr is not None:
            if not 10 <= psnr <= 80:
                raise ConfigError(f"target_psnr {psnr:g} is not within 10..80 dB")
            return cls(psnr, CLOSE_DB, DB_PER_QP, True)
        if not size > 0:
            raise ConfigError(f"target_size {size:g} is not above 0")
        return cls(math.log2(1000 * size), math.log2(1 + CLOSE_SHARE), LOG_PER_QP, False)


class _Search:
    """Root finding on a curve that falls by and large, by secants. slope: to begin with."""

    def __init__(self, goal: _Goal, begin: float, slope: float) -> None:
        self._goal, self.next, self._first = goal, begin, slope
        self.found: dict[float, float] = {}

    def put(self, crf: float, value: float) -> bool:
        """A point of the curve; whether it is close enough, or no better one is to be had. `next` is the CRF to try then."""
        self.found[crf] = value
        error = value - self._goal.value
        if abs(error) <= self._goal.close:
            return True
        above = max((other for other, v in self.found.items() if v > self._goal.value), default=None)
        below = min((other for other, v in self.found.items() if v < self._goal.value), default=None)
        if above is not None and below is not None and above < below:
            share = (self.found[above] - self._goal.value) / (self.found[above] - self.found[below])
            following = above + share * (below - above)
        else:
            following = crf - error / self.slope
        self.next = min(max(round(following, 2), 0.0), float(MAX_QP))
        return self.next in self.found

    @property
    def slope(self) -> float:
        """Through the best point and the nearest one that is far enough from it for what rounding QPs does to be small."""
        best = self.best
        others = [crf for crf in self.found if abs(crf - best) >= APART]
        if not others:
            return self._first
        other = min(others, key=lambda crf: abs(crf - best))
        slope = (self.found[other] - self.found[best]) / (other - best)
        return slope if slope < self._goal.slope / 5 else self._first

    @property
    def best(self) -> float:
        return min(self.found, key=lambda crf: abs(self.found[crf] - self._goal.value))


def encode_to_target(source: str | os.PathLike[str], target: str | os.PathLike[str] | BinaryIO, config: EncoderConfig, *, psnr: float | None = None,
                     size: float | None = None, frames: int | None = None, colour: Colour | str | None = None, progress: Progress | None = None,
                     **more: Any) -> EncodeSummary:
    """Encode `source` at the CRF at which it has a PSNR of `psnr` dB or a size of `size` kB.

    Samples are coded at CRFs that close in on the goal, then the whole; if that misses, again at a corrected CRF, four times at most. The one that
    came closest is kept, and a note says what was reached. Raises ConfigError if `config` says what is aimed at too, or `target` is no path.
    """
    goal = _Goal.of(psnr, size)
    given = [name for name in ("qp", "quality", "crf", "bitrate") if getattr(config, name) is not None]
    if given:
        raise ConfigError(f"target_{'psnr' if goal.psnr else 'size'} finds the quality by itself: no {given[0]}")
    if not isinstance(target, (str, os.PathLike)) or target == "-":
        raise ConfigError("a search needs a path to write to: the whole may be coded several times")
    clip = _Clip.of(source, frames, colour)
    samples = _Search(goal, 30.0, goal.slope)
    for _ in range(TRIES):
        if samples.put(samples.next, clip.estimate(config.replaced(crf=samples.next), goal)):
            break
    whole, kept = _Search(goal, samples.best, samples.slope), None
    known: list[Statistics] = []      # of the first time: the same frames are B frames ever after, or sizes would jump where a trial turns
    for _ in range(WHOLE):
        crf = whole.next
        how: dict[str, Any] = dict(statistics=known[0]) if known else dict(collect=known.append)
        last = encode_once(source, target, config=config.replaced(crf=crf), frames=frames, colour=colour, progress=progress, **how, **more)
        value = _psnr_of(source, target, frames, colour) if goal.psnr else math.log2(last.bytes)
        kept = last
        if whole.put(crf, value):
            break
    if whole.best != crf:
        kept = encode_once(source, target, config=config.replaced(crf=whole.best), frames=frames, colour=colour, progress=progress, statistics=known[0], **more)
    reached = whole.found[whole.best]
    what = f"{reached:.2f} dB" if goal.psnr else f"{2 ** reached / 1000:.1f} kB"
    return replace(kept, notes=(*kept.notes, f"reached {what} at CRF {whole.best:g}"))


@dataclass(frozen=True)
class _Clip:
    """A clip's size, rate and number of frames, and samples of it."""

    width: int
    height: int
    fps: Any
    depth: int
    colour: Colour
    total: int
    samples: list[list[Frame]]

    @classmethod
    def of(cls, source: str | os.PathLike[str], frames: int | None, colour: Colour | str | None) -> _Clip:
        """Reads the clip up to the last sample; all of it before that, if it does not say how many frames it has."""
        with opened(source, frames, colour) as (video, pictures, _):
            total = video.total_frames if frames is None else min(frames, video.total_frames or frames)
            if total is None or total < 1:
                total = sum(1 for _ in pictures)
        with opened(source, frames, colour) as (video, pictures, space):
            count = min(SAMPLES, -(-total // LENGTH))
            begins = [round(k * max(total - LENGTH, 0) / max(count - 1, 1)) for k in range(count)]
            samples: list[list[Frame]] = [[] for _ in begins]
            for n, picture in enumerate(pictures):
                for begin, sample in zip(begins, samples):
                    if begin <= n < begin + LENGTH:
                        sample.append(picture)
                if n >= begins[-1] + LENGTH:
                    break
            samples = [sample for sample in samples if sample]
            if not samples:
                raise MediaError("the input has no frames")
            return cls(video.width, video.height, video.fps, video.depth, space, total, samples)

    def estimate(self, config: EncoderConfig, goal: _Goal) -> float:
        """What the whole would come to, on the goal's scale."""
        meter, key, other = PsnrMeter(), [], []
        for sample in self.samples:
            encoder = Encoder(self.width, self.height, self.fps, config, depth=self.depth, colour=self.colour)
            packets = [packet for frame in sample for packet in encoder.encode(frame)] + encoder.flush()
            for packet in packets:
                (key if packet.type == FrameType.I else other).append(len(packet))
            if goal.psnr:
                decoder = Decoder(encoder.header, backend=config.backend, model=config.model, threads=config.threads)
                for original, frame in zip(sample, decoder.decode_all(packets)):
                    meter.add(original, frame)
        if goal.psnr:
            return meter.mean.weighted
        gop = encoder.config.gop
        keys = min(max(-(-self.total // gop) if gop else 1, 1), self.total)
        mean_key = sum(key) / len(key)
        return math.log2(keys * mean_key + (self.total - keys) * (sum(other) / len(other) if other else mean_key))


def _psnr_of(source: str | os.PathLike[str], coded: str | os.PathLike[str], frames: int | None, colour: Colour | str | None) -> float:
    meter = PsnrMeter()
    with opened(source, frames, colour) as (_, pictures, _), VideoReader(coded) as video:
        for original, frame in zip(pictures, video):
            meter.add(original, frame)
    return meter.mean.weighted
