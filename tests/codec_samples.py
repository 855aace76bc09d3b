"""Pictures and streams for tests of the codec, made with the small model that is kept with the tests."""
from __future__ import annotations

import io

import numpy as np

import zvc69
from zvc69 import Frame
from zvc69.media.frame import plane_dtype, plane_shapes

MODEL = "tiny"


def picture(width: int, height: int, depth: int = 8, number: int = 0) -> Frame:
    """Smooth waves and an edge, moving with `number`."""
    planes = []
    for scale, (rows, columns) in zip((1, 2, 2), plane_shapes(width, height)):
        i, j = np.mgrid[:rows, :columns] * scale
        level = 118 + 50 * np.sin((j + 4 * number) / 11) * np.cos(i / 13) + 35 * (i + j > 50 + 6 * number)
        planes.append(np.round(level * 2 ** (depth - 8)).astype(plane_dtype(depth)))
    return Frame(*planes, depth)


def stream(frames: int = 6, width: int = 64, height: int = 48, qp: int = 25) -> bytes:
    """A whole stream, index included."""
    file = io.BytesIO()
    zvc69.encode_frames((picture(width, height, number=n) for n in range(frames)), file, width=width, height=height, fps=25, qp=qp, model=MODEL)
    return file.getvalue()
