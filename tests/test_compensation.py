"""Which filter the encoder takes for a slot, and whether blocks overlap."""
from __future__ import annotations

import numpy as np
import pytest

from tests.checkcore.check_pack import planes
from zvc69.codec.compensation import find_luma, find_slot
from zvc69.codec.estimation import MotionEstimator
from zvc69.codec.slots import Reference
from zvc69.config import EncoderConfig
from zvc69.core.motion import KERNELS, MotionField
from zvc69.media import Frame
from zvc69.profiler import Profiler

WIDTH, HEIGHT = 160, 96
WAYS = [(kernel, overlap) for kernel in KERNELS for overlap in (False, True)]


def texture(depth):
    """Noise, smooth enough for a search to find its way, sharp enough for filters to differ."""
    rng = np.random.default_rng(5)
    out = []
    for plane in planes(rng, WIDTH, HEIGHT, depth):
        noise = rng.standard_normal((plane.shape[0] + 4, plane.shape[1] + 4))
        smooth = sum(np.roll(noise, (y, x), (0, 1)) for y in range(3) for x in range(3))[2:-2, 2:-2]
        out.append(np.clip((128 + 14 * smooth) * 2 ** (depth - 8), 0, 2 ** depth - 1).astype(plane.dtype))
    return tuple(out)


def moving_field():
    """Three parts that move by fractions of a sample."""
    vectors = np.full((HEIGHT // 8, WIDTH // 8, 2), (2, -1), np.int16)
    vectors[4:, 4:12] = (-6, 3)
    vectors[:, 16:] = (1, 10)
    return MotionField.from_vectors(vectors)


def slot_of(pictures, depth, reference, effort=1, pts=1):
    estimator = MotionEstimator(EncoderConfig(motion_effort=effort).resolved())
    return find_slot(estimator, Frame(*pictures, depth), 20, pts, reference, Profiler().stage)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("depth", [8, 10])
def test_the_way_that_made_a_picture_is_found(way, depth):
    before = texture(depth)
    made = moving_field().using(*way).warp(before, depth)
    for effort in (0, 1):
        slot = slot_of(made, depth, Reference(before, None, 0, 20), effort)
        assert (slot.field.kernel, slot.field.overlap) == way
        error = np.abs(slot.planes[0].astype(int) - made[0])
        assert (error == 0).mean() > 0.9
        for plane, want in zip(slot.planes, slot.field.warp(before, depth)):
            assert np.array_equal(plane, want)


@pytest.mark.parametrize("expected", [None, moving_field().using("sharp", False), moving_field().using("bicubic", True)],
                         ids=["unknown", "sharp", "overlapped"])
def test_luma_alone_is_that_of_the_slot_or_at_the_least_effort_made_as_is_expected(expected):
    before = texture(8)
    made = Frame(*moving_field().using("sharp", True).warp(before, 8), 8)
    reference = Reference(before, None, 0, 20, expected, 1)
    for effort in (0, 1):
        estimator = MotionEstimator(EncoderConfig(motion_effort=effort).resolved())
        luma = find_luma(estimator, made, 20, 1, reference, Profiler().stage)
        if effort:
            want = slot_of(made.planes, 8, reference).planes[0]
        else:
            kernel, overlap = (KERNELS[0], True) if expected is None else (expected.kernel, expected.overlap)
            field = estimator.field(made, reference, 20, reference.field_at(1), kernel)
            want = field.using(kernel, overlap).warp_luma(before[0], 8)
        assert np.array_equal(luma, want)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_where_nothing_moves_the_way_stays_as_it_is(way):
    before = texture(8)
    field = MotionField.zero(HEIGHT // 8, WIDTH // 8).using(*way)
    slot = slot_of(before, 8, Reference(before, None, 0, 20, field, 1))
    assert slot.field == field


def test_searches_take_the_expected_filter_and_the_other_one_only_where_it_is_better(monkeypatch):
    before, kernels = texture(8), []
    search = MotionEstimator.field

    def noted(self, frame, reference, qp, expected, kernel, threads):
        kernels.append(kernel)
        return search(self, frame, reference, qp, expected, kernel, threads)

    monkeypatch.setattr(MotionEstimator, "field", noted)
    field = moving_field()
    for made_by, expected in (("sharp", "sharp"), ("sharp", "bicubic"), ("bicubic", "sharp")):
        made = field.using(made_by, False).warp(before, 8)
        slot_of(made, 8, Reference(before, None, 0, 20, field.using(expected, False), 1))
        assert kernels == ([made_by] if made_by == expected else [expected, made_by])
        kernels.clear()
