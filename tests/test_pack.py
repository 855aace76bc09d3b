"""Packing: round trips at every depth and size, geometry, rounding, rejected input."""
import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkcore.check_pack import planes
from zvc69.core import cpu, pack
from zvc69.core import layout as layouts
from zvc69.core.layout import BFLOAT16, Layout, to_float32


@pytest.mark.parametrize("level", cpu.available())
@settings(deadline=None)
@given(width=st.integers(1, 200), height=st.integers(1, 100), depth=st.sampled_from(pack.DEPTHS),
       seed=st.integers(0, 1000))
def test_unpack_returns_what_was_packed(level, width, height, depth, seed):
    picture = planes(np.random.default_rng(seed), width, height, depth)
    with cpu.force(level):
        for got, want in zip(pack.unpack(pack.pack(*picture, depth), width, height, depth), picture):
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)


def test_channels_are_samples_of_a_block():
    y = np.arange(32 * 64, dtype=np.uint16).reshape(32, 64)
    u = np.arange(16 * 32, dtype=np.uint16).reshape(16, 32)
    packed = pack.pack(y, u, u + 1000, 10) * 4
    assert packed[8 * 3 + 5, 2, 7] == y[8 * 2 + 3, 8 * 7 + 5]
    assert packed[64 + 4 * 1 + 2, 2, 7] == u[4 * 2 + 1, 4 * 7 + 2]
    assert packed[80 + 4 * 3 + 1, 3, 0] == u[4 * 3 + 3, 1] + 1000


def test_padding_repeats_the_last_column_and_row():
    y, u, v = planes(np.random.default_rng(0), 33, 35, 8)
    y_padded, u_padded, _ = pack.unpack(pack.pack(y, u, v, 8), 64, 64, 8)
    np.testing.assert_array_equal(y_padded, np.pad(y, ((0, 29), (0, 31)), mode="edge"))
    np.testing.assert_array_equal(u_padded, np.pad(u, ((0, 14), (0, 15)), mode="edge"))


def test_rounding_is_half_to_even_and_values_are_clipped():
    packed = np.zeros((96, 4, 4), np.float32)
    packed[:8, 0, 0] = [0.5, 1.5, 2.5, 254.5, 255.5, 1e30, -3, np.nan]
    assert pack.unpack(packed, 32, 32, 8)[0][0, :8].tolist() == [0, 2, 2, 254, 255, 255, 0, 0]
    packed[:4, 0, 0] = [0.125, 0.375, 255.75, 256]
    assert pack.unpack(packed, 32, 32, 10)[0][0, :4].tolist() == [0, 2, 1023, 1023]


def test_pack_fills_the_array_given():
    picture = planes(np.random.default_rng(0), 64, 32, 8)
    out = np.empty((96, 4, 8), np.float32)
    assert pack.pack(*picture, 8, out) is out
    np.testing.assert_array_equal(out, pack.pack(*picture, 8))
    for wrong in (np.empty((96, 8, 4), np.float32), out.astype(np.float64), np.empty((96, 4, 16), np.float32)[..., ::2]):
        with pytest.raises(ValueError, match="out must be"):
            pack.pack(*picture, 8, wrong)


IN_BFLOAT16 = Layout(channel_last=True, bfloat16=True)


def test_samples_of_8_bits_are_exact_in_bfloat16():
    picture = planes(np.random.default_rng(0), 70, 50, 8)
    out = IN_BFLOAT16.empty(96, 8, 12)
    assert pack.pack(*picture, 8, out) is out and out.dtype == BFLOAT16
    np.testing.assert_array_equal(to_float32(out), pack.pack(*picture, 8))
    for got, want in zip(pack.unpack(out, 70, 50, 8), picture):
        np.testing.assert_array_equal(got, want)


def test_bfloat16_is_refused_where_it_is_not_exact_or_channels_come_first():
    picture = planes(np.random.default_rng(0), 64, 32, 10)
    with pytest.raises(ValueError, match="at depth 8 bfloat16 too"):
        pack.pack(*picture, 10, IN_BFLOAT16.empty(96, 4, 8))
    with pytest.raises(ValueError, match="at depth 8 bfloat16 too"):
        pack.pack(*planes(np.random.default_rng(0), 64, 32, 8), 8, np.empty((96, 4, 8), BFLOAT16))


@pytest.mark.parametrize("layout", [Layout(), Layout(channel_last=True), IN_BFLOAT16])
def test_a_difference_and_its_prediction_make_the_picture(layout):
    """Whole numbers below 256 are exact in every type; the mean of two pictures is rounded once, with what is added."""
    rng = np.random.default_rng(0)
    difference, a, b = (layout.empty(96, 4, 8) for _ in range(3))
    pack.pack(*planes(rng, 64, 32, 8), 8, a)
    pack.pack(*planes(rng, 64, 32, 8), 8, b)
    difference[:] = 0x3F00 if layout.bfloat16 else 0.5
    for prediction, wanted in (((a, a, 0.0), to_float32(a)), ((a, b, 0.0), to_float32(a)), ((a, b, 0.5), (to_float32(a) + to_float32(b)) / 2)):
        for got, want in zip(pack.unpack(difference, 64, 32, 8, prediction=prediction), pack.unpack(wanted + np.float32(0.5), 64, 32, 8)):
            np.testing.assert_array_equal(got, want)


def test_rounding_comes_after_the_addition():
    difference, a, b = (np.zeros((96, 4, 4), np.float32) for _ in range(3))
    difference[:5, 0, 0], a[:5, 0, 0], b[:5, 0, 0] = [0.25, 0.25, 0.5, -300, np.nan], [1, 2, 254, 7, 7], [1.5, 2.5, 255.5, 7, 7]
    assert pack.unpack(difference, 32, 32, 8, prediction=(a, b, 0.5))[0][0, :5].tolist() == [2, 2, 255, 0, 0]


def test_rejects_a_prediction_unlike_what_is_added_to_it():
    difference = np.zeros((96, 4, 8), np.float32)
    for wrong in (difference.astype(BFLOAT16), difference[:, :, :4], difference[:95], difference.astype(np.float64)):
        for prediction in ((wrong, difference, 0.5), (difference, wrong, 0.5)):
            with pytest.raises(ValueError, match="pictures of the prediction must be float32"):
                pack.unpack(difference, 64, 32, 8, prediction=prediction)


def test_rejects_planes_that_do_not_fit():
    y, u, v = planes(np.random.default_rng(0), 33, 31, 8)
    for wrong in ((y, u[:-1], v, 8), (y, u, v[:, 1:], 8), (y, u, v, 10), (y, u, v, 9), (y[None], u, v, 8),
                  (y[:0], u, v, 8), (y.astype(np.uint16), u, v, 8), (y, u, v.astype(np.int8), 8)):
        with pytest.raises(ValueError):
            pack.pack(*wrong)


def test_rejects_tensors_that_do_not_fit():
    packed = np.zeros((96, 4, 8), np.float32)
    for wrong in ((packed, 65, 32, 8), (packed, 32, 32, 8), (packed, 64, 0, 8), (packed, 64, 32, 11),
                  (packed.astype(np.float64), 64, 32, 8), (packed[:95], 64, 32, 8)):
        with pytest.raises(ValueError):
            pack.unpack(*wrong)


def test_documentation_examples():
    assert doctest.testmod(pack).failed == 0 and doctest.testmod(layouts).failed == 0
