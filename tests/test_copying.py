"""Gains of coding a difference: against the formula in double precision; rejected input."""
import doctest
import math

import numpy as np
import pytest

from zvc69.core import copying, cpu
from zvc69.core.copying import GainModel

MODEL = GainModel(distortion=7.5, first_bits=5.0, chroma=2 / 3)


def dct(n):
    k, i = np.ogrid[:n, :n]
    matrix = np.cos(np.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt(2 / n)
    matrix[0] /= math.sqrt(2)
    return matrix


def by_formula(picture, prediction, step, model):
    """As `copying.gains`, with 96x96 matrices and NumPy's logarithm."""
    _, h, w = picture.shape
    transform = np.zeros((96, 96))
    for at, n, weight in ((0, 8, 1.0), (64, 4, model.chroma), (80, 4, model.chroma)):
        transform[at:at + n * n, at:at + n * n] = np.kron(dct(n), dct(n)) * math.sqrt(weight)
    c = np.abs(transform @ (picture - prediction).reshape(96, -1).astype(np.float64)) / step
    gain = np.maximum(model.distortion * c * c - (model.first_bits + model.distortion / 12) - 2 * np.log2(1 + c), 0)
    return gain.reshape(96, h // 4, 4, w // 4, 4).sum(axis=(0, 2, 4))


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("step", [0.5, 4.0, 25.0])
def test_gains_are_those_of_the_formula(level, step):
    rng = np.random.default_rng(3)
    picture = rng.uniform(0, 255, (96, 8, 24)).astype(np.float32)
    prediction = (picture + rng.normal(0, 1, picture.shape) * rng.choice([0.5, 4, 40], (8, 24))).astype(np.float32)
    with cpu.force(level):
        got = copying.gains(picture, prediction, step, MODEL)
    np.testing.assert_allclose(got, by_formula(picture, prediction, step, MODEL), rtol=2e-5, atol=0.02)


def test_coefficient_of_each_frequency_counts_by_its_size():
    """One basis function a 32x32, of the size of eight steps: an error in any scale factor shows."""
    gain = 7.5 * 64 - (5 + 7.5 / 12) - 2 * math.log2(9)
    for first, n, weight in ((0, 8, 1.0), (64, 4, 2 / 3), (80, 4, 2 / 3)):
        difference = np.zeros((96, 4, 4 * n * n), np.float32)
        for k in range(n * n):
            difference[first:first + n * n, 1, 4 * k + 2] = np.outer(dct(n)[k // n], dct(n)[k % n]).ravel() * 8 * 3.0 / math.sqrt(weight)
        got = copying.gains(difference, np.zeros_like(difference), 3.0, MODEL)
        np.testing.assert_allclose(got, gain, rtol=1e-4)


def test_equal_pictures_gain_nothing():
    picture = np.random.default_rng(0).uniform(0, 255, (96, 4, 8)).astype(np.float32)
    assert not copying.gains(picture, picture, 2.0, MODEL).any()


def test_least_is_where_the_gain_begins():
    for model in (MODEL, GainModel(0.01, 30.0, 1.0), GainModel(900.0, 0.1, 1.0)):
        gain = [model.distortion * c * c - model.constant - 2 * math.log2(1 + c) for c in (model.least * 0.999, model.least * 1.001)]
        assert gain[0] < 0 < gain[1]


def test_rejects_what_does_not_fit():
    picture = np.zeros((96, 4, 8), np.float32)
    for wrong in (picture[:95], picture[:, :3], picture[:, :, :6], picture.astype(np.float64), picture[:, :0]):
        with pytest.raises(ValueError, match="packed picture"):
            copying.gains(wrong, wrong, 2.0, MODEL)
    with pytest.raises(ValueError, match="prediction must be"):
        copying.gains(picture, np.zeros((96, 8, 8), np.float32), 2.0, MODEL)
    for step in (0.0, 0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match="step"):
            copying.gains(picture, picture, step, MODEL)
    for wrong in ((0, 1, 1), (1, -1, 1), (1, 1, math.nan), (math.inf, 1, 1)):
        with pytest.raises(ValueError, match="positive"):
            GainModel(*wrong)


def test_documentation_examples():
    assert doctest.testmod(copying).failed == 0
