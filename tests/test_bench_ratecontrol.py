"""What the benchmark of rate control makes of packets, and the page of its record."""
from __future__ import annotations

import json
from fractions import Fraction

import pytest

from benchmarks import report
from benchmarks.ratecontrol import accuracy, vbv
from zvc69.bitstream import KEYFRAME, FrameHeader, FrameType, Packet


def packets(sizes: list[int], qp: int = 30) -> list[Packet]:
    return [Packet(bytes(size), FrameHeader(FrameType.I, qp, n, n, KEYFRAME), 8, n) for n, size in enumerate(sizes)]


def test_worst_window_is_found():
    sizes = [125] * 150
    sizes[100] += 1250          # bytes: 10 frames' worth, in every window of 100 frames that holds it
    found = accuracy(packets(sizes), 10, Fraction(10))
    assert found["worst"] == pytest.approx(0.1, abs=1e-4) and found["whole"] == pytest.approx(1500 / 150 / 150, abs=1e-4)
    assert found["frames"] == 150 and found["mean_qp"] == 30 and found["at_bounds"] == found["b_frames"] == 0
    assert found["windows"] == pytest.approx(4 * [0.1], abs=1e-4)      # those that begin after 2, 3, 4 and 5 seconds


def test_first_seconds_do_not_count():
    assert accuracy(packets([9999] * 20 + [125] * 110), 10, Fraction(10))["worst"] == 0


def test_buffer_is_followed():
    even = vbv(packets([125] * 50), 1000, 5000)
    assert (even["underflows"], even["overflows"], even["lowest"]) == (0, 0, 70.0) and set(even["trace"]) == {70.0}
    assert vbv(packets([600]), 1000, 5000)["underflows"] == 1
    assert vbv(packets([1, 1]), 1000, 5000)["overflows"] == 2


def test_page_has_a_row_for_every_run(tmp_path, monkeypatch):
    run = accuracy(packets([125] * 150), 10, Fraction(10)) | dict(reencodes=3)
    passed = dict(kbps=10.0, psnr_of_mean_error=30.0, mean_psnr=31.0, worst_psnr=25.0)
    record = dict(command="c", date="d", cpu="e", python="3", packages={}, method="m", runs={
        "all cbr": run | dict(vbv=vbv(packets([125] * 150), 1000, 5000)), "all vbr": run, "passes": dict(target=10.0, one=passed, two=passed, two_off=0.0)})
    (tmp_path / "ratecontrol.json").write_text(json.dumps(record))
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    lines = report.rate_control()
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| all")] == [["| all", "cbr"], ["| all", "vbr"]]
    assert any("0 / 0, 70 %" in line for line in lines) and any(line.startswith("| two passes | 10.00") for line in lines)
    (tmp_path / "ratecontrol.json").unlink()
    assert report.rate_control() == []
