"""One point of a rate-distortion curve: a clip coded once."""
from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from ..errors import MediaError
from ..media import Frame
from ..metrics import Psnr, PsnrMeter, bits_per_pixel, frame_psnr, kilobits_per_second
from ..metrics.ms_ssim import SMALLEST_SIDE, ms_ssim
from .clips import Clip

METHOD = 1
"""Of measuring; another number makes all points of earlier results stale."""

Point = dict[str, Any]
"""key, setting, bytes of the whole file, bpp, kbps, psnr (6:1:1), psnr_y, psnr_u, psnr_v, ms_ssim (of luma; None for pictures that are too small for
it), encode_fps, decode_fps, seconds (all that making the point took). Qualities are means over frames of each frame's."""

_BATCH = 8   # frames decoded before they are compared: comparing takes all cores, and must not slow down what is being timed

T = TypeVar("T")


class Watch:
    """Times calls. `skip`: the first so many, which load what later ones use, do not count where there are others."""

    def __init__(self, skip: int = 0) -> None:
        self._skip, self._laps = skip, []

    def __call__(self, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._laps.append(time.perf_counter() - start)

    def fps(self, frames: int) -> float:
        """Frames a second, `frames` being those of all calls."""
        skip = self._skip if frames > self._skip else 0
        seconds = math.fsum(self._laps[skip:])
        return round((frames - skip) / seconds, 2) if seconds else 0.0


def key_of(clip: Clip, identity: dict[str, Any], setting: dict[str, Any]) -> str:
    """Points of equal key are interchangeable: same content, coder, setting and way to measure."""
    everything = [METHOD, clip.digest, clip.width, clip.height, clip.depth, str(clip.fps), clip.frames, identity, setting]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:20]


def measured(clip: Clip, decoded: Iterable[Frame], size: int) -> Point:
    """Rate, and quality of all frames against the clip read anew. Raises MediaError when frames are missing or too many."""
    meter, similarities, originals, frames, count = PsnrMeter(), [], iter(clip), iter(decoded), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(islice(frames, _BATCH)):
            count += len(batch)
            for psnr, similarity in pool.map(_compare, list(islice(originals, len(batch))), batch):
                meter.add_psnr(psnr)
                similarities.append(similarity)
    if count != clip.frames:
        raise MediaError(f"{count} frames were decoded of {clip.frames}")
    mean = meter.mean
    return dict(
        bytes=size, bpp=bits_per_pixel(size, clip.width, clip.height, count), kbps=kilobits_per_second(size, count, clip.fps),
        psnr=mean.weighted, psnr_y=mean.y, psnr_u=mean.u, psnr_v=mean.v, ms_ssim=None if None in similarities else math.fsum(similarities) / count)


def _compare(original: Frame, frame: Frame) -> tuple[Psnr, float | None]:
    large = min(original.width, original.height) >= SMALLEST_SIDE
    return frame_psnr(original, frame), ms_ssim(original.y, frame.y, original.depth) if large else None
