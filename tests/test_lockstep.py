"""The benchmark of variants beside each other."""
from __future__ import annotations

import json
import sys
from fractions import Fraction

import numpy as np
import pytest

from benchmarks import lockstep, report
from zvc69.bench import find_clips
from zvc69.media import Frame, open_sink

from .inter_samples import HEIGHT, MODEL, WIDTH, picture


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clouds.y4m"
    with open_sink(path, WIDTH, HEIGHT, Fraction(25), 8) as sink:
        for number in range(6):
            sink.write(Frame.from_rgb24(picture(number)))
    return path


def run(monkeypatch, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", ["lockstep", *map(str, arguments)])
    lockstep.main()


def test_variants_are_measured_beside_each_other(clip, tmp_path, monkeypatch, capsys):
    result = tmp_path / "result.json"
    arguments = ["others", clip, "--set", f"one=model={MODEL},b_frames=0", "--set", f"b=model={MODEL},b_frames=3",
                 "--qp", "20,40", "--threads", 1, "--json", result]
    run(monkeypatch, *arguments)
    data = json.loads(result.read_text())
    points, summary = data["points"]["clouds"], data["summary"]
    assert set(points) == {"20", "40"} and set(points["20"]) == {"one", "b"}
    assert points["20"]["one"]["bytes"] > points["40"]["one"]["bytes"] and points["20"]["one"]["psnr"] > points["40"]["one"]["psnr"]
    assert all(point["encode_ms"] > 0 and point["decode_ms"] > 0 for row in points.values() for point in row.values())
    assert summary["one"]["bd_psnr"]["mean"] == 0 and summary["one"]["encode_time"] == 1 and summary["b"]["bd_psnr"]["mean"] != 0
    assert summary["one"]["bd_ms_ssim"] is None         # too small for five scales
    assert "one" in capsys.readouterr().out

    monkeypatch.setattr(lockstep, "points", lambda *_: pytest.fail("a point was measured again"))
    run(monkeypatch, *arguments)
    again = json.loads(result.read_text())
    assert again["points"] == data["points"] and again["summary"] == data["summary"]


def test_turns_are_taken_item_by_item():
    log = []

    def items(name, length):
        for item in range(length):
            log.append((name, item))
            yield item

    runs = [lockstep.Run(name, items(name, length)) for name, length in (("a", 3), ("b", 2))]
    lockstep.in_turn(runs)
    assert log == [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("a", 2)]
    assert [run.out for run in runs] == [[0, 1, 2], [0, 1]] and all(run.milliseconds >= 0 for run in runs)


def test_wide_clips_may_be_made_smaller(clip):
    whole = next(iter(find_clips([clip], 6)))
    small = lockstep.Smaller.of(whole, 2)
    pairs = list(zip(whole, small, strict=True))
    assert (small.width, small.height, len(pairs)) == (WIDTH // 2, HEIGHT // 2, 6)
    for large, frame in pairs:
        assert (frame.width, frame.height) == (small.width, small.height)
        assert np.abs(frame.y - (large.y[::2, ::2].astype(float) + large.y[1::2, ::2] + large.y[::2, 1::2] + large.y[1::2, 1::2]) / 4).max() <= 0.5


def test_late_frames_count_for_those_that_hold_them_back(clip):
    """However the encoder gives its packets: a point has the time of all of them."""
    options = dict(model=MODEL, threads=1)
    found = lockstep.points(next(iter(find_clips([clip], 6))), dict(now=options | dict(lookahead=0, b_frames=3),
                                                                    later=options | dict(lookahead=6, b_frames=3)), 30)
    assert 0.3 < found["now"]["encode_ms"] / found["later"]["encode_ms"] < 3


def test_page_has_a_row_for_every_length_of_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    assert report.lookahead() == []
    for frames in (17, 9):
        rates = dict(bd_psnr=dict(mean=-0.1 * frames, clips=dict(a=-2.0, b=0.5)))
        record = dict(command="c", date="d", cpu="e", python="3", packages={}, frames=frames, variants={"0": {}, "5": {}},
                      points=dict(a={"28": {}}, b={"28": {}}), summary={"5": rates})
        (tmp_path / f"lookahead_{frames}.json").write_text(json.dumps(record))
    rows = [line for line in report.lookahead() if line.startswith("| 9 ") or line.startswith("| 17 ")]
    assert rows == ["| 9 | -0.90 % (-2.0 to +0.5) |", "| 17 | -1.70 % (-2.0 to +0.5) |"]
