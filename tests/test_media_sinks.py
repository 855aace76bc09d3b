"""Decoded frames into containers and pictures: samples, depth, times, names, and what failures leave."""
from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from zvc69.errors import ConfigError, MediaError
from zvc69.media import AtomicFile, Frame, open_sink, open_source

from .codec_samples import picture
from .test_media_frame import assert_same, noise_frame, smooth_rgb

RATE = Fraction(30000, 1001)
CONTAINERS = ("mp4", "mkv", "mov")


def clip(width: int, height: int, depth: int = 8, times=(0, 1, 2, 3, 4)) -> list[Frame]:
    frames = [picture(width, height, depth, number) for number in range(len(times))]
    return [Frame(*frame.planes, depth, pts) for frame, pts in zip(frames, times)]


def write(path: Path, frames: list[Frame], **options) -> Path:
    with open_sink(path, frames[0].width, frames[0].height, RATE, frames[0].depth, **options) as sink:
        for frame in frames:
            sink.write(frame)
    assert sink.frames == len(frames)
    return path


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def probe(path: Path) -> tuple[str, str, list[Fraction]]:
    """Codec, pixel format, and when each frame is shown, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * frame.time_base for frame in container.decode(stream)]
        return stream.codec_context.name, stream.codec_context.pix_fmt, times


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("depth, codec, format", [(8, "h264", "yuv420p"), (10, "h264", "yuv420p10le"), (12, "hevc", "yuv420p12le")])
def test_lossless_video_is_every_sample(tmp_path, container, depth, codec, format):
    frames = clip(64, 48, depth)
    path = write(tmp_path / f"a.{container}", frames, crf=0)
    assert probe(path)[:2] == (codec, format)
    for ours, theirs in zip(frames, read(path), strict=True):
        assert_same(ours, theirs)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_default_quality_is_high_and_crf_lowers_it(tmp_path, depth):
    frames = clip(96, 64, depth)
    default = write(tmp_path / "default.mp4", frames)
    coarse = write(tmp_path / "coarse.mp4", frames, crf=45)
    errors = [max(np.abs(a.y.astype(int) - b.y).mean() for a, b in zip(frames, read(path), strict=True)) for path in (default, coarse)]
    assert 0 < errors[0] < 1.5 * 2 ** (depth - 8) < errors[1]
    assert coarse.stat().st_size < default.stat().st_size


@pytest.mark.parametrize("container", CONTAINERS)
def test_rate_and_times_of_frames(tmp_path, container):
    path = write(tmp_path / f"a.{container}", clip(64, 48))
    with open_source(path) as source:
        assert source.fps == RATE
    _, _, times = probe(path)
    # Matroska counts in milliseconds.
    assert [float(time) for time in times] == pytest.approx([n * 1001 / 30000 for n in range(5)], abs=0 if container != "mkv" else 1e-3)


def test_gaps_stay_and_time_begins_at_zero(tmp_path):
    path = write(tmp_path / "a.mp4", clip(64, 48, times=(7, 8, 11, 12, 20)))
    assert [time * RATE for time in probe(path)[2]] == [0, 1, 4, 5, 13]
    path = write(tmp_path / "b.mp4", clip(64, 48, times=(None, None, None)))
    assert [time * RATE for time in probe(path)[2]] == [0, 1, 2]


def test_time_that_does_not_rise_is_refused(tmp_path):
    with pytest.raises(MediaError, match="shown at 3 after one at 3.*frame 1"):
        write(tmp_path / "a.mp4", clip(64, 48, times=(3, 3)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [8, 12])
def test_odd_sizes_stay_as_they_are(tmp_path, depth):
    frames = clip(65, 47, depth)
    path = write(tmp_path / "a.mp4", frames, crf=0)
    assert probe(path)[1].startswith("yuv444p")
    for ours, theirs in zip(frames, (frame.convert("yuv420") for frame in read(path)), strict=True):
        np.testing.assert_array_equal(ours.y, theirs.y)
        assert np.abs(ours.u.astype(int) - theirs.u).mean() < 1 << (depth - 8)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_full_disk_is_an_error_and_leaves_nothing(tmp_path, container, monkeypatch):
    write_all = AtomicFile.write

    def full(self, data) -> int:
        if self.tell() > 3000:
            raise OSError(28, "No space left on device")
        return write_all(self, data)

    monkeypatch.setattr(AtomicFile, "write", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / f"a.{container}", [noise_frame(160, 120, seed=n) for n in range(12)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name, crf", [("a.mp4", 52), ("a.mp4", -1), ("a.y4m", 20), ("a.png", 20), ("pictures/", 0)])
def test_crf_is_checked(tmp_path, name, crf):
    with pytest.raises(ConfigError, match="crf"):
        open_sink(f"{tmp_path}/{name}", 64, 48, RATE, crf=crf)
    assert list(tmp_path.iterdir()) == []


def test_half_written_video_never_appears(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"before")
    with pytest.raises(RuntimeError):
        with open_sink(tmp_path / "a.mp4", 64, 48, RATE) as sink:
            sink.write(picture(64, 48))
            raise RuntimeError
    assert (tmp_path / "a.mp4").read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("target, names", [
    ("pictures/", ["000001.png", "000002.png", "000003.png"]),
    ("pictures/%d.png", ["1.png", "2.png", "3.png"]),
    ("pictures/100%% %03d.PNG", ["100% 001.PNG", "100% 002.PNG", "100% 003.PNG"]),
])
def test_every_frame_is_a_numbered_picture(tmp_path, target, names):
    frames = clip(33, 18, times=(0, 1, 2))
    write(f"{tmp_path}/{target}", frames)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == names
    for frame, name in zip(frames, names):
        with av.open(str(tmp_path / "pictures" / name)) as container:
            np.testing.assert_array_equal(next(container.decode(video=0)).to_ndarray(format="rgb24"), frame.to_rgb())


def test_folder_that_is_there_keeps_what_else_is_in_it(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "000001.png").write_bytes(b"old")
    write(tmp_path, clip(32, 18, times=(0,)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.png", "notes.txt"]
    assert (tmp_path / "000001.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_before_a_failure_stay(tmp_path):
    with pytest.raises(MediaError, match="32x18"):
        write(tmp_path / "%d.png", [*clip(64, 48, times=(0, 1)), *clip(32, 18, times=(2,))])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "2.png"]
    with pytest.raises(RuntimeError):
        with open_sink(f"{tmp_path}/empty/", 64, 48, RATE):
            raise RuntimeError
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("depth", [10, 12])
def test_deep_frames_are_pictures_of_sixteen_bits(tmp_path, depth):
    frame = picture(65, 47, depth)
    write(tmp_path / "a.png", [frame])
    with av.open(str(tmp_path / "a.png")) as container:
        decoded = next(container.decode(video=0))
        assert decoded.format.name == "rgb48be"
        samples = decoded.to_ndarray()
    np.testing.assert_array_equal(samples, frame.to_rgb(depth=16))
    assert len(np.unique(samples)) > 256
    assert np.abs(samples / 257 - frame.to_rgb()).max() < 2


def test_white_and_black_reach_the_ends_of_sixteen_bits():
    for level, value in ((16, 0), (235, 65535)):
        frame = Frame(np.full((4, 4), level << 4, np.uint16), *[np.full((2, 2), 128 << 4, np.uint16)] * 2, 12)
        assert np.abs(frame.to_rgb(depth=16).astype(int) - value).max() == 0
    with pytest.raises(ConfigError, match="8 or 16"):
        Frame.from_rgb24(smooth_rgb(4, 4)).to_rgb(depth=12)


@pytest.mark.parametrize("name", ["%d%d.png", "%03d/%03d.png", "%d/a.png"])
def test_names_without_one_number_are_refused(tmp_path, name):
    with pytest.raises(MediaError, match="number|one picture|must end"):
        write(tmp_path / name, clip(32, 18))
    assert list(tmp_path.iterdir()) == []
