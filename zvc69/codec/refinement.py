"""Latents refined by the encoder alone: a few steps against the real pictures and tables, for which no decoder pays.

What analysis says of a frame is one guess for all frames that a network was trained on. Here the latents of this one frame go down the gradient
of its own error: near the latents y that a decoder has, the error is about quadratic, so that the best ones lie at y - gradient / curvature, but for
what bits cost. They are moved there by a part of the way, rounded by rate and distortion as ever, and so on; the least cost is kept. Sources: J. Campos
et al., "Content adaptive optimization for neural image compression", arXiv:1906.01223; Y. Yang, R. Bamler, S. Mandt, "Improving inference for neural
image compression", arXiv:2006.04240. The steps are those of iterative thresholding (proximal gradients), which take rounding into account.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.pack import CHANNELS, LUMA
from ..core.scale import FrameSigma
from ..model import Backend, Model
from ..model.backend import Analysis
from .copying import chroma_weight, step_size

Array = NDArray[np.float32]

FIRST_SHARE, FALL = 0.8, 0.75
"""Of the way to the best latents that the first step goes, and that of each step against the one before: all latents move at once, each as if it
were alone, and come to rest as steps get shorter. Measured, as all numbers here, on chains of training clips."""
SHORTER = 0.6
"""That of a step after one that cost too much, which is taken back."""
TOLERANCE, PATIENCE = 1.04, 3
"""What a step may cost more than the best if so many are left: where one leads that costs more for now may be better in the end."""
MOST_CURVATURE = 32.0
DISTORTION_SHARE = 0.5
"""Of a model's `distortion`, that an error counts in rounding and in costs here, where it is known: analysis can but guess it."""
LEAST_CURVATURE = 0.4
"""Against that of a DCT. What is below bends more together with its neighbours than alone."""
KNOT = 9
"""QPs that are taken to have one curvature."""
ENOUGH = 128
"""Positions at which a curvature is measured, at least."""
LARGEST = 255
"""Magnitude whose bits are looked up; all above cost as much."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """Latents as integers: sigma indices and residuals of the four steps, (h, w, 24) each, the second group's means, and the sigma network that has
    seen them."""

    indices: list[NDArray[np.uint8]]
    residuals: list[NDArray[np.int16]]
    mean_2: Array
    sigma: FrameSigma


@dataclass(frozen=True, slots=True)
class Target:
    """What a frame is to become: a packed picture (96, h, w), and how much a squared error counts in each sample of it, and in each block (h, w)."""

    picture: Array
    weight: Array
    blocks: Array

    @classmethod
    def of(cls, packed: Array, width: int, height: int, qp: int, copy: NDArray[np.bool_] | None, weight: NDArray[np.float32] | None = None) -> Target:
        """Of a packed picture: errors count as for PSNR of 6:1:1 (`chroma_weight`), times `weight` (h, w) if given; in blocks that are copied or
        outside of `width` x `height`, not at all."""
        _, h, w = packed.shape
        counted = np.ones((h, w), np.float32) if weight is None else weight.copy()
        counted[-(-height // 8):] = 0
        counted[:, -(-width // 8):] = 0
        if copy is not None:
            counted[np.repeat(np.repeat(copy, 4, 0), 4, 1)] = 0
        weights = np.repeat(np.float32([1, chroma_weight(qp)]), (LUMA, CHANNELS - LUMA))[:, None, None] * counted
        return cls(packed, weights, counted)


@dataclass(frozen=True, slots=True)
class _Point:
    """Latents y, what they were rounded and are decoded to, and what comes of it."""

    rounded: Rounded
    y: Array
    decoded: Array
    gradient: Array
    picture: Array
    cost: float

    def curvature(self, other: _Point, unit: Array) -> Array:
        """(96, 1, 1): of each channel along the way from another point, where all of them moved; at most MOST_CURVATURE. unit: of a curvature of 1."""
        way = self.decoded - other.decoded
        product, length = (way * (self.gradient - other.gradient)).sum((1, 2), keepdims=True), (unit * way * way).sum((1, 2), keepdims=True)
        return np.clip(product / np.maximum(length, 1e-9), 0, MOST_CURVATURE).astype(np.float32)


class Refiner:
    """Refines the latents of one encoder's I frames, or of its P and B frames (`inter`). Not for use by several threads at once."""

    def __init__(self, model: Model, backend: Backend, *, inter: bool = False) -> None:
        self._backend = backend
        self._distortion, self._skip = DISTORTION_SHARE * model.manifest.distortion, model.manifest.skip_below
        values = np.arange(-LARGEST, LARGEST + 1)
        self._tables = model.integers_of(inter).y_tables
        self._bits = self._tables.bits(np.arange(64)[:, None], values).ravel()
        self._curvatures: dict[int, Array] = {}

    def refine(self, first: Rounded, round_again: Callable[[Array], Rounded], analysis: Analysis, qp: int, target: Target,
               steps: int) -> tuple[Rounded, Array]:
        """The best of `first`, the latents of `analysis` as they were rounded, and of what they become; and its packed picture, (96, h, w).

        round_again: rounds other latents y, (96, h, w), `steps` times.
        """
        key = qp // KNOT
        step2, curvature = step_size(qp) ** 2, self._curvature(key, first, analysis, qp, target)
        first_group, counts = _first_group(analysis.y), np.where(target.blocks > 0, target.blocks, 1)
        now, y, share = first, analysis.y, FIRST_SHARE
        best = at = None
        for step in range(steps + 1):
            residual, left = now.sigma.residual(), steps - step
            picture, gradient = self._backend.gradient(analysis, now.mean_2, residual, qp, target.picture, target.weight)
            decoded = residual + np.where(first_group, analysis.mean_1, now.mean_2)
            point = _Point(now, y, decoded, gradient, picture, self.cost(now, picture, qp, target))
            if best is None or point.cost < best.cost:
                best = point
            if at is None:
                at = point
            elif point is best or left >= PATIENCE and point.cost < TOLERANCE * best.cost:
                at, share = point, share * FALL
            else:
                curvature = np.maximum(curvature, point.curvature(at, counts * step2))
                if point.cost >= TOLERANCE * best.cost and key in self._curvatures:
                    self._curvatures[key] = curvature
                share, at = share * SHORTER, best
            if left:
                y = at.y + np.float32(share) * (at.decoded - at.gradient / (step2 * curvature * counts) - at.y)
                now = round_again(y)
        return best.rounded, best.picture

    def cost(self, rounded: Rounded, picture: Array, qp: int, target: Target) -> float:
        """Bits of the residuals, and for the squared error of what they are decoded to, (96, h, w)."""
        return self.bits(rounded) + self._distortion / step_size(qp) ** 2 * squared_error(picture, target)

    def bits(self, rounded: Rounded) -> float:
        """Of the residuals, as the model's tables have it."""
        total = 0.0
        for index, r in zip(rounded.indices, rounded.residuals):
            place = index.astype(np.int32) * (2 * LARGEST + 1) + np.clip(r, -LARGEST, LARGEST) + LARGEST
            total += float(self._bits[place[index >= self._skip]].sum(dtype=np.float64))
        return total

    def _curvature(self, key: int, rounded: Rounded, analysis: Analysis, qp: int, target: Target) -> Array:
        """(96, 1, 1): half of the second derivative of the error by a latent, in squared steps; 1 for a DCT.

        The diagonal of the Hessian, from one random vector of signs (C. Bekas et al., "An estimator for the diagonal of a matrix", 2007), and its
        mean over positions. It depends on QP (the key) more than on pictures: that of the first frame that shows enough is kept,
        and raised where steps prove far too long.
        """
        if key in self._curvatures:
            return self._curvatures[key]
        counted = target.blocks > 0
        if counted.sum() < ENOUGH:
            return np.ones((CHANNELS, 1, 1), np.float32)
        residual = rounded.sigma.residual()
        signs = np.random.default_rng(0).choice(np.float32([-1, 1]), residual.shape) * counted
        here, there = (self._backend.synthesise(analysis, rounded.mean_2, r, qp) for r in (residual, residual + signs))
        _, product = self._backend.gradient(analysis, rounded.mean_2, residual, qp, np.clip(here, 0, 255) - (there - here), target.weight)
        diagonal = (signs * product).sum((1, 2), keepdims=True) / (target.blocks.sum() * step_size(qp) ** 2)
        self._curvatures[key] = np.maximum(diagonal, LEAST_CURVATURE).astype(np.float32)
        return self._curvatures[key]


def squared_error(picture: Array, target: Target) -> float:
    """Sum over all samples, weighted, in squared 8-bit levels; of what pictures are clipped to."""
    error = np.clip(picture, 0, 255) - target.picture
    error *= error
    return float(np.vdot(error.ravel(), target.weight.ravel()))


def _first_group(like: Array) -> NDArray[np.bool_]:
    """(96, h, w): which latents have the first group's means."""
    c, i, j = np.ogrid[:like.shape[0], :like.shape[1], :like.shape[2]]
    return (c + i + j) % 2 == 0
