"""The adaptive loop filter in plain NumPy: what the kernels of zvc69.core.loopfilter must reproduce."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..loopfilter import BLOCK, CLASSES, COPY_BLOCK, FINE_DEPTH, LARGEST_COEFFICIENT, TAPS, Statistics

OFFSETS = (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0), (1, 1), (1, -1), (2, 1), (2, -1), (1, 2), (1, -2)
"""Rows and columns to one sample of each pair; the other one is opposite."""
GRADIENTS = (1, 0), (0, 1), (1, 1), (1, -1)
UNIT = 16 * 9 * 16


def _pair(plane: np.ndarray, dy: int, dx: int) -> NDArray[np.int64]:
    """Two samples opposite each other, less twice the one between them, everywhere."""
    def moved(down: int, right: int) -> np.ndarray:
        rows, columns = (np.clip(np.arange(size) + by, 0, size - 1) for size, by in zip(plane.shape, (down, right), strict=True))
        return plane[rows[:, None], columns].astype(np.int64)
    return moved(dy, dx) + moved(-dy, -dx) - 2 * plane.astype(np.int64)


def _spread(blocks: np.ndarray, side: int, shape: tuple[int, ...]) -> np.ndarray:
    """What is given by block, by sample."""
    return blocks.repeat(side, axis=0).repeat(side, axis=1)[:shape[0], :shape[1]]


def widen(planes: Sequence[NDArray[np.uint16]], prediction: Sequence[np.ndarray], copy: NDArray[np.bool_], depth: int) -> None:
    """As `zvc69.core.loopfilter.widen`."""
    for plane, other, side in zip(planes, prediction, (COPY_BLOCK, COPY_BLOCK // 2, COPY_BLOCK // 2), strict=True):
        np.copyto(plane, other.astype(np.uint16) << (FINE_DEPTH - depth), where=_spread(copy, side, plane.shape))


def classify(luma: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """As `zvc69.core.loopfilter.classify`."""
    windows = []
    for dy, dx in GRADIENTS:
        gradient = np.abs(_pair(luma, dy, dx))
        whole = np.pad(gradient, [(0, -size % BLOCK) for size in luma.shape], mode="edge")
        blocks = whole.reshape(whole.shape[0] // BLOCK, BLOCK, whole.shape[1] // BLOCK, BLOCK).sum(axis=(1, 3))
        around = np.pad(blocks, 1, mode="edge")
        windows.append(sum(around[i:i + len(blocks), j:j + blocks.shape[1]] for i in range(3) for j in range(3)))
    vertical, horizontal, falling, rising = windows
    activity = sum((vertical + horizontal >= UNIT * bound).astype(int) for bound in (1.5, 4, 9, 20))
    most_straight, most_diagonal = np.maximum(vertical, horizontal), np.maximum(falling, rising)
    least_straight, least_diagonal = np.minimum(vertical, horizontal) + UNIT // 20, np.minimum(falling, rising) + UNIT // 20
    straight = most_straight * least_diagonal > most_diagonal * least_straight
    flat = 2 * np.where(straight, most_straight, most_diagonal) < 3 * np.where(straight, least_straight, least_diagonal)
    direction = np.where(straight, np.where(vertical > horizontal, 1, 2), np.where(falling > rising, 3, 4))
    return (5 * activity + np.where(flat, 0, direction)).astype(np.uint8)


def apply(plane: NDArray[np.uint16], coefficients: NDArray[np.int8], depth: int, classes: NDArray[np.uint8] | None = None,
          copy: NDArray[np.bool_] | None = None, copy_block: int = COPY_BLOCK) -> np.ndarray:
    """As `zvc69.core.loopfilter.apply`."""
    own = np.zeros(plane.shape, int) if classes is None else _spread(classes, BLOCK, plane.shape)
    sums = np.zeros(plane.shape, np.int64)
    for tap, (dy, dx) in enumerate(OFFSETS):
        sums += coefficients[own, tap].astype(np.int64) * _pair(plane, dy, dx)
    if copy is not None:
        sums[_spread(copy, copy_block, plane.shape)] = 0
    shift = 7 + FINE_DEPTH - depth
    samples = ((plane.astype(np.int64) << 7) + sums + (1 << shift - 1)) >> shift
    return np.clip(samples, 0, (1 << depth) - 1).astype(np.uint8 if depth == 8 else np.uint16)


def statistics(plane: NDArray[np.uint16], target: np.ndarray, depth: int, classes: NDArray[np.uint8] | None = None,
               copy: NDArray[np.bool_] | None = None, copy_block: int = COPY_BLOCK) -> Statistics:
    """As `zvc69.core.loopfilter.statistics`."""
    own = np.zeros(plane.shape, int) if classes is None else _spread(classes, BLOCK, plane.shape)
    counted = np.ones(plane.shape, bool) if copy is None else ~_spread(copy, copy_block, plane.shape)
    wanted = (target.astype(np.int64) << (FINE_DEPTH - depth)) - plane
    values = np.stack([*(_pair(plane, dy, dx) for dy, dx in OFFSETS), wanted], axis=-1) >> 2
    of_classes = [values[counted & (own == n)] for n in range(1 if classes is None else CLASSES)]
    sums = np.array([samples.T @ samples for samples in of_classes])
    return Statistics(sums[:, :TAPS, :TAPS], sums[:, :TAPS, TAPS], sums[:, TAPS, TAPS], np.array([len(samples) for samples in of_classes], np.int64))


def merge(products: np.ndarray, correlations: np.ndarray, ridge: np.ndarray) -> tuple[float, NDArray[np.int8]]:
    """As `zvc69.core.loopfilter.merge`."""
    there = np.flatnonzero(ridge)
    groups = [[number] for number in there]
    sums = [array[there] for array in (products, correlations, ridge)]
    saved, filters = fit(*sums)
    gains, pairs = np.full((len(groups), len(groups)), -np.inf), np.triu_indices(len(groups), 1)
    gains[pairs] = _merging(sums, saved, *pairs)
    best, out = 0.0, np.zeros((CLASSES, TAPS), np.int8)
    alive = list(range(len(groups)))
    while alive:
        used = len({bytes(filters[n]) for n in alive if filters[n].any()})
        total = float(saved[alive].sum()) - 5 - CLASSES * used.bit_length()
        if used and total > best:
            best, out = total, np.zeros((CLASSES, TAPS), np.int8)
            for n in alive:
                out[groups[n]] = filters[n]
        if len(alive) == 1:
            break
        one, other = np.unravel_index(int(gains.argmax()), gains.shape)
        groups[one] = groups[one] + groups[other]
        for array in sums:
            array[one] += array[other]
        (saved[one],), (filters[one],) = fit(*(array[one:one + 1] for array in sums))
        alive.remove(other)
        gains[other], gains[:, other] = -np.inf, -np.inf
        others = np.array([n for n in alive if n != one], int)
        if len(others):
            gain = _merging(sums, saved, one, others)
            gains[np.minimum(one, others), np.maximum(one, others)] = gain
    return best, out


def _solved(products: NDArray, correlations: NDArray, ridge: NDArray) -> NDArray[np.int8]:
    """(M, 12) filters that leave the least error of sums (M, 12, 12), (M, 12), (M)."""
    regular = products + (ridge[:, None, None] + 1e-9) * np.eye(TAPS)
    return np.clip(np.rint(128 * np.linalg.solve(regular, correlations[:, :, None])[:, :, 0]), -LARGEST_COEFFICIENT, LARGEST_COEFFICIENT).astype(np.int8)


def _saved(coefficients: NDArray[np.int8], products: NDArray, correlations: NDArray) -> NDArray:
    w = coefficients / 128
    return 2 * np.einsum("mi,mi->m", w, correlations) - np.einsum("mi,mij,mj->m", w, products, w, optimize=True)


def _bits(coefficients: NDArray[np.int8]) -> NDArray:
    """Of signed Exp-Golomb codes of (M, 12) coefficients."""
    magnitude = np.abs(coefficients.astype(np.int16))
    return (1 + 2 * np.floor(np.log2(magnitude + 1)) + (magnitude > 0)).sum(1)


def fit(products: NDArray, correlations: NDArray, ridge: NDArray) -> tuple[NDArray, NDArray[np.int8]]:
    """As `zvc69.core.loopfilter.fit`."""
    coefficients = _solved(products, correlations, ridge)
    saved = _saved(coefficients, products, correlations) - _bits(coefficients)
    coefficients[saved <= 0] = 0
    return np.maximum(saved, 0), coefficients


def _merging(sums: Sequence[NDArray], saved: NDArray, one: int | NDArray, others: NDArray) -> NDArray:
    """What merging group `one`, or each of several, with each of `others` saves."""
    together, _ = fit(*(array[one] + array[others] for array in sums))
    return together - saved[one] - saved[others]
