"""Pictures for the GPU's benchmark: made, since there are no files where it runs."""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from zvc69.cuda.pictures import PictureShape


@lru_cache(maxsize=8)
def _texture(height: int, width: int) -> np.ndarray:
    """Levels with more of low frequencies than of high ones, as pictures have, the same again beyond each side."""
    rng = np.random.default_rng(0)
    out = np.zeros((height, width))
    for size in (4, 16, 64):
        coarse = rng.normal(0, 1, (-(-height // size), -(-width // size)))
        out += coarse.repeat(size, 0).repeat(size, 1)[:height, :width] * size ** 0.6
    return 118 + 40 * out / out.std()


@lru_cache(maxsize=16)
def frame(shape: PictureShape, number: int) -> tuple[np.ndarray, ...]:
    """Planes; the texture slides by three pixels a frame, under a little noise."""
    rng, out = np.random.default_rng(number), []
    for plane, (height, width) in enumerate(shape.planes):
        levels = np.roll(_texture(height, width), -3 * number // (1 if plane == 0 else 2), 1) if plane == 0 else 128 + 0.2 * (_texture(height, width) - 118)
        scale = 1 << shape.depth - 8
        out.append(np.clip(np.round((levels + rng.normal(0, 1, levels.shape)) * scale), 0, 256 * scale - 1).astype(shape.dtype))
    return tuple(out)


def vectors_of(shape: PictureShape, number: int) -> np.ndarray:
    """(rows, columns, 2): the slide, and in some 32x32 blocks anything."""
    rng = np.random.default_rng(100 + number)
    field = np.tile(np.array([12, 0], np.int16), (shape.rows // 4, shape.columns // 4, 1))
    other = rng.random(field.shape[:2]) < 0.1
    field[other] = rng.integers(-64, 65, (int(other.sum()), 2))
    return field.repeat(4, 0).repeat(4, 1)
