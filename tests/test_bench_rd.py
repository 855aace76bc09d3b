"""zvc69 bench rd: what is measured, what an interrupted run keeps, what is shown."""
from __future__ import annotations

import json
import re
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType

import zvc69
from zvc69.bench import Results, Variant, all_peers, find_clips, load, measure, parse_variant, summarise
from zvc69.bench.clips import raw_geometry
from zvc69.bench.summary import decibels
from zvc69.bench.tables import markdown
from zvc69.cli import run
from zvc69.errors import ConfigError, MediaError
from zvc69.media import open_sink
from zvc69.metrics import frame_psnr

from .codec_samples import MODEL, picture

WIDTH, HEIGHT, FRAMES = 96, 64, 10   # more frames than are compared at a time


def write_clip(path: Path, width: int = WIDTH, height: int = HEIGHT, frames: int = FRAMES, depth: int = 8, first: int = 0) -> Path:
    with open_sink(path, width, height, Fraction(25), depth) as sink:
        for n in range(first, first + frames):
            sink.write(picture(width, height, depth, n))
    return path


@pytest.fixture
def path(tmp_path) -> Path:
    return write_clip(tmp_path / "waves.y4m")


@pytest.fixture
def clip(path):
    return find_clips([path])[0]


class Coder:
    """Codes nothing: rate and quality follow from the setting."""

    missing = None

    def __init__(self, name: str, factor: float = 1.0, version: str = "1", **options) -> None:
        self.name, self.factor, self.options, self.calls = name, factor, options, 0
        self.identity = dict(codec="none", name=name, version=version)
        self.ours = bool(options)
        if not self.ours:
            self.options = dict(g="1" if name.endswith("-intra") else "60")
        self.settings = [{"qp" if self.ours else "crf": 10 * n} for n in range(1, 5)]

    def figures(self):
        return self.identity | dict(zvc69=self.ours, options=self.options, model="none", backend="cpu", command="none", crf=[])

    def code(self, clip, setting):
        self.calls += 1
        quality = next(iter(setting.values()))
        return dict(bytes=1, bpp=self.factor * 2 ** (-quality / 10), kbps=1.0, psnr=50 - quality / 2, psnr_y=0.0, psnr_u=0.0, psnr_v=0.0, ms_ssim=None,
                    encode_fps=1.0, decode_fps=1.0)


class Interrupted(Coder):
    """Stops after a few points, as Ctrl-C would."""

    def code(self, clip, setting):
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().code(clip, setting)


def results(path=None) -> Results:
    return Results(path, dict(settings=dict(frames=None, gop=60, qps=[])))


def test_folder_is_searched_for_videos_and_names_tell_them_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "same.y4m", frames=2)
    write_clip(tmp_path / "b" / "other.y4m", frames=3, depth=10)
    (tmp_path / "b" / "notes.txt").write_text("no video")
    found = find_clips([tmp_path, tmp_path / "b" / "other.y4m"])
    assert [(c.name, c.frames, c.depth) for c in found] == [("a/same", 2, 8), ("other", 3, 10), ("b/same", 2, 8)]
    assert [c.frames for c in find_clips([tmp_path], frames=2)] == [2, 2, 2]


def test_odd_sides_are_cut(tmp_path):
    clip, = find_clips([write_clip(tmp_path / "odd.y4m", 67, 45, 2)])
    assert (clip.width, clip.height) == (66, 44)
    frame = next(iter(clip))
    assert frame.u.shape == (22, 33) and np.array_equal(frame.y, picture(67, 45).y[:44, :66])


def test_raw_file_states_its_geometry_in_its_name(tmp_path):
    frames = [picture(64, 48, 10, n) for n in range(3)]
    path = tmp_path / "Waves_64x48_50fps_420_10bit_YUV.yuv"
    path.write_bytes(b"".join(frame.to_bytes() for frame in frames))
    clip, = find_clips([tmp_path])
    assert (clip.width, clip.height, clip.depth, clip.fps, clip.frames) == (64, 48, 10, 50, 3)
    assert all(np.array_equal(a.y, b.y) for a, b in zip(clip, frames))
    with pytest.raises(MediaError, match="has no size"):
        raw_geometry("waves.yuv")


def test_folder_without_video_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no video"):
        find_clips([tmp_path])


