"""Short sequences of crops, for frames that have references."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .data import ALIGN, Picture, load_clip, media_files
from .layers import pack

CUT_SHARE = 0.03      # of the sequences change to another shot: the network must cope with useless references
FADE_SHARE = 0.04     # change in brightness
STRIDE_SHARE = 0.3    # take every second, third or fourth frame, if the clip is that long: what moves fast is rare in clips, and the hardest
MOST_STRIDE = 4


class Clips:
    """Crops of T consecutive frames (some: every second one, or fewer) from folders of clips."""

    def __init__(self, folders: list[Path], size: int, frames: int, seed: int):
        """frames: T of sequences, at most."""
        self.size, self.frames, self.rng = size, frames, np.random.default_rng(seed)
        self.clips: list[list[Picture]] = []
        for folder in folders:
            for path in media_files(folder):
                clip = load_clip(path)
                if len(clip) >= frames and min(clip[0].y.shape) >= size:
                    self.clips.append(clip)
        if not self.clips:
            raise FileNotFoundError(f"no clip of {frames} frames of at least {size}x{size}")

    def _shot(self, frames: int) -> tuple[np.ndarray, ...]:
        clip = self.clips[self.rng.integers(len(self.clips))]
        most = min((len(clip) - 1) // max(frames - 1, 1), MOST_STRIDE)
        stride = self.rng.integers(2, most + 1) if most > 1 and self.rng.random() < STRIDE_SHARE else 1
        first = self.rng.integers(len(clip) - stride * (frames - 1))
        h, w = clip[0].y.shape
        top = self.rng.integers((h - self.size) // ALIGN + 1) * ALIGN
        left = self.rng.integers((w - self.size) // ALIGN + 1) * ALIGN
        shots = clip[first:first + stride * (frames - 1) + 1:stride]
        flips = self.rng.integers(8)

        def cut(plane: str, s: int) -> np.ndarray:
            a = np.stack([getattr(p, plane)[top // s:(top + self.size) // s, left // s:(left + self.size) // s] for p in shots])
            a = a[:, ::-1] if flips & 1 else a
            a = a[:, :, ::-1] if flips & 2 else a
            return a.swapaxes(1, 2) if flips & 4 else a

        return cut("y", 1), cut("u", 2), cut("v", 2)

    def _one(self, frames: int) -> tuple[np.ndarray, ...]:
        planes = self._shot(frames)
        if self.rng.random() < 0.5:
            planes = tuple(a[::-1] for a in planes)     # time runs backwards
        chance = self.rng.random()
        if chance < CUT_SHARE:
            at = self.rng.integers(1, frames)
            planes = tuple(np.concatenate([a[:at], b[at:]]) for a, b in zip(planes, self._shot(frames)))
        elif chance < CUT_SHARE + FADE_SHARE:
            gain = np.linspace(1, self.rng.uniform(0.5, 0.95), frames)[:, None, None]
            gain = gain[::-1] if self.rng.random() < 0.5 else gain
            y, u, v = planes
            planes = tuple(np.rint((a - c) * gain + c).astype(np.uint8) for a, c in ((y, 16.0), (u, 128.0), (v, 128.0)))
        return planes

    def batch(self, n: int, frames: int | None = None) -> torch.Tensor:
        """(n, T, 96, size/8, size/8) float32, packed, 8-bit levels. frames: T, if it is to be less than the most; the fewer, the longer strides fit."""
        frames = frames or self.frames
        y, u, v = (torch.from_numpy(np.stack(t)).float().flatten(0, 1)[:, None] for t in zip(*(self._one(frames) for _ in range(n))))
        packed = pack(y, u, v)
        return packed.view(n, frames, *packed.shape[1:])
