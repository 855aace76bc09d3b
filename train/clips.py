"""Short sequences of crops with motion vectors, for frames that have references."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from zvc69.core import motion

from .data import ALIGN, Picture, load_clip, media_files
from .layers import pack

SEARCH_QP = 30


@dataclass(frozen=True)
class Sequence:
    """(N, T, 96, h, w) packed pictures, and (N, T, 2, h, w) quarter-pel vectors (dx, dy) into the frame before (zero at t = 0)."""

    pictures: torch.Tensor
    fields: torch.Tensor


class Clips:
    """Crops of T consecutive frames from folders of clips; vectors are searched once, on the originals."""

    def __init__(self, folders: list[Path], size: int, frames: int, seed: int):
        self.size, self.frames, self.rng = size, frames, np.random.default_rng(seed)
        self.clips: list[tuple[list[Picture], list[np.ndarray]]] = []
        for folder in folders:
            for path in media_files(folder):
                clip = load_clip(path)
                if len(clip) >= frames and min(clip[0].y.shape) >= size:
                    self.clips.append((clip, _search(clip)))
        if not self.clips:
            raise FileNotFoundError(f"no clip of {frames} frames of at least {size}x{size}")

    def _one(self) -> tuple[np.ndarray, ...]:
        clip, fields = self.clips[self.rng.integers(len(self.clips))]
        first = self.rng.integers(len(clip) - self.frames + 1)
        h, w = clip[0].y.shape
        top = self.rng.integers((h - self.size) // ALIGN + 1) * ALIGN
        left = self.rng.integers((w - self.size) // ALIGN + 1) * ALIGN
        shots = clip[first:first + self.frames]
        vectors = fields[first:first + self.frames]

        def cut(a, s):
            return a[top // s:(top + self.size) // s, left // s:(left + self.size) // s]

        y, u, v = (np.stack([cut(getattr(p, k), s) for p in shots]) for k, s in (("y", 1), ("u", 2), ("v", 2)))
        f = np.stack([cut(x, 8) for x in vectors]).transpose(0, 3, 1, 2)
        return self._mirrored(y, u, v, f)

    def _mirrored(self, y, u, v, f):
        if self.rng.integers(2):
            y, u, v, f = (a[..., ::-1] for a in (y, u, v, f))
            f = f * np.array([-1, 1], f.dtype)[None, :, None, None]
        if self.rng.integers(2):
            y, u, v, f = (a[..., ::-1, :] for a in (y, u, v, f))
            f = f * np.array([1, -1], f.dtype)[None, :, None, None]
        if self.rng.integers(2):
            y, u, v, f = (a.swapaxes(-1, -2) for a in (y, u, v, f))
            f = f[:, ::-1]
        return y, u, v, f

    def batch(self, n: int) -> Sequence:
        y, u, v, f = (np.stack(t) for t in zip(*(self._one() for _ in range(n))))
        t = self.frames
        planes = [torch.from_numpy(a).float().flatten(0, 1)[:, None] for a in (y, u, v)]
        packed = pack(*planes)
        fields = torch.from_numpy(np.ascontiguousarray(f)).float()
        fields[:, 0] = 0
        return Sequence(packed.view(n, t, *packed.shape[1:]), fields)


def _search(clip: list[Picture]) -> list[np.ndarray]:
    """Vectors (h, w, 2) of every frame into the one before; zeros for the first."""
    h, w = (-(-s // 32) * 4 for s in clip[0].y.shape)     # padded, in blocks
    fields = [np.zeros((h, w, 2), np.int16)]
    previous = None
    for before, now in zip(clip, clip[1:]):
        previous = motion.search(now.y, before.y, SEARCH_QP, depth=8, previous=previous)
        fields.append(previous.vectors)
    return fields
