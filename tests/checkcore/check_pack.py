"""Packing kernels against NumPy."""
import numpy as np

from zvc69.core import pack
from zvc69.core.reference import pack as reference

from .harness import bench, check, compare

SIZES = ((1, 1), (2, 3), (31, 33), (32, 32), (97, 65), (160, 90), (1280, 8))


def planes(rng, width, height, depth):
    dtype = np.uint8 if depth == 8 else np.uint16
    half = (height + 1) // 2, (width + 1) // 2
    return [rng.integers(0, 1 << depth, shape, dtype=dtype) for shape in ((height, width), half, half)]


def channel_last(packed):
    """The same array, with its channels next to each other in memory."""
    return np.ascontiguousarray(packed.transpose(1, 2, 0)).transpose(2, 0, 1)


@check("pack", "pack")
def packing(rng, level):
    for depth in pack.DEPTHS:
        for width, height in SIZES:
            picture = planes(rng, width, height, depth)
            wanted = reference.pack(*picture, depth)
            for order, out in ("first", None), ("last", channel_last(np.empty_like(wanted))):
                compare(f"{width}x{height} depth {depth}, channels {order}", pack.pack(*picture, depth, out), wanted)


@check("pack", "pack strided, read-only")
def strided(rng, level):
    for depth in pack.DEPTHS:
        wide = planes(rng, 180, 70, depth)
        for view in ([p[:, : -(-p.shape[1] * 3 // 4)] for p in wide],      # a stride between rows
                     [p[::-1] for p in wide], [p[:, ::-1] for p in wide],  # negative strides
                     [np.asfortranarray(p) for p in wide]):
            if view[0].shape[1] == 135:
                view[1:] = [p[:, :68] for p in wide[1:]]
            for plane in view:
                plane.flags.writeable = False
            compare(f"depth {depth}", pack.pack(*view, depth), reference.pack(*view, depth))


@check("pack", "unpack")
def unpacking(rng, level):
    for depth in pack.DEPTHS:
        for width, height in SIZES:
            h, w = pack.blocks(width, height)
            packed = rng.uniform(-20, 280, (96, h, w)).astype(np.float32)
            packed[:, ::2] = np.rint(packed[:, ::2] * 8) / 8  # halves of every depth among them
            special = rng.integers(0, packed.size, 40)
            packed.flat[special] = rng.choice(np.float32([np.nan, np.inf, -np.inf, 3e38, -3e38, -0.0, 1e-40]), 40)
            wanted = reference.unpack(packed, width, height, depth)
            for order, array in ("first", packed), ("last", channel_last(packed)):
                for name, got, want in zip("yuv", pack.unpack(array, width, height, depth), wanted):
                    compare(f"{name} of {width}x{height} depth {depth}, channels {order}", got, want)


def _speed(depth, order):
    def prepare(rng):
        picture = planes(rng, 1280, 720, depth)
        out = order(np.empty((96, 92, 160), np.float32))
        return lambda: pack.pack(*picture, depth, out), 1280 * 720
    return prepare


def _unpack_speed(depth, order):
    def prepare(rng):
        packed = order(rng.uniform(0, 255, (96, 92, 160)).astype(np.float32))
        return lambda: pack.unpack(packed, 1280, 720, depth), 1280 * 720
    return prepare


for _depth in (8, 10):
    bench("pack", f"pack 1280x720 depth {_depth}")(_speed(_depth, np.asarray))
    bench("pack", f"pack 1280x720 depth {_depth}, channels last")(_speed(_depth, channel_last))
    bench("pack", f"unpack 1280x720 depth {_depth}")(_unpack_speed(_depth, np.asarray))
    bench("pack", f"unpack 1280x720 depth {_depth}, channels last")(_unpack_speed(_depth, channel_last))