def test_point_of_ours_is_the_whole_file_and_all_its_frames(clip, tmp_path):
    variant = parse_variant("intra=gop=1", (20, 40), model=MODEL)
    point = variant.code(clip, {"qp": 40})
    file = tmp_path / "a.zvc"
    zvc69.encode_frames(clip, file, width=WIDTH, height=HEIGHT, fps=25, qp=40, model=MODEL)
    with zvc69.open(file) as video:
        expected = np.mean([frame_psnr(a, b).weighted for a, b in zip(clip, video)])
    assert point["bytes"] == file.stat().st_size and point["psnr"] == pytest.approx(expected, abs=1e-9)
    assert point["bpp"] == pytest.approx(8 * point["bytes"] / (WIDTH * HEIGHT * FRAMES))
    assert point["ms_ssim"] is None                # too small for five scales
    better = variant.code(clip, {"qp": 20})
    assert better["bytes"] > point["bytes"] and better["psnr"] > point["psnr"]


def test_similarity_is_measured_where_pictures_are_large_enough(tmp_path):
    clip, = find_clips([write_clip(tmp_path / "large.y4m", 176, 176, 2)])
    points = [parse_variant("intra", (10, 60), model=MODEL, gop=1).code(clip, {"qp": qp}) for qp in (10, 60)]
    assert 1 > points[0]["ms_ssim"] > points[1]["ms_ssim"] > 0.5


