"""The adaptive loop filter: applied to decoded pictures, and its filters found by the encoder. After ALF of H.266 (8.8.5) and Tsai et al. 2013."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream.filter_set import CLASSES, MOST, TAPS, FilterSet
from ..bitstream.payload import LoopFilter
from ..core import loopfilter
from ..core.loopfilter import Statistics
from ..core.pack import unpack
from ..core.pool import Planes
from ..media.frame import plane_dtype
from ..model.backend import Decoded
from .copying import LAGRANGIAN, chroma_weight, step_size

LUMA_BLOCK, CHROMA_BLOCK = 32, 16
"""Samples of each plane, each way, that a copied block has."""
UNITS = 16
"""Squared units of `Statistics`, quarters of an 8-bit level, in a squared level."""
RIDGE = 4.8
"""Added to the mean square of each input before filters are solved for: as much as rounding and quantised coefficients make of it."""
SECTION_BITS = 16
"""About what a section takes beside filters: its length, which planes, padding."""
LEAST_BITS = 100
"""About what any new set takes: it is looked for, which takes some milliseconds, if it could save more than that."""

Copy = NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class FinePicture:
    """A decoded picture before it is rounded to its bit depth, with the prediction's samples in copied blocks: what is filtered.

    planes: uint16 of 12 bits; classes: of luma's 4x4 blocks; copy: 32x32 blocks that are left as they are; depth: of what comes out.
    """

    planes: Planes
    classes: NDArray[np.uint8]
    copy: Copy
    depth: int

    @classmethod
    def of(cls, decoded: Decoded, width: int, height: int, depth: int, prediction: Planes | None, copy: Copy, out: Planes | None = None) -> FinePicture:
        """Of what a backend gives; `prediction` is what copied blocks take, `out` takes the planes of 12 bits."""
        planes = unpack(decoded.values, width, height, loopfilter.FINE_DEPTH, out=out, prediction=decoded.prediction)
        copy = None if copy is None or not copy.any() else copy
        if copy is not None:
            loopfilter.widen(planes, prediction, copy, depth)
        return cls(planes, loopfilter.classify(planes[0]), copy, depth)

    def filtered(self, filters: FilterSet, out: Planes | None = None) -> Planes:
        """The picture's planes, of its depth; in `out`, if given."""
        if out is None:
            out = tuple(np.empty(plane.shape, plane_dtype(self.depth)) for plane in self.planes)
        y, u, v = self.planes
        loopfilter.apply(y, filters.luma, self.depth, classes=self.classes, copy=self.copy, copy_block=LUMA_BLOCK, out=out[0])
        for plane, coefficients, to in zip((u, v), filters.chroma, out[1:]):
            loopfilter.apply(plane, coefficients[None], self.depth, copy=self.copy, copy_block=CHROMA_BLOCK, out=to)
        return out

    def statistics(self, target: Planes) -> list[Statistics]:
        """Of each plane against the picture that was to be coded."""
        y, u, v = self.planes
        return [loopfilter.statistics(y, target[0], self.depth, classes=self.classes, copy=self.copy, copy_block=LUMA_BLOCK),
                *(loopfilter.statistics(plane, of, self.depth, copy=self.copy, copy_block=CHROMA_BLOCK) for plane, of in zip((u, v), target[1:]))]


def choose(picture: FinePicture, target: Planes, qp: int, known: Sequence[tuple[LoopFilter, FilterSet]]) -> tuple[LoopFilter, FilterSet | None]:
    """The set that costs least, bits and squared error as everywhere (7.5 / step^2), of those `known` and a new one; None: no filter is best."""
    weights = LAGRANGIAN / step_size(qp) ** 2 / UNITS * np.array([1.0, chroma_weight(qp), chroma_weight(qp)])
    planes = [_Plane(statistics, weight) for statistics, weight in zip(picture.statistics(target), weights)]
    best, mode, chosen = 0.0, LoopFilter.NONE, None
    for name, filters in known:
        saved = planes[0].saved(filters.luma) + planes[1].saved(filters.chroma[:1]) + planes[2].saved(filters.chroma[1:])
        if saved > best:
            best, mode, chosen = saved, name, filters
    if sum(plane.most() for plane in planes) > best + LEAST_BITS:
        luma, chroma = planes[0].merged(), [plane.single() for plane in planes[1:]]
        if luma[0] + sum(saved for saved, _ in chroma) - SECTION_BITS > best:
            return LoopFilter.NEW, FilterSet(luma[1], np.stack([coefficients for _, coefficients in chroma]))
    return mode, chosen


class _Plane:
    """What filters save of one plane's error, in bits: `statistics` in which a squared unit is worth `weight` bits."""

    def __init__(self, statistics: Statistics, weight: float) -> None:
        self._products = statistics.products * weight
        self._correlations = statistics.correlations * weight
        self._ridge = statistics.count * (weight * RIDGE)

    def saved(self, coefficients: NDArray[np.int8]) -> float:
        """By (classes, 12) of them, their own bits not counted."""
        return float(_saved(coefficients, self._products, self._correlations).sum())

    def most(self) -> float:
        """What filters of each class would save if they cost no bits: an upper bound of `merged` and `single`."""
        coefficients = _solved(self._products, self._correlations, self._ridge)
        return float(np.maximum(_saved(coefficients, self._products, self._correlations), 0).sum())

    def single(self) -> tuple[float, NDArray[np.int8]]:
        """The filter of a plane without classes: bits saved beyond its own, coefficients (12,); zeros if none is worth its bits."""
        saved, coefficients = _worth(self._products, self._correlations, self._ridge)
        return float(saved[0]), coefficients[0]

    def merged(self) -> tuple[float, NDArray[np.int8]]:
        """Filters of classes, those of several merged while that saves bits, or on the way to where it does: bits saved beyond those of filters and map,
        coefficients (25, 12)."""
        there = np.flatnonzero(self._ridge)
        groups = [[number] for number in there]
        sums = [array[there] for array in (self._products, self._correlations, self._ridge)]
        saved, filters = _worth(*sums)
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
            (saved[one],), (filters[one],) = _worth(*(array[one:one + 1] for array in sums))
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
    return np.clip(np.rint(128 * np.linalg.solve(regular, correlations[:, :, None])[:, :, 0]), -MOST, MOST).astype(np.int8)


def _saved(coefficients: NDArray[np.int8], products: NDArray, correlations: NDArray) -> NDArray:
    w = coefficients / 128
    return 2 * np.einsum("mi,mi->m", w, correlations) - np.einsum("mi,mij,mj->m", w, products, w, optimize=True)


def _bits(coefficients: NDArray[np.int8]) -> NDArray:
    """Of signed Exp-Golomb codes of (M, 12) coefficients."""
    magnitude = np.abs(coefficients.astype(np.int16))
    return (1 + 2 * np.floor(np.log2(magnitude + 1)) + (magnitude > 0)).sum(1)


def _worth(products: NDArray, correlations: NDArray, ridge: NDArray) -> tuple[NDArray, NDArray[np.int8]]:
    """Bits that the best filters save beyond their own, and the filters; 0 and zeros where they do not."""
    coefficients = _solved(products, correlations, ridge)
    saved = _saved(coefficients, products, correlations) - _bits(coefficients)
    coefficients[saved <= 0] = 0
    return np.maximum(saved, 0), coefficients


def _merging(sums: Sequence[NDArray], saved: NDArray, one: int | NDArray, others: NDArray) -> NDArray:
    """What merging group `one`, or each of several, with each of `others` saves."""
    together, _ = _worth(*(array[one] + array[others] for array in sums))
    return together - saved[one] - saved[others]
