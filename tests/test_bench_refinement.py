"""The benchmark of refinement: its ways code a clip, its figures follow from the points."""
from __future__ import annotations

import pytest

from benchmarks import refinement as bench
from benchmarks import report
from zvc69.media import Frame

from .codec_samples import picture


@pytest.fixture
def clip(monkeypatch) -> list[Frame]:
    """Three frames, which are read whatever the path."""
    frames = [picture(96, 64, number=n) for n in range(3)]

    class Source:
        def __enter__(self):
            return iter(frames)

        def __exit__(self, *_): ...

    monkeypatch.setattr(bench, "open_source", lambda path: Source())
    return frames


def test_every_way_codes_the_clip_and_refinement_gains(clip):
    curves = bench.measure("clip", 3, [20, 40], [2])
    assert list(curves) == ["none", "2 steps", "6 steps, positions zeroed", "three QPs"]
    assert all(len(points) == 2 and points[0]["bits"] > points[1]["bits"] for points in curves.values())
    found = bench.summary({"clip": curves})
    assert found["none"]["chain"] == 0 and found["none"]["time"] == 1
    assert found["2 steps"]["chain"] < 0 and found["2 steps"]["time"] > 1


def test_zeroed_positions_never_cost_more(clip, monkeypatch):
    """Than what refinement found, by the cost that it falls by."""
    coder, _ = bench.ways([1])["6 steps, positions zeroed"]
    costs = []

    class Watched(bench.ZeroingRefiner):
        def refine(self, first, round_again, analysis, qp, target, steps):
            outcomes = [how(self, first, round_again, analysis, qp, target, steps) for how in (bench.Refiner.refine, bench.ZeroingRefiner.refine)]
            costs.append([self.cost(rounded, shown, qp, target) for rounded, shown in outcomes])
            return outcomes[1]

    for refiner in coder._refiner.values():
        refiner.__class__ = Watched
    before = coder.intra(clip[0], 44, 0, reference=True).reference
    coder.inter(clip[1], 40, 1, before)
    assert len(costs) == 2 and all(zeroed <= refined for refined, zeroed in costs)


def test_page_says_what_was_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    assert report.refinement() == []
