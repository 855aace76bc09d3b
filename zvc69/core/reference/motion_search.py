"""The motion search of the GPU in plain NumPy: what kernels/motion_*.cu must reproduce, bit by bit.

All trees (32x32 luma samples) of a colour of a chequerboard are searched at once here. Vectors are (x, y) in quarter samples.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..warp import LARGEST_VECTOR
from .warp import SHARP, TAPS

Array = NDArray[np.int64]

BORDER = 40
"""Samples around a reference that are interpolated; blocks reach 32 beyond the picture, and loads of whole words a little more."""
REACH = 32
FAR, COARSE, MIDDLE = 31, 24, 4
"""Samples that windows reach to each side, at 1/16, 1/4 and 1/2 size."""
AROUND_FAR = 4
WHOLE_ROUNDS = 3
FINE_ROUNDS = 1
COLOURS = (0, 1, 0, 1)
"""Of a chequerboard of trees: which ones choose anew, turn by turn."""

SPLIT_BITS, MERGE_BITS, DIFFERENCE_BITS = 14, (16, 34, 60, 80, 96), 32
SQUARE = np.array([(0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)])
# Blocks of a tree, quadrant by quadrant: row and column.
BLOCKS = np.array([(2 * (b >> 3) + (b >> 1 & 1), 2 * (b >> 2 & 1) + (b & 1)) for b in range(16)])
NOWHERE = -1 << 40


def bit_width(n: Array) -> Array:
    return np.ceil(np.log2(np.asarray(n, np.float64) + 1)).astype(np.int64)


def component_bits(difference: Array) -> Array:
    return np.where(difference == 0, 32, 14 + 28 * bit_width(np.abs(difference)))


def packed(vectors: Array) -> Array:
    return vectors[..., 1].astype(np.int64) * 65536 + vectors[..., 0]


def halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    p = plane.astype(np.int64)
    return ((p[::2, ::2] + p[::2, 1::2] + p[1::2, ::2] + p[1::2, 1::2] + 2) >> 2).astype(np.uint8)


def levels_of(luma: np.ndarray, depth: int) -> list[NDArray[np.uint8]]:
    """8 bits of a plane at sizes 1, 1/2, 1/4, 1/8, 1/16, edges repeated to multiples of 32."""
    height, width = luma.shape
    out = [np.pad((luma >> (depth - 8)).astype(np.uint8), ((0, -height % 32), (0, -width % 32)), "edge")]
    for _ in range(4):
        out.append(halved(out[-1]))
    return out


def phases_of(plane: NDArray[np.uint8], sharp: bool) -> NDArray[np.uint8]:
    """The plane moved by all quarters, [4 y + x], with a border of 40 samples: as compensation does it at 8 bits."""
    taps = [SHARP[n] if sharp else TAPS["bicubic"][2 * n] for n in range(4)]
    before = len(taps[0]) // 2 - 1
    wide = np.pad(plane, BORDER + 4, "edge").astype(np.int64)
    height, width = (size + 2 * BORDER for size in plane.shape)
    out = np.empty((16, height, width), np.uint8)
    for x in range(4):
        rows = sum(int(t) * wide[:, 4 - before + n:4 - before + n + width] for n, t in enumerate(taps[x]))
        for y in range(4):
            total = sum(int(t) * rows[4 - before + n:4 - before + n + height] for n, t in enumerate(taps[y]))
            out[4 * y + x] = np.clip((total + 2048) >> 12, 0, 255)
    return out


def hadamard() -> NDArray[np.float32]:
    h = np.ones((1, 1), np.float32)
    for _ in range(3):
        h = np.block([[h, h], [h, -h]])
    return h


@dataclass
class Search:
    """One picture against one reference. current, reference: luma planes of `depth` bits; weight: `lambda`, what 1/16 bit costs in 1/256 SAD, over 16."""

    current: np.ndarray
    reference: np.ndarray
    depth: int
    weight: int
    sharp: bool = False
    previous: NDArray[np.int16] | None = None
    _levels: list = field(init=False)
    _from: list = field(init=False)

    def __post_init__(self) -> None:
        self._levels, self._from = levels_of(self.current, self.depth), levels_of(self.reference, self.depth)
        self._phases = phases_of(self._from[0], self.sharp)
        self.height, self.width = self._levels[0].shape
        self.rows, self.columns = self.height // 32, self.width // 32       # of trees
        self._hadamard = hadamard()

    def vectors(self) -> NDArray[np.int16]:
        far = self.far()
        self.coarse_field = self.coarse(far)
        self.middle_field = self.middle(self.coarse_field)
        trees = np.stack(np.divmod(np.arange(self.rows * self.columns), self.columns), -1)
        self.found = self.refine(trees)
        field = self.initial(trees)
        for colour in COLOURS:
            field = self.merge(trees[trees.sum(-1) % 2 == colour], field)
        return field.astype(np.int16)

    # ---- windows at small sizes: vectors in samples there -------------------------------------------------------

    def _window(self, level: int, at: Array, centre: Array, reach: int, beyond: int | None = None) -> tuple[Array, Array]:
        """Blocks of 8x8 whose first samples are at (n, (x, y)): the best vector within `reach` of the centre, and its cost."""
        current, reference = self._levels[level], self._from[level]
        height, width = current.shape
        eight = np.arange(8)

        def gather(plane: np.ndarray, corner: Array) -> Array:
            y, x = (np.clip(corner[..., k, None] + eight, 0, size - 1) for k, size in ((1, height), (0, width)))
            return plane[y[..., :, None], x[..., None, :]].astype(np.int32)

        block = gather(current, at)
        best, cost = np.zeros_like(centre), np.full(len(at), np.iinfo(np.int64).max)
        for dy in range(-reach, reach + 1):
            steps = np.stack([np.arange(-reach, reach + 1), np.full(2 * reach + 1, dy)], -1)
            vectors = centre[:, None] + steps
            corner = at[:, None] + vectors
            sad = np.abs(gather(reference, corner) - block[:, None]).sum((-1, -2))
            j = (256 << 2 * level) * sad + self.weight * 32 * bit_width(np.abs(vectors).sum(-1))
            if beyond is not None:
                inside = (corner >= -beyond) & (corner + 8 <= np.array([width, height]) + beyond)
                j = np.where(inside.all(-1), j, np.iinfo(np.int64).max)
            n = j.argmin(1)
            better = j[np.arange(len(j)), n] < cost
            cost = np.where(better, j[np.arange(len(j)), n], cost)
            best = np.where(better[:, None], vectors[np.arange(len(j)), n], best)
        return best, cost

    @staticmethod
    def _grid(rows: int, columns: int) -> Array:
        return np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)

    def far(self) -> Array:
        """Of 64x64 areas by the 128x128 around them, at 1/16."""
        rows, columns = -(-self.rows // 2), -(-self.columns // 2)
        at = 4 * self._grid(rows, columns) - 2
        return self._window(4, at, np.zeros_like(at), FAR, 6)[0].reshape(rows, columns, 2)

    def coarse(self, far: Array) -> Array:
        """Of trees at 1/4: around no motion, and around what was found far away."""
        at = 8 * self._grid(self.rows, self.columns)
        best, cost = self._window(2, at, np.zeros_like(at), COARSE)
        centre = 4 * far.repeat(2, 0).repeat(2, 1)[:self.rows, :self.columns].reshape(-1, 2)
        other, other_cost = self._window(2, at, centre, AROUND_FAR)
        other_cost = np.where(np.abs(centre).max(-1) > COARSE, other_cost, np.iinfo(np.int64).max)
        return np.where((other_cost < cost)[:, None], other, best).reshape(self.rows, self.columns, 2)

    def middle(self, coarse: Array) -> Array:
        """Of 16x16 blocks at 1/2: around the best of what trees around have, of the previous field, and no motion."""
        at = 8 * self._grid(2 * self.rows, 2 * self.columns)
        place = at // 16
        options = [np.zeros_like(at)]
        for dx, dy in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
            x, y = np.clip(place[:, 0] + dx, 0, self.columns - 1), np.clip(place[:, 1] + dy, 0, self.rows - 1)
            options.append(2 * coarse[y, x])
        if self.previous is not None:
            options.append((self.previous[1::2, 1::2].reshape(-1, 2).astype(np.int64) + 4) >> 3)
        costs = np.stack([self._window(1, at, option, 0)[1] for option in options])
        centre = np.stack(options)[costs.argmin(0), np.arange(len(at))]
        return self._window(1, at, centre, MIDDLE)[0].reshape(2 * self.rows, 2 * self.columns, 2)

    # ---- trees at full size ----------------------------------------------------------------------------------

    def _limited(self, trees: Array, vectors: Array) -> Array:
        """vectors (n, ..., 2): so that trees stay within reach."""
        at = 32 * trees[:, ::-1].reshape(len(trees), *[1] * (vectors.ndim - 2), 2)
        size = np.array([self.width, self.height])
        return np.clip(vectors, np.maximum(-LARGEST_VECTOR, -4 * (at + REACH)), np.minimum(LARGEST_VECTOR, 4 * (size - at)))

    def _errors(self, trees: Array, vectors: Array, transformed: bool) -> Array:
        """SAD, or sums of magnitudes of the Hadamard transform, of the 16 blocks of each tree by vectors (n, 16, k, 2): (n, 16, k)."""
        eight = np.arange(8)
        corner = 32 * trees[:, None] + 8 * BLOCKS       # n, 16, (row, column)
        y, x = (corner[..., k, None] + eight for k in (0, 1))
        block = self._levels[0][y[..., :, None], x[..., None, :]].astype(np.int32)
        phase = (vectors[..., 1] & 3) * 4 + (vectors[..., 0] & 3)
        top, left = ((corner[..., k, None] + (vectors[..., 1 - k] >> 2) + BORDER)[..., None] + eight for k in (0, 1))
        difference = block[:, :, None] - self._phases[phase[..., None, None], top[..., :, None], left[..., None, :]]
        if transformed:
            difference = self._hadamard @ difference.astype(np.float32) @ self._hadamard
        return np.abs(difference).sum((-1, -2)).astype(np.int64)

    def _expected(self, trees: Array) -> Array:
        """Median of the coarse vectors at the left, above, above at the right."""
        y, x = trees[:, 0], trees[:, 1]

        def at(dy: int, dx: int) -> Array:
            inside = (y + dy >= 0) & (x + dx >= 0) & (x + dx < self.columns)
            return np.where(inside[:, None], 16 * self.coarse_field[np.clip(y + dy, 0, None), np.clip(x + dx, 0, self.columns - 1)], 0)

        return np.sort(np.stack([at(0, -1), at(-1, 0), at(-1, 1)]), 0)[1]

    def refine(self, trees: Array) -> list[Array]:
        """Best vectors by level, (n, 16, 2) of each: candidates, steps of whole samples, halves, quarters."""
        n, expected = len(trees), self._expected(trees)[:, None, None]

        def sums(errors: Array, level: int) -> Array:
            groups = (1, 4, 16)[level]
            return errors.reshape(n, groups, 16 // groups, -1).sum(2).repeat(16 // groups, 1)

        def cost(errors: Array, vectors: Array, level: int, scale: int) -> Array:
            difference = vectors - expected
            return scale * sums(errors, level) + self.weight * (DIFFERENCE_BITS + component_bits(difference).sum(-1))

        common = self._limited(trees, self._starts(trees))[:, None].repeat(16, 1)     # n, 16, k, 2
        errors = self._errors(trees, common, False)
        best, least = [], []
        for level in range(3):
            j = cost(errors, common, level, 256)
            k = j.argmin(-1)[..., None]
            best.append(np.take_along_axis(common, k[..., None], 2)[:, :, 0])
            least.append(np.take_along_axis(j, k, 2)[..., 0])
        for length, rounds, scale in ((4, WHOLE_ROUNDS, 256), (0, 1, 32), (2, FINE_ROUNDS, 32), (1, FINE_ROUNDS, 32)):
            for _ in range(rounds):
                for level in range(3):
                    around = self._limited(trees, best[level][:, :, None] + (length * SQUARE if length else np.zeros((1, 2), np.int64)))
                    j = cost(self._errors(trees, around, scale == 32), around, level, scale)
                    k = j.argmin(-1)[..., None]
                    found, j = np.take_along_axis(around, k[..., None], 2)[:, :, 0], np.take_along_axis(j, k, 2)[..., 0]
                    better = j < least[level] if length else np.ones_like(j, bool)
                    best[level], least[level] = np.where(better[..., None], found, best[level]), np.where(better, j, least[level])
        self.least = least
        return best

    def _starts(self, trees: Array) -> Array:
        """Vectors that a tree begins with, (n, k, 2)."""
        y, x = trees[:, 0], trees[:, 1]
        out = [np.zeros((len(trees), 2), np.int64), 16 * self.coarse_field[y, x]]
        places = [(0, 0), (0, 1), (1, 0), (1, 1), (0, -1), (1, -1), (0, 2), (1, 2), (-1, 0), (-1, 1), (2, 0), (2, 1)]
        for dy, dx in places:
            m, k = np.clip(2 * y + dy, 0, 2 * self.rows - 1), np.clip(2 * x + dx, 0, 2 * self.columns - 1)
            out.append(8 * self.middle_field[m, k])
        if self.previous is not None:
            out += [self.previous[4 * y + dy, 4 * x + dx].astype(np.int64) for dy, dx in ((1, 1), (1, 3), (3, 1), (3, 3))]
        return np.stack(out, 1)

    def initial(self, trees: Array) -> Array:
        field = np.zeros((4 * self.rows, 4 * self.columns, 2), np.int64)
        self._put(field, trees, self.found[0])
        return field

    @staticmethod
    def _put(field: Array, trees: Array, vectors: Array) -> None:
        at = 4 * trees[:, None] + BLOCKS
        field[at[..., 0], at[..., 1]] = vectors

    def merge(self, trees: Array, field: Array) -> Array:
        """Trees anew, knowing their neighbours: each block has its own vector, a neighbour's, the previous field's or none, whatever costs least."""
        n = len(trees)
        h, w = field.shape[:2]
        ring = np.full((h + 2, w + 2), NOWHERE, np.int64)
        ring[1:-1, 1:-1] = packed(field)
        at = 4 * trees
        window = at[:, None] + np.arange(6)[:, None]        # n, 6, (row, column) of `ring`
        grid = ring[window[:, :, None, 0], window[:, None, :, 1]]
        wide = np.pad(field, ((1, 1), (1, 1), (0, 0)))

        def there(i: int, j: int) -> Array:
            return wide[at[:, 0] + 1 + i, at[:, 1] + 1 + j]

        options = [np.zeros((n, 2), np.int64), self.found[0][self._index(trees), 0]]
        options += [self.found[1][self._index(trees), 4 * q] for q in range(4)]
        options += [there(i, -1) for i in range(4)] + [there(-1, j) for j in range(4)] + [there(-1, 4), there(-1, -1)]
        options += [there(i, 4) for i in range(4)] + [there(4, j) for j in range(4)]
        if self.previous is not None:
            options.append(self.previous[at[:, 0] + 2, at[:, 1] + 2].astype(np.int64))
        common = self._limited(trees, np.stack(options, 1))[:, None].repeat(16, 1)     # n, 16, k, 2
        own = self._limited(trees, np.stack([self.found[2][self._index(trees)], field[(at[:, None] + BLOCKS)[..., 0], (at[:, None] + BLOCKS)[..., 1]]], 2))
        vectors = np.concatenate([common, own], 2)
        errors = 32 * self._errors(trees, vectors, True)
        return self._decided(trees, field, grid, vectors, errors)

    def _index(self, trees: Array) -> Array:
        return trees[:, 0] * self.columns + trees[:, 1]

    def _decided(self, trees: Array, field: Array, grid: Array, vectors: Array, errors: Array) -> Array:
        n = len(trees)
        # What is coded later is not known: below at the left, inside, right and below.
        known = np.zeros((n, 6, 6), bool)
        known[:, 0, :] = grid[:, 0, :] != NOWHERE
        known[:, 1:5, 0] = grid[:, 1:5, 0] != NOWHERE
        grid = np.where(known, grid, NOWHERE)
        keys = packed(vectors)

        def best(grid: Array, level: int, row: int, column: int) -> tuple[Array, Array]:
            """Least cost and its vector (packed) of the leaf."""
            size = 4 >> level
            inside = np.nonzero((BLOCKS[:, 0] >= row) & (BLOCKS[:, 0] < row + size) & (BLOCKS[:, 1] >= column) & (BLOCKS[:, 1] < column + size))[0]
            key = keys[:, inside[0]]
            same = (keys[:, inside] == key[:, None]).all(1)
            bits = self._bits(trees, grid, key, level, row, column)
            j = np.where(same, errors[:, inside].sum(1) + self.weight * bits, np.iinfo(np.int64).max)
            k = j.argmin(1)
            return j[np.arange(n), k], key[np.arange(n), k]

        def put(grid: Array, level: int, row: int, column: int, key: Array) -> Array:
            size, grid = 4 >> level, grid.copy()
            grid[:, row + 1:row + 1 + size, column + 1:column + 1 + size] = key[:, None, None]
            return grid

        def choose(which: Array, a: Array, b: Array) -> Array:
            return np.where(which[:, None, None], a, b)

        whole, whole_key = best(grid, 0, 0, 0)
        whole = whole + self.weight * SPLIT_BITS
        total, split = self.weight * SPLIT_BITS, grid
        for q in range(4):
            row, column = 2 * (q >> 1), 2 * (q & 1)
            one, one_key = best(split, 1, row, column)
            four, fours = np.zeros_like(one), split
            for k in range(4):
                j, key = best(fours, 2, row + (k >> 1), column + (k & 1))
                four, fours = four + j, put(fours, 2, row + (k >> 1), column + (k & 1), key)
            split = choose(four < one, fours, put(split, 1, row, column, one_key))
            total = total + self.weight * SPLIT_BITS + np.minimum(one, four)
        grid = choose(total < whole, split, put(grid, 0, 0, 0, whole_key))
        keys = grid[:, 1:5, 1:5][:, BLOCKS[:, 0], BLOCKS[:, 1]]
        x = ((keys + 32768) & 65535) - 32768
        out = field.copy()
        self._put(out, trees, np.stack([x, (keys - x) >> 16], -1))
        return out

    def _bits(self, trees: Array, grid: Array, keys: Array, level: int, row: int, column: int) -> Array:
        size = 4 >> level
        entries = [(row + size - 1, column - 1), (row - 1, column + size - 1), (row - 1, column + size), (row + size, column - 1), None, (row - 1, column - 1)]
        number, bits = np.zeros((len(keys), 1), np.int64), np.zeros_like(keys)
        found, seen = np.zeros(keys.shape, bool), []
        for entry in [*entries, "zero"]:
            if entry is None:
                if self.previous is None:
                    continue
                value = packed(self.previous[4 * trees[:, 0] + row + size // 2, 4 * trees[:, 1] + column + size // 2])
            else:
                value = np.zeros(len(keys), np.int64) if entry == "zero" else grid[:, entry[0] + 1, entry[1] + 1]
            new = (value != NOWHERE) & np.all([value != other for other in seen], axis=0) & (number[:, 0] < 5) if seen else value != NOWHERE
            hit = ~found & (keys == value[:, None]) & new[:, None]
            bits = np.where(hit, np.take(np.array([*MERGE_BITS, 0]), number), bits)
            found |= hit
            number = number + new[:, None]
            seen.append(value)
        expected = self._predicted(grid, row, column, size)
        x = ((keys + 32768) & 65535) - 32768
        other = DIFFERENCE_BITS + component_bits(x - expected[:, :1]) + component_bits(((keys - x) >> 16) - expected[:, 1:])
        return np.where(found, bits, other)

    @staticmethod
    def _predicted(grid: Array, row: int, column: int, size: int) -> Array:
        left, above, right, corner = grid[:, row + 1, column], grid[:, row, column + 1], grid[:, row, column + size + 1], grid[:, row, column]
        right = np.where(right == NOWHERE, corner, right)
        three = np.stack([left, above, right])
        three_known = three != NOWHERE
        three = np.where(three_known, three, 0)
        x = ((three + 32768) & 65535) - 32768
        y = (three - x) >> 16
        one = three_known.sum(0) == 1
        return np.stack([np.where(one, part.sum(0), np.sort(part, 0)[1]) for part in (x, y)], -1)
