"""Motion: speed of compensation and search, bits and prediction PSNR of the fields.

    python -m benchmarks.bench_motion CLIPS [--frames 8] [--output benchmarks/results/motion.json]

CLIPS is a folder of videos. Every frame is predicted from the source frame before it. The plain search to compare
with takes for each 8x8 block the least SAD of all whole vectors within 16 pixels, then of the eight halves and quarters
around, with no rate term; its vectors are counted by the entropy of the differences to the block at the left. The same
count is made for our fields: of a leaf's difference to the block at its left, and of the split flags.
OpenCV's remap runs beside the compensation where opencv-python-headless is installed.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import av
import numpy as np
from numpy.typing import NDArray

from tests.checkcore.check_motion import moving_planes
from tests.checkcore.check_pack import planes
from zvc69.core import cpu, motion, warp
from zvc69.core.motion import MotionField

from .environment import environment

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
QPS = (20, 32, 44)
RANGE = 16
ROUNDS = 15
DEPTH = 8


def frames(path: Path, count: int) -> list[Planes]:
    pictures: list[Planes] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            i420, height = frame.to_ndarray(format="yuv420p"), frame.height
            halves = i420[height:].reshape(2, height // 2, frame.width // 2)
            pictures.append((i420[:height].copy(), halves[0].copy(), halves[1].copy()))
            if len(pictures) == count:
                break
    return pictures


def psnr(error: NDArray) -> float:
    return 10 * float(np.log10(255**2 / max(np.square(error.astype(float)).mean(), 1e-9)))


def entropy(symbols: NDArray) -> float:
    """Bits of all of them, each at the cost of its own frequency."""
    _, counts = np.unique(symbols, return_counts=True)
    return float(-(counts * np.log2(counts / counts.sum())).sum())


def to_the_left(vectors: NDArray) -> NDArray:
    return np.diff(vectors.astype(int), axis=1, prepend=0)


def zeroth_order(field: MotionField) -> float:
    sizes, (h, w) = field.sizes // 8, field.shape
    i, j = np.indices((h, w))
    difference = to_the_left(field.vectors)[(i % sizes == 0) & (j % sizes == 0)]
    return entropy(difference[:, 0]) + entropy(difference[:, 1]) + entropy(field.splits)


def block_sads(a: NDArray, b: NDArray) -> NDArray:
    """Of the 8x8 blocks of two uint8 planes, sizes multiples of 8."""
    difference = np.maximum(a, b) - np.minimum(a, b)
    rows = np.add.reduce(difference.reshape(a.shape[0], -1, 8), axis=2, dtype=np.uint16)
    return rows.reshape(-1, 8, rows.shape[1]).sum(axis=1, dtype=np.uint16)


def plain_search(current: NDArray, reference: NDArray) -> NDArray:
    h, w = -(-current.shape[0] // 32) * 32, -(-current.shape[1] // 32) * 32
    pad = ((0, h - current.shape[0]), (0, w - current.shape[1]))
    now, before = np.pad(current, pad, mode="edge"), np.pad(reference, pad, mode="edge")
    around = np.pad(before, RANGE, mode="edge")
    best, vectors = np.full((h // 8, w // 8), 65535, np.uint16), np.zeros((h // 8, w // 8, 2), np.int16)

    def consider(sads: NDArray, vector: NDArray) -> None:
        better = sads < best
        best[better] = sads[better]
        vectors[better] = np.broadcast_to(vector, vectors.shape)[better]

    # Short vectors first: of equal SADs the first one stays.
    offsets = range(-RANGE, RANGE + 1)
    for dy, dx in sorted(((y, x) for y in offsets for x in offsets), key=lambda v: abs(v[0]) + abs(v[1])):
        consider(block_sads(now, around[RANGE + dy : RANGE + dy + h, RANGE + dx : RANGE + dx + w]), np.int16([4 * dx, 4 * dy]))
    half = np.zeros((h // 2, w // 2), np.uint8)
    for step in (2, 1):
        centre = vectors.copy()
        for dy in (-step, 0, step):
            for dx in (-step, 0, step):
                moved = centre + np.int16([dx, dy])
                consider(block_sads(now, warp.compensate(before, half, half, moved, DEPTH)[0]), moved)
    return vectors


def pairs(pictures: list[Planes]) -> Iterator[tuple[Planes, Planes]]:
    yield from zip(pictures[1:], pictures, strict=False)


def mean(values: list[float]) -> float:
    return round(statistics.mean(values), 2)


def quality(path: Path, count: int) -> dict:
    """Means over the frames of one clip: ours at every qp, the plain search, no motion."""
    pictures = frames(path, count)
    plain_psnr, plain_bits, still = [], [], []
    for current, before in pairs(pictures):
        vectors = plain_search(current[0], before[0])
        predicted = warp.compensate(*before, vectors, DEPTH)[0]
        plain_psnr.append(psnr(predicted.astype(int) - current[0]))
        plain_bits.append(sum(entropy(to_the_left(vectors)[..., c]) for c in (0, 1)))
        still.append(psnr(before[0].astype(int) - current[0]))
    result: dict = {"no_motion_psnr": mean(still), "plain_8x8_psnr": mean(plain_psnr), "plain_8x8_bits": mean(plain_bits)}
    for qp in QPS:
        previous, got, bits, alone, zeroth, spent = None, [], [], [], [], []
        for current, before in pairs(pictures):
            start = perf_counter()
            field = motion.search(current[0], before[0], qp, depth=DEPTH, previous=previous)
            spent.append(1000 * (perf_counter() - start))
            got.append(psnr(field.warp(before, DEPTH)[0].astype(int) - current[0]))
            bits.append(8.0 * len(motion.encode(field, previous=previous)))
            alone.append(8.0 * len(motion.encode(field)))
            zeroth.append(zeroth_order(field))
            previous = field
        result[f"qp {qp}"] = {"psnr": mean(got), "bits": mean(bits), "bits_without_previous": mean(alone),
                              "zeroth_order_entropy": mean(zeroth), "search_ms_least": round(min(spent), 2)}
    return result


def remap_cases(picture: list[np.ndarray], flow: NDArray) -> dict[str, Callable[[int], object]]:
    """OpenCV's remap of the same vectors, on its faster fixed-point maps; none without OpenCV."""
    try:
        import cv2
    except ImportError:
        return {}
    maps = []
    for plane, vectors, unit in ((picture[0], flow, 4), (picture[1], flow[::2, ::2], 8)):
        y, x = np.indices(plane.shape).astype(np.float32)
        maps.append(cv2.convertMaps(x + vectors[..., 0] / np.float32(unit), y + vectors[..., 1] / np.float32(unit), cv2.CV_16SC2))
    outs = [np.empty_like(plane) for plane in picture]

    def remap(threads: int, interpolation: int) -> None:
        cv2.setNumThreads(threads)
        for plane, out, (a, b) in zip(picture, outs, (maps[0], maps[1], maps[1]), strict=True):
            cv2.remap(plane, a, b, interpolation, out, cv2.BORDER_REPLICATE)

    return {"opencv remap bicubic": lambda threads: remap(threads, cv2.INTER_CUBIC),
            "opencv remap bilinear": lambda threads: remap(threads, cv2.INTER_LINEAR)}


