"""The adaptive loop filter: what it leaves alone, what statistics foretell, which way classes point; rejected input."""
import doctest

import numpy as np
import pytest

from tests.checkcore.check_loopfilter import filters, smooth, target_of
from zvc69.core import cpu, loopfilter
from zvc69.core.loopfilter import CLASSES, TAPS, apply, classify, statistics, widen
from zvc69.core.reference import loopfilter as reference

DEPTHS = (8, 10, 12)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(params=cpu.available())
def level(request):
    with cpu.force(request.param):
        yield request.param


def empty(plane, depth):
    return np.empty(plane.shape, np.uint8 if depth == 8 else np.uint16)


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_changes_without_coefficients(rng, level, depth):
    samples = rng.integers(0, 1 << depth, (37, 50), np.uint16)
    got = apply(samples << 12 - depth, np.zeros((1, TAPS), np.int8), depth, out=empty(samples, depth))
    np.testing.assert_array_equal(got, samples)


@pytest.mark.parametrize("sample", [0, 17, 4095])
def test_even_plane_stays_even_under_any_filter(rng, level, sample):
    plane = np.full((21, 34), sample, np.uint16)
    got = apply(plane, filters(rng, CLASSES), 12, classes=rng.integers(0, CLASSES, (6, 9), np.uint8), out=empty(plane, 12))
    np.testing.assert_array_equal(got, plane)


@pytest.mark.parametrize("depth", DEPTHS)
def test_copied_blocks_are_those_of_the_prediction(rng, level, depth):
    shapes = (70, 100), (35, 50), (35, 50)
    planes = [rng.integers(0, 4096, shape, np.uint16) for shape in shapes]
    prediction = [rng.integers(0, 1 << depth, shape).astype(np.uint8 if depth == 8 else np.uint16) for shape in shapes]
    copy = rng.random((3, 4)) < 0.5
    widen(planes, prediction, copy, depth)
    for plane, other, side in zip(planes, prediction, (32, 16, 16), strict=True):
        got = apply(plane, filters(rng, 1), depth, copy=copy, copy_block=side, out=empty(plane, depth))
        where = copy.repeat(side, axis=0).repeat(side, axis=1)[:plane.shape[0], :plane.shape[1]]
        np.testing.assert_array_equal(got[where], other[where])
        assert (got[~where] != other[~where]).any()


def test_statistics_foretell_the_error_of_every_filter(rng, level):
    plane = smooth(rng, 160, 96)
    classes, target = classify(plane), target_of(rng, plane, 12)
    found = statistics(plane, target, 12, classes=classes)
    coefficients = filters(rng, CLASSES) // 12
    small = coefficients / 128
    foretold = found.energy - 2 * np.einsum("ci,ci->c", small, found.correlations) + np.einsum("ci,cij,cj->c", small, found.products, small)
    got = apply(plane, coefficients, 12, classes=classes, out=empty(plane, 12))
    inside = (got > 0) & (got < 4095)               # not clipped
    error = (got.astype(int) - target)[inside].astype(float) ** 2 / 16
    assert abs(error.sum() - foretold.sum()) < 0.1 * foretold.sum()
    assert found.count.sum() == plane.size


def test_best_coefficients_undo_a_known_filter(rng, level):
    target = rng.integers(1000, 3000, (96, 128), np.uint16)
    blurred = target.astype(float)
    for axis in (0, 1):
        blurred += 0.02 * (np.roll(target, 1, axis) + np.roll(target, -1, axis).astype(float) - 2.0 * target)
    plane = np.rint(blurred).astype(np.uint16)
    found = statistics(plane, target, 12)
    best = np.linalg.solve(found.products[0], found.correlations[0])
    assert best[[0, 3]] == pytest.approx(-0.02, abs=0.005)
    got = apply(plane, np.rint(best * 128).astype(np.int8)[None], 12, out=empty(plane, 12))

    def error(samples):
        return ((samples.astype(int) - target) ** 2).mean()
    assert error(got) < 0.1 * error(plane)


