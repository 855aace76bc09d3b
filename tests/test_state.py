"""State along vectors: where blocks come from, rejected input."""
import doctest

import numpy as np
import pytest

from zvc69.core import state


def two(h=8, w=12, channels=96):
    codes = np.arange(h * w, dtype=np.uint8).reshape(h, w, 1).repeat(channels, axis=2)
    return codes, codes + np.uint8(100)


def still(h=8, w=12):
    return np.zeros((h, w, 2), np.int16)


def test_zero_field_gives_the_state_itself():
    both = two()
    for got, want in zip(state.fetch(both, still()), both):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("quarters, blocks", [(0, 0), (15, 0), (16, 1), (47, 1), (48, 2), (-16, 0), (-17, -1), (-48, -1), (-49, -2)])
def test_vectors_are_rounded_to_whole_blocks(quarters, blocks):
    vectors = still()
    vectors[4, 5] = quarters, 0
    vectors[3, 6] = 0, quarters
    magnitude, index = state.fetch(two(), vectors)
    assert magnitude[4, 5, 50] == 12 * 4 + 5 + blocks and index[3, 6, 95] == 100 + 12 * (3 + blocks) + 6


def test_blocks_outside_of_the_picture_are_those_of_its_edge():
    vectors = np.full((8, 12, 2), -32768, np.int16)
    assert (state.fetch(two(), vectors)[0] == 0).all()
    assert (state.fetch(two(), np.full((8, 12, 2), 32767, np.int16))[0] == 8 * 12 - 1).all()


def test_rejects_what_does_not_fit():
    good, vectors = two(), still()
    for wrong in ((good[0], good[1][:, :8]), (good[0].astype(np.int8), good[1]), (good[0][..., 0], good[1][..., 0])):
        with pytest.raises(ValueError):
            state.fetch(wrong, vectors)
    for wrong in (vectors.astype(np.int32), vectors[:4], vectors[..., :1]):
        with pytest.raises(ValueError, match="vectors must be"):
            state.fetch(good, wrong)
    for out in (good, (two()[0], two(4)[0]), (two()[0].transpose(0, 2, 1), two()[0])):
        with pytest.raises(ValueError, match="out must be"):
            state.fetch(good, vectors, out)


def test_documentation_examples():
    assert doctest.testmod(state).failed == 0