@pytest.mark.parametrize("text, message", [
    ("a=gop", "not OPTION=VALUE"), ("=gop=1", "begin with a name"), ("a=width=3", "not an option"), ("a=colour=3", "not an option"),
    ("a=gop=1,qp=3", "not an option"),
])
def test_wrong_variant_is_an_error(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_variant(text, (20, 40), model=MODEL)


def test_variant_may_choose_another_model_and_backend():
    variant = parse_variant("small=model=tiny,threads=1,gop=1", (20, 40), model="lite", gop=60, backend="cpu")
    assert variant.options == dict(model="tiny", threads=1, gop=1, backend="cpu") and variant.identity["options"] == dict(threads=1, gop=1)


def test_identity_changes_with_model_and_options_only(tmp_path):
    base = Variant("a", dict(model=MODEL, gop=1), (20, 40))
    assert base.identity == Variant("b", dict(model=MODEL, gop=1), (10, 30)).identity
    assert base.identity != Variant("a", dict(model=MODEL, gop=1, threads=1), (20, 40)).identity
    assert base.identity != Variant("a", dict(model="lite", gop=1), (20, 40)).identity


@pytest.mark.parametrize("name", sorted(all_peers()))
def test_peer_codes_every_frame(name, clip):
    peer = all_peers(gop=4)[name]
    if peer.missing:
        pytest.skip(peer.missing)
    point = peer.code(clip, peer.settings[2])
    assert point["bytes"] > 0 and 25 < point["psnr"] < 60 and point["encode_fps"] > 0
    assert re.search(r"\d", peer.identity["version"]) and peer.command.startswith(f"ffmpeg -i CLIP -an -c:v {peer.codec} ")


def stream_of(peer, clip, monkeypatch) -> bytes:
    """The bytes that are counted."""
    kept = []
    decoded = type(peer)._decoded

    def keep(self, file, watch):
        kept.append(file.read())
        file.seek(0)
        return decoded(self, file, watch)

    monkeypatch.setattr(type(peer), "_decoded", keep)
    assert peer.code(clip, peer.settings[0])["bytes"] == len(kept[0])
    return kept[0]


@pytest.mark.parametrize("name, types", [("x264", "IPB"), ("x264-ld", "IP"), ("x264-intra", "I")])
def test_forms_of_x264(name, types, clip, monkeypatch, tmp_path):
    peer = all_peers(gop=6)[name]
    if peer.missing:
        pytest.skip(peer.missing)
    data = stream_of(peer, clip, monkeypatch)
    (tmp_path / "a.h264").write_bytes(data)
    with av.open(str(tmp_path / "a.h264")) as container:
        frames = list(container.decode(video=0))
    assert {PictureType(frame.pict_type).name for frame in frames} == set(types)
    assert [i for i, frame in enumerate(frames) if frame.key_frame] == (list(range(FRAMES)) if types == "I" else [0, 6])
    assert b"x264 - core" not in data              # its own description is not part of the rate, parameter sets are
    assert b"\0\0\1\x67" in data


def test_peer_that_cannot_take_a_clip_is_left_out_of_it(tmp_path):
    peer = all_peers()["x264"]
    if peer.missing:
        pytest.skip(peer.missing)
    write_clip(tmp_path / "deep.y4m", depth=12, frames=2)
    write_clip(tmp_path / "plain.y4m", frames=2)
    notes = []
    data = measure(find_clips([tmp_path]), [Coder("IP", gop=60), peer], results(), note=notes.append)
    assert notes == data["notes"] == ["deep: x264 is left out: libx264 takes no 12 bits"]
    assert list(data["curves"]["deep"]) == ["IP"] and set(data["curves"]["plain"]) == {"IP", "x264"}
    assert data["bd_rate"]["psnr"]["IP"]["x264"]["clips"]["deep"] is None
    assert "n/a" in markdown(data)


def test_summary_is_in_percent_of_bits(clip):
    coders = [Coder("IP", 0.5, gop=60), Coder("intra", gop=1), Coder("x264-ld", 0.6), Coder("x264-intra", 1.5)]
    data = measure([clip], coders, results())
    rates = data["bd_rate"]["psnr"]
    assert set(rates) == {"IP", "intra"} and set(rates["IP"]) == {"intra", "x264-ld", "x264-intra"}
    assert rates["IP"]["intra"]["mean"] == pytest.approx(-50) and rates["IP"]["x264-ld"]["clips"] == {"waves": pytest.approx(-100 / 6)}
    assert [(s["coder"], s["against"], s["mean"]) for s in data["savings"]] == [
        ("IP", "intra", pytest.approx(50)), ("x264-ld", "x264-intra", pytest.approx(60))]
    assert "ms_ssim" not in data["bd_rate"]        # no clip is large enough
    assert "| clip | x264-ld |\n| --- | --- |\n| waves | -16.7 |" in markdown(data)        # like with like
    assert "| clip | x264-intra |\n| --- | --- |\n| waves | -33.3 |" in markdown(data)


def test_similarity_is_compared_in_decibels(clip):
    data = measure([clip], [Coder("IP", gop=60), Coder("x264", 2.0)], results())
    for points in data["curves"]["waves"].values():
        for point in points:
            point["ms_ssim"] = 1 - 10 ** (-point["psnr"] / 20)
    assert summarise(data)["bd_rate"]["ms_ssim"]["IP"]["x264"]["mean"] == pytest.approx(-50)
    assert decibels(1 - 1e-3) == pytest.approx(30)


def test_interrupted_run_goes_on_where_it_stopped(clip, tmp_path):
    file = tmp_path / "rd.json"
    with pytest.raises(KeyboardInterrupt):
        measure([clip], [Coder("x264"), Interrupted("IP", gop=60)], results(file))
    assert load(file)["complete"] is False
    peer, ours = Coder("x264"), Coder("IP", gop=60)
    data = measure([clip], [peer, ours], results(file))
    assert (peer.calls, ours.calls) == (0, 2)
    assert data == load(file) and data["complete"] is True
    assert [p["setting"] for p in data["curves"]["waves"]["IP"]] == ours.settings


def test_interrupting_early_loses_none_of_the_points_to_come(clip, path, tmp_path):
    file, other = tmp_path / "rd.json", find_clips([write_clip(tmp_path / "other.y4m", first=50)])[0]
    measure([clip, other], [Coder("x264"), Coder("IP", gop=60)], results(file))
    with pytest.raises(KeyboardInterrupt):         # a changed model: the first clip's peer stands before what is coded anew
        measure([clip, other], [Interrupted("IP", version="2", gop=60), Coder("x264")], results(file))
    peer, ours = Coder("x264"), Coder("IP", version="2", gop=60)
    measure([clip, other], [peer, ours], results(file))
    assert (peer.calls, ours.calls) == (0, 6)


def test_changed_model_or_clip_is_coded_anew_and_peers_are_kept(clip, tmp_path):
    file = tmp_path / "rd.json"
    measure([clip], [Coder("IP", gop=60), Coder("x264")], results(file))
    data = measure([clip], [changed := Coder("IP", version="2", gop=60)], results(file))
    assert changed.calls == 4 and len(data["curves"]["waves"]["IP"]) == 4
    assert [point["setting"] for point in load(file)["unused"]] == Coder("x264").settings      # and no old point of ours
    data = measure([clip], [changed, peer := Coder("x264")], results(file))
    assert (changed.calls, peer.calls) == (4, 0) and "unused" not in load(file)
    shorter, = find_clips([clip.path], frames=3)
    measure([shorter], [changed], results(file))
    assert changed.calls == 8


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "other"}', '{"kind": "zvc69 bench rd", "version": 1, "curves": {"a": {"b": [1]}}}',
                                     '{"kind": "zvc69 bench rd", "version": 99, "curves": {}}'])
def test_another_file_is_not_written_over(content, tmp_path):
    file = tmp_path / "precious.json"
    file.write_text(content)
    with pytest.raises(ConfigError):
        results(file)
    assert file.read_text() == content


