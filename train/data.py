"""Training pictures from folders of stills and clips, decoded once, as 4:2:0 uint8 planes in memory."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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


def load_clips(folders: Iterable[Path], scales: Sequence[float] = ()) -> Iterator[list[Picture]]:
    """All clips below `folders`, loaded by as many threads as PyTorch has; stills at these `scales`, too, as clips of their own."""
    def load(path: Path) -> list[list[Picture]]:
        clip = load_clip(path)
        return [clip, *(load_clip(path, scale) for scale in scales if len(clip) == 1)]

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for clips in pool.map(load, (path for folder in folders for path in media_files(folder))):
            yield from clips


Planes = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Y, U and V, uint8, of one picture or of several, along the first axis; chroma half as high and wide."""


def planes_of(pictures: list[Picture], device: torch.device | str) -> Planes:
    """(T, H, W), (T, H/2, W/2) x 2 uint8."""
    return tuple(torch.from_numpy(np.stack([getattr(p, name) for p in pictures])).to(device) for name in "yuv")


def cut(planes: Planes, top: int, left: int, size: int, flips: int) -> Planes:
    """Luma's square of `size` at (top, left), even numbers, and chroma's; flips: bit 0 turns it upside down, bit 1 left to right, bit 2 transposes."""
    out = []
    for plane, s in zip(planes, (1, 2, 2)):
        plane = plane[..., top // s:(top + size) // s, left // s:(left + size) // s]
        turned = [axis for bit, axis in ((1, -2), (2, -1)) if flips & bit]
        plane = plane.flip(turned) if turned else plane
        out.append(plane.transpose(-2, -1) if flips & 4 else plane)
    return tuple(out)


class Crops:
    """Random crops: half from stills, half from clips' frames; flips and transposes; downscaled copies.

    `size`: luma crop, a multiple of 32. `every`: of a clip's frames take each n-th (neighbours are alike).
    """

    def __init__(self, folders: list[Path], size: int, seed: int, every: int = 4, device: torch.device | str = "cpu"):
        self.size, self.rng, self._device = size, np.random.default_rng(seed), device
        self.stills: list[Planes] = []
        self.frames: list[Planes] = []
        for clip in load_clips(folders, scales=(0.5, 2 / 3)):      # smaller pictures are sharper
            self._take(self.stills if len(clip) == 1 else self.frames, clip[::every])
        if not self.stills and not self.frames:
            raise FileNotFoundError(f"no picture of at least {size}x{size}")

    def _take(self, into: list[Planes], pictures: list[Picture]) -> None:
        into.extend(planes_of([p], self._device) for p in pictures if min(p.y.shape) >= self.size)

    def _one(self) -> Planes:
        pools = [p for p in (self.stills, self.frames) if p]
        pool = pools[self.rng.integers(len(pools))]
        p = pool[self.rng.integers(len(pool))]
        h, w = p[0].shape[1:]
        top = self.rng.integers((h - self.size) // ALIGN + 1) * ALIGN
        left = self.rng.integers((w - self.size) // ALIGN + 1) * ALIGN
        return cut(p, top, left, self.size, self.rng.integers(4) + 4 * self.rng.integers(2))

    def batch(self, n: int) -> torch.Tensor:
        """(n, 96, size/8, size/8) float32, packed, 8-bit levels."""
        return pack(*(torch.stack(planes).float() for planes in zip(*(self._one() for _ in range(n)))))
