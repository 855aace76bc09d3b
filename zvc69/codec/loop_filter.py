"""The adaptive loop filter: applied to decoded pictures, and its filters found by the encoder. After ALF of H.266 (8.8.5) and Tsai et al. 2013."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FilterSet, LoopFilter
from ..core import loopfilter
from ..core.loopfilter import TAPS, Statistics
from ..core.pack import unpack
from ..core.pool import Planes
from ..media.frame import plane_dtype
from ..model.backend import Decoded
from .copying import LAGRANGIAN, chroma_weight, step_size

CHROMA_BLOCK = loopfilter.COPY_BLOCK // 2
"""Samples of a chroma plane, each way, that a copied block has."""
UNITS = 16
"""Squared units of `Statistics`, quarters of an 8-bit level, in a squared level."""
RIDGE = 4.8
"""Added to the mean square of each input before filters are solved for, so that flat classes have no large coefficients."""
SECTION_BITS = 16
"""About what a section takes beside filters: its length, which planes, padding."""
LEAST_BITS = 100
"""About what any new set takes: it is looked for if it could save more than that."""

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
        loopfilter.apply(y, filters.luma, self.depth, classes=self.classes, copy=self.copy, out=out[0])
        for plane, coefficients, to in zip((u, v), filters.chroma, out[1:]):
            loopfilter.apply(plane, coefficients[None], self.depth, copy=self.copy, copy_block=CHROMA_BLOCK, out=to)
        return out

    def statistics(self, target: Planes) -> list[Statistics]:
        """Of each plane against the picture that was to be coded."""
        y, u, v = self.planes
        return [loopfilter.statistics(y, target[0], self.depth, classes=self.classes, copy=self.copy),
                *(loopfilter.statistics(plane, of, self.depth, copy=self.copy, copy_block=CHROMA_BLOCK) for plane, of in zip((u, v), target[1:]))]


def choose(statistics: Sequence[Statistics], qp: int, known: Sequence[tuple[LoopFilter, FilterSet]]) -> tuple[LoopFilter, FilterSet | None]:
    """The set that costs least, bits and squared error as everywhere (7.5 / step^2), of those `known` and a new one; None: no filter is best.

    statistics: of each plane.
    """
    weights = LAGRANGIAN / step_size(qp) ** 2 / UNITS * np.array([1.0, chroma_weight(qp), chroma_weight(qp)])
    planes = [_Plane(of_plane, weight) for of_plane, weight in zip(statistics, weights)]
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
        w = coefficients / 128
        return float(2 * np.vdot(w, self._correlations) - np.einsum("mi,mij,mj->", w, self._products, w, optimize=True))

    def most(self) -> float:
        """What filters of each class would save if they cost no bits and were not rounded: about the most that `merged` and `single` can."""
        regular = self._products + (self._ridge[:, None, None] + 1e-9) * np.eye(TAPS)
        return float((np.linalg.solve(regular, self._correlations[:, :, None])[:, :, 0] * self._correlations).sum())

    def single(self) -> tuple[float, NDArray[np.int8]]:
        """The filter of a plane without classes: bits saved beyond its own, coefficients (12,); zeros if none is worth its bits."""
        saved, coefficients = loopfilter.fit(self._products, self._correlations, self._ridge)
        return float(saved[0]), coefficients[0]

    def merged(self) -> tuple[float, NDArray[np.int8]]:
        """Filters of classes: bits saved beyond those of filters and map, coefficients (25, 12)."""
        return loopfilter.merge(self._products, self._correlations, self._ridge)
