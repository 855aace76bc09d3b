"""Whole files: real containers and stills in, pictures out, pipes, progress, and what failures leave behind."""
from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

import zvc69
from zvc69 import Frame, decode_file, encode_file, encode_frames
from zvc69.codec.prefetch import prefetch
from zvc69.errors import ConfigError, CorruptStreamError, MediaError
from zvc69.media import open_source
from zvc69.metrics import frame_psnr

from .codec_samples import MODEL, picture, stream
from .test_media_files import write_mp4

WIDTH, HEIGHT, FRAMES = 96, 64, 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_mp4(path, [picture(WIDTH, HEIGHT, number=n) for n in range(FRAMES)])
    return path


def frames_of(path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def test_video_file_comes_back(clip, tmp_path):
    summary = encode_file(clip, tmp_path / "a.zvc", qp=12, model=MODEL)
    assert (summary.frames, summary.width, summary.height, summary.average_qp, summary.backend) == (FRAMES, WIDTH, HEIGHT, 12, "cpu")
    assert summary.bytes == (tmp_path / "a.zvc").stat().st_size
    assert summary.bpp == pytest.approx(8 * summary.bytes / (WIDTH * HEIGHT * FRAMES)) and summary.fps > 0
    back = decode_file(tmp_path / "a.zvc", tmp_path / "a.y4m")
    assert (back.frames, back.width, back.height, back.damaged) == (FRAMES, WIDTH, HEIGHT, 0)
    for ours, theirs in zip(frames_of(clip), frames_of(tmp_path / "a.y4m"), strict=True):
        assert frame_psnr(ours, theirs).weighted > 34


def test_stream_knows_rate_and_length_of_its_source(clip, tmp_path):
    summary = encode_file(clip, tmp_path / "a.zvc", model=MODEL)
    with zvc69.open(tmp_path / "a.zvc") as video, open_source(clip) as source:
        assert video.header.fps == summary.rate == source.fps and len(video) == FRAMES


def test_still_is_a_video_of_one_frame(tmp_path):
    av.VideoFrame.from_ndarray(picture(65, 47).to_rgb(), format="rgb24").to_image().save(tmp_path / "a.png")
    assert encode_file(tmp_path / "a.png", tmp_path / "a.zvc", qp=12, model=MODEL).frames == 1
    decode_file(tmp_path / "a.zvc", tmp_path / "b.png")
    ours, theirs = (frames_of(tmp_path / name)[0] for name in ("a.png", "b.png"))
    assert (theirs.width, theirs.height) == (65, 47) and frame_psnr(ours, theirs).weighted > 32


def test_frames_limits_both_ways(clip, tmp_path):
    assert encode_file(clip, tmp_path / "a.zvc", frames=3, model=MODEL).frames == 3
    assert decode_file(tmp_path / "a.zvc", tmp_path / "a.y4m", frames=2).frames == 2
    assert len(frames_of(tmp_path / "a.y4m")) == 2


def test_dash_is_standard_input_and_output(clip, tmp_path, monkeypatch):
    coded = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=open(clip, "rb")))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=coded))
    encode_file("-", "-", qp=30, model=MODEL)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(coded.getvalue())))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=(decoded := io.BytesIO())))
    assert decode_file("-", "-").frames == FRAMES
    assert decoded.getvalue().startswith(b"YUV4MPEG2") and len(list(open_source(io.BytesIO(decoded.getvalue())))) == FRAMES


def test_frames_of_any_iterable_are_coded(tmp_path):
    rgb = (picture(64, 48, number=n).to_rgb() for n in range(3))
    summary = encode_frames(rgb, tmp_path / "a.zvc", width=64, height=48, fps=Fraction(24000, 1001), model=MODEL)
    with zvc69.open(tmp_path / "a.zvc") as video:
        assert summary.frames == len(video) == 3 and video.header.fps == Fraction(24000, 1001)


