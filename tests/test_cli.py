"""The command line: commands, exit codes, errors, pipes, and its page in docs/."""
from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import click
import numpy as np
import pytest

from zvc69.cli import cli, run
from zvc69.cli.progress import FrameProgress
from zvc69.media import Frame, open_sink, open_source
from zvc69.metrics import ms_ssim

from .test_media_frame import noise_frame, smooth_rgb

COMMAND = [sys.executable, "-m", "zvc69"]
GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).parents[1] / "docs" / "CLI.md"


def write_y4m(path: Path, frames: list[Frame]) -> Path:
    with open_sink(path, frames[0].width, frames[0].height, Fraction(25), frames[0].depth) as sink:
        for frame in frames:
            sink.write(frame)
    return path


@pytest.fixture
def clip(tmp_path) -> Path:
    """Four smooth frames of odd size."""
    rgb = smooth_rgb(67, 45)
    return write_y4m(tmp_path / "clip.y4m", [Frame.from_rgb24(np.roll(rgb, 3 * n, 1)) for n in range(4)])


@pytest.fixture
def stream(clip, tmp_path, capsys) -> Path:
    path = tmp_path / "clip.zvc"
    assert run(["encode", str(clip), str(path), "--qp", "20", "--gop", "1"]) == 0
    capsys.readouterr()
    return path


