"""The comparison of motion with x264 and x265: vectors are read as they are meant, figures come from the peers' own logs."""
import json

import av
import numpy as np
import pytest

from benchmarks import motion_quality, report

from .inter_samples import picture

STEP = 3      # pixels a frame, to the left


def planes(number):
    """4:2:0 of a picture of clouds that slide, above a band that stands still."""
    luma = picture(number, 96, 64)[:, :, 0]
    return luma, np.full((32, 48), 128, np.uint8), np.full((32, 48), 128, np.uint8)


PICTURES = [planes(n) for n in range(4)]


def missing(codec):
    return pytest.mark.skipif(codec not in av.codecs_available, reason=f"PyAV was built without {codec}")


def test_our_qp_has_the_step_of_the_peers():
    for qp in range(16, 41):
        ours, theirs = 2 * 2 ** (motion_quality.our_qp(qp) / 10.5), 2 ** ((qp - 4) / 6)
        assert abs(np.log2(ours / theirs)) <= 0.5 / 10.5 + 1e-9


@missing("libx264")
def test_vectors_of_x264_are_read_as_they_are_meant():
    peer = motion_quality.run_peer("x264", PICTURES, 18)
    assert len(peer.pictures) == 4 and len(peer.bits) == len(peer.fields) == 3 and min(peer.bits) > 0
    for vectors, known in peer.fields:
        moving = vectors[:6, :9][known[:6, :9]]
        assert np.median(moving, axis=0).tolist() == [4 * STEP, 0] and known[:8, :12].mean() > 0.5


@missing("libx264")
def test_both_fields_predict_well_and_ours_costs_no_more():
    figures = motion_quality.against_x264(PICTURES, 22)
    assert figures["ours"]["psnr"] > 35 and figures["x264"]["psnr"] > 35 and figures["cost"] < 5
    assert figures["x264"]["bits"] > 0 and figures["x264"]["own_bits"] > 0


@missing("libx265")
def test_figures_of_x265_come_from_its_log():
    figures = motion_quality.against_x265(PICTURES, 22)
    assert 25 < figures["x265"]["psnr"] < 60 and figures["x265"]["own_bits"] > 0
    assert figures["x265"]["psnr"] > motion_quality.against_x265([PICTURES[0], PICTURES[3]] * 2, 22)["x265"]["psnr"]


def test_pages_sections_show_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    assert report.motion() == report.tools() == []
    point = dict(ours=dict(psnr=31.25, bits=700), intra=0.1, cost=-2.0, x264=dict(psnr=30.5, bits=650, own_bits=800), x265=dict(psnr=30.75, own_bits=640))
    head = dict(command="command", date="2026-01-01", cpu="a processor", python="3.11", packages={})
    flow = {"effort 1": dict(cost=0.0, ms=5.0), "effort 1 with flow": dict(cost=-1.5, ms=9.0)}
    clips = {"one": {"x264": {"28": point}, "x265": {"28": point}, "flow": flow}}
    (tmp_path / "motion_quality.json").write_text(json.dumps(head | dict(frames=4, peer_qps=[28], clips=clips)))
    text = "\n".join(report.motion())
    assert "31.25 / 700" in text and "30.50 / 650 (800)" in text and "-1.50 % / 9.0 ms" in text and "-2.00 %" in text
    rates = {"IP": {"no-vectors": dict(mean=-12.0, clips={"one": -12.0})}}
    (tmp_path / "tools.json").write_text(json.dumps(head | dict(bd_rate=dict(psnr=rates), curves={"one": {}}, settings=dict(frames=4, qps=[20, 40]))))
    assert "| -12.0 % | -12.0 |" in "\n".join(report.tools())
