"""The temporal filter against NumPy."""
import numpy as np

from zvc69.core import mctf
from zvc69.core.reference import mctf as reference

from .harness import bench, check, compare

SIZES = ((1, 1), (8, 8), (7, 9), (16, 31), (33, 40), (65, 97))


def planes(rng, width, height, depth, count):
    """A plane and others: like it, and not; with samples of both ends."""
    top = (1 << depth) - 1
    now = rng.integers(0, top + 1, (height, width))
    others = [np.clip(now + rng.integers(-spread, spread + 1, now.shape), 0, top) for spread in rng.integers(0, top + 1, count)]
    if count > 1:
        others[-1] = np.where(now > top // 2, 0, top)
    dtype = np.uint8 if depth == 8 else np.uint16
    return now.astype(dtype), [other.astype(dtype) for other in others]


def factors(rng, width, height, side, count, depth):
    weights = rng.random((count, -(-height // side), -(-width // side)), np.float32) * (rng.random((count, 1, 1)) < 0.8)
    return weights.astype(np.float32), np.exp(-np.arange(1 << depth) / (20 << depth - 8)).astype(np.float32)


@check("mctf", "blend")
def blending(rng, level):
    for depth in (8, 10, 12):
        for width, height in SIZES:
            for count, side in ((1, 8), (4, 4), (16, 8), (3, 1)):
                now, others = planes(rng, width, height, depth, count)
                weights, falloff = factors(rng, width, height, side, count, depth)
                compare(f"{count} of {width}x{height} depth {depth}", mctf.blend(now, others, weights, falloff, side),
                        reference.blend(now, others, weights, falloff, side))


@check("mctf", "block_differences")
def differences(rng, level):
    for depth in (8, 10, 12):
        top = (1 << depth) - 1
        for width, height in SIZES:
            now, (other, far) = planes(rng, width, height, depth, 2)
            for plane in (other, far):
                compare(f"{width}x{height} depth {depth}", mctf.block_differences(now, plane, depth), reference.block_differences(now, plane, depth))
            board = (np.add.outer(np.arange(height), np.arange(width)) % 2 * top).astype(now.dtype)         # the largest sums
            compare(f"largest, {width}x{height} depth {depth}", mctf.block_differences(board, top - board, depth),
                    reference.block_differences(board, top - board, depth))


@check("mctf", "strided, read-only")
def strided(rng, level):
    for depth in (8, 10):
        now, others = planes(rng, 50, 41, depth, 3)
        weights, falloff = factors(rng, 50, 41, 8, 3, depth)
        views = [now[::-1], *(other[:, ::-1] for other in others)]
        for view in views:
            view.flags.writeable = False
        compare(f"blend, depth {depth}", mctf.blend(views[0], views[1:], weights, falloff, 8), reference.blend(views[0], views[1:], weights, falloff, 8))
        compare(f"differences, depth {depth}", mctf.block_differences(views[0], views[1], depth), reference.block_differences(views[0], views[1], depth))


def _blend_speed(depth):
    def prepare(rng):
        now, others = planes(rng, 1280, 720, depth, 8)
        weights, falloff = factors(rng, 1280, 720, 8, 8, depth)
        return lambda: mctf.blend(now, others, weights, falloff, 8), 1280 * 720
    return prepare


def _difference_speed(depth):
    def prepare(rng):
        now, (other,) = planes(rng, 1280, 720, depth, 1)
        return lambda: mctf.block_differences(now, other, depth), 1280 * 720
    return prepare


for _depth in (8, 10):
    bench("mctf", f"blend of 8 neighbours, {_depth} bits")(_blend_speed(_depth))
    bench("mctf", f"block_differences, {_depth} bits")(_difference_speed(_depth))
