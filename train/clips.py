"""Short sequences of crops, for frames that have references."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .data import ALIGN, Planes, cut, load_clips, planes_of
from .layers import pack

CUT_SHARE = 0.03      # of the sequences change to another shot: the network must cope with useless references
FADE_SHARE = 0.04     # change in brightness
STRIDE_SHARE = 0.3    # take every second, third or fourth frame, if the clip is that long: what moves fast is rare in clips, and the hardest
MOST_STRIDE = 4


class Clips:
    """Crops of T consecutive frames (some: every second one, or fewer) from folders of clips."""

    def __init__(self, folders: list[Path], size: int, frames: int, seed: int, device: torch.device | str = "cpu"):
        """frames: T of sequences, at most. device: where clips are kept and crops made."""
        self.size, self.frames, self.rng = size, frames, np.random.default_rng(seed)
        self.clips: list[Planes] = []
        for clip in load_clips(folders):
            if len(clip) >= frames and min(clip[0].y.shape) >= size:
                self.clips.append(planes_of(clip, device))
        if not self.clips:
            raise FileNotFoundError(f"no clip of {frames} frames of at least {size}x{size}")

    def _shot(self, frames: int) -> Planes:
        clip = self.clips[self.rng.integers(len(self.clips))]
        number, h, w = clip[0].shape
        most = min((number - 1) // max(frames - 1, 1), MOST_STRIDE)
        stride = self.rng.integers(2, most + 1) if most > 1 and self.rng.random() < STRIDE_SHARE else 1
        first = self.rng.integers(number - stride * (frames - 1))
        top = self.rng.integers((h - self.size) // ALIGN + 1) * ALIGN
        left = self.rng.integers((w - self.size) // ALIGN + 1) * ALIGN
        shots = tuple(plane[first:first + stride * (frames - 1) + 1:stride] for plane in clip)
        return cut(shots, top, left, self.size, self.rng.integers(8))

    def _one(self, frames: int) -> Planes:
        planes = self._shot(frames)
        if self.rng.random() < 0.5:
            planes = tuple(a.flip(0) for a in planes)     # time runs backwards
        chance = self.rng.random()
        if chance < CUT_SHARE:
            at = self.rng.integers(1, frames)
            planes = tuple(torch.cat([a[:at], b[at:]]) for a, b in zip(planes, self._shot(frames)))
        elif chance < CUT_SHARE + FADE_SHARE:
            gain = torch.linspace(1, self.rng.uniform(0.5, 0.95), frames, device=planes[0].device)[:, None, None]
            gain = gain.flip(0) if self.rng.random() < 0.5 else gain
            planes = tuple(((a - c) * gain + c).round().to(torch.uint8) for a, c in zip(planes, (16.0, 128.0, 128.0)))
        return planes

    def batch(self, n: int, frames: int | None = None) -> torch.Tensor:
        """(n, T, 96, size/8, size/8) float32, packed, 8-bit levels. frames: T, if it is to be less than the most; the fewer, the longer strides fit."""
        frames = frames or self.frames
        packed = pack(*(torch.stack(planes).float().flatten(0, 1)[:, None] for planes in zip(*(self._one(frames) for _ in range(n)))))
        return packed.view(n, frames, *packed.shape[1:])
