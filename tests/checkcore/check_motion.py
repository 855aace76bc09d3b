"""Motion search and coding: block sums against NumPy, sections against the plain coder, fields between levels."""
import itertools

import numpy as np

from zvc69.core import _motion, cpu, motion, pack
from zvc69.core.reference import motion as reference
from zvc69.core.reference import warp as warp_reference

from .harness import bench, check, compare


def moving_planes(rng, width, height, depth=8):
    """A smooth random texture, and the same one moved by parts: something for a search to find."""
    noise = rng.integers(0, 1 << depth, (height // 4 + 30, width // 4 + 30)).astype(np.int64)
    coarse = np.kron(noise, np.ones((4, 4), np.int64))
    texture = sum(np.roll(coarse, (y, x), (0, 1)) for y in range(4) for x in range(4)) // 16
    texture = texture.astype(np.uint8 if depth == 8 else np.uint16)
    reference_y = texture[40 : 40 + height, 40 : 40 + width].copy()
    current_y = texture[43 : 43 + height, 35 : 35 + width].copy()
    half = width // 2
    current_y[: height // 2, :half] = texture[38 : 38 + height // 2, 42 : 42 + half]
    return current_y, reference_y


def random_field(rng, h, w, largest=60):
    """A field with structure: large areas alike, some leaves of every size on their own."""
    splits = np.where(rng.random((h // 4, w // 4)) < 0.5, 0, 16 + rng.integers(0, 16, (h // 4, w // 4))).astype(np.uint8)
    vectors = np.zeros((h, w, 2), np.int16)
    palette = rng.integers(-largest, largest + 1, (4, 2))
    for i in range(0, h, 4):
        for j in range(0, w, 4):
            flags = splits[i // 4, j // 4]
            for q in range(4 if flags else 1):
                size = 2 if flags else 4
                y, x = i + 2 * (q >> 1), j + 2 * (q & 1)
                step = 1 if flags >> q & 1 and flags else size
                for m in range(y, y + size, step):
                    for n in range(x, x + size, step):
                        vector = palette[rng.integers(4)] if rng.random() < 0.7 else rng.integers(-largest, largest + 1, 2)
                        vectors[m : m + step, n : n + step] = vector
    return motion.MotionField(vectors, splits)


@check("motion", "sad")
def sums(rng, level):
    for number, size in enumerate((32, 16, 8)):
        for low, high in ((0, 256), (250, 256)):
            a = rng.integers(low, high, (size, size + 9), dtype=np.uint8)
            b = (255 - a) if low else rng.integers(0, 256, a.shape, dtype=np.uint8)
            want = np.abs(a[:, :size].astype(int) - b[:, :size]).sum()
            compare(f"{size}x{size}", np.int64(_motion.sad(cpu.level(), number, a, np.ascontiguousarray(b))), np.int64(want))


@check("motion", "sums of transformed differences")
def transformed_sums(rng, level):
    hadamard = np.array([[1]])
    while len(hadamard) < 8:
        hadamard = np.kron([[1, 1], [1, -1]], hadamard)
    for number, size in enumerate((32, 16, 8)):
        for kind in ("any", "one coefficient", "extremes"):
            a = rng.integers(0, 256, (size, size + 9), dtype=np.uint8)
            b = rng.integers(0, 256, a.shape, dtype=np.uint8)
            if kind == "one coefficient":
                sign = np.tile(np.outer(hadamard[rng.integers(8)], hadamard[rng.integers(8)]), (5, 6))[:size, :size + 9] > 0
                a, b = np.where(sign, 255, 0).astype(np.uint8), np.where(sign, 0, 255).astype(np.uint8)
            elif kind == "extremes":
                a, b = a // 128 * 255, b // 128 * 255
            difference = (a[:, :size].astype(int) - b[:, :size]).reshape(size // 8, 8, size // 8, 8).swapaxes(1, 2)
            want = np.abs(hadamard @ difference @ hadamard).sum() // 8
            compare(f"{size}x{size}, {kind}", np.int64(_motion.satd(cpu.level(), number, a, b)), np.int64(want))


@check("motion", "sad of a row of places")
def row_sums(rng, level):
    for low, high in ((0, 256), (250, 256)):
        a = rng.integers(low, high, (8, 11), dtype=np.uint8)
        for places in (8, 24, 56):
            for step in (1, 2):
                b = rng.integers(0, 256 if not low else 4, (8, places + 8), dtype=np.uint8)
                windows = np.lib.stride_tricks.sliding_window_view(b, (8, 8))[0, :places:step].astype(int)
                got = np.empty(places, np.uint16)
                _motion.sad_row(cpu.level(), a, b, step, got)
                compare(f"{places} places by {step}", got[::step], np.abs(windows - a[:, :8]).sum(axis=(1, 2)).astype(np.uint16))


@check("motion", "filter of an area")
def areas(rng, level):
    for all_taps in (warp_reference.TAPS["bicubic"][::2], warp_reference.SHARP):
        for h, w in ((1, 8), (5, 32), (32, 192), (70, 200)):
            for low, high in ((0, 256), (0, 2)):
                count = all_taps.shape[1]
                samples = rng.integers(low, high, (h + count - 1, w + 16), dtype=np.uint8) * np.uint8(255 if high == 2 else 1)
                for tx, ty in itertools.product(all_taps, repeat=2):
                    got = np.empty((h, w), np.uint8)
                    _motion.filter_area_of(cpu.level(), samples, np.int8(tx), np.int8(ty), got)
                    across = sum(t * samples[:, k:k + w].astype(int) for k, t in enumerate(tx))
                    down = sum(t * across[k:k + h] for k, t in enumerate(ty))
                    compare(f"{h}x{w} by {tx} and {ty}", got, ((down + 2048) >> 12).clip(0, 255).astype(np.uint8))


@check("motion", "search")
def same_fields(rng, level):
    for width, height, depth, effort in ((16, 16, 8, 1), (97, 65, 8, 2), (160, 96, 10, 1), (200, 120, 12, 0)):
        current_y, reference_y = moving_planes(rng, width, height, depth)
        previous, candidates = (random_field(rng, *pack.blocks(width, height), largest) for largest in (60, 2047))
        for before, tried, kernel in ((None, None, "bicubic"), (previous, None, "sharp"), (previous, candidates.vectors, "bicubic")):
            how = {"depth": depth, "previous": before, "candidates": tried, "effort": effort, "kernel": kernel}
            got = motion.search(current_y, reference_y, 25, **how)
            motion.MotionField(got.vectors, got.splits)  # checks itself
            with cpu.force("scalar"):
                want = motion.search(current_y, reference_y, 25, **how)
            compare(f"vectors of {width}x{height}", got.vectors, want.vectors)
            compare(f"splits of {width}x{height}", got.splits, want.splits)
            for threads in (2, 7):
                shared = motion.search(current_y, reference_y, 25, **how, threads=threads)
                compare(f"vectors of {width}x{height} by {threads} threads", shared.vectors, got.vectors)
                compare(f"splits of {width}x{height} by {threads} threads", shared.splits, got.splits)


@check("motion", "sections")
def sections(rng, level):
    for h, w, largest in ((4, 4, 5), (8, 20, 60), (12, 8, 2047), (16, 16, 0)):
        field, previous = (random_field(rng, h, w, most).using(*random_way(rng)) for most in (largest, 3))
        copy = rng.random((h // 4, w // 4)) < 0.6
        for flags in (None, copy):
            for before in (None, previous):
                data = motion.encode(field, flags, before)
                assert data == reference.encode(field.vectors, field.splits, flags, *expectation(before), way_of(field), way_of(before)), \
                    f"{h}x{w}: sections differ"
                noise = rng.bytes(40)
                for kept in (data, data[: len(data) // 2], data + b"\1", noise, b"\xff" * 3 + noise, b"\xff" * 4 + noise):
                    for says_way in (True, False):
                        compare_decoders(kept, h, w, before, says_way)


def random_way(rng):
    return motion.KERNELS[rng.integers(2)], bool(rng.integers(2))


def way_of(field):
    return (0, 0) if field is None else (motion.KERNELS.index(field.kernel), int(field.overlap))


def expectation(before):
    return [None if before is None else before.vectors]


def compare_decoders(data, h, w, before, says_way):
    """Both give the same field or refuse the bytes."""
    results = []
    for decode, previous in ((motion.decode, [before]), (reference.decode, [*expectation(before), way_of(before)])):
        try:
            results.append(decode(data, h, w, *previous, says_way=says_way))
        except motion.CorruptStreamError as error:
            results.append(str(error))
    got, want = results
    if isinstance(want, str):
        assert got == want, f"{got}, reference {want}"
    else:
        assert not isinstance(got, str), f"{got}, where the reference decodes"
        compare("vectors", got[0].vectors, want[0])
        compare("splits", got[0].splits, want[1])
        assert way_of(got[0]) == want[3], f"predicts as {way_of(got[0])}, reference {want[3]}"
        assert (got[1] is None) == (want[2] is None)
        if got[1] is not None:
            compare("copy map", got[1], want[2])


def _search_speed(kernel):
    def prepare(rng):
        current_y, reference_y = moving_planes(rng, 640, 360)
        return lambda: motion.search(current_y, reference_y, 30, depth=8, kernel=kernel), 640 * 360
    return prepare


for _kernel in motion.KERNELS:
    bench("motion", f"search 640x360 {_kernel}")(_search_speed(_kernel))
