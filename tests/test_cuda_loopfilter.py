"""The loop filter's kernels, run thread by thread on the CPU, against those of the CPU: the same bits."""
from __future__ import annotations

import numpy as np
import pytest

from tests.checkcore.check_loopfilter import filters, planes
from zvc69.core import loopfilter
from zvc69.core.pack import unpack
from zvc69.cuda.loopfilter import LoopFilter, statistics_of
from zvc69.cuda.pictures import Pictures, PictureShape

from .emulator import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

SHAPES = [PictureShape(1, 1, 8), PictureShape(530, 9, 8), PictureShape(50, 38, 8), PictureShape(131, 29, 10), PictureShape(33, 65, 12)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


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
@pytest.mark.parametrize("copying", [False, True], ids=["all", "copies"])
def test_fine_samples_are_the_cpus(device, rng, shape, copying):
    pictures, copy = Pictures(device, shape), marks(rng, shape) if copying else None
    levels = rng.uniform(-3, 260, (96, shape.rows, shape.columns)).astype(np.float32)
    predicted, got = pictures.planes(), LoopFilter(device, shape).planes()
    for plane in predicted:
        plane[:] = rng.integers(0, 1 << shape.depth, plane.shape)
    pictures.unpack_fine(device.upload(np.ascontiguousarray(levels.reshape(96, -1).T)), got, None if copy is None else device.upload(copy), predicted)
    want = unpack(levels, shape.width, shape.height, loopfilter.FINE_DEPTH)
    if copying:
        loopfilter.widen(want, predicted, copy, shape.depth)
    assert all(np.array_equal(a, b) for a, b in zip(got, want))


@shapes
@pytest.mark.parametrize("copying", [False, True], ids=["all", "copies"])
def test_statistics_are_the_cpus(device, rng, shape, copying):
    loop_filter, copy = LoopFilter(device, shape), marks(rng, shape) if copying else None
    sides = (32, 16, 16)
    for name in planes(rng, 8, 8):
        fine = tuple(planes(rng, width, height)[name] for height, width in shape.planes)
        target = tuple(rng.integers(0, 1 << shape.depth, plane.shape).astype(shape.dtype) for plane in fine)
        classes = rng.integers(0, 25, loop_filter.classes().shape, np.uint8)
        sums = loop_filter.sums()
        loop_filter.statistics(tuple(map(device.upload, fine)), tuple(map(device.upload, target)), device.upload(classes),
                               None if copy is None else device.upload(copy), sums)
        for number, found in enumerate(statistics_of(device.download(sums))):
            want = loopfilter.statistics(fine[number], target[number], shape.depth, classes=None if number else classes, copy=copy, copy_block=sides[number])
            for part in ("products", "correlations", "energy", "count"):
                assert np.array_equal(getattr(found, part), getattr(want, part)), f"{part} of plane {number}, {name}"
