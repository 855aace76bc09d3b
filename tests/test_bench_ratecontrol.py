"""What the benchmark of rate control makes of packets, and the page of its record."""
from __future__ import annotations

import json
import sys
from fractions import Fraction

import pytest

from benchmarks import ratecontrol, report
from benchmarks.ratecontrol import accuracy, filler, vbv
from zvc69.bitstream import KEYFRAME, FrameHeader, FrameType, Packet, Payload
from zvc69.media import Frame, open_sink

from .inter_samples import picture


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


def test_filler_is_a_share_of_all_bytes():
    payload = Payload(no_state=True, substreams=(bytes(40),), filler=98).pack()
    some = [Packet(bytes(8) + payload, FrameHeader(FrameType.I, 0, 0, 0, KEYFRAME), 8, 0)]
    assert filler(some) == pytest.approx(99 / (8 + 1 + 99 + 1 + 40)) and filler([*some, *some]) == filler(some)


def test_clips_named_are_coded_at_their_own_size_in_every_mode(tmp_path, monkeypatch, capsys):
    for name in ("one", "two"):
        with open_sink(tmp_path / f"{name}.y4m", 64, 48, Fraction(10)) as sink:
            for n in range(6):
                sink.write(Frame.from_rgb24(picture(n, 64, 48)))
    output, coded_ones = tmp_path.parent / "record.json", []

    def fake(frames, rate, mode, preset="fast"):
        coded_ones.append((frames[0].width, len(frames), mode))
        return dict(kbps=1)

    monkeypatch.setattr(ratecontrol, "held", fake)
    monkeypatch.setattr(ratecontrol, "held_in_two", lambda frames, rate, preset: fake(frames, rate, "two-pass"))
    monkeypatch.setattr(ratecontrol, "passes", lambda *_: {})
    monkeypatch.setattr(sys, "argv", ["ratecontrol", str(tmp_path), "--size", "32x32", "--larger", "48x32", "--full", "two,one",
                                      "--seconds", "2", "--every", "1", "--output", str(output)])
    ratecontrol.main()
    modes = ("cbr", "vbr", "two-pass")
    assert coded_ones[-6:] == [(64, 20, mode) for _ in range(2) for mode in modes]
    assert list(json.loads(output.read_text())["runs"])[-6:] == [f"{name} at full size {mode}" for name in ("two", "one") for mode in modes]
    done = len(coded_ones)
    ratecontrol.main()
    assert len(coded_ones) == done          # what stands in the record is not made again
    monkeypatch.setattr(sys, "argv", ["ratecontrol", str(tmp_path), "--full", "three"])
    with pytest.raises(SystemExit):
        ratecontrol.main()
    assert "no clip three" in capsys.readouterr().err


def test_page_has_a_row_for_every_run(tmp_path, monkeypatch):
    run = accuracy(packets([125] * 150), 10, Fraction(10)) | dict(reencodes=3)
    passed = dict(kbps=10.0, psnr_of_mean_error=30.0, mean_psnr=31.0, worst_psnr=25.0)
    record = dict(command="c", date="d", cpu="e", python="3", packages={}, method="m", runs={
        "all cbr": run | dict(vbv=vbv(packets([125] * 150), 1000, 5000)), "all vbr": run,
        "night at full size cbr": run | dict(vbv=vbv(packets([125] * 150), 1000, 5000) | dict(filler=0.25)),
        "night at full size two-pass": run, "passes": dict(target=10.0, one=passed, two=passed, two_off=0.0)})
    (tmp_path / "ratecontrol.json").write_text(json.dumps(record))
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    lines = report.rate_control()
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| all")] == [["| all", "cbr"], ["| all", "vbr"]]
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| night")] == [["| night at full size", "cbr"], ["| night at full size", "two-pass"]]
    assert [line.split(" | ")[-1] for line in lines if "0 / 0" in line] == ["0 / 0, 70 % |", "0 / 0, 70 %, 25.0% filler |"]
    assert any(line.startswith("| two passes | 10.00") for line in lines)
    (tmp_path / "ratecontrol.json").unlink()
    assert report.rate_control() == []
