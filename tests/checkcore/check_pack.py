"""Packing kernels against NumPy."""
import numpy as np

from zvc69.core import pack
from zvc69.core.layout import BFLOAT16, Layout
from zvc69.core.reference import pack as reference
from zvc69.core.reference.bfloat16 import to_bfloat16

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
            if depth == 8:
                out = Layout(channel_last=True, bfloat16=True).empty(*wanted.shape)
                compare(f"{width}x{height}, bfloat16", pack.pack(*picture, depth, out), to_bfloat16(wanted))


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


def levels(rng, shape, low, high):
    """Numbers, of which half are such as are halves of samples at some depth, and a few are not finite, huge or tiny."""
    values = rng.uniform(low, high, shape).astype(np.float32)
    values[:, ::2] = np.rint(values[:, ::2] * 8) / 8
    special = rng.integers(0, values.size, 40)
    values.flat[special] = rng.choice(np.float32([np.nan, np.inf, -np.inf, 3e38, -3e38, -0.0, 1e-40]), 40)
    return values


@check("pack", "unpack")
def unpacking(rng, level):
    for depth in pack.DEPTHS:
        for width, height in SIZES:
            packed = levels(rng, (96, *pack.blocks(width, height)), -20, 280)
            bfloat16 = channel_last((packed.view(np.uint32) >> 16).astype(BFLOAT16))
            for what, array in ("channels first", packed), ("channels last", channel_last(packed)), ("bfloat16", bfloat16):
                wanted = reference.unpack(array, width, height, depth)
                for name, got, want in zip("yuv", pack.unpack(array, width, height, depth), wanted):
                    compare(f"{name} of {width}x{height} depth {depth}, {what}", got, want)


@check("pack", "unpack what is added to a prediction")
def predicted(rng, level):
    """Any numbers as prediction: the order of the sums shows. Halves of samples are there after the addition, too."""
    for depth in pack.DEPTHS:
        for width, height in SIZES:
            shape = (96, *pack.blocks(width, height))
            floats = [levels(rng, shape, *bounds) for bounds in ((-40, 40), (-20, 280), (-20, 280))]
            for what, arrays in (("float32", [channel_last(array) for array in floats]), ("channels first", floats),
                                 ("bfloat16", [channel_last((array.view(np.uint32) >> 16).astype(BFLOAT16)) for array in floats])):
                difference, a, b = arrays
                for prediction in ((a, a, 0.0), (a, b, 0.0), (a, b, 0.5), (a, a, 0.5), (a, b, 0.3)):
                    wanted = reference.unpack(difference, width, height, depth, prediction)
                    for name, got, want in zip("yuv", pack.unpack(difference, width, height, depth, prediction=prediction), wanted):
                        compare(f"{name} of {width}x{height} depth {depth}, {what}, factor {prediction[2]}", got, want)


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


def _predicted_speed(slots):
    def prepare(rng):
        difference, a, b = (to_bfloat16(np.rint(rng.uniform(0, 255, (96, 92, 160))).astype(np.float32)) for _ in range(3))
        prediction = (a, a, 0.0) if slots == 1 else (a, b, 0.5)
        return lambda: pack.unpack(difference, 1280, 720, 8, prediction=prediction), 1280 * 720
    return prepare


def _bfloat16_speed(rng):
    picture, out = planes(rng, 1280, 720, 8), Layout(channel_last=True, bfloat16=True).empty(96, 92, 160)
    return lambda: pack.pack(*picture, 8, out), 1280 * 720


bench("pack", "pack 1280x720 depth 8, bfloat16")(_bfloat16_speed)
for _slots in (1, 2):
    bench("pack", f"unpack 1280x720 depth 8, bfloat16, prediction of {_slots}")(_predicted_speed(_slots))
for _depth in (8, 10):
    bench("pack", f"pack 1280x720 depth {_depth}")(_speed(_depth, np.asarray))
    bench("pack", f"pack 1280x720 depth {_depth}, channels last")(_speed(_depth, channel_last))
    bench("pack", f"unpack 1280x720 depth {_depth}")(_unpack_speed(_depth, np.asarray))
    bench("pack", f"unpack 1280x720 depth {_depth}, channels last")(_unpack_speed(_depth, channel_last))
