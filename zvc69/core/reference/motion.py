"""The motion section in plain Python: what csrc/motion must reproduce. Slow; follows docs/FORMAT.md word by word."""
from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zvc69.core.motion_tables import CONTEXTS, RATES
from zvc69.errors import CorruptStreamError

LARGEST = 2047
EVEN = -1
"""In place of a context: a decision of probability 1/2."""


class Coder(Protocol):
    def bit(self, context: int, value: int) -> int:
        """Code one decision; a decoder ignores `value` and returns the one read."""


class Contexts:
    """Adaptive probabilities of the answer 0."""

    def __init__(self) -> None:
        self.probability = [256 * p for _, values in CONTEXTS for p, _ in values]
        self.count = [n for _, values in CONTEXTS for _, n in values]

    def get(self, context: int) -> int:
        return 1 << 14 if context == EVEN else max(self.probability[context] >> 1, 1)

    def update(self, context: int, value: int) -> None:
        if context == EVEN:
            return
        p, rate = self.probability[context], RATES[self.count[context]]
        self.probability[context] = p - (p * rate >> 16) if value else p + ((65536 - p) * rate >> 16)
        self.count[context] = min(self.count[context] + 1, len(RATES) - 1)


class RangeEncoder:
    def __init__(self) -> None:
        self.contexts = Contexts()
        self.low, self.range, self.digits = 0, 0xFFFFFFFF, 0
        """`low` holds all bytes so far: Python's integers carry."""

    def bit(self, context: int, value: int) -> int:
        bound = (self.range >> 15) * self.contexts.get(context)
        if value:
            self.low, self.range = self.low + bound, self.range - bound
        else:
            self.range = bound
        while self.range < 1 << 24:
            self.low, self.range, self.digits = self.low << 8, self.range << 8, self.digits + 1
        self.contexts.update(context, value)
        return value

    def finish(self) -> bytes:
        for zeros in range(32, -1, -1):
            value = -(-self.low >> zeros) << zeros
            if value < self.low + self.range:
                break
        return value.to_bytes(self.digits + 4, "big").rstrip(b"\0")


class RangeDecoder:
    def __init__(self, data: bytes) -> None:
        self.contexts = Contexts()
        self.data, self.at, self.range, self.code = data, 0, 0xFFFFFFFF, 0
        for _ in range(4):
            self.shift()
        if self.code == self.range:
            raise CorruptStreamError("the motion section begins with a code that is never written")

    def shift(self) -> None:
        self.code = self.code << 8 | (self.data[self.at] if self.at < len(self.data) else 0)
        self.at += 1

    def bit(self, context: int, value: int) -> int:
        bound = (self.range >> 15) * self.contexts.get(context)
        value = int(self.code >= bound)
        if value:
            self.code, self.range = self.code - bound, self.range - bound
        else:
            self.range = bound
        while self.range < 1 << 24:
            self.range <<= 8
            self.shift()
        self.contexts.update(context, value)
        return value

    def finish(self) -> None:
        if self.at < len(self.data) or self.data[-1:] == b"\0":
            raise CorruptStreamError("the motion section does not end where it should")


def context_start(name: str) -> int:
    start = 0
    for other, values in CONTEXTS:
        if other == name:
            return start
        start += len(values)
    raise KeyError(name)