def test_classes_turn_with_the_picture(rng, level):
    y, x = np.mgrid[:64, :160]
    waves = np.sin(np.choose(x // 32 % 4, [x, y, x + y, x - y]) * 1.0) * 1.06 ** y * 20
    plane = (2000 + waves).astype(np.uint16) + rng.integers(0, 3, y.shape, np.uint16)        # no two sums alike
    turned, mirrored = np.arange(CLASSES), np.arange(CLASSES)
    for activity in range(0, CLASSES, 5):
        turned[[activity + 1, activity + 2]] = activity + 2, activity + 1
        mirrored[[activity + 3, activity + 4]] = activity + 4, activity + 3
    classes = classify(plane)
    assert len(np.unique(classes)) > 10
    np.testing.assert_array_equal(classify(np.ascontiguousarray(plane.T)), turned[classes].T)
    np.testing.assert_array_equal(classify(np.ascontiguousarray(plane[:, ::-1])), mirrored[classes][:, ::-1])


@pytest.mark.parametrize(("pattern", "direction"), [(lambda y, x: y, 1), (lambda y, x: x, 2), (lambda y, x: x + y, 3), (lambda y, x: x - y, 4)])
def test_direction_is_that_of_change(level, pattern, direction):
    y, x = np.mgrid[:32, :32]
    waves = np.rint(2000 + 300 * np.sin(pattern(y, x))).astype(np.uint16)
    assert (classify(waves)[2:-2, 2:-2] % 5 == direction).all()


def test_activity_rises_with_contrast(rng, level):
    noise = rng.normal(0, 1, (64, 64))
    assert [int(np.median(classify((2048 + scale * noise).astype(np.uint16)) // 5)) for scale in (1, 8, 20, 40, 150)] == [0, 1, 2, 3, 4]


def test_classify_fills_what_it_is_given(rng):
    plane, out = smooth(rng, 30, 20), np.empty((5, 8), np.uint8)
    assert classify(plane, out) is out
    np.testing.assert_array_equal(out, classify(plane))


def test_rejects_planes_that_are_none():
    good = np.zeros((8, 8), np.uint16)
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((0, 8), np.uint16), np.zeros((8, 8, 1), np.uint16)):
        with pytest.raises(ValueError, match="a plane of 12 bits is uint16"):
            classify(wrong)
    with pytest.raises(ValueError, match="out must be uint8 of shape"):
        classify(good, np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="out must be C-contiguous and writeable"):
        classify(good, np.zeros((2, 4), np.uint8)[:, ::2])


@pytest.mark.parametrize(("match", "changed"), [
    ("bit depth 9", {"depth": 9}),
    ("coefficients must be int8", {"coefficients": np.zeros((25, TAPS), np.int8)}),
    ("coefficients must be int8", {"coefficients": np.zeros((1, TAPS), np.int16)}),
    ("coefficients must be -63..63", {"coefficients": np.full((1, TAPS), 64, np.int8)}),
    ("coefficients must be -63..63", {"coefficients": np.full((1, TAPS), -128, np.int8)}),
    ("classes must be uint8 of shape", {"classes": np.zeros((2, 3), np.uint8)}),
    ("class 25 is not one of 25", {"classes": np.full((2, 2), 25, np.uint8)}),
    ("copy must be bool of shape", {"copy": np.zeros((1, 1), np.uint8)}),
    ("copy must be bool of shape", {"copy": np.zeros((1, 1), bool), "copy_block": 4}),
    ("copy_block 6", {"copy_block": 6}),
    ("copy_block 0", {"copy_block": 0}),
    ("out must be uint8", {"out": np.zeros((8, 8), np.uint16)}),
    ("out must be uint16", {"depth": 10}),
])
def test_apply_rejects_what_does_not_fit(match, changed):
    good = {"coefficients": np.zeros((1, TAPS), np.int8), "depth": 8, "out": np.zeros((8, 8), np.uint8)}
    with pytest.raises(ValueError, match=match):
        apply(np.zeros((8, 8), np.uint16), **good | changed)


def test_apply_rejects_its_own_plane_as_output():
    plane = np.zeros((8, 8), np.uint16)
    with pytest.raises(ValueError, match="out overlaps"):
        apply(plane, np.zeros((1, TAPS), np.int8), 12, out=plane)


def test_statistics_reject_what_does_not_fit():
    plane, target = np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.uint16)
    with pytest.raises(ValueError, match="bit depth 16"):
        statistics(plane, target, 16)
    with pytest.raises(ValueError, match="target must be uint8"):
        statistics(plane, target, 8)
    with pytest.raises(ValueError, match="target must be uint16 of shape"):
        statistics(plane, target[:4], 10)
    for samples, wanted in ((plane + np.uint16(4096), target), (plane, target + np.uint16(1024))):
        with pytest.raises(ValueError, match="samples beyond"):
            statistics(samples, wanted, 10)
    with pytest.raises(ValueError, match="class 30"):
        statistics(plane, target, 10, classes=np.full((2, 2), 30, np.uint8))


def test_widen_rejects_what_does_not_fit():
    def planes(dtype, height=8, width=8):
        return [np.zeros(shape, dtype) for shape in ((height, width), *[(height // 2, width // 2)] * 2)]
    copy = np.ones((1, 1), bool)
    with pytest.raises(ValueError, match="bit depth 7"):
        widen(planes(np.uint16), planes(np.uint8), copy, 7)
    with pytest.raises(ValueError, match="three planes"):
        widen(planes(np.uint16)[:2], planes(np.uint8), copy, 8)
    with pytest.raises(ValueError, match="prediction must be uint16"):
        widen(planes(np.uint16), planes(np.uint8), copy, 10)
    with pytest.raises(ValueError, match="prediction must be uint8 of shape"):
        widen(planes(np.uint16), planes(np.uint8, 10, 8), copy, 8)
    with pytest.raises(ValueError, match="copy must be bool of shape"):
        widen(planes(np.uint16), planes(np.uint8), np.ones((1, 2), bool), 8)
    with pytest.raises(ValueError, match="plane must be uint16"):
        widen([*planes(np.uint16)[:2], np.zeros((8, 8), np.uint16)], planes(np.uint8), copy, 8)
    locked = planes(np.uint16)
    locked[1].flags.writeable = False
    with pytest.raises(ValueError, match="C-contiguous and writeable"):
        widen(locked, planes(np.uint8), copy, 8)


def sums_of_classes(rng, worth, noise=6):
    """What a filter of a noisy, softened picture is solved from; some classes have no samples."""
    picture = smooth(rng, 90, 140)
    plane = np.clip(np.rint((picture / 4096 * 200 + 20 + rng.normal(0, noise, picture.shape)) * 16), 0, 4095).astype(np.uint16)
    target = np.clip(np.rint(plane / 16 + rng.normal(0, 2, plane.shape)), 0, 255).astype(np.uint8)
    found = statistics(plane, target, 8, classes=classify(plane))
    return found.products * worth, found.correlations * worth, found.count * (4.8 * worth)


@pytest.mark.parametrize("worth", [1e-5, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("noise", [1, 6, 20])
def test_filters_of_classes_are_those_of_the_reference(rng, worth, noise):
    sums = sums_of_classes(rng, worth, noise)
    for got, want in zip(loopfilter.fit(*sums), reference.fit(*sums), strict=True):
        np.testing.assert_allclose(got, want, atol=1 if got.dtype == np.int8 else 1e-4)      # halves may be rounded either way
    saved, coefficients = loopfilter.merge(*sums)
    wanted, _ = reference.merge(*sums)
    assert saved == pytest.approx(wanted, rel=1e-3, abs=0.1)
    assert coefficients.any() == (saved > 0) and not coefficients[sums[2] == 0].any()


def test_worth_decides_how_many_filters_there_are(rng):
    sums = sums_of_classes(rng, 1.0)
    different = [len({bytes(row) for row in loopfilter.merge(*(array * worth for array in sums))[1] if row.any()}) for worth in (1e-9, 1e-3, 1e-1)]
    assert different[0] == 0 and different[0] <= different[1] <= different[2] > 1


def test_sums_of_other_shapes_are_refused():
    good = np.zeros((CLASSES, TAPS, TAPS)), np.zeros((CLASSES, TAPS)), np.zeros(CLASSES)
    assert loopfilter.merge(*good)[0] == 0
    for wrong in ((good[0][:, :-1], *good[1:]), (good[0], good[1][:-1], good[2]), (*good[:2], good[2][:, None])):
        with pytest.raises(ValueError, match="sums of"):
            loopfilter.fit(*wrong)
    with pytest.raises(ValueError, match="not of 25"):
        loopfilter.merge(*(array[:-1] for array in good))


def test_documentation_examples():
    assert doctest.testmod(loopfilter).failed == 0
