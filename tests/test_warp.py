"""Motion compensation: identity, borders, linear ramps, equality with the dense form, rejected input."""
import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkcore.check_pack import planes
from zvc69.core import cpu, pack, warp
from zvc69.core.reference import warp as reference


def blank(width, height):
    return np.zeros((*pack.blocks(width, height), 2), np.int16)


def equal(got, want):
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("depth", pack.DEPTHS)
@pytest.mark.parametrize("kernel", warp.KERNELS)
@pytest.mark.parametrize("width, height", [(16, 16), (33, 47), (1, 1), (320, 40)])
def test_a_zero_field_copies_the_reference(width, height, kernel, depth):
    picture = planes(np.random.default_rng(0), width, height, depth)
    equal(warp.compensate(*picture, blank(width, height), depth, kernel), picture)
    equal(warp.compensate(*picture, blank(width, height), depth, kernel, overlap=True), picture)
    if kernel in warp.FLOW_KERNELS:
        equal(warp.warp_flow(*picture, np.zeros((height, width, 2), np.int16), depth, kernel), picture)


@pytest.mark.parametrize("level", cpu.available())
@settings(deadline=None, max_examples=40)
@given(width=st.integers(1, 130), height=st.integers(1, 70), depth=st.sampled_from(pack.DEPTHS),
       kernel=st.sampled_from(warp.KERNELS), overlap=st.booleans(), largest=st.sampled_from([3, 40, 2047]), threads=st.integers(0, 3),
       seed=st.integers(0, 1000))
def test_every_level_is_the_reference_at_all_sizes(level, width, height, depth, kernel, overlap, largest, threads, seed):
    rng = np.random.default_rng(seed)
    picture = planes(rng, width, height, depth)
    field = rng.integers(-largest, largest + 1, blank(width, height).shape).astype(np.int16)
    field[rng.random(field.shape[:2]) < 0.5] = field[0, 0]
    with cpu.force(level):
        equal(warp.compensate(*picture, field, depth, kernel, overlap=overlap, threads=threads),
              reference.compensate(*picture, field, depth, kernel, overlap))


def test_vectors_beyond_the_picture_repeat_its_edge():
    picture = planes(np.random.default_rng(1), 40, 24, 8)
    field = blank(40, 24)
    field[..., 0], field[..., 1] = 2047, -2047
    for got, plane in zip(warp.compensate(*picture, field, 8), picture, strict=True):
        assert (got == plane[0, -1]).all()


def test_whole_pixels_move_samples_unchanged():
    y, u, v = planes(np.random.default_rng(2), 64, 64, 10)
    field = blank(64, 64)
    field[2:6, 2:6] = [-24, 16]  # -6, 4 luma pixels; -3, 2 chroma samples
    got = warp.compensate(y, u, v, field, 10)
    np.testing.assert_array_equal(got[0][16:48, 16:48], y[20:52, 10:42])
    np.testing.assert_array_equal(got[1][8:24, 8:24], u[10:26, 5:21])


def test_a_flow_that_repeats_a_field_gives_the_same():
    rng = np.random.default_rng(3)
    picture = planes(rng, 77, 51, 8)
    field = rng.integers(-99, 100, (8, 12, 2)).astype(np.int16)
    flow = field.repeat(8, axis=0).repeat(8, axis=1)[:51, :77]
    equal(warp.compensate(*picture, field, 8), warp.warp_flow(*picture, flow, 8))


@pytest.mark.parametrize("taps, most", [*((reference.TAPS[kernel], 80) for kernel in warp.FLOW_KERNELS), (reference.SHARP, 112)])
def test_taps_sum_to_64_and_mirror(taps, most):
    assert (taps.sum(axis=1) == 64).all() and (abs(taps).sum(axis=1) <= most).all()
    np.testing.assert_array_equal(taps[1:], taps[:0:-1, ::-1])


@pytest.mark.parametrize("depth", pack.DEPTHS)
def test_sums_along_rows_fit_int16(depth):
    for taps in (reference.TAPS["bicubic"], reference.SHARP):
        for part in (taps.clip(0), taps.clip(None, 0)):
            sums = part.sum(axis=1) * ((1 << depth) - 1) + (1 << depth - 8 >> 1) >> depth - 8
            assert -(1 << 15) <= sums.min() and sums.max() < 1 << 15