def test_progress_is_told_after_every_frame(clip, tmp_path):
    calls = []
    summary = encode_file(clip, tmp_path / "a.zvc", model=MODEL, progress=lambda *call: calls.append(call))
    assert [(done, total) for done, total, _ in calls] == [(n + 1, FRAMES) for n in range(FRAMES)]
    sizes = [size for _, _, size in calls]
    assert sizes == sorted(sizes) and 0 < sizes[0] and sizes[-1] <= summary.bytes
    calls.clear()
    decode_file(tmp_path / "a.zvc", tmp_path / "a.y4m", frames=2, progress=lambda *call: calls.append(call))
    assert [call[:2] for call in calls] == [(1, 2), (2, 2)]


def test_failed_encode_leaves_what_it_coded_under_the_temporary_name_alone(tmp_path):
    def frames():
        yield picture(64, 48)
        yield picture(64, 48)
        raise MediaError("the camera fell")

    (tmp_path / "a.zvc").write_bytes(b"before")
    with pytest.raises(MediaError, match="the camera fell"):
        encode_frames(frames(), tmp_path / "a.zvc", width=64, height=48, fps=25, model=MODEL)
    assert (tmp_path / "a.zvc").read_bytes() == b"before"
    with zvc69.open(tmp_path / "a.zvc.part") as video:
        assert [frame.pts for frame in video] == [0, 1]


@pytest.mark.parametrize("frames, error", [((), MediaError), ((picture(32, 32),), ConfigError)])
def test_encode_of_nothing_leaves_nothing(frames, error, tmp_path):
    with pytest.raises(error):
        encode_frames(frames, tmp_path / "a.zvc", width=64, height=48, fps=25, model=MODEL)
    assert list(tmp_path.iterdir()) == []


def test_failed_decode_leaves_nothing(tmp_path):
    data = bytearray(stream(4))
    data[-200] ^= 1
    (tmp_path / "a.zvc").write_bytes(data)
    with pytest.raises(CorruptStreamError):
        decode_file(tmp_path / "a.zvc", tmp_path / "a.y4m")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zvc"]


def test_tolerant_decode_conceals_damage_and_counts_it(tmp_path):
    data = bytearray(stream(6))
    with zvc69.StreamReader(bytes(data)) as reader:
        data[[packet.offset for packet in reader][2] + 40] ^= 1
    summary = decode_file(io.BytesIO(data), tmp_path / "a.y4m", strict=False)
    assert (summary.frames, summary.damaged, summary.concealed, summary.affected) == (6, 1, 1, 0) and len(frames_of(tmp_path / "a.y4m")) == 6


def test_no_thread_is_left_when_writing_fails(tmp_path):
    class Full(io.BytesIO):
        def write(self, data) -> int:
            if self.tell() > 10_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    data = stream(8)
    decode_file(io.BytesIO(data), io.BytesIO())    # the runtime of the networks starts threads of its own
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="No space"):
        decode_file(io.BytesIO(data), Full())
    assert set(threading.enumerate()) <= before


def test_prefetch_keeps_order_and_hands_errors_on():
    def items():
        yield from range(10)
        raise ValueError("end")

    ahead = prefetch(items(), ahead=2)
    assert [next(ahead) for _ in range(10)] == list(range(10))
    with pytest.raises(ValueError, match="end"):
        next(ahead)


def test_prefetch_stays_so_far_ahead_and_stops_when_left():
    made = []

    def items():
        for i in range(1000):
            made.append(i)
            yield i

    before = set(threading.enumerate())
    ahead = prefetch(items(), ahead=2)
    assert next(ahead) == 0
    ahead.close()
    assert len(made) <= 5 and set(threading.enumerate()) <= before


@pytest.mark.skipif(os.name != "posix", reason="pipes of the shell")
def test_ffmpeg_like_pipe_is_encoded_as_it_comes(clip, tmp_path):
    """A y4m pipe into the command, as `ffmpeg -f yuv4mpegpipe - | zvc69 encode - x.zvc` does."""
    y4m = io.BytesIO()
    with open_source(clip) as source, zvc69.media.open_sink(y4m, WIDTH, HEIGHT, source.fps) as sink:
        for frame in source:
            sink.write(frame)
    subprocess.run([sys.executable, "-m", "zvc69", "encode", "-", str(tmp_path / "x.zvc"), "--model", MODEL], input=y4m.getvalue(), check=True,
                   capture_output=True)
    with zvc69.open(tmp_path / "x.zvc") as video:
        assert len(video) == FRAMES and np.ptp(video[0].y) > 50
