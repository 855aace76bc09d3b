"""Pictures against two others: which block comes from where, rounding, errors, rejected input."""
import doctest

import numpy as np
import pytest

from zvc69.core import planes


def picture(value, width=70, height=45, dtype=np.uint8):
    half = (height + 1) // 2, (width + 1) // 2
    return tuple(np.full(shape, value, dtype) for shape in ((height, width), half, half))


def test_chosen_blocks_come_from_the_second_picture():
    y, u, v = planes.choose_blocks(picture(1), picture(2), np.array([[False, True, False], [True, False, True]]))
    for plane, side in ((y, 32), (u, 16), (v, 16)):
        assert (plane[:side, side:2 * side] == 2).all() and (plane[side:, :side] == 2).all() and (plane[side:, 2 * side:] == 2).all()
        assert (plane[:side, :side] == 1).all() and (plane[:side, 2 * side:] == 1).all() and (plane[side:, side:2 * side] == 1).all()


def test_mean_rounds_up_and_does_not_overflow():
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        assert all((plane == top).all() for plane in planes.average(picture(top, dtype=dtype), picture(top - 1, dtype=dtype)))


def test_sources_are_left_alone():
    a, b = picture(1), picture(4)
    planes.average(a, b)
    planes.choose_blocks(a, b, np.ones((2, 3), bool))
    assert all((plane == 1).all() for plane in a) and all((plane == 4).all() for plane in b)


def test_errors_are_summed_by_block():
    now, a = np.zeros((40, 33), np.uint16), np.zeros((40, 33), np.uint16)
    a[17, 5], a[39, 32] = 4000, 7
    assert planes.block_errors(now, a).tolist() == [[[0, 0, 0], [4000, 0, 0], [0, 0, 7]]]
    of_a, of_b, of_mean = planes.block_errors(now, a, now)
    assert of_a.sum() == 4007 and not of_b.any() and of_mean.sum() == 2004


def test_errors_reject_planes_that_do_not_fit():
    now = np.zeros((40, 33), np.uint8)
    for wrong in (now[:, :32], now.astype(np.uint16), now[None]):
        with pytest.raises(ValueError, match="all planes must be"):
            planes.block_errors(now, wrong)
        with pytest.raises(ValueError, match="all planes must be"):
            planes.block_errors(now, now, wrong)
    for wrong in (now.astype(np.int8), now[:0], now[0]):
        with pytest.raises(ValueError, match="at least one sample"):
            planes.block_errors(wrong, wrong)


def test_rejects_pictures_that_do_not_fit():
    a, b = picture(1), picture(2)
    chosen = np.ones((2, 3), bool)
    for wrong in (picture(2, width=72), picture(2, dtype=np.uint16), (b[0], b[1], b[2][:-1])):
        with pytest.raises(ValueError):
            planes.average(a, wrong)
        with pytest.raises(ValueError):
            planes.choose_blocks(a, b, chosen, out=wrong)
    for wrong in (picture(1, dtype=np.float32), picture(1, dtype=np.int8)):
        with pytest.raises(ValueError, match="uint8 or uint16"):
            planes.average(wrong, wrong)
    for wrong in (chosen.T, chosen.astype(np.uint8), chosen[:, :2]):
        with pytest.raises(ValueError, match="chosen must be"):
            planes.choose_blocks(a, b, wrong)


def test_rejects_out_that_overlaps_or_cannot_be_written():
    a, b = picture(1), picture(2)
    with pytest.raises(ValueError, match="overlaps b"):
        planes.choose_blocks(a, b, np.ones((2, 3), bool), out=b)
    wide = np.zeros((45, 80), np.uint8)
    shifted = (wide[:, 5:75], *picture(0)[1:])
    with pytest.raises(ValueError, match="overlaps a"):
        planes.average((wide[:, :70], *a[1:]), b, out=shifted)
    frozen = picture(0)
    frozen[1].flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        planes.average(a, b, out=frozen)


def test_documentation_examples():
    assert doctest.testmod(planes).failed == 0