def test_sharp_is_chroma_as_bicubic():
    rng = np.random.default_rng(7)
    picture = planes(rng, 64, 40, 8)
    field = rng.integers(-30, 31, (8, 8, 2)).astype(np.int16)
    sharp, bicubic = (warp.compensate(*picture, field, 8, kernel) for kernel in ("sharp", "bicubic"))
    equal(sharp[1:], bicubic[1:])
    assert (sharp[0] != bicubic[0]).any()


def test_overlap_mixes_what_the_neighbours_vector_predicts():
    """Two halves, the right one 16 samples further: 6/16 and 2/16 of a step of 16 towards the edge, 4/16 of 8 in chroma."""
    y = np.tile(np.arange(96, dtype=np.uint8), (64, 1))
    u = np.tile(np.arange(48, dtype=np.uint8), (32, 1))
    field = blank(96, 64)
    field[:, 6:, 0] = 64
    got = warp.compensate(y, u, u, field, 8, overlap=True)
    assert got[0][20, 44:52].tolist() == [44, 45, 46 + 2, 47 + 6, 48 + 16 - 6, 49 + 16 - 2, 50 + 16, 51 + 16]
    assert got[1][20, 22:26].tolist() == [22, 23 + 2, 24 + 8 - 2, 25 + 8]
    turned = warp.compensate(*(np.ascontiguousarray(plane.T) for plane in (y, u, u)), np.ascontiguousarray(field.transpose(1, 0, 2)[..., ::-1]), 8,
                             overlap=True)
    equal([plane.T for plane in turned], got)


def test_blocks_beyond_the_picture_are_nobodys_neighbours():
    picture = planes(np.random.default_rng(8), 48, 40, 8)
    field = blank(48, 40)
    alone = warp.compensate(*picture, field, 8, overlap=True)
    field[5:], field[:, 6:] = 9, -9
    equal(warp.compensate(*picture, field, 8, overlap=True), alone)


def test_strided_and_read_only_references():
    wide = planes(np.random.default_rng(4), 80, 64, 8)
    field = np.full((8, 8, 2), 5, np.int16)
    views = [wide[0][:, 8:72], wide[1][:, 4:36], wide[2][:, 4:36]]
    for view in views:
        view.flags.writeable = False
    want = warp.compensate(*[np.ascontiguousarray(p) for p in views], field, 8)
    equal(warp.compensate(*views, field, 8), want)
    equal(warp.compensate(*[np.asfortranarray(p) for p in views], field, 8), want)


def test_out_is_filled_and_must_fit():
    picture = planes(np.random.default_rng(5), 64, 32, 8)
    field = np.full((4, 8, 2), 3, np.int16)
    out = tuple(np.empty_like(p) for p in picture)
    assert warp.compensate(*picture, field, 8, out=out) is out
    equal(out, warp.compensate(*picture, field, 8))
    for wrong in (picture, out[::-1], tuple(p.astype(np.uint16) for p in out), tuple(p[:-1] for p in out)):
        with pytest.raises(ValueError):
            warp.compensate(*picture, field, 8, out=tuple(wrong))


def test_rejects_what_does_not_fit():
    y, u, v = planes(np.random.default_rng(6), 33, 31, 8)
    field = blank(33, 31)
    far = field.copy()
    far[0, 0, 0] = 2048
    for wrong in ((y, u[:-1], v, field, 8), (y, u, v, field, 10), (y, u, v, field, 9), (y, u, v, field[1:], 8),
                  (y, u, v, field.astype(np.int32), 8), (y, u, v, far, 8), (y, u, v, -far, 8),
                  (y, u, v, field, 8, "cubic"), (y[0], u, v, field, 8)):
        with pytest.raises(ValueError):
            warp.compensate(*wrong)
    for wrong in ((y, field[1:], 8), (y, field, 9), (y, far, 8), (y[0], field, 8)):
        with pytest.raises(ValueError):
            warp.compensate_luma(*wrong)
    for wrong in ((u, v[:-1], field, 8), (u, v, field[1:], 8), (u, v, field, 10), (u[0], v, field, 8)):
        with pytest.raises(ValueError):
            warp.compensate_chroma(*wrong)
    for wrong in ((y, u, v, field, 8), (y, u, v, np.zeros((31, 33), np.int16), 8), (y, u, v, np.zeros((31, 33, 2), np.int16), 8, "sharp")):
        with pytest.raises(ValueError):
            warp.warp_flow(*wrong)
    with pytest.raises(ValueError):
        warp.compensate(y, u, v, field, 8, threads=-1)


def test_documentation_examples():
    assert doctest.testmod(warp).failed == 0
