"""Quantiser: which step codes what, thresholds, rejected input."""
import doctest

import numpy as np
import pytest

from zvc69.core import quantise

H, W = 4, 6


@pytest.fixture
def arguments():
    thresholds = np.tile(np.arange(16, dtype=np.float32) - np.float32(0.4), (64, 1))
    return {"y": np.zeros((96, H, W), np.float32), "mean": np.zeros((96, H, W), np.float32),
            "index": np.full((H, W, 24), 30, np.uint8), "k": 0, "thresholds": thresholds, "skip_below": 10}


def test_every_step_codes_a_quarter_of_the_channels_everywhere():
    step = quantise.step_of(H, W)
    for k in range(4):
        assert ((step == k).sum(axis=0) == 24).all()


def test_step_of_follows_the_specified_parities():
    step = quantise.step_of(H, W)
    for c, i, j in ((0, 0, 0), (1, 0, 0), (5, 3, 2), (95, 2, 5)):
        assert step[c, i, j] == 2 * ((c + i + j) % 2) + (c // 2 + i) % 2


@pytest.mark.parametrize("k", range(4))
def test_symbols_are_the_steps_channels_ascending(arguments, k):
    levels = np.arange(96 * H * W, dtype=np.float32).reshape(96, H, W) % 13 - 6
    coded = quantise.step_of(H, W) == k
    r = quantise.quantise(**arguments | {"y": levels, "k": k})
    for i, j in np.ndindex(H, W):
        np.testing.assert_array_equal(r[i, j], levels[coded[:, i, j], i, j])


def test_magnitude_counts_thresholds_reached(arguments):
    for v, expected in ((0.59, 0), (0.6, 1), (-0.6, -1), (14.6, 15), (15.59, 15), (15.7, 16), (-115.7, -116),
                        (1e9, 32767), (-1e9, -32767), (np.nan, 0), (np.inf, 0), (-np.inf, 0)):
        r = quantise.quantise(**arguments | {"y": np.full((96, H, W), v, np.float32)})
        assert (r == expected).all(), v


def test_symbols_below_the_skip_limit_are_zero(arguments):
    index = np.where(np.arange(24) % 2 == 0, 9, 10).astype(np.uint8) * np.ones((H, W, 1), np.uint8)
    r = quantise.quantise(**arguments | {"y": np.full((96, H, W), 3, np.float32), "index": index})
    assert (r == np.where(np.arange(24) % 2 == 0, 0, 3)).all()


def test_thresholds_are_those_of_a_positions_class(arguments):
    classes = (np.arange(H * W).reshape(H, W) % 2).astype(np.uint8)
    tables = np.stack([arguments["thresholds"], arguments["thresholds"] + np.float32(1)])
    r = quantise.quantise(**arguments | {"y": np.full((96, H, W), 3, np.float32), "thresholds": tables, "classes": classes})
    assert (r == np.where(classes == 0, 3, 2)[..., None]).all()


@pytest.mark.parametrize("change", (
    {"classes": np.zeros((H, W), np.uint8)}, {"thresholds": np.zeros((2, 64, 16), np.float32)},
    *({"thresholds": np.zeros((2, 64, 16), np.float32), "classes": classes}
      for classes in (np.full((H, W), 2, np.uint8), np.zeros((W, H), np.uint8), np.zeros((H, W), np.int16))),
    {"y": np.zeros((96, H, W))}, {"y": np.zeros((95, H, W), np.float32)}, {"y": np.zeros((96, H), np.float32)},
    {"mean": np.zeros((96, W, H), np.float32)}, {"mean": np.zeros((96, H, W), np.float16)},
    {"index": np.zeros((H, W, 96), np.uint8)}, {"index": np.zeros((H, W, 24), np.int8)},
    {"index": np.full((H, W, 24), 64, np.uint8)}, {"k": 4}, {"k": -1}, {"skip_below": 65}, {"skip_below": -1},
    {"thresholds": np.zeros((64, 15), np.float32)}, {"thresholds": np.zeros((64, 16))},
    {"thresholds": np.tile(-np.arange(16, dtype=np.float32), (64, 1))},
    {"thresholds": np.full((64, 16), np.nan, np.float32)},
))
def test_rejects_invalid_arguments(arguments, change):
    with pytest.raises(ValueError):
        quantise.quantise(**arguments | change)


def test_documentation_examples():
    assert doctest.testmod(quantise).failed == 0
