"""Quantiser kernels against NumPy."""
import numpy as np

from zvc69.core import quantise
from zvc69.core.reference import quantise as reference

from .harness import bench, check, compare


def random_thresholds(rng):
    steps = rng.uniform(0.3, 1.4, (64, 16)).astype(np.float32)
    return np.cumsum(steps, axis=1, dtype=np.float32)


def latents(rng, channels, h, w, spread):
    y = (rng.standard_normal((channels, h, w)) * spread).astype(np.float32)
    return y, rng.standard_normal((channels, h, w)).astype(np.float32)


@check("quantise", "random")
def random(rng, level):
    for channels, h, w in ((4, 1, 1), (96, 3, 5), (96, 8, 16), (80, 5, 6)):
        for spread in (0.2, 3.0, 20.0, 1e5):
            y, mean = latents(rng, channels, h, w, spread)
            for k in range(4):
                index = rng.integers(0, 64, (h, w, channels // 4), dtype=np.uint8)
                for skip_below in (0, 1, 20, 64):
                    arguments = y, mean, index, k, random_thresholds(rng), skip_below
                    compare(f"{y.shape} step {k} skip {skip_below}", quantise.quantise(*arguments),
                            reference.quantise(*arguments))


@check("quantise", "special values")
def special(rng, level):
    thresholds = random_thresholds(rng)
    thresholds[3, 9:] = np.inf
    thresholds[5, 1:] = 0
    values = np.float32([0.0, -0.0, np.nan, np.inf, -np.inf, 3e38, -3e38, 32767, 32768.5, -40000, 1e-45, 1e9])
    values = np.concatenate([values, thresholds[7, 1:], -thresholds[7, 1:], np.nextafter(thresholds[7, 1:], 0)])
    y, mean = rng.choice(values, (96, 9, 12)), np.zeros((96, 9, 12), np.float32)
    mean[:, 5:] = -3e38  # differences that overflow
    for k in range(4):
        index = rng.choice(np.uint8([0, 3, 5, 7, 63]), (9, 12, 24))
        compare(f"step {k}", quantise.quantise(y, mean, index, k, thresholds, 0),
                reference.quantise(y, mean, index, k, thresholds, 0))


@check("quantise", "thresholds by class")
def classes(rng, level):
    tables = np.stack([random_thresholds(rng) for _ in range(5)])
    for channels, h, w in ((4, 1, 1), (96, 3, 5), (96, 2, 300)):
        y, mean = latents(rng, channels, h, w, 3.0)
        index, chosen = rng.integers(0, 64, (h, w, channels // 4), dtype=np.uint8), rng.integers(0, 5, (h, w), dtype=np.uint8)
        for k in range(4):
            arguments = y, mean, index, k, tables, 20, chosen
            compare(f"{y.shape} step {k}", quantise.quantise(*arguments), reference.quantise(*arguments))


@check("quantise", "strided, read-only")
def strided(rng, level):
    y, mean = latents(rng, 96, 8, 12, 3.0)
    index = rng.integers(0, 64, (4, 12, 24), dtype=np.uint8)
    arguments = y[:, ::2], mean[:, ::2], index, 2, random_thresholds(rng), 9
    for array in arguments[:3]:
        array.flags.writeable = False
    compare("every second row", quantise.quantise(*arguments), reference.quantise(*arguments))


def _speed(coded):
    def prepare(rng):
        y, mean = latents(rng, 96, 92, 160, 2.0)
        index = np.where(rng.random((92, 160, 24)) < coded, 40, 5).astype(np.uint8)
        thresholds = random_thresholds(rng)

        def frame():
            for k in range(4):
                quantise.quantise(y, mean, index, k, thresholds, 20)

        return frame, 92 * 160 * 96
    return prepare


for _percent in (5, 100):
    bench("quantise", f"1280x720, {_percent} % coded")(_speed(_percent / 100))
