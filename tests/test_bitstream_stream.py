"""Streams as a whole: writer, reader, index, seeking, pipes, joining."""
from __future__ import annotations

import io
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zvc69 import errors
from zvc69.bitstream import FileHeader, PacketMaker, StreamReader, StreamWriter
from zvc69.bitstream import header as file_header
from zvc69.bitstream import index as stream_index

from .bitstream_samples import STREAM, frame_header, frames, make_stream

both_forms = pytest.mark.parametrize("stream", [STREAM, replace(STREAM, compact=False)], ids=["compact", "full"])


class Pipe(io.RawIOBase):
    """Readable bytes that cannot seek and come a few at a time."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self._file, self._step = io.BytesIO(data), step
        self.asked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.asked = max(self.asked, len(buffer))
        data = self._file.read(min(self._step, len(buffer)))
        buffer[:len(data)] = data
        return len(data)


@settings(max_examples=40)
@given(st.booleans(), frames(12))
def test_a_stream_comes_back_as_written(compact: bool, sequence: list) -> None:
    file = io.BytesIO()
    with StreamWriter(file, replace(STREAM, compact=compact)) as writer:
        written = [writer.write(*frame) for frame in sequence]
    data = file.getvalue()
    for source in (data, memoryview(data), io.BytesIO(data), Pipe(data)):
        reader = StreamReader(source)
        assert list(reader) == written
        assert reader.header == writer.header
        assert reader.header.total_frames == len(written)


@both_forms
def test_seek_lands_on_keyframe_at_or_before_frame(stream: FileHeader) -> None:
    data = make_stream(95, gop=10, header=stream)
    packets = list(StreamReader(data))
    reader = StreamReader(data)
    for target in (0, 1, 9, 10, 11, 49, 94, 55, 3):
        assert reader.seek(target) == target // 10 * 10
        assert list(reader) == packets[target // 10 * 10:]
    assert not reader.index_rebuilt


def test_seek_finds_keyframes_that_the_index_leaves_out() -> None:
    data = make_stream(300, gop=1, key_bytes=100)
    reader = StreamReader(data)
    assert 1 < len(reader.index) < 20
    assert [reader.seek(n) for n in range(300)] == list(range(300))


def test_seek_beyond_the_stream_is_an_error() -> None:
    reader = StreamReader(make_stream(10))
    for target in (-1, 10, 1 << 40):
        with pytest.raises(errors.ConfigError):
            reader.seek(target)


def test_the_index_takes_less_than_half_a_percent() -> None:
    for gop, size in ((1, 30), (1, 5000), (10, 200)):
        data = make_stream(400, gop=gop, key_bytes=size)
        with_none = make_stream(400, gop=gop, key_bytes=size, index=False)
        assert len(data) - len(with_none) < len(data) / 256 + 32


def test_a_single_picture_has_no_index() -> None:
    data = make_stream(1)
    assert len(data) == 64 + StreamReader(data).seek(0) + len(next(iter(StreamReader(data))))


@both_forms
def test_a_missing_index_is_rebuilt(stream: FileHeader) -> None:
    data = make_stream(50, header=stream)
    stripped = make_stream(50, header=stream, index=False)
    reader = StreamReader(stripped)
    assert reader.index == StreamReader(data).index
    assert reader.index_rebuilt
    assert [reader.seek(25), next(reader).number] == [20, 20]


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_index_is_rebuilt(data: st.DataObject) -> None:
    good = make_stream(50)
    start = StreamReader(good).header.index_offset
    bit = data.draw(st.integers(8 * start, 8 * len(good) - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    reader = StreamReader(bytes(bad))
    assert reader.index == StreamReader(good).index
    assert reader.index_rebuilt
    assert len(list(reader)) == 50


def test_a_truncated_index_is_rebuilt() -> None:
    good = make_stream(50)
    start = StreamReader(good).header.index_offset
    for length in (start, start + 3, len(good) - 1):
        reader = StreamReader(good[:length])
        assert reader.index_rebuilt is False
        assert (reader.index, reader.index_rebuilt, len(reader)) == (StreamReader(good).index, True, 50)


@pytest.mark.parametrize("entries", [
    [(0, 64, 1), (10, 70, 1)],                       # no keyframe there
    [(0, 64, 1), (0, 5000, 1)], [(5, 5000, 1), (6, 4000, 1)], [(0, 64, 0)], [(0, 10, 1)],
    [(0, 64, 1), (99, 5000, 1)], [(0, 64, 1), (5, 1 << 60, 1)], []])
def test_a_lying_index_does_not_mislead(entries: list) -> None:
    good = make_stream(50)
    start = StreamReader(good).header.index_offset
    reader = StreamReader(good[:start] + stream_index.pack(entries))
    assert reader.seek(15) == 10
    assert next(reader).number == 10
    assert reader.index_rebuilt


def test_an_unfinished_stream_knows_its_length_by_scanning() -> None:
    data = make_stream(30, index=False)
    unfinished = replace(STREAM, total_frames=0).pack() + data[64:]
    assert len(StreamReader(unfinished)) == 30


@both_forms
@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_pipe_carries_a_stream_frame_by_frame(stream: FileHeader, buffering: int) -> None:
    """The writer waits until the reader has a frame before it writes the next, however small frames are."""
    read_end, write_end = os.pipe()
    arrived, written, late = threading.Semaphore(0), [], []

    def produce() -> None:
        with os.fdopen(write_end, "wb") as file, StreamWriter(file, stream) as writer:
            for number in range(60):
                written.append(writer.write(frame_header(number), bytes((1, 2, 500, 20_000)[number % 4])))
                if not arrived.acquire(timeout=5):
                    late.append(number)
                    break

    thread = threading.Thread(target=produce)
    thread.start()
    packets = []
    with os.fdopen(read_end, "rb", buffering) as file, StreamReader(file) as reader:
        for packet in reader:
            packets.append(packet)
            arrived.release()
    thread.join()
    assert packets == written
    assert not late


def test_a_pipe_has_no_length_index_or_seek() -> None:
    data = replace(STREAM, total_frames=0).pack() + make_stream(5, index=False)[64:]
    reader = StreamReader(Pipe(data))
    assert not reader.seekable
    for action in (lambda: len(reader), lambda: reader.index, lambda: reader.seek(0)):
        with pytest.raises(TypeError):
            action()


def test_a_pipe_can_be_joined_in_the_middle() -> None:
    file = io.BytesIO()
    file.seekable = lambda: False
    with StreamWriter(file, STREAM) as writer:
        written = [writer.write(frame_header(number), bytes([number]) * 900) for number in range(80)]
    data = file.getvalue()
    assert data.count(file_header.MAGIC) > 2
    assert list(StreamReader(Pipe(data, 500))) == written
    for cut in (1, 3000, 20_000, 40_000):
        reader = StreamReader(Pipe(data[cut:], 500), strict=False)
        packets = list(reader)
        assert reader.header.repeated
        assert packets[0].keyframe
        assert [bytes(p) for p in packets] == [bytes(p) for p in written[-len(packets):]]
        assert [p.pts for p in packets] == [p.pts for p in written[-len(packets):]]
        with pytest.raises(errors.NotAStreamError):
            StreamReader(Pipe(data[cut:]))


def test_repeated_headers_cost_less_than_half_a_percent() -> None:
    plain = make_stream(300, gop=1, key_bytes=300, repeat_header=False)
    repeated = make_stream(300, gop=1, key_bytes=300, repeat_header=True)
    assert 0 < len(repeated) - len(plain) <= len(plain) / 256
    assert [bytes(p) for p in StreamReader(repeated)] == [bytes(p) for p in StreamReader(plain)]


def test_a_repeated_header_that_differs_is_an_error() -> None:
    data = make_stream(30, gop=1, repeat_header=True)
    other = replace(STREAM, width=320).repeat().pack()
    at = data.index(file_header.MAGIC, 1)
    bad = data[:at] + other + data[at + 64:]
    with pytest.raises(errors.CorruptStreamError, match="differs"):
        list(StreamReader(bad))
    reader = StreamReader(bad, strict=False)
    assert len(list(reader)) == 30
    assert [(d.offset, d.end) for d in reader.damage] == [(at, at + 64)]


def test_a_path_gets_its_name_only_when_the_stream_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.zvc"
    with StreamWriter(path, STREAM) as writer:
        for number in range(15):
            writer.write(frame_header(number), bytes(100))
        assert not path.exists()
        assert len(list(StreamReader(writer.temporary_path))) == 15   # what a killed process leaves behind
    assert [p.name for p in tmp_path.iterdir()] == ["out.zvc"]
    with StreamReader(path) as reader:
        assert len(reader) == 15


def test_an_exception_leaves_the_frames_under_the_temporary_name(tmp_path: Path) -> None:
    with pytest.raises(KeyError), StreamWriter(tmp_path / "a.zvc", STREAM) as writer:
        writer.write(frame_header(0), bytes(100))
        raise KeyError
    assert [p.name for p in tmp_path.iterdir()] == ["a.zvc.part"]
    assert len(list(StreamReader(tmp_path / "a.zvc.part"))) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_reported_with_the_name_of_the_file() -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"), StreamWriter("/dev/full", STREAM) as writer:
        writer.write(frame_header(0), b"payload")


def test_an_exception_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), StreamWriter(tmp_path / "a.zvc", STREAM):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_a_stream_may_begin_inside_a_file_object() -> None:
    file = io.BytesIO(b"before")
    file.seek(6)
    with StreamWriter(file, STREAM) as writer:
        for number in range(25):
            writer.write(frame_header(number), bytes(1000))
    file.seek(6)
    reader = StreamReader(file)
    assert [reader.seek(24), next(reader).number, len(reader)] == [20, 20, 25]
    assert file.getvalue()[:6] == b"before"


def test_packets_of_an_encoder_are_written_as_they_are() -> None:
    maker, file = PacketMaker(STREAM), io.BytesIO()
    packets = [maker.make(frame_header(number), b"payload") for number in range(12)]
    with StreamWriter(file, STREAM) as writer:
        for packet in packets:
            writer.write_packet(packet)
        with pytest.raises(errors.ConfigError):
            writer.write_packet(packets[3])
    assert [bytes(p) for p in StreamReader(file.getvalue())] == [bytes(p) for p in packets]
