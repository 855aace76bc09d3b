"""Two passes: the size is met, the quality is even, and statistics of anything else are refused."""
from __future__ import annotations

import io
import json
from fractions import Fraction

import numpy as np
import pytest

import zvc69
from zvc69 import Encoder
from zvc69.cli import run
from zvc69.codec.ratecontrol import Statistics
from zvc69.errors import ConfigError, StatisticsError
from zvc69.media import Frame, open_sink

from .inter_samples import HEIGHT, MODEL, WIDTH, picture
from .rate_simulator import MOVING, Scene, simulate
from .test_ratecontrol import STRUCTURES, VIDEOS, vbv_trace

OPTIONS = dict(model=MODEL, preset="fast", b_frames=0, threads=1, bitrate=120, gop=12)
FRAMES = 30


def noisy(number: int, seed: int = 1) -> Frame:
    rng = np.random.default_rng([seed, number])
    return Frame.from_rgb24(np.clip(picture(number) + rng.integers(-6, 7, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.y4m"
    with open_sink(path, WIDTH, HEIGHT, Fraction(25)) as sink:
        for n in range(FRAMES):
            sink.write(noisy(n))
    return path


@pytest.fixture(scope="module")
def stats(clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("stats") / "clip.json"
    zvc69.encode_file(clip, io.BytesIO(), pass_number=1, stats=path, **OPTIONS)
    return path


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
@pytest.mark.parametrize("video", VIDEOS)
def test_whole_is_within_two_percent(video, structure):
    coded = simulate(VIDEOS[video], passes=2, bitrate=800, **structure)
    if sum(0 < frame.qp < 63 for frame in coded) > 0.9 * len(coded):
        assert sum(frame.bits for frame in coded) == pytest.approx(800_000 / 30 * len(coded), rel=0.02)


def test_short_clip_is_within_two_percent_too():
    coded = simulate([Scene(48, *MOVING)], passes=2, bitrate=800)
    assert sum(frame.bits for frame in coded) == pytest.approx(800_000 / 30 * 48, rel=0.02)


def test_quality_is_even_where_one_pass_changes_it_from_scene_to_scene():
    def spread(passes):
        bases = [frame.qp - frame.offset for frame in simulate(VIDEOS["cuts"], passes=passes, bitrate=800, gop=0)]
        return np.std(bases[60:])

    assert spread(2) < 4 < 6 < spread(1)


def test_buffer_never_runs_empty_in_two_passes():
    coded = simulate(VIDEOS["cuts"], passes=2, bitrate=800, vbv_maxrate=1200, vbv_bufsize=1200)
    assert min(vbv_trace([frame.bits for frame in coded], 1_200_000 / 30, 1_200_000)) >= 0


def test_both_ways_to_run_two_passes_give_the_same_stream(clip, stats):
    at_once, apart = io.BytesIO(), io.BytesIO()
    summary = zvc69.encode_file(clip, at_once, passes=2, **OPTIONS)
    zvc69.encode_file(clip, apart, pass_number=2, stats=stats, **OPTIONS)
    assert at_once.getvalue() == apart.getvalue()
    assert summary.kbps == pytest.approx(120, rel=0.03)          # file header and index included: 120 bytes of 18 kB
    with zvc69.open(at_once.getvalue()) as video:
        assert len(list(video)) == FRAMES


def test_second_pass_has_b_frames_where_the_first_has_them():
    options = OPTIONS | dict(b_frames="auto", gop=0)
    first, packets = Encoder(WIDTH, HEIGHT, 25, **options), {}
    first.collect()
    for encoder in (first, None):
        encoder = encoder or Encoder(WIDTH, HEIGHT, 25, **options | dict(bitrate=60), statistics=first.statistics())
        coded = [packet for n in range(17) for packet in encoder.encode(noisy(n))] + encoder.flush()
        packets[encoder] = [(packet.pts, packet.type) for packet in coded]
    one, two = packets.values()
    assert one == two and len(one) == 17


def test_statistics_come_back_from_a_file(stats, tmp_path):
    found = Statistics.load(stats)
    assert len(found.frames) == FRAMES and found.clip.width == WIDTH
    found.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == stats.read_bytes()


@pytest.mark.parametrize("change, message", [
    (lambda head, lines: (head | dict(version=2), lines), "of version 2, this is 1"),
    (lambda head, lines: (head | dict(format="x265"), lines), "no file of statistics"),
    (lambda head, lines: (head, lines[:-1]), "is damaged"),
    (lambda head, lines: (head, [lines[0].replace("0", "1", 1), *lines[1:]]), "is damaged"),
    (lambda head, lines: (head | dict(clip={}), lines), "is damaged"),
    (lambda head, lines: ([], lines), "no file of statistics"),
])
def test_files_that_are_none_of_ours_are_refused(stats, tmp_path, change, message):
    first, *lines = stats.read_text().splitlines()
    head, lines = change(json.loads(first), lines)
    (tmp_path / "changed").write_text("\n".join([json.dumps(head), *lines]) + "\n")
    with pytest.raises(StatisticsError, match=message):
        Statistics.load(tmp_path / "changed")


def test_binary_file_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(StatisticsError, match="no file of statistics"):
        Statistics.load(tmp_path / "binary")


@pytest.mark.parametrize("options, message", [
    (dict(width=80), "width 64, now 80"), (dict(fps=30), "fps 25, now 30"), (dict(gop=24), "structure gop 12, now gop 24"),
    (dict(b_frames=3), "b_frames 0, now b_frames 3"), (dict(scene_cut=False), "scene_cut True"), (dict(depth=10), "depth 8, now 10"),
])
def test_statistics_of_another_clip_or_settings_are_refused(stats, options, message):
    given = OPTIONS | dict(width=WIDTH, height=HEIGHT, fps=25) | options
    with pytest.raises(StatisticsError, match=message):
        Encoder(**given, statistics=Statistics.load(stats))


def second(stats):
    return Encoder(WIDTH, HEIGHT, 25, **OPTIONS, statistics=Statistics.load(stats))


def test_other_pictures_are_refused(stats):
    encoder = second(stats)
    encoder.encode(noisy(0))
    with pytest.raises(StatisticsError, match=r"another picture here \(frame 1\)"):
        encoder.encode(noisy(1, seed=2))


def test_other_number_of_frames_is_refused(clip, stats):
    encoder = second(stats)
    for n in range(FRAMES):
        encoder.encode(noisy(n))
    with pytest.raises(StatisticsError, match="30 frames, this clip has more"):
        encoder.encode(noisy(FRAMES))
    encoder = second(stats)
    encoder.encode(noisy(0))
    with pytest.raises(StatisticsError, match="30 frames, this clip has 1"):
        encoder.flush()
    with pytest.raises(StatisticsError, match="30 frames, 10 are to be coded"):
        zvc69.encode_file(clip, io.BytesIO(), pass_number=2, stats=stats, frames=10, **OPTIONS)


@pytest.mark.parametrize("how, message", [
    (dict(passes=2, bitrate=None, qp=30), "needs a bitrate"), (dict(passes=3), "passes is 1 or 2"), (dict(pass_number=1), "belong together"),
    (dict(stats="x"), "belong together"), (dict(passes=2, pass_number=1, stats="x"), "one of two alone"), (dict(passes=2, target_size=3), "take no passes"),
])
def test_what_makes_no_sense_is_refused(clip, how, message):
    with pytest.raises(ConfigError, match=message):
        zvc69.encode_file(clip, io.BytesIO(), **OPTIONS | how)


def test_pipe_is_refused_with_one_line(capsys):
    for arguments in (["--passes", "2", "--bitrate", "100"], ["--target-size", "9"], ["--target-psnr", "30"]):
        assert run(["encode", "-", "out.zvc", *arguments]) == 1
        out, err = capsys.readouterr()
        assert err.count("\n") == 1 and "it must be a file, not a pipe" in err


def test_command_line_of_two_passes(clip, tmp_path, capsys):
    stats, out = tmp_path / "s", tmp_path / "o.zvc"
    common = ["--bitrate", "120", "--preset", "fast", "--model", MODEL, "--gop", "12"]
    assert run(["encode", str(clip), "/dev/null", "--pass", "1", "--stats", str(stats), *common]) == 0
    assert run(["encode", str(clip), str(out), "--pass", "2", "--stats", str(stats), *common]) == 0
    assert run(["encode", str(clip), str(out), "--pass", "2", "--stats", str(stats), *common, "--gop", "13"]) == 1
    assert "gop 12, now gop 13" in capsys.readouterr().err
    stats.write_text("{}")
    assert run(["encode", str(clip), str(out), "--pass", "2", "--stats", str(stats), *common]) == 1
    assert capsys.readouterr().err.startswith("zvc69: error: ")


@pytest.mark.parametrize("goal", [dict(target_size=9), dict(target_size=25), dict(target_psnr=43), dict(target_psnr=46)], ids=str)
def test_size_and_quality_are_reached(clip, tmp_path, goal):
    out = tmp_path / "o.zvc"
    summary = zvc69.encode_file(clip, out, model=MODEL, preset="fast", threads=1, gop=12, **goal)
    if "target_size" in goal:
        assert out.stat().st_size == pytest.approx(1000 * goal["target_size"], rel=0.05)          # 30 frames: a QP of one keyframe is 1 %
    else:
        assert float(summary.notes[-1].split()[1]) == pytest.approx(goal["target_psnr"], abs=0.2)
    assert "at CRF" in summary.notes[-1] and out.stat().st_size == summary.bytes


@pytest.mark.parametrize("how, message", [
    (dict(target_size=3, qp=30), "no qp"), (dict(target_psnr=30, bitrate=30), "no bitrate"), (dict(target_psnr=3), "10..80"), (dict(target_size=0), "above 0"),
    (dict(target_size=3, target_psnr=30), "not both"),
])
def test_goals_that_cannot_be_are_refused(clip, tmp_path, how, message):
    with pytest.raises(ConfigError, match=message):
        zvc69.encode_file(clip, tmp_path / "o.zvc", model=MODEL, **how)
    with pytest.raises(ConfigError, match="path to write to"):
        zvc69.encode_file(clip, io.BytesIO(), model=MODEL, target_size=3)


def test_what_cannot_be_reached_is_said(clip, tmp_path):
    summary = zvc69.encode_file(clip, tmp_path / "o.zvc", model=MODEL, threads=1, gop=12, target_psnr=79, frames=4)
    assert "at CRF 0" in summary.notes[-1]


def test_statistics_need_frames():
    with pytest.raises(ConfigError, match="no statistics"):
        Encoder(64, 64, 25, model=MODEL).statistics()
