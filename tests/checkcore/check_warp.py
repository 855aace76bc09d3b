"""Motion compensation against NumPy."""
import numpy as np

from zvc69.core import pack, warp
from zvc69.core.reference import warp as reference

from .check_pack import planes
from .harness import bench, check, compare

SIZES = ((1, 1), (16, 16), (31, 33), (97, 65), (160, 90), (328, 48))


def block_field(rng, width, height, largest):
    """Vectors with runs of equal ones, zero and whole ones among them, and some far outside."""
    field = rng.integers(-largest, largest + 1, (*pack.blocks(width, height), 2)).astype(np.int16)
    field[rng.random(field.shape[:2]) < 0.3] &= ~7
    field[rng.random(field.shape[:2]) < 0.2] = 0
    field[:, 1:][rng.random(field[:, 1:].shape[:2]) < 0.4] = field[0, 0]
    field[-1, :2] = [[-2047, 2047], [2047, -2047]]
    return field


def compare_planes(what, got, want):
    for name, a, b in zip("yuv", got, want, strict=True):
        compare(f"{name} of {what}", a, b)


@check("warp", "compensate")
def compensation(rng, level):
    for depth in pack.DEPTHS:
        for width, height in SIZES:
            for kernel in warp.KERNELS:
                picture = planes(rng, width, height, depth)
                picture[0][:8, :8] = (1 << depth) - 1  # overshoots are clipped
                field = block_field(rng, width, height, int(rng.choice([9, 60, 900])))
                for overlap in (False, True):
                    want = reference.compensate(*picture, field, depth, kernel, overlap)
                    for threads in (1, 3):
                        how, what = {"overlap": overlap, "threads": threads}, f"{width}x{height} depth {depth} {kernel} {threads} threads{' overlap' * overlap}"
                        compare_planes(what, warp.compensate(*picture, field, depth, kernel, **how), want)
                        compare_planes(f"{what}, planes apart", (warp.compensate_luma(picture[0], field, depth, kernel, **how),
                                                                 *warp.compensate_chroma(*picture[1:], field, depth, kernel, **how)), want)


@check("warp", "warp_flow")
def dense(rng, level):
    for depth in pack.DEPTHS:
        for width, height in SIZES:
            for kernel in warp.FLOW_KERNELS:
                picture = planes(rng, width, height, depth)
                flow = rng.integers(-50, 51, (height, width, 2)).astype(np.int16)
                flow[rng.random(flow.shape[:2]) < 0.01] = rng.choice([-32768, 32767])
                for threads in (1, 3):
                    compare_planes(f"{width}x{height} depth {depth} {kernel} {threads} threads",
                                   warp.warp_flow(*picture, flow, depth, kernel, threads=threads),
                                   reference.warp_flow(*picture, flow, depth, kernel))


@check("warp", "extremes")
def extremes(rng, level):
    """Pictures of nothing but 0 and the highest value: the intermediate sums reach their bounds."""
    for depth in pack.DEPTHS:
        top = (1 << depth) - 1
        picture = [(rng.integers(0, 2, plane.shape) * top).astype(plane.dtype) for plane in planes(rng, 256, 192, depth)]
        field = rng.integers(-40, 41, (24, 32, 2)).astype(np.int16)
        want = reference.compensate(*picture, field, depth)
        compare_planes(f"depth {depth}", warp.compensate(*picture, field, depth), want)
        flow = field.repeat(8, axis=0).repeat(8, axis=1)
        compare_planes(f"flow, depth {depth}", warp.warp_flow(*picture, flow, depth), want)
        for overlap in (False, True):
            compare_planes(f"sharp, depth {depth}", warp.compensate(*picture, field, depth, "sharp", overlap=overlap),
                           reference.compensate(*picture, field, depth, "sharp", overlap))


@check("warp", "sharp at its bounds")
def bounds(rng, level):
    """Where the taps are positive the highest samples, elsewhere none, and the reverse: no row sum may wrap."""
    for depth in pack.DEPTHS:
        top = (1 << depth) - 1
        for phase in (1, 2, 3):
            for sign in (1, -1):
                y, u, v = (np.zeros_like(plane) for plane in planes(rng, 96, 64, depth))
                y[:, 20:28] = top * (reference.SHARP[phase] * sign > 0)
                field = np.full((8, 12, 2), phase, np.int16)
                compare_planes(f"depth {depth} phase {phase}", warp.compensate(y, u, v, field, depth, "sharp"),
                               reference.compensate(y, u, v, field, depth, "sharp"))


def _speed(depth, dense, moved, **way):
    def prepare(rng):
        picture = planes(rng, 1280, 720, depth)
        field = rng.integers(-60, 61, (92, 160, 2)).astype(np.int16) if moved == "moved" else np.zeros((92, 160, 2), np.int16)
        out = tuple(np.empty_like(plane) for plane in picture)
        if dense:
            flow = np.ascontiguousarray(field.repeat(8, axis=0).repeat(8, axis=1)[:720])
            return lambda: warp.warp_flow(*picture, flow, depth, out=out), 1280 * 720
        return lambda: warp.compensate(*picture, field, depth, out=out, **way), 1280 * 720
    return prepare


for _depth in (8, 10):
    bench("warp", f"compensate 1280x720 depth {_depth}")(_speed(_depth, False, "moved"))
    bench("warp", f"compensate 1280x720 depth {_depth} sharp")(_speed(_depth, False, "moved", kernel="sharp"))
    bench("warp", f"compensate 1280x720 depth {_depth} overlap")(_speed(_depth, False, "moved", overlap=True))
    bench("warp", f"warp_flow 1280x720 depth {_depth}")(_speed(_depth, True, "moved"))
bench("warp", "compensate 1280x720 zero field")(_speed(8, False, "still"))
