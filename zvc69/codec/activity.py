"""Where errors are seen: rounding by the activity of blocks, for tune visual."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..config import Tune
from ..core.pack import LUMA
from ..model import Model

STRENGTH = 0.4
"""An error counts activity^-STRENGTH. Measured on training clips: 0.25 gains less MS-SSIM, 0.5 loses more PSNR for hardly any."""
FLOOR = 4.0
"""Variance of luma, in 8-bit levels squared, that is added to a block's: what lies below is noise to the eye."""
OCTAVES, CLASSES_AN_OCTAVE = 2, 2
CLASSES = 2 * OCTAVES * CLASSES_AN_OCTAVE + 1


def log_activity(packed: NDArray[np.float32]) -> NDArray[np.float32]:
    """log2 of the activity of each 8x8 block of a packed picture (96, h, w), the variance of its luma + FLOOR: (h, w) float32."""
    luma = packed[:LUMA]
    square = np.einsum("chw,chw->hw", luma, luma) / LUMA
    return np.log2(np.maximum(square - luma.mean(0) ** 2, 0) + np.float32(FLOOR))


def activity_classes(packed: NDArray[np.float32]) -> NDArray[np.uint8]:
    """How much an error counts in each 8x8 block of a packed picture (96, h, w): (h, w) uint8 below CLASSES.

    Class c stands for 2^((c - 4) / 2) times the squared error: activity^-STRENGTH against the picture's geometric mean, within 1/4 and 4.
    """
    logarithm = log_activity(packed)
    weight = np.clip(STRENGTH * (logarithm.mean() - logarithm), -OCTAVES, OCTAVES)
    return (np.rint(weight * CLASSES_AN_OCTAVE) + OCTAVES * CLASSES_AN_OCTAVE).astype(np.uint8)


def class_weights(classes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What squared errors count in blocks of these classes, of the same shape."""
    return np.exp2(classes / np.float32(CLASSES_AN_OCTAVE) - np.float32(OCTAVES))


class Rounding:
    """Thresholds of the quantiser as the encoder's options want them: `core.quantise`'s `thresholds` and, for a picture, `classes`.

    inter: of P and B frames, not of I frames. share: of the model's `distortion`, that an error counts.
    """

    def __init__(self, model: Model, rounding: str, tune: Tune, share: float = 1.0, *, inter: bool = False) -> None:
        # Plain rounding is what rate-distortion rounding becomes when bits do not count.
        distortion = math.inf if rounding == "plain" else share * model.manifest.distortion
        self._visual, integers = tune is Tune.VISUAL, model.integers_of(inter)
        if self._visual:
            weights = class_weights(np.arange(CLASSES, dtype=np.uint8)).tolist()
            self.thresholds = np.stack([integers.thresholds(distortion * weight) for weight in weights])
        else:
            self.thresholds = integers.thresholds(distortion)

    def classes(self, packed: NDArray[np.float32]) -> NDArray[np.uint8] | None:
        """Which thresholds the positions of a packed picture take; None: there is one table."""
        return activity_classes(packed) if self._visual else None
