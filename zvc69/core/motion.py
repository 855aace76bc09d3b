"""Block motion: fields of quarter-pel vectors, their search, and their lossless coding together with the copy map."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zvc69.errors import CorruptStreamError

from . import _motion, cpu
from .motion_tables import CONTEXTS
from .pack import DEPTHS, blocks
from .warp import LARGEST_VECTOR, Planes, compensate, compensate_chroma, compensate_luma

EFFORTS = (0, 1, 2)
KERNELS = ("bicubic", "sharp")
"""Luma's filters that a stream can name."""
SPLIT = 16
"""Bit of a 32x32's split flags: in four 16x16; bit q of them (with this one only): quadrant q in four 8x8."""
LARGEST_SCALE = 65535
RATE_WEIGHT = 0.45
"""Of a vector's bits against SAD / step. Measured: 0.9 and 1.5 lose 1 to 8 % (vectors predict more than they cost)."""
SEARCH_WEIGHT = 0.25
"""The same against SATD / step, in the search. Measured on chains of 7 training clips, against 0.45 by SAD: 0.63 gains 2.1 %, 0.45 3.4, 0.32 4.1,
0.25 4.3, 0.16 3.6."""

_CONTEXTS = np.array([(256 * p, n) for _, values in CONTEXTS for p, n in values], np.uint16)
# By FieldStatus (csrc/motion/field_code.h).
_FAILURES = {
    1: "a vector of the motion section is out of range",
    2: "the motion section does not end where it should",
    3: "the motion section begins with a code that is never written",
}


