"""The motion section of docs/FORMAT.md against the code."""
from pathlib import Path

import numpy as np
import pytest

from zvc69.core import warp
from zvc69.core.motion_tables import CONTEXTS, RATES
from zvc69.core.reference.warp import TAPS

PAGE = (Path(__file__).parents[1] / "docs" / "FORMAT.md").read_text()


def table(name):
    text = PAGE.split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("column, kernel", [(1, "bicubic"), (2, "bilinear")])
def test_taps_are_those_of_the_reference(column, kernel):
    assert [[int(tap) for tap in row[column].split()] for row in table("taps")] == TAPS[kernel].tolist()


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