class FieldCoder:
    """Codes (or reads into) `vectors` (h, w, 2), `splits` (h / 4, w / 4) and `copy` (h / 4, w / 4), or None; and `way`, (sharp, overlap), or None."""

    def __init__(self, coder: Coder, vectors: NDArray[np.int16], splits: NDArray[np.uint8],
                 copy: NDArray[np.bool_] | None, previous: NDArray[np.int16] | None, way: tuple[int, int] | None = None,
                 previous_way: tuple[int, int] = (0, 0)) -> None:
        self.way, self.previous_way = way, previous_way
        self.bit, self.vectors, self.splits, self.copy, self.previous = coder.bit, vectors, splits, copy, previous
        h, w = vectors.shape[:2]
        self.known = np.zeros((h + 2, w + 2), bool)      # offset by one: a frame of unknown blocks
        self.level = np.zeros((h + 2, w + 2), int)
        self.merged = np.zeros((h + 2, w + 2), bool)
        self.difference = np.zeros((h + 2, w + 2, 2), int)
        self.start = {name: context_start(name) for name, _ in CONTEXTS}

    def run(self) -> None:
        if self.way is not None:
            self.way = tuple(self.choice(name, own, before) for name, own, before in
                             zip(("other_filter", "other_overlap"), self.way, self.previous_way, strict=True))
        if self.bit(self.start["no_copy_map"], self.copy is None):
            self.copy = None
        elif self.copy is None:
            self.copy = np.zeros(self.splits.shape, bool)
        for i in range(self.splits.shape[0]):
            for j in range(self.splits.shape[1]):
                copied = self.copy is not None and self.copy_flag(i, j)
                self.tree(4 * i, 4 * j, copied)

    def choice(self, name: str, own: int, before: int) -> int:
        if self.previous is None:
            return self.bit(self.start[name], own)
        return before ^ self.bit(self.start[name] + 1 + before, own ^ before)

    def copy_flag(self, i: int, j: int) -> bool:
        right = j + 1 < self.copy.shape[1]
        context = ((j > 0 and not self.copy[i, j - 1]) + 2 * (i > 0 and not self.copy[i - 1, j])
                   + 4 * (i > 0 and right and not self.copy[i - 1, j + 1]))
        self.copy[i, j] = not self.bit(self.start["not_copied"] + context, int(not self.copy[i, j]))
        return bool(self.copy[i, j])

    def finer(self, i: int, j: int, level: int) -> int:
        return int(self.level[i + 1, j] > level) + int(self.level[i, j + 1] > level)

    def tree(self, i: int, j: int, copied: bool) -> None:
        flags = int(self.splits[i // 4, j // 4])
        split = self.bit(self.start["split_32"] + self.finer(i, j, 0) + 3 * copied, flags >> 4 & 1)
        result = 16 * split
        if not split:
            self.leaf(i, j, 0)
        else:
            for q in range(4):
                y, x = i + 2 * (q >> 1), j + 2 * (q & 1)
                eights = self.bit(self.start["split_16"] + self.finer(y, x, 1), flags >> q & 1)
                result |= eights << q
                if not eights:
                    self.leaf(y, x, 1)
                else:
                    for n in range(4):
                        self.leaf(y + (n >> 1), x + (n & 1), 2)
        self.splits[i // 4, j // 4] = result

    def candidates(self, i: int, j: int, size: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []

        def add(vector: NDArray[np.int16]) -> None:
            if (v := (int(vector[0]), int(vector[1]))) not in found and len(found) < 5:
                found.append(v)

        def neighbour(y: int, x: int) -> None:
            if self.known[y + 1, x + 1]:
                add(self.vectors[y, x])

        neighbour(i + size - 1, j - 1)
        neighbour(i - 1, j + size - 1)
        neighbour(i - 1, j + size)
        neighbour(i + size, j - 1)
        if self.previous is not None:
            add(self.previous[i + size // 2, j + size // 2])
        neighbour(i - 1, j - 1)
        add(np.zeros(2, np.int16))
        return found

    def predicted(self, i: int, j: int, size: int) -> tuple[int, int]:
        places = [(i, j - 1), (i - 1, j), (i - 1, j + size)]
        if not self.known[places[2][0] + 1, places[2][1] + 1]:
            places[2] = i - 1, j - 1
        known = [bool(self.known[y + 1, x + 1]) for y, x in places]
        vectors = [tuple(map(int, self.vectors[at])) if k else (0, 0) for at, k in zip(places, known, strict=True)]
        if sum(known) == 1:
            return vectors[known.index(True)]
        return sorted(v[0] for v in vectors)[1], sorted(v[1] for v in vectors)[1]

    def leaf(self, i: int, j: int, level: int) -> None:
        size = 4 >> level
        candidates = self.candidates(i, j, size)
        vector = (int(self.vectors[i, j, 0]), int(self.vectors[i, j, 1]))
        number = candidates.index(vector) if vector in candidates else -1
        unmerged = sum(bool(self.known[y, x] and not self.merged[y, x]) for y, x in ((i + 1, j), (i, j + 1)))
        context = self.start["not_merged"] + 6 * level + 2 * unmerged + (len(candidates) > 1)
        difference = (0, 0)
        if merged := not self.bit(context, int(number < 0)):
            number = self.merge_number(number, len(candidates), level)
            vector = candidates[number]
        else:
            predicted = self.predicted(i, j, size)
            dx = self.component(0, vector[0] - predicted[0], i, j, False)
            dy = self.component(1, vector[1] - predicted[1], i, j, dx == 0)
            vector = predicted[0] + dx, predicted[1] + dy
            if max(map(abs, vector)) > LARGEST:
                raise CorruptStreamError("a vector of the motion section is out of range")
            difference = min(abs(dx), 255), min(abs(dy), 255)
        self.vectors[i : i + size, j : j + size] = vector
        area = slice(i + 1, i + 1 + size), slice(j + 1, j + 1 + size)
        self.known[area], self.level[area], self.merged[area], self.difference[area] = True, level, merged, difference

    def merge_number(self, number: int, count: int, level: int) -> int:
        for n in range(count - 1):
            if not self.bit(self.start["merge_number"] + 4 * level + n, int(number > n)):
                return n
        return count - 1

    def component(self, c: int, value: int, i: int, j: int, x_zero: bool) -> int:
        near = int(self.difference[i + 1, j, c] + self.difference[i, j + 1, c])
        size = (near > 1) + (near > 12)
        if not self.bit(self.start["difference"] + 3 * (c + (c and x_zero)) + size, int(value != 0)):
            return 0
        negative = self.bit(self.start["negative"] + c, int(value < 0))
        magnitude, length = abs(value), 0
        while length < 11 and self.bit(self.start["length"] + 6 * size + min(length, 5), int(magnitude >> length > 1)):
            length += 1
        result = 1
        for n in range(length - 1, -1, -1):
            context = self.start["second_bit"] + min(length, 6) - 1 if n == length - 1 else EVEN
            result = 2 * result + self.bit(context, magnitude >> n & 1)
        return -result if negative else result


def encode(vectors: NDArray[np.int16], splits: NDArray[np.uint8], copy: NDArray[np.bool_] | None = None,
           previous: NDArray[np.int16] | None = None, way: tuple[int, int] | None = (0, 0), previous_way: tuple[int, int] = (0, 0)) -> bytes:
    """Motion section of a field; arguments as of `FieldCoder`."""
    coder = RangeEncoder()
    FieldCoder(coder, vectors.copy(), splits.copy(), None if copy is None else copy.copy(), previous, way, previous_way).run()
    return coder.finish()


def decode(data: bytes, h: int, w: int, previous: NDArray[np.int16] | None = None, previous_way: tuple[int, int] = (0, 0), *,
           says_way: bool = True) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.bool_] | None, tuple[int, int]]:
    """(vectors, splits, copy, way). Raises CorruptStreamError."""
    coder = RangeDecoder(data)
    field = FieldCoder(coder, np.zeros((h, w, 2), np.int16), np.zeros((h // 4, w // 4), np.uint8), None, previous, (0, 0) if says_way else None,
                       previous_way)
    field.run()
    coder.finish()
    return field.vectors, field.splits, field.copy, field.way or (0, 0)