class MotionField:
    """Vectors of a picture's 8x8 luma blocks, on a quadtree of 32, 16 and 8.

    vectors: (h, w, 2) int16, dx, dy in quarter luma pixels, at most 2047 in magnitude; h and w are multiples of 4, an
    eighth of the padded picture. A block is predicted from the reference at its position plus (dx, dy) / 4.
    splits: (h / 4, w / 4) uint8, one 32x32 each: 0 whole; bit 4 split into 16x16; bit q then: quadrant q (reading
    order) into 8x8. All blocks of a leaf have one vector. Both are read-only copies.
    kernel, overlap: how it predicts (`warp.compensate`): "bicubic" or "sharp"; whether blocks overlap.

    Raises ValueError for arrays that do not fit that. Source: docs/FORMAT.md, Motion.

    >>> vectors = np.zeros((4, 8, 2), np.int16)
    >>> vectors[0, 5] = 3, -2
    >>> field = MotionField.from_vectors(vectors)
    >>> field.splits.tolist()
    [[0, 17]]
    >>> field.sizes[0].tolist()
    [32, 32, 32, 32, 8, 8, 16, 16]
    """

    def __init__(self, vectors: NDArray[np.int16], splits: NDArray[np.uint8], kernel: str = "bicubic", overlap: bool = False) -> None:
        h, w = _blocks(vectors)
        if splits.dtype != np.uint8 or splits.shape != (h // 4, w // 4):
            raise ValueError(f"splits must be uint8 of shape {(h // 4, w // 4)}, not {splits.dtype} of shape {splits.shape}")
        if ((splits > 31) | ((splits > 0) & (splits < SPLIT))).any():
            raise ValueError("splits hold flags that mean nothing")
        if kernel not in KERNELS:
            raise ValueError(f"kernel {kernel!r} is not one of {KERNELS}")
        self._take(vectors.copy(), splits.copy(), kernel, overlap)
        mask = self.sizes.astype(np.intp) // 8 - 1
        i, j = np.indices((h, w))
        if (self.vectors != self.vectors[i & ~mask, j & ~mask]).any():
            raise ValueError("a block of the splits has more than one vector")

    def _take(self, vectors: NDArray[np.int16], splits: NDArray[np.uint8], kernel: str, overlap: bool) -> None:
        self.vectors, self.splits, self.kernel, self.overlap = vectors, splits, kernel, overlap
        vectors.flags.writeable = splits.flags.writeable = False

    @classmethod
    def _valid(cls, vectors: NDArray[np.int16], splits: NDArray[np.uint8], kernel: str = "bicubic", overlap: bool = False) -> MotionField:
        """Around arrays of the kernels, which make no others."""
        field = cls.__new__(cls)
        field._take(vectors, splits, kernel, overlap)
        return field

    @classmethod
    def zero(cls, h: int, w: int) -> MotionField:
        """No motion, in blocks of 32."""
        return cls(np.zeros((h, w, 2), np.int16), np.zeros((h // 4, w // 4), np.uint8))

    @classmethod
    def from_vectors(cls, vectors: NDArray[np.int16]) -> MotionField:
        """The field of these vectors with the largest blocks that they allow."""
        h, w = _blocks(vectors)
        splits = np.zeros((h // 4, w // 4), np.uint8)
        for q in range(4):
            quadrant = vectors[2 * (q >> 1):, 2 * (q & 1):]
            quarters = [quadrant[y::4, x::4] for y in (0, 1) for x in (0, 1)]
            splits |= (1 << q) * np.any([(part != quarters[0]).any(axis=-1) for part in quarters[1:]], axis=0).astype(np.uint8)
        corners = [vectors[y::4, x::4] for y in (0, 2) for x in (0, 2)]
        split = (splits > 0) | np.any([(part != corners[0]).any(axis=-1) for part in corners[1:]], axis=0)
        return cls(vectors, splits | SPLIT * split.astype(np.uint8))

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) in blocks of 8."""
        return self.splits.shape[0] * 4, self.splits.shape[1] * 4

    @property
    def sizes(self) -> NDArray[np.uint8]:
        """Size of the block that each 8x8 belongs to: 8, 16 or 32, (h, w) uint8."""
        h, w = self.shape
        quadrant = 2 * (np.arange(h)[:, None] % 4 // 2) + np.arange(w) % 4 // 2
        flags = self.splits.repeat(4, axis=0).repeat(4, axis=1)
        return np.where(flags == 0, 32, np.where(flags >> quadrant & 1, 8, 16)).astype(np.uint8)

    def scaled(self, numerator: int, denominator: int) -> MotionField:
        """The vectors times numerator / denominator, rounded, cut at 2047: this field over another distance in time.

        It is the field itself where the two are equal, 0 or beyond 65535 in magnitude. Source: docs/FORMAT.md, Motion.

        >>> field = MotionField.from_vectors(np.full((4, 4, 2), 5, np.int16))
        >>> field.scaled(-1, 2).vectors[0, 0].tolist()
        [-2, -2]
        """
        if numerator == denominator or not numerator or not denominator or max(abs(numerator), abs(denominator)) > LARGEST_SCALE:
            return self
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        exact = (2 * numerator * self.vectors.astype(np.int64) + denominator) // (2 * denominator)
        return MotionField._valid(exact.clip(-LARGEST_VECTOR, LARGEST_VECTOR).astype(np.int16), self.splits, self.kernel, self.overlap)

    def using(self, kernel: str, overlap: bool) -> MotionField:
        """The same vectors, predicting in another way. Raises ValueError for an unknown kernel."""
        if kernel not in KERNELS:
            raise ValueError(f"kernel {kernel!r} is not one of {KERNELS}")
        return self if (kernel, overlap) == (self.kernel, self.overlap) else MotionField._valid(self.vectors, self.splits, kernel, overlap)

    def warp(self, planes: Planes, depth: int, *, threads: int = 1, out: Planes | None = None) -> Planes:
        """The picture that this field predicts from the reference `planes` (y, u, v): see `warp.compensate`."""
        return compensate(*planes, self.vectors, depth, self.kernel, overlap=self.overlap, threads=threads, out=out)

    def warp_luma(self, y: np.ndarray, depth: int) -> np.ndarray:
        """`warp`'s first plane, of the reference's."""
        return compensate_luma(y, self.vectors, depth, self.kernel, overlap=self.overlap)

    def warp_chroma(self, u: np.ndarray, v: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """`warp`'s other planes, of the reference's."""
        return compensate_chroma(u, v, self.vectors, depth, self.kernel, overlap=self.overlap)

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, MotionField) and (self.kernel, self.overlap) == (other.kernel, other.overlap)
                and np.array_equal(self.vectors, other.vectors) and np.array_equal(self.splits, other.splits))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<motion field of {self.shape[0]}x{self.shape[1]} blocks, {self.kernel}{', overlapped' * self.overlap}>"


class SearchReference:
    """A luma plane to search motion in, prepared once for any number of searches, which may run at the same time.

    y: (height, width), uint8 at `depth` 8, uint16 at 10 and 12; what is done to it later changes nothing. kernel: the filter that fields found in it
    compensate with. Interpolated pictures are made as searches ask for them, and kept.

    Raises ValueError for another depth, shape, dtype or kernel.

    >>> y = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    >>> reference = SearchReference(y, 8)
    >>> search(y, reference, 30, depth=8) == search(y, y, 30, depth=8)
    True
    """

    def __init__(self, y: np.ndarray, depth: int, kernel: str = "bicubic") -> None:
        if kernel not in KERNELS:
            raise ValueError(f"kernel {kernel!r} is not one of {KERNELS}")
        _check_luma("y", y, depth)
        self.shape, self.depth, self.kernel = y.shape, depth, kernel
        self.prepared = _motion.Prepared(cpu.level(), _bytes(y), depth, kernel == "sharp")

    @property
    def nbytes(self) -> int:
        """That it takes at most: 17 times the picture with 80 samples more on each side."""
        height, width = (-(-size // 32) * 32 + 160 for size in self.shape)
        return 17 * height * width


def search(current_y: np.ndarray, reference: np.ndarray | SearchReference, qp: int, *, depth: int, previous: MotionField | None = None,
           candidates: NDArray[np.int16] | None = None, effort: int = 1, kernel: str = "bicubic",
           threads: int = 1) -> MotionField:
    """Field that predicts the luma plane `current_y` from `reference` at the least SATD + 0.25 step(qp) bits.

    Both are planes (height, width), uint8 at `depth` 8, uint16 at 10 and 12, or the reference is one that has been prepared; `qp` is 0..63. `previous` is
    the field of the frame before, a source of candidates (give the same one to `encode`). `candidates` are further ones, of any origin: (h, w, 2) int16, a
    quarter-pel vector of every 8x8 block; those beyond 2047 or the picture's surroundings are passed over. `effort` 0 is the fastest, 2 the most thorough.
    `kernel` is the filter that the field is to compensate with, and carries, without overlap. The result is the same at every instruction set, and by
    however many `threads` (0: all cores).

    Method: vectors of 64x64 areas at 1/16 size, up to 496 pixels away, of 32x32 blocks at 1/4 size, of 16x16 at 1/2 size around those, then per block
    candidates of neighbours, the previous field and the level above, diamond steps of whole pixels, squares of half and quarter pixels with the
    compensation's own filter; quadtree from below. Up to whole pixels plain absolute differences are taken, then those of 8x8 Hadamard transforms; at
    effort 2 all of it again around what was found. At effort 0 blocks that cost little are not split (256 bits for a 32x32, 64 for a 16x16), and
    halves and quarters are tried across and down alone. 10 and 12 bit planes are searched by their high 8 bits.

    Raises ValueError for another depth, shape, dtype, qp, effort, kernel, or fewer than no threads.
    """
    if threads < 0:
        raise ValueError(f"{threads} threads")
    if not 0 <= qp <= 63 or effort not in EFFORTS:
        raise ValueError(f"qp {qp} must be 0..63 and effort {effort} one of {EFFORTS}")
    _check_luma("current_y", current_y, depth)
    if isinstance(reference, np.ndarray):
        reference = SearchReference(reference, depth, kernel)
    if (reference.shape, reference.depth, reference.kernel) != (current_y.shape, depth, kernel):
        raise ValueError(f"the reference is {reference.shape} of {reference.depth} bits for {reference.kernel}, not {current_y.shape} of {depth} for {kernel}")
    h, w = blocks(current_y.shape[1], current_y.shape[0])
    if candidates is not None and (candidates.dtype != np.int16 or candidates.shape != (h, w, 2)):
        raise ValueError(f"candidates must be int16 of shape {(h, w, 2)}, not {candidates.dtype} of shape {candidates.shape}")
    vectors, splits = np.empty((h, w, 2), np.int16), np.empty((h // 4, w // 4), np.uint8)
    step = 2 * 2 ** (qp / 10.5)
    _motion.search(cpu.level(), _bytes(current_y), reference.prepared, depth, round(16 * SEARCH_WEIGHT * step), effort, threads or os.cpu_count() or 1,
                   _previous(previous, h, w), None if candidates is None else np.ascontiguousarray(candidates), vectors, splits)
    return MotionField._valid(vectors, splits, kernel)


def encode(field: MotionField, copy: NDArray[np.bool_] | None = None, previous: MotionField | None = None) -> bytes:
    """Motion section: `field`, how it predicts, and, if given, the copy map, (h / 4, w / 4) bool, True where a 32x32 is copied.

    `previous` is the field of the slot's frame before, or None; the decoder needs the same. A still picture takes
    few bytes or none. Raises ValueError for other shapes. Source: docs/FORMAT.md, Motion.

    >>> field = MotionField.zero(48, 80)
    >>> data = encode(field, np.ones((12, 20), bool))
    >>> len(data), decode(data, 48, 80)[0] == field
    (0, True)
    """
    flags = None
    if copy is not None:
        if copy.dtype != np.bool_ or copy.shape != field.splits.shape:
            raise ValueError(f"copy must be bool of shape {field.splits.shape}, not {copy.dtype} of shape {copy.shape}")
        flags = copy.astype(np.uint8, order="C")
    return _motion.encode(_CONTEXTS, field.vectors.copy(), field.splits.copy(), flags, _way(field), _previous(previous, *field.shape),
                          _way(previous))


def decode(data: bytes | bytearray | memoryview, h: int, w: int, previous: MotionField | None = None, *,
           says_way: bool = True) -> tuple[MotionField, NDArray[np.bool_] | None]:
    """Field and copy map (None if there is none) of a motion section of a picture of `h` x `w` blocks.

    says_way: False for sections of format 1.1, which do not say how fields predict: all are bicubic, without overlap.

    Hostile bytes raise `zvc69.errors.CorruptStreamError` or decode to another field; time and memory depend on the
    picture alone. Raises ValueError for sizes that are no multiples of 4 and a `previous` of another shape.
    """
    if h < 4 or w < 4 or h % 4 or w % 4:
        raise ValueError(f"{h}x{w} blocks; both must be multiples of 4")
    vectors, splits = np.zeros((h, w, 2), np.int16), np.zeros((h // 4, w // 4), np.uint8)
    copy = np.zeros(splits.shape, np.uint8)
    status, has_copy, way = _motion.decode(_CONTEXTS, np.frombuffer(data, np.uint8), _previous(previous, h, w), _way(previous), vectors, splits,
                                           copy, says_way)
    if status:
        raise CorruptStreamError(_FAILURES[status])
    return MotionField._valid(vectors, splits, KERNELS[way & 1], bool(way >> 1)), copy.astype(bool) if has_copy else None


def _blocks(vectors: NDArray[np.int16]) -> tuple[int, int]:
    shape = vectors.shape
    if vectors.dtype != np.int16 or vectors.ndim != 3 or shape[2] != 2 or 0 in shape or shape[0] % 4 or shape[1] % 4:
        raise ValueError(f"vectors must be int16 (h, w, 2) with multiples of 4, not {vectors.dtype} of shape {shape}")
    if vectors.min() < -LARGEST_VECTOR or vectors.max() > LARGEST_VECTOR:
        raise ValueError(f"vectors go beyond {LARGEST_VECTOR} quarter pixels")
    return shape[0], shape[1]


def _previous(field: MotionField | None, h: int, w: int) -> NDArray[np.int16] | None:
    if field is None:
        return None
    if field.shape != (h, w):
        raise ValueError(f"the previous field has {field.shape} blocks, this one {(h, w)}")
    return field.vectors


def _way(field: MotionField | None) -> int:
    """Of the compiled module: 1 for the sharp filter + 2 for overlap."""
    return 0 if field is None else KERNELS.index(field.kernel) + 2 * field.overlap


def _check_luma(name: str, plane: np.ndarray, depth: int) -> None:
    if depth not in DEPTHS:
        raise ValueError(f"bit depth {depth} is not one of {DEPTHS}")
    dtype = np.dtype(np.uint8 if depth == 8 else np.uint16)
    if plane.ndim != 2 or 0 in plane.shape or plane.dtype != dtype:
        raise ValueError(f"{name} must be a {dtype} plane of at least one sample, not {plane.dtype} of {plane.shape}")


def _bytes(plane: np.ndarray) -> NDArray[Any]:
    return np.ascontiguousarray(plane).view(np.uint8)
