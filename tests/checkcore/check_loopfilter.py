"""The adaptive loop filter against NumPy."""
import numpy as np

from zvc69.core import loopfilter
from zvc69.core.reference import loopfilter as reference

from .harness import bench, check, compare

SIZES = ((1, 1), (3, 2), (5, 3), (4, 4), (16, 8), (17, 33), (37, 19), (64, 34), (131, 70))
DEPTHS = (8, 10, 12)
TOP = (1 << loopfilter.FINE_DEPTH) - 1
TAPS, CLASSES = loopfilter.TAPS, loopfilter.CLASSES


def smooth(rng, width, height):
    """A plane with blocks of every activity and direction: waves of all lengths, and noise that grows to the right."""
    y, x = np.mgrid[:height, :width]
    angle, length = rng.uniform(0, np.pi, 4), rng.uniform(1.5, 9, 4)
    waves = sum(np.sin((np.cos(a) * x + np.sin(a) * y) * 2 * np.pi / n) * (x // 16 % 4 == k) for k, (a, n) in enumerate(zip(angle, length, strict=True)))
    samples = 2048 + waves * rng.choice([3, 30, 300, 2000]) * (0.1 + y / height) + rng.normal(0, 1, y.shape) * (x % 48)
    return np.clip(np.rint(samples), 0, TOP).astype(np.uint16)


def planes(rng, width, height):
    """By name: like a picture, at random, and with the largest differences."""
    board = np.add.outer(np.arange(height), np.arange(width)) % 2
    columns, rows = np.zeros((height, 1), int) + np.arange(width) % 2, np.arange(height)[:, None] % 2 + np.zeros(width, int)
    ends = {f"{name} of ends": (pattern * TOP).astype(np.uint16) for name, pattern in (("board", board), ("columns", columns), ("rows", rows))}
    return {"smooth": smooth(rng, width, height), "random": rng.integers(0, TOP + 1, (height, width), np.uint16),
            "random ends": (rng.integers(0, 2, (height, width)) * TOP).astype(np.uint16), **ends}


def blocks(shape, side):
    return tuple(-(-size // side) for size in shape)


def marks(rng, shape, side):
    return rng.random(blocks(shape, side)) < rng.choice([0.2, 0.8])


def filters(rng, count):
    """Coefficients to both ends, some classes with none."""
    found = rng.integers(-63, 64, (count, TAPS))
    found[rng.random(count) < 0.2] = 0
    found[rng.random(count) < 0.2] = rng.choice([-63, 63], TAPS)
    return found.astype(np.int8)


def target_of(rng, plane, depth):
    noisy = plane.astype(int) + rng.integers(-200, 201, plane.shape)
    return np.clip(noisy >> loopfilter.FINE_DEPTH - depth, 0, (1 << depth) - 1).astype(np.uint8 if depth == 8 else np.uint16)


def compare_statistics(what, got, want):
    for name in ("products", "correlations", "energy", "count"):
        compare(f"{name}, {what}", getattr(got, name), getattr(want, name))


@check("loopfilter", "classify")
def classifying(rng, level):
    seen = set()
    for width, height in SIZES:
        for name, plane in planes(rng, width, height).items():
            for scale in (0, 2, 4, 6, 8):           # of activity
                want = reference.classify(plane >> scale)
                compare(f"{name} >> {scale} {width}x{height}", loopfilter.classify(plane >> scale), want)
                seen.update(want.ravel().tolist())
    assert seen == set(range(CLASSES)), f"classes {set(range(CLASSES)) - seen} do not occur"


@check("loopfilter", "apply")
def applying(rng, level):
    for width, height in SIZES:
        for name, plane in planes(rng, width, height).items():
            for depth in DEPTHS:
                for with_classes in (False, True):
                    classes = rng.integers(0, CLASSES, blocks(plane.shape, 4), np.uint8) if with_classes else None
                    coefficients = filters(rng, CLASSES if with_classes else 1)
                    for side in (None, 32, 16, 12):
                        options = {"classes": classes, "copy": None if side is None else marks(rng, plane.shape, side), "copy_block": side or 32}
                        out = np.empty(plane.shape, np.uint8 if depth == 8 else np.uint16)
                        compare(f"{name} {width}x{height} depth {depth}, classes {with_classes}, copies of {side}",
                                loopfilter.apply(plane, coefficients, depth, **options, out=out), reference.apply(plane, coefficients, depth, **options))


@check("loopfilter", "apply, largest sums")
def extremes(rng, level):
    for name, plane in planes(rng, 50, 37).items():
        for coefficient in (-63, 63, 0):
            for depth in DEPTHS:
                coefficients = np.full((1, TAPS), coefficient, np.int8)
                out = np.empty(plane.shape, np.uint8 if depth == 8 else np.uint16)
                compare(f"{name}, all {coefficient}, depth {depth}", loopfilter.apply(plane, coefficients, depth, out=out),
                        reference.apply(plane, coefficients, depth))


@check("loopfilter", "statistics")
def statistics(rng, level):
    for width, height in SIZES:
        for name, plane in planes(rng, width, height).items():
            for depth in DEPTHS:
                side = int(rng.choice([16, 32]))
                classes = rng.integers(0, rng.integers(1, CLASSES + 1), blocks(plane.shape, 4), np.uint8)
                for options in ({}, {"classes": classes}, {"classes": classes, "copy": marks(rng, plane.shape, side), "copy_block": side}):
                    target = target_of(rng, plane, depth)
                    compare_statistics(f"{name} {width}x{height} depth {depth}, {' '.join(options)}",
                                       loopfilter.statistics(plane, target, depth, **options), reference.statistics(plane, target, depth, **options))


@check("loopfilter", "statistics, largest sums")
def largest(rng, level):
    """More blocks of a class than 32 bits have room for."""
    for name, plane in planes(rng, 200, 180).items():
        target = (TOP - plane).astype(np.uint16)
        compare_statistics(name, loopfilter.statistics(plane, target, 12), reference.statistics(plane, target, 12))


@check("loopfilter", "widen")
def widening(rng, level):
    for width, height in SIZES:
        for depth in DEPTHS:
            shapes = (height, width), *[(-(-height // 2), -(-width // 2))] * 2
            got = [rng.integers(0, TOP + 1, shape, np.uint16) for shape in shapes]
            want = [plane.copy() for plane in got]
            prediction = [rng.integers(0, 1 << depth, shape).astype(np.uint8 if depth == 8 else np.uint16) for shape in shapes]
            copy = marks(rng, shapes[0], 32)
            loopfilter.widen(got, prediction, copy, depth)
            reference.widen(want, prediction, copy, depth)
            for name, plane, other in zip("yuv", got, want, strict=True):
                compare(f"{name} of {width}x{height} depth {depth}", plane, other)


@check("loopfilter", "strided, read-only")
def strided(rng, level):
    plane = smooth(rng, 50, 41)[::-1, ::2]
    classes = rng.integers(0, CLASSES, blocks(plane.shape, 4)[::-1], np.uint8).T
    coefficients, copy = filters(rng, CLASSES)[:, ::-1], marks(rng, plane.shape[::-1], 16).T
    target = target_of(rng, plane, 8).T.copy().T
    for array in (plane, classes, coefficients, copy, target):
        array.flags.writeable = False
    options = {"classes": classes, "copy": copy, "copy_block": 16}
    compare("classify", loopfilter.classify(plane), reference.classify(plane))
    compare("apply", loopfilter.apply(plane, coefficients, 8, **options, out=np.empty(plane.shape, np.uint8)),
            reference.apply(plane, coefficients, 8, **options))
    compare_statistics("strided", loopfilter.statistics(plane, target, 8, **options), reference.statistics(plane, target, 8, **options))


WIDTH, HEIGHT = 1280, 720


def picture(rng):
    plane = smooth(rng, WIDTH, HEIGHT)
    return plane, loopfilter.classify(plane)


def _classify_speed(rng):
    plane, _ = picture(rng)
    return lambda: loopfilter.classify(plane), plane.size


def _apply_speed(depth, with_classes, used=CLASSES):
    def prepare(rng):
        plane, classes = picture(rng)
        coefficients = rng.integers(1, 20, (CLASSES, TAPS)).astype(np.int8) * (np.arange(CLASSES) < used)[:, None]
        out = np.empty(plane.shape, np.uint8 if depth == 8 else np.uint16)
        if not with_classes:
            return lambda: loopfilter.apply(plane, coefficients[:1], depth, out=out), plane.size
        return lambda: loopfilter.apply(plane, coefficients, depth, classes=classes, out=out), plane.size
    return prepare


def _statistics_speed(with_classes):
    def prepare(rng):
        plane, classes = picture(rng)
        target = target_of(rng, plane, 8)
        return lambda: loopfilter.statistics(plane, target, 8, classes=classes if with_classes else None), plane.size
    return prepare


def _widen_speed(rng):
    shapes = (HEIGHT, WIDTH), *[(HEIGHT // 2, WIDTH // 2)] * 2
    got, prediction = [np.empty(shape, np.uint16) for shape in shapes], [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    copy = rng.random(blocks(shapes[0], 32)) < 0.5
    return lambda: loopfilter.widen(got, prediction, copy, 8), WIDTH * HEIGHT * 3 // 2


bench("loopfilter", "classify")(_classify_speed)
for _depth in (8, 10):
    bench("loopfilter", f"apply of 25 classes, {_depth} bits")(_apply_speed(_depth, True))
bench("loopfilter", "apply of one class, 8 bits")(_apply_speed(8, False))
bench("loopfilter", "apply of no class, 8 bits")(_apply_speed(8, True, 0))
bench("loopfilter", "statistics of 25 classes")(_statistics_speed(True))
bench("loopfilter", "statistics of one class")(_statistics_speed(False))
bench("loopfilter", "widen, half of it copied")(_widen_speed)
