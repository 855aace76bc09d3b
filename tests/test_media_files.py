"""Sources and sinks."""
from __future__ import annotations

import io
import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zvc69.errors import MediaError
from zvc69.media import AtomicFile, Frame, RawGeometry, open_sink, open_source, png, y4m
from zvc69.media.source import fitted_rate

from .test_media_frame import assert_same, noise_frame, smooth_rgb


def write_mp4(path: Path, frames: list[Frame], fps: int = 30) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for number, frame in enumerate(frames):
            picture = frame.to_av()
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def y4m_bytes(frames: list[Frame], fps: Fraction = Fraction(25)) -> bytes:
    buffer = io.BytesIO()
    with open_sink(buffer, frames[0].width, frames[0].height, fps, frames[0].depth) as sink:
        for frame in frames:
            sink.write(frame)
    return buffer.getvalue()


class Pipe(io.RawIOBase):
    """Bytes that cannot be rewound and come a few at a time."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self._data, self._step = io.BytesIO(data), step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(self._step, size) if size >= 0 else self._step)


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("size", [(32, 16), (17, 19)])
def test_y4m_file_round_trip(tmp_path, size, depth):
    frames = [noise_frame(*size, depth, seed) for seed in range(3)]
    path = tmp_path / "a.y4m"
    with open_sink(path, *size, Fraction(30000, 1001), depth) as sink:
        for frame in frames:
            sink.write(frame)
    with open_source(path) as source:
        assert (source.width, source.height, source.depth) == (*size, depth)
        assert source.fps == Fraction(30000, 1001) and source.total_frames == 3
        read = list(source)
    assert [frame.pts for frame in read] == [0, 1, 2]
    for a, b in zip(read, frames):
        assert_same(a, b)


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("size", [(32, 16), (17, 19)])
def test_ffmpeg_reads_our_y4m(tmp_path, size, depth):
    path = tmp_path / "a.y4m"
    path.write_bytes(y4m_bytes([noise_frame(*size, depth)]))
    with av.open(str(path)) as container:
        decoded = next(container.decode(video=0))
    assert_same(Frame.from_av(decoded), noise_frame(*size, depth))


def test_y4m_from_a_pipe_is_read_piece_by_piece():
    frames = [noise_frame(17, 19, 10, seed) for seed in range(2)]
    source = open_source(Pipe(y4m_bytes(frames)))
    assert source.total_frames is None
    for a, b in zip(source, frames, strict=True):
        assert_same(a, b)


def test_y4m_from_a_named_pipe(tmp_path):
    path = tmp_path / "pipe.y4m"
    os.mkfifo(path)
    frames = [noise_frame(32, 16, seed=seed) for seed in range(4)]
    writer = threading.Thread(target=lambda: path.write_bytes(y4m_bytes(frames)))
    writer.start()
    with open_source(path) as source:
        assert len(list(source)) == 4
    writer.join()


@pytest.mark.parametrize("tag", ["C420jpeg", "C420mpeg2", "C420paldv", "C420", ""])
def test_eight_bit_tags_of_y4m(tag):
    data = f"YUV4MPEG2 W4 H2 F0:0 It A0:0 {tag} XYSCSS=420JPEG\nFRAME Ixyz\n".encode() + bytes(range(12))
    source = open_source(io.BytesIO(data))
    frame, = source
    assert source.fps == 25 and frame.y.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]] and frame.v.tolist() == [[10, 11]]


def test_full_range_y4m_becomes_limited():
    data = b"YUV4MPEG2 W4 H2 C420jpeg XCOLORRANGE=FULL\nFRAME\n" + bytes([255] * 12)
    frame, = open_source(io.BytesIO(data))
    assert (frame.y == 235).all() and (frame.u == 240).all() and frame.pts == 0


@pytest.mark.parametrize("data, message", [
    (b"", "empty"),
    (b"YUV4MPEG2 W4 H2 C422\n", "'422'.*4:2:0"),
    (b"YUV4MPEG2 W4 H2 C420p14\n", "420p14"),
    (b"YUV4MPEG2 W4 C420\n", "without width or height"),
    (b"YUV4MPEG2 W-4 H2\n", "size '-4'"),
    (b"YUV4MPEG2 W99999999999999999999 H2\n", "not between"),
    (b"YUV4MPEG2 W4 H2 F30\n", "frame rate"),
    (b"YUV4MPEG2 W4 H2", "inside a line"),
    (b"YUV4MPEG2 " + b"X" * 5000, "longer than"),
    (b"YUV4MPEG2 W4 H2\nFRAMES\n" + bytes(12), "FRAME"),
    (b"YUV4MPEG2 W4 H2\nFRAME\n" + bytes(12) + b"FRAME\n" + bytes(11), "inside a frame.*frame 1"),
    (b"YUV4MPEG2X W4 H2\n", "begin with"),
])
def test_damaged_y4m_is_one_clear_error(data, message):
    with pytest.raises(MediaError, match=message) as caught:
        list(open_source(io.BytesIO(data)))
    assert "\n" not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(1, 40))
def test_hostile_y4m_raises_nothing_else(tail, step):
    try:
        for _ in open_source(Pipe(b"YUV4MPEG2 W4 H2" + tail, step)):
            pass
    except MediaError:
        pass


def test_y4m_name_without_y4m_content(tmp_path):
    path = tmp_path / "a.y4m"
    path.write_bytes(b"something else")
    with pytest.raises(MediaError, match="YUV4MPEG2"):
        open_source(path)


def test_mp4_is_read_with_its_figures(tmp_path):
    frames = [Frame.from_rgb24(smooth_rgb(64, 48))] * 5
    write_mp4(tmp_path / "a.mp4", frames)
    with open_source(str(tmp_path / "a.mp4")) as source:
        assert (source.width, source.height, source.depth, source.fps, source.total_frames) == (64, 48, 8, 30, 5)
        read = list(source)
    assert [frame.pts for frame in read] == list(range(5))
    assert np.abs(read[0].y.astype(int) - frames[0].y).mean() < 4


def test_any_container_from_a_pipe(tmp_path):
    frames = [Frame.from_rgb24(smooth_rgb(64, 48))] * 3
    write_mp4(tmp_path / "a.mkv", frames)
    assert len(list(open_source(Pipe((tmp_path / "a.mkv").read_bytes(), 1000)))) == 3
    assert len(list(open_source(io.BytesIO((tmp_path / "a.mkv").read_bytes())))) == 3


@pytest.mark.parametrize("size", [(32, 18), (33, 19)])
def test_still_is_one_frame(tmp_path, size):
    path = tmp_path / "a.png"
    path.write_bytes(png.encode(smooth_rgb(*size)))
    with open_source(path) as source:
        assert source.total_frames == 1
        frame, = source
    assert_same(frame, Frame.from_rgb24(smooth_rgb(*size)))


def test_numbered_stills_are_a_video(tmp_path):
    for number in range(3):
        (tmp_path / f"{number:03d}.png").write_bytes(png.encode(smooth_rgb(32, 18)))
    with open_source(tmp_path / "%03d.png") as source:
        assert len(list(source)) == 3


@pytest.mark.parametrize("content, message", [(b"", "."), (b"hello, this is text" * 50, "."), (None, "no such file")])
def test_unreadable_input_is_one_line(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=message) as caught:
        open_source(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_folder_and_audio_are_refused(tmp_path):
    with pytest.raises(MediaError):
        open_source(tmp_path)
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        audio = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        audio.sample_rate = 8000
        container.mux(stream.encode(audio))
    with pytest.raises(MediaError, match="no video"):
        open_source(path)


@pytest.mark.parametrize("depth", [8, 10])
def test_raw_round_trip(tmp_path, depth):
    frames = [noise_frame(17, 19, depth, seed) for seed in range(2)]
    path = tmp_path / "a.yuv"
    with open_sink(path, 17, 19, Fraction(25), depth) as sink:
        for frame in frames:
            sink.write(frame)
    with open_source(path, raw=RawGeometry(17, 19, depth)) as source:
        assert source.total_frames == 2
        for a, b in zip(source, frames, strict=True):
            assert_same(a, b)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MediaError, match="inside a frame"):
        list(open_source(path, raw=RawGeometry(17, 19, depth)))


def test_raw_geometry_is_checked():
    with pytest.raises(MediaError, match="0x4"):
        open_source(io.BytesIO(b"1234"), raw=RawGeometry(0, 4))


def test_png_output_holds_one_picture(tmp_path):
    frame = Frame.from_rgb24(smooth_rgb(33, 18))
    with open_sink(tmp_path / "a.png", 33, 18, Fraction(25)) as sink:
        sink.write(frame)
    with open_source(tmp_path / "a.png") as source:
        read, = source
    assert np.abs(read.y.astype(int) - frame.y).mean() < 1.5
    with pytest.raises(MediaError, match="one picture"):
        with open_sink(tmp_path / "b.png", 33, 18, Fraction(25)) as sink:
            sink.write(frame)
            sink.write(frame)
    assert not (tmp_path / "b.png").exists()


def test_sink_refuses_other_sizes_and_endings(tmp_path):
    with pytest.raises(MediaError, match="8x8"):
        with open_sink(tmp_path / "a.y4m", 4, 4, Fraction(25)) as sink:
            sink.write(noise_frame(8, 8))
    with pytest.raises(MediaError, match="must end in"):
        open_sink(tmp_path / "a.avi", 4, 4, Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_output_appears_only_when_whole(tmp_path):
    path = tmp_path / "a.y4m"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        with open_sink(path, 4, 4, Fraction(25)) as sink:
            sink.write(noise_frame(4, 4))
            assert path.read_bytes() == b"old"
            raise RuntimeError
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_atomic_file_replaces_what_a_link_points_to(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with AtomicFile(link) as file:
        file.write(b"12345")
        assert file.tell() == 5 and file.seekable() and file.writable()
        file.seek(1)
        file.write(b"x")
    assert link.is_symlink() and target.read_bytes() == b"1x345"


def test_atomic_file_writes_straight_to_devices():
    with AtomicFile("/dev/null") as file:
        file.write(b"x")
    assert Path("/dev/null").exists() and not Path("/dev/null").is_file()


def test_atomic_file_names_the_path_it_cannot_open(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        AtomicFile(tmp_path / "missing" / "a.bin")
    assert caught.value.filename == str(tmp_path / "missing" / "a.bin")
    with pytest.raises(IsADirectoryError):
        AtomicFile(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_atomic_file_names_the_path_that_is_full():
    file = AtomicFile("/dev/full")
    file.write(b"frame")
    with pytest.raises(OSError, match="/dev/full"):
        file.commit()


def test_closing_an_atomic_file_without_commit_drops_it(tmp_path):
    file = AtomicFile(tmp_path / "a")
    file.write(b"x")
    file.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(123456789, 4115227), Fraction(10**9),
                                  Fraction(1, 10**9), Fraction(65534001, 1000)])
def test_rates_fit_sixteen_bits(rate):
    fitted = fitted_rate(rate)
    assert 1 <= fitted.numerator <= 65535 and 1 <= fitted.denominator <= 65535
    if Fraction(1, 65535) <= rate <= 65535:
        assert abs(fitted / rate - 1) < 1e-3


def test_header_line_is_parsed_back():
    header = y4m.Y4mHeader(17, 19, Fraction(30000, 1001), 12)
    assert y4m.parse_header(header.line().rstrip(b"\n")) == header
