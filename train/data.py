"""Training pictures from folders of stills and clips, decoded once, as 4:2:0 uint8 planes in memory."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch

from .layers import pack

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".mp4", ".mkv", ".mov", ".webm", ".y4m", ".avi"}
ALIGN = 8        # crops start on block borders: compressed sources keep their 8x8 grid's phase


@dataclass(frozen=True)
class Picture:
    """Luma (H, W), chroma (H/2, W/2) x 2, uint8; H and W even."""

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray


def _planes(frame: av.VideoFrame, width: int, height: int) -> Picture:
    a = frame.reformat(width=width, height=height, format="yuv420p", interpolation="AREA").to_ndarray()
    c = a[height:].reshape(2, height // 2, width // 2)
    return Picture(a[:height].copy(), c[0].copy(), c[1].copy())


def load_clip(path: Path, scale: float = 1.0, frames: int | None = None) -> list[Picture]:
    """All pictures of a file (a still is a clip of one), scaled, with even sizes."""
    out = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            out.append(_planes(frame, int(frame.width * scale) // 2 * 2, int(frame.height * scale) // 2 * 2))
            if frames is not None and len(out) == frames:
                break
    return out


def media_files(folder: Path) -> list[Path]:
    """Media files below `folder`, sorted. Raises FileNotFoundError when there are none."""
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no pictures or clips in {folder}")
    return files


class Crops:
    """Random crops: half from stills, half from clips' frames; flips and transposes; downscaled copies.

    `size`: luma crop, a multiple of 32. `every`: of a clip's frames take each n-th (neighbours are alike).
    """

    def __init__(self, folders: list[Path], size: int, seed: int, every: int = 4):
        self.size, self.rng = size, np.random.default_rng(seed)
        self.stills: list[Picture] = []
        self.frames: list[Picture] = []
        for folder in folders:
            for path in media_files(folder):
                clip = load_clip(path)
                kept = clip[::every]
                (self.stills if len(clip) == 1 else self.frames).extend(p for p in kept if self._fits(p))
                if len(clip) == 1:   # sharper statistics of smaller pictures: halves and two thirds
                    for scale in (0.5, 2 / 3):
                        self.stills.extend(p for p in load_clip(path, scale) if self._fits(p))
        if not self.stills and not self.frames:
            raise FileNotFoundError(f"no picture of at least {size}x{size}")

    def _fits(self, p: Picture) -> bool:
        return min(p.y.shape) >= self.size

    def _one(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pools = [p for p in (self.stills, self.frames) if p]
        pool = pools[self.rng.integers(len(pools))]
        p = pool[self.rng.integers(len(pool))]
        h, w = p.y.shape
        top = self.rng.integers((h - self.size) // ALIGN + 1) * ALIGN
        left = self.rng.integers((w - self.size) // ALIGN + 1) * ALIGN
        flip, turn = self.rng.integers(4), self.rng.integers(2)

        def cut(a, s):
            a = a[top // s:(top + self.size) // s, left // s:(left + self.size) // s]
            a = a[::-1] if flip & 1 else a
            a = a[:, ::-1] if flip & 2 else a
            return a.T if turn else a

        return cut(p.y, 1), cut(p.u, 2), cut(p.v, 2)

    def batch(self, n: int) -> torch.Tensor:
        """(n, 96, size/8, size/8) float32, packed, 8-bit levels."""
        y, u, v = (torch.from_numpy(np.stack(t)).float()[:, None] for t in zip(*(self._one() for _ in range(n))))
        return pack(y, u, v)
