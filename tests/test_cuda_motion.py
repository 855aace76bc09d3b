"""The motion search's kernels, run thread by thread on the CPU, against the same algorithm in NumPy: the same vectors."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69.core import motion
from zvc69.core.motion import MotionField
from zvc69.core.reference import motion_search
from zvc69.cuda.motion import BORDER, COLOURS, MotionSearch, search_weights
from zvc69.cuda.pictures import PictureShape

from .emulator import COMPILER, EmulatedDevice

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

SHAPES = [PictureShape(37, 19, 8), PictureShape(96, 64, 8), PictureShape(100, 70, 10), PictureShape(64, 33, 12)]
QP = 20


def moving(rng, shape: PictureShape) -> tuple[np.ndarray, np.ndarray]:
    """Luma planes: parts of one texture that slide in several directions, under noise, one of them far."""
    height, width = shape.height, shape.width
    wide = rng.normal(0, 1, (height // 4 + 64, width // 4 + 64)).repeat(4, 0).repeat(4, 1)
    wide = (wide + np.roll(wide, 1, 0) + np.roll(wide, 1, 1) + np.roll(wide, (2, 1), (0, 1))) * 18 + 120
    reference = wide[128:128 + height, 128:128 + width]
    current = wide[131:131 + height, 126:126 + width].copy()
    current[:height // 2, width // 2:] = wide[108:108 + height // 2, 138 + width // 2:138 + width]
    below = wide[128 + height // 2:128 + height]
    current[height // 2:, :width // 4] = (below[:, 128:128 + width // 4] + below[:, 129:129 + width // 4]) / 2
    scale = 1 << shape.depth - 8
    return tuple(np.clip(np.round((plane + rng.normal(0, 1, plane.shape)) * scale), 0, 256 * scale - 1).astype(shape.dtype) for plane in (current, reference))


def noise(rng, shape: PictureShape) -> tuple[np.ndarray, np.ndarray]:
    return tuple(rng.integers(0, 1 << shape.depth, (shape.height, shape.width)).astype(shape.dtype) for _ in range(2))


def extremes(rng, shape: PictureShape) -> tuple[np.ndarray, np.ndarray]:
    """Differences as large as there are."""
    black = np.zeros((shape.height, shape.width), shape.dtype)
    return black, np.full_like(black, (1 << shape.depth) - 1)


def previous_field(rng, shape: PictureShape) -> np.ndarray:
    """Vectors that point far outside of the picture among others."""
    vectors = rng.integers(-30, 31, (shape.rows // 4, shape.columns // 4, 2)).astype(np.int16)
    vectors[0, 0] = -2047, 2047
    return vectors.repeat(4, 0).repeat(4, 1)


def searched(device, shape, current, reference, way, qp, previous=None) -> np.ndarray:
    out = device.empty((shape.rows, shape.columns, 2), np.int16)
    MotionSearch(device, shape).search(device.upload(current), device.upload(reference), device.upload(np.array([way], np.int32)),
                                       device.upload(np.array([qp], np.int32)), out, None if previous is None else device.upload(previous))
    return out


@pytest.mark.parametrize("seed", [1, 2], ids=["order 1", "order 2"])
@pytest.mark.parametrize("content", [moving, noise, extremes], ids=lambda content: content.__name__)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_vectors_are_those_of_the_reference(shape, content, seed):
    rng = np.random.default_rng(seed)
    current, reference = content(rng, shape)
    previous = previous_field(rng, shape) if seed == 1 else None
    got = searched(EmulatedDevice(seed), shape, current, reference, seed % 2, QP, previous)
    want = motion_search.Search(current, reference, shape.depth, int(search_weights()[QP]), seed % 2 == 1, previous).vectors()
    assert np.array_equal(got, want)


def test_constants_are_those_of_the_reference():
    assert (BORDER, COLOURS) == (motion_search.BORDER, motion_search.COLOURS)


def test_weights_are_those_of_the_search_on_the_cpu(monkeypatch):
    asked = []
    monkeypatch.setattr(motion._motion, "search", lambda *arguments: asked.append(arguments[4]))
    plane = np.zeros((32, 32), np.uint8)
    for qp in range(64):
        motion.search(plane, plane, qp, depth=8)
    assert asked == search_weights().tolist()


def test_finds_what_moves_in_parts_and_far():
    shape = PictureShape(192, 96, 8)
    current, reference = moving(np.random.default_rng(3), shape)
    got = searched(EmulatedDevice(3), shape, current, reference, 0, QP)
    assert np.array_equal(got[8, 12], [-8, 12]) and np.array_equal(got[4, 16], [40, -80]) and np.array_equal(got[8, 1], [2, 0])


@pytest.mark.parametrize("qp", [12, 36])
def test_predicts_about_as_well_as_the_search_on_the_cpu(qp):
    """By the CPU's own measure: what the prediction leaves, and 0.25 steps for each bit of the coded field."""
    shape = PictureShape(192, 96, 8)
    current, reference = moving(np.random.default_rng(4), shape)
    fields = (MotionField.from_vectors(searched(EmulatedDevice(4), shape, current, reference, 1, qp)).using("sharp", False),
              motion.search(current, reference, qp, depth=8, kernel="sharp"))
    hadamard = motion_search.hadamard()
    costs = []
    for field in fields:
        difference = (current.astype(np.float32) - field.warp_luma(reference, 8)).reshape(12, 8, 24, 8).transpose(0, 2, 1, 3)
        error = float(np.abs(hadamard @ difference @ hadamard).sum()) / 8
        costs.append(error + motion.SEARCH_WEIGHT * 2 * 2 ** (qp / 10.5) * 8 * len(motion.encode(field)))
    assert costs[0] < 1.03 * costs[1]