def test_encode_decode_compare(clip, tmp_path, capsys):
    stream, back = tmp_path / "a.zvc", tmp_path / "a.y4m"
    assert run(["encode", str(clip), str(stream), "--qp", "10"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"encoded 4 frames in [\d.]+s \([\d.]+ fps\), [\d.]+ kb/s, [\d.]+ bpp, Avg QP [\d.]+\n", err)

    assert run(["decode", str(stream), str(back)]) == 0
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"decoded 4 frames in [\d.]+s \([\d.]+ fps\)\n", err)
    with open_source(back) as source:
        assert (source.width, source.height, source.total_frames) == (67, 45, 4)

    assert run(["compare", str(clip), str(stream), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 4 and figures["bytes"] == stream.stat().st_size
    assert figures["bpp"] == pytest.approx(8 * figures["bytes"] / (67 * 45 * 4))
    assert figures["kbps"] == pytest.approx(8 * figures["bytes"] * 25 / 4 / 1000)
    assert figures["psnr"]["weighted"] > 25

    assert run(["compare", str(back), str(stream)]) == 0
    assert "6:1:1 100.000 dB" in capsys.readouterr().out


def test_decode_to_a_container_and_to_pictures(stream, tmp_path, capsys):
    assert run(["decode", str(stream), str(tmp_path / "a.y4m")]) == 0
    assert run(["decode", str(stream), str(tmp_path / "a.mp4"), "--crf", "0"]) == 0
    assert run(["decode", str(stream), f"{tmp_path}/pictures/"]) == 0
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [f"{n:06d}.png" for n in range(1, 5)]
    capsys.readouterr()
    assert run(["compare", str(tmp_path / "a.y4m"), str(tmp_path / "a.mp4"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 4 and figures["psnr"]["y"] == 100
    assert run(["compare", str(tmp_path / "a.y4m"), str(tmp_path / "pictures" / "%06d.png"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 4 and figures["psnr"]["y"] > 40


@pytest.mark.parametrize("depth", [10, 12])
def test_depth_survives(tmp_path, depth, capsys):
    clip = write_y4m(tmp_path / "a.y4m", [noise_frame(32, 18, depth)])
    assert run(["encode", str(clip), str(tmp_path / "a.zvc"), "--quality", "low"]) == 0
    assert run(["decode", str(tmp_path / "a.zvc"), str(tmp_path / "b.y4m")]) == 0
    with open_source(tmp_path / "b.y4m") as source:
        assert source.depth == depth


def test_frames_limits_both_ways(clip, stream, tmp_path, capsys):
    assert run(["encode", str(clip), str(tmp_path / "two.zvc"), "--frames", "2"]) == 0
    assert "encoded 2 frames" in capsys.readouterr().err
    assert run(["decode", str(stream), str(tmp_path / "one.png"), "--frames", "1"]) == 0
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert run(["compare", str(clip), str(tmp_path / "two.zvc")]) == 0
    captured = capsys.readouterr()
    assert "frames  2" in captured.out and "clip.y4m is longer" in captured.err


def test_compare_gives_ms_ssim_of_pictures_that_are_large_enough(clip, tmp_path, capsys):
    rgb = smooth_rgb(200, 162)
    large = write_y4m(tmp_path / "large.y4m", [Frame.from_rgb24(rgb)] * 2)
    other = write_y4m(tmp_path / "other.y4m", [Frame.from_rgb24(np.roll(rgb, 3, 0)), Frame.from_rgb24(rgb)])
    assert run(["compare", str(large), str(other), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    first = ms_ssim(Frame.from_rgb24(rgb).y, Frame.from_rgb24(np.roll(rgb, 3, 0)).y)
    assert figures["ms_ssim"] == pytest.approx((first + 1) / 2) and first < 0.9999
    assert run(["compare", str(large), str(large)]) == 0
    assert "MS-SSIM Y 1.000000" in capsys.readouterr().out
    assert run(["compare", str(clip), str(clip), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ms_ssim"] is None


def test_info_describes_a_stream(stream, capsys):
    assert run(["info", str(stream), "--json", "--frames"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["width"], figures["height"], figures["fps"], figures["frame_count"]) == (67, 45, "25", 4)
    assert figures["types"] == {"I": 4} and figures["average_qp"] == 20 and figures["damage"] == []
    assert [frame["number"] for frame in figures["frames"]] == [0, 1, 2, 3]
    assert sum(frame["bytes"] for frame in figures["frames"]) == figures["bytes"]
    assert run(["info", str(stream), "--frames"]) == 0
    out = capsys.readouterr().out
    assert "67x45, 25 fps, 8 bits" in out and out.count("I*") == 4


def test_info_says_where_a_stream_is_damaged(stream, capsys):
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 1
    stream.write_bytes(data)
    assert run(["info", str(stream)]) == 0
    assert "damage  bytes" in capsys.readouterr().out


def test_info_of_the_system(capsys):
    assert run(["info", "--system", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["backends"]["cpu"] is None and figures["cpu"]["isa"] in figures["cpu"]["isa_available"]
    assert run(["info", "--system"]) == 0
    out = capsys.readouterr().out
    assert "onnxruntime" in out and "backend openvino" in out


def test_info_without_a_model(monkeypatch, capsys):
    monkeypatch.setattr("zvc69.cli.system.installed_models", lambda: [])
    assert run(["info", "--system"]) == 0
    assert "none installed" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [
    [], ["encode"], ["encode", "a", "b", "--qp", "64"], ["encode", "a", "b", "--qp", "3", "--quality", "low"],
    ["encode", "a", "b", "--backend", "abacus"], ["decode", "a", "b.mp4", "--crf", "52"], ["encode", "a", "b", "--frames", "0"],
    ["info"], ["info", "a", "--system"], ["info", "--system", "--frames"], ["nonsense"], ["compare", "-", "-"],
])
def test_wrong_usage_exits_with_2(arguments, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Usage" in captured.err


def test_help_and_version(capsys):
    assert run(["--version"]) == 0 and run(["encode", "--help"]) == 0
    assert "zvc69, version" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [
    ["encode", "{tmp}/missing.mp4", "{tmp}/x.zvc"],
    ["encode", "{clip}", "{tmp}/missing/x.zvc"],
    ["encode", "{clip}", "{tmp}/x.zvc", "--model", "missing"],
    ["encode", "{clip}", "{tmp}/x.zvc", "--model", "{intra}", "--gop", "12"],
    ["encode", "{tmp}", "{tmp}/x.zvc"],
    ["decode", "{clip}", "{tmp}/x.y4m"],
    ["decode", "{tmp}/missing.zvc", "{tmp}/x.y4m"],
    ["decode", "{stream}", "{tmp}/x.avi"],
    ["decode", "{stream}", "{tmp}/x.y4m", "--crf", "20"],
    ["decode", "{clip}", "{tmp}/pictures/"],
    ["decode", "{stream}", "{tmp}/missing/pictures/"],
    ["decode", "{stream}", "{tmp}/x.png"],
    ["info", "{clip}"],
    ["compare", "{clip}", "{other}"],
    ["compare", "{clip}", "{tmp}/missing.y4m"],
])
def test_failures_are_one_line_and_leave_nothing(arguments, clip, stream, tmp_path, capsys):
    other = write_y4m(tmp_path / "other.y4m", [noise_frame(32, 18)])
    before = set(tmp_path.iterdir())
    assert run([a.format(tmp=tmp_path, clip=clip, stream=stream, other=other, intra=GOLDEN / "models" / "tiny") for a in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("zvc69: error: ") and captured.err.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


def test_truncated_stream_gives_no_output(stream, tmp_path, capsys):
    stream.write_bytes(stream.read_bytes()[:-200])
    assert run(["decode", str(stream), str(tmp_path / "x.y4m")]) == 1
    assert not (tmp_path / "x.y4m").exists() and capsys.readouterr().err.startswith("zvc69: error: ")


def test_tolerant_decode_makes_up_for_what_was_cut_off_and_says_so(stream, tmp_path, capsys):
    stream.write_bytes(stream.read_bytes()[:-200])
    assert run(["decode", str(stream), str(tmp_path / "x.y4m"), "--tolerant"]) == 0
    assert re.match(r"zvc69: note: places with damage: \d; frames concealed: 1, predicted from concealed ones: 0\ndecoded 4 frames", capsys.readouterr().err)


def test_running_out_of_memory_is_an_error(monkeypatch, capsys):
    def greedy(*_, **__):
        raise MemoryError

    monkeypatch.setattr("zvc69.cli.stream_info.describe", greedy)
    assert run(["info", "x"]) == 1
    assert "not enough memory" in capsys.readouterr().err


def test_pipes_both_ways(clip, stream):
    coded = subprocess.run([*COMMAND, "encode", "-", "-", "--qp", "20", "--gop", "3"], input=clip.read_bytes(), capture_output=True, check=True)
    assert b"encoded 4 frames" in coded.stderr and b"\x1b" not in coded.stderr
    decoded = subprocess.run([*COMMAND, "decode", "-", "-"], input=coded.stdout, capture_output=True, check=True)
    assert len(list(open_source(io.BytesIO(decoded.stdout)))) == 4
    told = subprocess.run([*COMMAND, "info", "-"], input=coded.stdout, capture_output=True, check=True)
    assert b"4 (2 I, 2 P)" in told.stdout


def test_reader_that_goes_away_is_no_error_message(tmp_path):
    clip = write_y4m(tmp_path / "long.y4m", [Frame.from_rgb24(smooth_rgb(320, 240))] * 12)
    assert run(["encode", str(clip), str(tmp_path / "long.zvc")]) == 0
    process = subprocess.Popen([*COMMAND, "decode", str(tmp_path / "long.zvc"), "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt_exits_with_130_and_leaves_no_file(tmp_path):
    # What runs in the background of a shell without job control, and its children, ignore interrupts.
    process = subprocess.Popen([*COMMAND, "encode", "-", str(tmp_path / "x.zvc")], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    process.stdin.write(b"YUV4MPEG2 W64 H48 F25:1\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:  # the output under its temporary name
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130      # while its input is still open
    assert process.communicate()[1] == b"zvc69: interrupted\n"
    assert not (tmp_path / "x.zvc").exists()


def test_progress_is_silent_in_pipes(capsys):
    with FrameProgress("encoding", 25.0) as progress:
        progress(1, 2, 100)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_goes_to_stderr(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with FrameProgress("encoding", 25.0) as progress:
        for done in range(1, 5):
            progress(done, 4, 1000 * done)
    captured = capsys.readouterr()
    assert captured.out == "" and "encoding" in captured.err and "4/4" in captured.err


def documented_options(command: str) -> dict[str, list[str]]:
    """Cells of the option table in a command's section of docs/CLI.md: range, default, meaning."""
    section = DOCS.read_text().split(f"## zvc69 {command}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(--[a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
    return {name: cells for name, *cells in rows}


def leaves(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Commands by their full names, those of groups within the group too."""
    found = {}
    for name, command in group.commands.items():
        found |= leaves(command, f"{before}{name} ") if isinstance(command, click.Group) else {before + name: command}
    return found


@pytest.mark.parametrize("name", sorted(leaves(cli)))
def test_page_and_command_agree(name):
    options = {o.opts[0]: o for o in leaves(cli)[name].params if isinstance(o, click.Option)}
    documented = documented_options(name)
    assert set(documented) == set(options)
    for flag, (limits, default, _) in documented.items():
        option = options[flag]
        if option.is_flag:
            assert (limits, default) == ("flag", "by preset" if option.secondary_opts else "off")
        elif isinstance(option.type, click.Choice):
            assert re.findall(r"`([^`]+)`", limits) == list(option.type.choices)
        elif isinstance(option.type, click.IntRange):
            assert limits == (f"{option.type.min} up" if option.type.max is None else f"{option.type.min}..{option.type.max}")
        if isinstance(option.default, (str, int)) and not option.is_flag:
            assert default.strip("`") == str(option.default)
