"""The motion section of docs/FORMAT.md against the code."""
from pathlib import Path

import numpy as np
import pytest

from zvc69.core import warp
from zvc69.core.motion_tables import CONTEXTS, RATES
from zvc69.core.reference.warp import SHARP, TAPS

PAGE = (Path(__file__).parents[1] / "docs" / "FORMAT.md").read_text()


def table(name):
    text = PAGE.split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("column, kernel", [(1, "bicubic"), (2, "bilinear")])
def test_taps_are_those_of_the_reference(column, kernel):
    assert [[int(tap) for tap in row[column].split()] for row in table("taps")] == TAPS[kernel].tolist()


def test_sharp_taps_are_those_of_the_reference():
    assert [[int(tap) for tap in row[3].split()] for row in table("taps") if row[3]] == SHARP.tolist()
    assert [bool(row[3]) for row in table("taps")] == [True, False] * 4


def test_contexts_are_the_tables():
    stated = {row[0]: tuple(tuple(map(int, pair.split(":"))) for pair in row[2].split(",")) for row in table("motion contexts")}
    assert stated == dict(CONTEXTS)


def test_steps_follow_the_stated_formula():
    assert [(655360 + 5 * n + 8) // (10 * n + 16) for n in range(40)] == list(RATES)
    assert "floor((655360 + 5 n + 8) / (10 n + 16))" in PAGE and "min(n + 1, 39)" in PAGE


def test_the_vector_limit_is_the_stated_one():
    assert f"within -{warp.LARGEST_VECTOR}..{warp.LARGEST_VECTOR}" in PAGE


def test_the_stated_arithmetic_gives_the_prediction():
    """One sample computed from the page's formulas at 10 bits."""
    y = np.random.default_rng(0).integers(0, 1024, (32, 32), dtype=np.uint16)
    grey = np.full((16, 16), 512, np.uint16)
    field = np.zeros((4, 4, 2), np.int16)
    field[1, 1] = 7, -5  # whole part 1, -2; phases 6 and 6
    row, column, s = 12 - 2, 10 + 1, 2
    taps = TAPS["bicubic"][6]
    t = [(sum(int(taps[m]) * int(y[row + n - 1, column + m - 1]) for m in range(4)) + 2) >> s for n in range(4)]
    want = min(max((sum(int(taps[n]) * t[n] for n in range(4)) + (1 << (11 - s))) >> (12 - s), 0), 1023)
    assert warp.compensate(y, grey, grey, field, 10)[0][12, 10] == want


def test_the_stated_arithmetic_gives_overlapped_samples_of_the_sharp_filter():
    """A corner of a block, whose left and upper neighbours move otherwise, computed from the page's formulas."""
    y = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    grey = np.full((32, 32), 128, np.uint8)
    field = np.zeros((8, 8, 2), np.int16)
    field[3, 3], field[3, 2], field[2, 3], field[3, 4], field[4, 3] = (5, 2), (-3, 1), (6, -9), (5, 2), (5, 2)

    def predicted(row, column, vector):
        (left, a), (top, b) = ((at + v // 4, SHARP[v % 4].tolist()) for at, v in zip((column, row), vector.tolist()))
        t = [sum(a[k + 3] * int(y[top + n, left + k]) for k in range(-3, 5)) for n in range(-3, 5)]
        return min(max(sum(b[k] * t[k] for k in range(8)) + 2048 >> 12, 0), 255)

    def mixed(o, q, w):
        return o + (w * (q - o) + 8 >> 4)

    got = warp.compensate(y, grey, grey, field, 8, "sharp", overlap=True)[0]
    weights = (6, 2)
    for i in range(3):
        for j in range(3):
            row, column = 24 + i, 24 + j
            want = predicted(row, column, field[3, 3])
            want = mixed(want, predicted(row, column, field[3, 2]), weights[j]) if j < 2 else want
            want = mixed(want, predicted(row, column, field[2, 3]), weights[i]) if i < 2 else want
            assert got[row, column] == want
