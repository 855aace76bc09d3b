"""Tune visual: errors count by the activity of blocks."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69 import Decoder, Encoder, Tune
from zvc69.codec.activity import CLASSES, Rounding, activity_classes
from zvc69.core.pack import pack
from zvc69.media import Frame
from zvc69.model import load_model

from .inter_samples import MODEL, picture

MIDDLE = CLASSES // 2


def packed(luma: np.ndarray, depth: int = 8) -> np.ndarray:
    kind = np.uint8 if depth == 8 else np.uint16
    rows, columns = luma.shape
    chroma = np.full((rows // 2, columns // 2), 1 << (depth - 1), kind)
    return pack((luma << (depth - 8)).astype(kind), chroma, chroma, depth)


def half_noise() -> np.ndarray:
    """Flat at the left, noise at the right."""
    luma = np.full((64, 64), 100)
    luma[:, 32:] = np.random.default_rng(0).integers(0, 256, (64, 32))
    return luma


def test_errors_count_more_in_smooth_blocks():
    classes = activity_classes(packed(half_noise()))
    assert classes.shape == (8, 8) and classes.dtype == np.uint8
    assert (classes[:, :4] == CLASSES - 1).all() and (classes[:, 4:] == 0).all()


@pytest.mark.parametrize("luma", [np.full((32, 64), 235), np.random.default_rng(1).integers(0, 256, (32, 64))])
def test_even_activity_is_tune_psnr(luma):
    assert (activity_classes(packed(luma)) == MIDDLE).all()


def test_classes_do_not_depend_on_depth():
    luma = half_noise() // np.arange(1, 65)[:, None]
    np.testing.assert_array_equal(activity_classes(packed(luma, 8)), activity_classes(packed(luma, 12)))


def test_middle_class_rounds_as_tune_psnr_and_higher_ones_keep_more():
    model = load_model(MODEL)
    thresholds = Rounding(model, "rd", Tune.VISUAL).thresholds
    np.testing.assert_array_equal(thresholds[MIDDLE], Rounding(model, "rd", Tune.PSNR).thresholds)
    assert (np.diff(thresholds, axis=0) <= 0).all() and (thresholds[0] > thresholds[-1]).any()
    assert (Rounding(model, "plain", Tune.VISUAL).thresholds == Rounding(model, "plain", Tune.PSNR).thresholds).all()


def test_bits_go_to_smooth_blocks():
    rgb = picture(0).copy()
    rgb[:, 32:] = np.random.default_rng(2).integers(0, 256, (64, 32, 1))
    sizes, errors = {}, {}
    for tune in Tune:
        encoder = Encoder(64, 64, 25, gop=1, qp=34, tune=tune, model=MODEL, threads=1)
        packet, = encoder.encode(rgb)
        frame, = Decoder(encoder.header, threads=1).decode(packet)
        error = (frame.y.astype(float) - Frame.from_rgb24(rgb).y) ** 2
        sizes[tune], errors[tune] = len(packet), (error[:, :32].mean(), error[:, 32:].mean())
    assert errors[Tune.VISUAL][0] < errors[Tune.PSNR][0] and errors[Tune.VISUAL][1] > errors[Tune.PSNR][1]
    assert sizes[Tune.VISUAL] < sizes[Tune.PSNR]
