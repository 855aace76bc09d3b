"""What is chosen on the (emulated) GPU for a P frame: as the CPU's encoder judges it."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69.codec.compensation import CHANGE_BITS
from zvc69.codec.copying import choose_copies, step_size
from zvc69.codec.temporal import take_padding
from zvc69.core.motion import KERNELS, RATE_WEIGHT, MotionField
from zvc69.core.pack import pack
from zvc69.core.planes import block_errors
from zvc69.cuda.choices import CopyChoice, WayChoice
from zvc69.cuda.pictures import Pictures, PictureShape

from .emulator import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

SHAPES = [PictureShape(37, 19, 8), PictureShape(130, 70, 8), PictureShape(264, 40, 10), PictureShape(64, 33, 12)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def smooth(rng, shape: PictureShape) -> tuple[np.ndarray, ...]:
    return tuple(np.clip(rng.normal(0, 40, (height // 6 + 2, width // 6 + 2)).repeat(6, 0).repeat(6, 1)[:height, :width] + 120, 0, 255).astype(shape.dtype)
                 << np.array(shape.depth - 8, shape.dtype) for height, width in shape.planes)


@shapes
@pytest.mark.parametrize("qp", [0, 27, 63])
def test_copied_blocks_are_the_cpus(device, rng, shape, qp):
    source, pictures = smooth(rng, shape), Pictures(device, shape)
    largest = rng.choice([0, 1, 3, 9, 30], (shape.rows // 4, shape.columns // 4))
    predicted = []
    for plane, side in zip(source, (32, 16, 16)):
        range_of = largest.repeat(side, 0).repeat(side, 1)[:plane.shape[0], :plane.shape[1]] << shape.depth - 8
        predicted.append(np.clip(plane.astype(int) + np.rint(rng.uniform(-1, 1, plane.shape) * range_of), 0, (1 << shape.depth) - 1).astype(shape.dtype))
    there = pictures.packed(), pictures.packed()
    for planes, out in zip((source, predicted), there):
        pictures.pack(tuple(device.upload(plane) for plane in planes), out)
    copies, out = CopyChoice(device, shape), device.empty(shape.positions // 16, np.uint8)
    copies.choose(*there, device.upload(np.array([qp], np.int32)), out)
    packed = [pack(*planes, shape.depth) for planes in (source, predicted)]
    take_padding(*packed, shape.width, shape.height)
    want = choose_copies(*packed, qp)
    want = np.zeros(largest.shape, bool) if want is None else want
    assert np.array_equal(out.reshape(largest.shape), want)
    copies.take_padding(*there)
    assert np.array_equal(there[0].astype(np.float32).reshape(shape.rows, shape.columns, 96).transpose(2, 0, 1) + 128, packed[0])


def test_some_blocks_are_copied_and_some_are_not(device, rng):
    shape = PictureShape(128, 32, 8)
    pictures, planes = Pictures(device, shape), smooth(rng, PictureShape(128, 32, 8))
    other = (np.concatenate([planes[0][:, :64], 255 - planes[0][:, 64:]], 1), *planes[1:])
    there = pictures.packed(), pictures.packed()
    for picture, out in zip((planes, other), there):
        pictures.pack(tuple(device.upload(plane) for plane in picture), out)
    out = device.empty(4, np.uint8)
    CopyChoice(device, shape).choose(*there, device.upload(np.array([27], np.int32)), out)
    assert out.tolist() == [1, 1, 0, 0]


@shapes
@pytest.mark.parametrize("expected", range(4))
@pytest.mark.parametrize("qp", [5, 50])
def test_the_way_is_the_one_that_costs_least(device, rng, shape, expected, qp):
    reference, vectors = smooth(rng, shape)[0], rng.integers(-9, 10, (shape.rows // 4, shape.columns // 4, 2)).astype(np.int16).repeat(4, 0).repeat(4, 1)
    ways = [MotionField.from_vectors(vectors).using(KERNELS[way & 1], way >= 2) for way in range(4)]
    source = ways[rng.integers(4)].warp_luma(reference, shape.depth)
    source[:: 3] = reference[:: 3]
    errors = [int(block_errors(source, field.warp_luma(reference, shape.depth)).sum(dtype=np.uint64)) for field in ways]
    change = RATE_WEIGHT * step_size(qp) * CHANGE_BITS
    costs = [error / 2 ** (shape.depth - 8) + change * (way ^ expected).bit_count() for way, error in enumerate(errors)]
    choice, way = WayChoice(device, shape), device.upload(np.array([expected], np.int32))
    for _ in range(2):      # the second time from there
        choice.choose(device.upload(source), device.upload(reference), device.upload(vectors), device.upload(np.array([qp], np.int32)), way)
        assert choice.sums.tolist() == errors
        assert costs[way[0]] <= min(costs) + 1
        costs = [error / 2 ** (shape.depth - 8) + change * (w ^ int(way[0])).bit_count() for w, error in enumerate(errors)]


def test_without_motion_the_way_stays(device):
    shape = PictureShape(64, 32, 8)
    luma, still, way = device.zeros((32, 64), np.uint8), device.zeros((4, 8, 2), np.int16), device.upload(np.array([2], np.int32))
    WayChoice(device, shape).choose(luma, luma, still, device.upload(np.array([27], np.int32)), way)
    assert way[0] == 2
