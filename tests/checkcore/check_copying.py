"""Gains of coding a difference against NumPy: the same floats at every level."""
import numpy as np

from zvc69.core import copying
from zvc69.core.copying import GainModel
from zvc69.core.reference import copying as reference

from .harness import bench, check, compare

SHAPES = ((4, 4), (4, 8), (8, 12), (4, 16), (12, 20), (8, 44))
MODELS = (GainModel(7.5, 5.0, 2 / 3), GainModel(2.0, 1.0, 1.0), GainModel(40.0, 12.0, 0.25))


def pictures(rng, h, w, largest):
    """A packed picture and one that differs by up to `largest` levels in part of the blocks."""
    picture = rng.integers(0, 256, (96, h, w)).astype(np.float32)
    difference = rng.uniform(-largest, largest, picture.shape) * (rng.random((h, w)) < 0.7)
    return picture, (picture + np.rint(difference)).astype(np.float32)


@check("copying", "gains")
def gaining(rng, level):
    for h, w in SHAPES:
        for model in MODELS:
            for largest in (0, 3, 30, 255):
                step = float(rng.choice([0.125, 2, 16.3, 128]))
                both = pictures(rng, h, w, largest)
                compare(f"{h}x{w}, differences to {largest}, step {step:.3g}", copying.gains(*both, step, model), reference.gains(*both, step, model))


@check("copying", "gains strided, read-only")
def strided(rng, level):
    picture, prediction = (array.transpose(0, 2, 1) for array in pictures(rng, 20, 8, 20))
    for array in (picture, prediction):
        array.flags.writeable = False
    compare("gains", copying.gains(picture, prediction, 8.0, MODELS[0]), reference.gains(picture, prediction, 8.0, MODELS[0]))


def _speed(width, height):
    def prepare(rng):
        h, w = height // 8, width // 8
        both = pictures(rng, h, w, 20)
        return lambda: copying.gains(*both, 16.0, MODELS[0]), h * w
    return prepare


bench("copying", "gains of 640x384, per block")(_speed(640, 384))
bench("copying", "gains of 1280x736, per block")(_speed(1280, 736))
