"""Pictures against two others, against NumPy."""
import numpy as np

from zvc69.core import planes
from zvc69.core.reference import planes as reference

from .check_pack import planes as random_planes
from .harness import bench, check, compare

SIZES = ((1, 1), (16, 16), (31, 33), (32, 64), (33, 63), (97, 65), (160, 90), (127, 66))


def pictures(rng, width, height, depth):
    """Two pictures, of the highest value in part: their sums need one bit more. 16-bit ones use all of it."""
    both = [random_planes(rng, width, height, 16 if depth > 8 else 8) for _ in range(2)]
    for picture in both:
        for plane in picture:
            plane[rng.random(plane.shape) < 0.2] = np.iinfo(plane.dtype).max
    return both


def flags(rng, width, height, share=0.5):
    return rng.random((-(-height // 32), -(-width // 32))) < share


def compare_planes(what, got, want):
    for name, a, b in zip("yuv", got, want, strict=True):
        compare(f"{name} of {what}", a, b)


@check("planes", "average")
def averaging(rng, level):
    for depth in (8, 16):
        for width, height in SIZES:
            a, b = pictures(rng, width, height, depth)
            want = reference.average(a, b)
            compare_planes(f"{width}x{height} depth {depth}", planes.average(a, b), want)
            for target in (0, 1):                         # into either of them
                both = [[plane.copy() for plane in picture] for picture in (a, b)]
                out = both[target]
                assert planes.average(*both, out=out) is out
                compare_planes(f"{width}x{height} depth {depth} in place", out, want)


@check("planes", "choose_blocks")
def choosing(rng, level):
    for depth in (8, 16):
        for width, height in SIZES:
            a, b = pictures(rng, width, height, depth)
            for share in (0.0, 0.5, 1.0):
                chosen = flags(rng, width, height, share)
                want = reference.choose_blocks(a, b, chosen)
                compare_planes(f"{width}x{height} depth {depth}", planes.choose_blocks(a, b, chosen), want)
                copy = [plane.copy() for plane in a]
                assert planes.choose_blocks(copy, b, chosen, out=copy) is copy
                compare_planes(f"{width}x{height} depth {depth} in place", copy, want)


@check("planes", "block_errors")
def errors(rng, level):
    for depth in (8, 16):
        for width, height in SIZES:
            (now, *_), (a, *_) = pictures(rng, width, height, depth)
            (b, *_), _ = pictures(rng, width, height, depth)
            now.flat[::3] = 0
            compare(f"one, {width}x{height} depth {depth}", planes.block_errors(now, a), reference.block_errors(now, a))
            compare(f"two, {width}x{height} depth {depth}", planes.block_errors(now, a, b), reference.block_errors(now, a, b))
            top = np.full_like(now, np.iinfo(now.dtype).max)
            zero = np.zeros_like(now)
            compare(f"largest, {width}x{height} depth {depth}", planes.block_errors(zero, top, top), reference.block_errors(zero, top, top))


@check("planes", "strided, read-only")
def strided(rng, level):
    for depth in (8, 16):
        a, b = pictures(rng, 180, 70, depth)
        views = ([p[::-1] for p in a], [p[:, ::-1] for p in b])
        for picture in views:
            for plane in picture:
                plane.flags.writeable = False
        out = [np.zeros((p.shape[0], 2 * p.shape[1]), p.dtype)[:, :p.shape[1]] for p in a]
        chosen = flags(rng, 180, 70)
        compare_planes(f"average, depth {depth}", planes.average(*views, out=out), reference.average(*views))
        compare(f"errors, depth {depth}", planes.block_errors(views[0][0], views[1][0], a[0]),
                reference.block_errors(views[0][0], views[1][0], a[0]))
        compare_planes(f"blocks, depth {depth}", planes.choose_blocks(*views, chosen, out=out), reference.choose_blocks(*views, chosen))


def _average_speed(depth):
    def prepare(rng):
        a, b = pictures(rng, 1280, 720, depth)
        out = [np.empty_like(plane) for plane in a]
        return lambda: planes.average(a, b, out), 1280 * 720
    return prepare


def _error_speed(depth):
    def prepare(rng):
        (now, *_), (a, *_) = pictures(rng, 1280, 720, depth)
        return lambda: planes.block_errors(now, a, now), 1280 * 720
    return prepare


def _choose_speed(rng):
    a, b = pictures(rng, 1280, 720, 8)
    chosen = flags(rng, 1280, 720)
    return lambda: planes.choose_blocks(a, b, chosen, out=a), 1280 * 720


for _depth in (8, 16):
    bench("planes", f"average 1280x720, {_depth} bits a sample")(_average_speed(_depth))
    bench("planes", f"block_errors of two 1280x720, {_depth} bits a sample")(_error_speed(_depth))
bench("planes", "choose_blocks 1280x720, in place")(_choose_speed)