def second_core() -> float:
    """How much more two threads do here and now than one: 2 on an idle machine, 1 where other work has the second core."""
    data = bytes(1 << 25)

    def spent(threads: int) -> float:
        start = perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: hashlib.sha256(data).digest(), range(threads)))
        return perf_counter() - start

    return round(2 * min(spent(1) for _ in range(5)) / min(spent(2) for _ in range(5)), 2)


def opencv_version() -> str | None:
    try:
        return version("opencv-python-headless")
    except PackageNotFoundError:
        return None


def warp_speed(width: int = 1920, height: int = 1080) -> dict:
    """Milliseconds a 4:2:0 picture; another vector within 15 pixels in every block: the worst case."""
    rng = np.random.default_rng(0)
    picture = planes(rng, width, height, DEPTH)
    field = rng.integers(-60, 61, (-(-height // 32) * 4, -(-width // 32) * 4, 2)).astype(np.int16)
    flow = np.ascontiguousarray(field.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])
    outs = tuple(np.empty_like(plane) for plane in picture)
    cases: dict[str, Callable[[int], object]] = {}
    for kernel in warp.KERNELS:
        cases[f"blocks {kernel}"] = lambda t, k=kernel: warp.compensate(*picture, field, DEPTH, k, threads=t, out=outs)
        cases[f"blocks {kernel} overlap"] = lambda t, k=kernel: warp.compensate(*picture, field, DEPTH, k, overlap=True, threads=t, out=outs)
    for kernel in warp.FLOW_KERNELS:
        cases[f"flow {kernel}"] = lambda t, k=kernel: warp.warp_flow(*picture, flow, DEPTH, k, threads=t, out=outs)
    cases |= remap_cases(picture, flow)
    samples: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, run in cases.items():
            for threads in (1, 2):
                start = perf_counter()
                run(threads)
                samples.setdefault((name, threads), []).append(1000 * (perf_counter() - start))
    return {f"{name}, {threads} threads": {"least": round(min(ms), 2), "median": round(statistics.median(ms), 2)}
            for (name, threads), ms in samples.items()}


def ratios() -> dict[str, float]:
    """How many times faster than scalar code, for benchmarks.check."""
    rng = np.random.default_rng(1)
    picture = planes(rng, 640, 360, DEPTH)
    field = rng.integers(-60, 61, (48, 80, 2)).astype(np.int16)
    pair = moving_planes(rng, 320, 180)
    cases = {"warp": lambda: warp.compensate(*picture, field, DEPTH), "search": lambda: motion.search(*pair, 30, depth=DEPTH)}
    result = {}
    for name, run in cases.items():
        samples: dict[str, list[float]] = {}
        for _ in range(9):
            for level in cpu.available():
                with cpu.force(level):
                    start = perf_counter()
                    run()
                    samples.setdefault(level, []).append(perf_counter() - start)
        result |= {f"{name} {level}": statistics.median(samples["scalar"]) / statistics.median(times)
                   for level, times in samples.items() if level != "scalar"}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--output", type=Path, help="write the record (JSON) here")
    arguments = parser.parse_args()
    record = environment(f"python -m benchmarks.bench_motion CLIPS --frames {arguments.frames}") | {
        "opencv": opencv_version(),
        "two_threads_against_one_of_any_work": second_core(),
        "method": f"first {arguments.frames} frames, each predicted from the source frame before; luma PSNR and bits are means over "
                  f"frames; search on one thread; milliseconds a picture, 1920x1080 4:2:0 for the compensation, {ROUNDS} interleaved rounds",
        "compensation_ms": warp_speed(),
        "clips": {path.name: quality(path, arguments.frames) for path in sorted(arguments.clips.iterdir())},
    }
    text = json.dumps(record, indent=2)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
