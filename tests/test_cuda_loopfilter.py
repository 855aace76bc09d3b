"""The loop filter's kernels, run thread by thread on the CPU, against those of the CPU: the same bits."""
from __future__ import annotations

import numpy as np
import pytest

from tests.checkcore.check_loopfilter import filters, planes
from zvc69.core import loopfilter
from zvc69.cuda.loopfilter import LoopFilter
from zvc69.cuda.pictures import Pictures, PictureShape

from .emulator import COMPILER, EmulatedDevice

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

SHAPES = [PictureShape(1, 1, 8), PictureShape(50, 38, 8), PictureShape(131, 29, 10), PictureShape(33, 65, 12)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture(params=[1, 2], ids=["order 1", "order 2"])
def device(request) -> EmulatedDevice:
    return EmulatedDevice(request.param)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def marks(rng, shape: PictureShape) -> np.ndarray:
    return rng.random((shape.rows // 4, shape.columns // 4)) < 0.4


@shapes
def test_classes_are_the_cpus(device, rng, shape):
    loop_filter = LoopFilter(device, shape)
    for name, luma in planes(rng, shape.width, shape.height).items():
        out = loop_filter.classes()
        loop_filter.classify(device.upload(luma), out)
        assert np.array_equal(out, loopfilter.classify(luma)), name


@shapes
@pytest.mark.parametrize("copying", [False, True], ids=["all", "copies"])
def test_filtered_samples_are_the_cpus(device, rng, shape, copying):
    loop_filter = LoopFilter(device, shape)
    copy = marks(rng, shape) if copying else None
    for number, (height, width) in enumerate(shape.planes):
        for name, plane in planes(rng, width, height).items():
            classes = rng.integers(0, 25, (-(-height // 4), -(-width // 4)), np.uint8) if number == 0 else None
            coefficients = filters(rng, 25 if number == 0 else 1)
            out = device.empty(plane.shape, shape.dtype)
            loop_filter.apply(number, device.upload(plane), device.upload(coefficients), out, classes if classes is None else device.upload(classes),
                              copy if copy is None else device.upload(copy))
            want = loopfilter.apply(plane, coefficients, shape.depth, classes=classes, copy=copy, copy_block=16 if number else 32, out=np.empty_like(out))
            assert np.array_equal(out, want), f"{name}, plane {number}"


@shapes
def test_copied_blocks_are_those_of_the_prediction(device, rng, shape):
    loop_filter, copy = LoopFilter(device, shape), marks(rng, shape)
    fine = tuple(rng.integers(0, 4096, size, np.uint16) for size in shape.planes)
    predicted = Pictures(device, shape).planes()
    for plane in predicted:
        plane[:] = rng.integers(0, 1 << shape.depth, plane.shape)
    got = tuple(device.upload(plane) for plane in fine)
    loop_filter.widen(got, predicted, device.upload(copy))
    want = tuple(plane.copy() for plane in fine)
    loopfilter.widen(want, predicted, copy, shape.depth)
    assert all(np.array_equal(a, b) for a, b in zip(got, want))