@pytest.fixture
def arguments(path, tmp_path):
    if all_peers()["x264"].missing:
        pytest.skip("no libx264")
    return ["bench", "rd", str(path), "--frames", "3", "--qp", "44,20,32", "--model", MODEL, "--peer", "x264", "--peer", "x264-intra",
            "--json", str(tmp_path / "rd.json")]


def test_command_measures_shows_and_keeps(arguments, tmp_path, capsys, monkeypatch):
    assert run([*arguments, "--markdown", str(tmp_path / "rd.md")]) == 0
    out, err = capsys.readouterr()
    assert err == "".join(f"zvc69: note: {name} is left out: model tiny codes keyframes only, a gop of 60 needs P frames\n" for name in ("IPB", "IP"))
    assert "BD-rate of ZVC69 intra against, PSNR 6:1:1, %\n" in out and "waves" in out and "\x1b" not in out
    data = load(tmp_path / "rd.json")
    assert data["command"] == ("zvc69 bench rd waves.y4m --frames 3 --qp 20,32,44 --peer x264 --peer x264-intra --model tiny --json rd.json "
                               "--markdown rd.md")
    assert [p["setting"]["qp"] for p in data["curves"]["waves"]["intra"]] == [20, 32, 44] and data["clips"]["waves"]["frames"] == 3
    assert len(data["curves"]["waves"]["x264"]) == 6 and data["coders"]["intra"]["model_hash"]
    text = (tmp_path / "rd.md").read_text()
    assert "-preset medium -tune psnr" in text and str(tmp_path) not in text + json.dumps(data)

    monkeypatch.setattr(Variant, "code", lambda *_: pytest.fail("a point was coded again"))
    assert run(arguments) == 0
    again = load(tmp_path / "rd.json")
    assert again["curves"] == data["curves"]


def test_plots_are_drawn(arguments, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert run([*arguments, "--plots", str(tmp_path / "plots"), "--markdown", str(tmp_path / "rd.md")]) == 0
    first = (tmp_path / "plots" / "rd_waves.svg").read_bytes()
    assert b"x264-intra" in first and "![waves](plots/rd_waves.svg)" in (tmp_path / "rd.md").read_text()
    assert run([*arguments, "--plots", str(tmp_path / "plots")]) == 0
    assert (tmp_path / "plots" / "rd_waves.svg").read_bytes() == first


def test_missing_matplotlib_is_said_before_anything_is_coded(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run([*arguments, "--plots", str(tmp_path / "plots")]) == 1
    assert "pip install 'zvc69[plot]'" in capsys.readouterr().err
    assert not (tmp_path / "rd.json").exists()


@pytest.mark.parametrize("more, code, message", [
    (["--qp", "20,64"], 2, "0..63"), (["--qp", "a,b"], 2, "list of numbers"), (["--peer", "x266"], 2, "x266"),
    (["--set", "a", "--set", "a"], 2, "same name"), (["--set", "x264=gop=1"], 2, "same name"), (["--set", "a=colour=1"], 1, "not an option"),
    (["--model", "missing"], 1, "not installed"), (["--markdown", "missing/rd.md"], 1, "missing"),
])
def test_wrong_usage_is_one_error(more, code, message, arguments, capsys, tmp_path):
    assert run([*arguments, *more]) == code
    out, err = capsys.readouterr()
    assert message in err and out == "" and not (tmp_path / "rd.json").exists()


def test_single_point_has_no_bd_rate(arguments, tmp_path, capsys):
    assert run([*arguments, "--qp", "30"]) == 0
    assert load(tmp_path / "rd.json")["bd_rate"]["psnr"]["intra"]["x264"] == dict(mean=None, clips=dict(waves=None))
    assert "n/a" in capsys.readouterr().out


def test_nothing_to_code_is_an_error(path, capsys):
    assert run(["bench", "rd", str(path), "--model", MODEL, "--set", "IP", "--peer", "none"]) == 1
    assert "codes keyframes only" in capsys.readouterr().err


def test_benchmark_page_shows_a_result(clip, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from benchmarks import report
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "docs" / "BENCHMARKS.md")
    assert report.video() == []
    head = dict(command="zvc69 bench rd clips", date="2026-01-01", cpu="none", python="3", packages={}, settings=dict(frames=24, gop=60, qps=[]))
    measure([clip], [Coder("IP", 0.5, gop=60), Coder("intra", gop=1)], Results(tmp_path / "rd.json", head))
    text = "\n".join(report.video())
    assert "| waves | +50.0 |" in text and "(plots/rd_waves.svg)" in text and (tmp_path / "docs" / "plots" / "rd_waves.svg").exists()
