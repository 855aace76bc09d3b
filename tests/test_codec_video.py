"""Reading coded video: iteration, random access, pipes, damage."""
from __future__ import annotations

import gc
import io
import os
import threading

import numpy as np
import pytest

import zvc69
from zvc69 import StreamReader, VideoReader
from zvc69.bitstream import KEYFRAME, FrameHeader, FrameType, StreamWriter
from zvc69.errors import ConfigError, CorruptStreamError, NotAStreamError, StreamError, TruncatedStreamError

from .codec_samples import stream

FRAMES = 7


@pytest.fixture(scope="module")
def coded() -> bytes:
    return stream(FRAMES)


class Pipe(io.RawIOBase):
    """Bytes that can only be read forwards."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._file.readinto(buffer)


def pts(frames) -> list[int]:
    return [frame.pts for frame in frames]


def concealed(frames) -> list[int]:
    return [frame.pts for frame in frames if frame.integrity is zvc69.Integrity.CONCEALED]


def offsets(data: bytes) -> list[int]:
    with StreamReader(data) as reader:
        return [packet.offset for packet in reader]


def damaged(data: bytes, *frames: int) -> bytes:
    """The stream with a byte changed inside each of `frames`."""
    out = bytearray(data)
    for frame in frames:
        out[offsets(data)[frame] + 30] ^= 0x55
    return bytes(out)


def unreadable(data: bytes, bad: int) -> bytes:
    """The stream with frame `bad` replaced by one whose checksum holds and whose payload says nothing."""
    file = io.BytesIO()
    with StreamReader(data) as reader, StreamWriter(file, reader.header) as writer:
        for packet in reader:
            payload = b"\x01" + bytes(9) if packet.number == bad else bytes(packet.payload)
            writer.write(FrameHeader(FrameType.I, packet.header.qp, packet.pts, packet.dts, KEYFRAME), payload)
    return file.getvalue()


def test_length_and_header_are_the_streams(coded):
    with zvc69.open(coded) as video:
        assert len(video) == FRAMES and (video.header.width, video.header.height) == (64, 48) and video.backend == "cpu"


def test_every_iteration_begins_at_the_first_frame(coded):
    with zvc69.open(coded) as video:
        assert pts(video) == pts(video) == list(range(FRAMES))


def test_seek_lands_on_keyframe_at_or_before_target_and_iteration_on_the_target(coded):
    with zvc69.open(coded) as video:
        for target in (4, 0, FRAMES - 1, 2):
            assert video.seek(target) <= target
            assert pts(video) == list(range(target, FRAMES))
        assert pts(video) == list(range(FRAMES))


def test_seek_beyond_the_stream_is_refused(coded):
    with zvc69.open(coded) as video:
        for target in (-1, FRAMES):
            with pytest.raises(ConfigError, match=f"no frame {target} in a stream of {FRAMES}"):
                video.seek(target)


def test_indexing_gives_the_frames_of_iteration(coded):
    with zvc69.open(coded) as video:
        frames = list(video)
        for i in (3, 0, -1, -FRAMES, np.int64(2)):
            assert all(np.array_equal(a, b) for a, b in zip(video[i].planes, frames[i].planes))
        for i in (FRAMES, -FRAMES - 1):
            with pytest.raises(IndexError, match=f"frame {i} of a video of {FRAMES}"):
                video[i]
        with pytest.raises(TypeError):
            video["0"]


def test_indexing_disturbs_neither_iteration_nor_seek(coded):
    with zvc69.open(coded) as video:
        seen = []
        for frame in video:
            seen.append((frame.pts, video[0].pts, video[-1].pts))
        assert seen == [(n, 0, FRAMES - 1) for n in range(FRAMES)]
        video.seek(5)
        assert video[1].pts == 1
        assert pts(video) == [5, 6]


def test_two_iterations_at_once_are_independent(coded):
    with zvc69.open(coded) as video:
        assert [(a.pts, b.pts) for a, b in zip(video, video)] == [(n, n) for n in range(FRAMES)]


def test_reversed_goes_backwards(coded):
    with zvc69.open(coded) as video:
        assert pts(reversed(video)) == list(range(FRAMES))[::-1]


def test_path_bytes_and_file_object_read_the_same(coded, tmp_path):
    (tmp_path / "a.zvc").write_bytes(coded)
    for source in (tmp_path / "a.zvc", str(tmp_path / "a.zvc"), coded, bytearray(coded), io.BytesIO(coded)):
        with zvc69.open(source) as video:
            assert pts(video) == list(range(FRAMES))


def test_pipe_is_read_once_forwards(coded):
    with zvc69.open(Pipe(coded)) as video:
        for seeking in (lambda: video.seek(0), lambda: video[0]):
            with pytest.raises(TypeError):
                seeking()
        assert pts(video) == list(range(FRAMES)) and pts(video) == []


def test_length_of_a_pipe_is_known_if_its_header_states_it(coded):
    assert len(zvc69.open(Pipe(coded))) == FRAMES
    with StreamReader(coded) as reader:
        unstated = reader.header.repeat().pack() + coded[64:reader.header.index_offset or None]
    with pytest.raises(TypeError):
        len(zvc69.open(Pipe(unstated)))


def test_operating_system_pipe_is_read_while_it_is_written(coded):
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file:
            file.write(coded)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb") as file, zvc69.open(file) as video:
        assert pts(video) == list(range(FRAMES))
    thread.join()


def test_strict_reader_gives_what_comes_before_damage_and_names_the_frame(coded):
    seen = []
    with zvc69.open(damaged(coded, 4)) as video, pytest.raises(CorruptStreamError) as raised:
        for frame in video:
            seen.append(frame.pts)
    assert seen == [0, 1, 2, 3] and raised.value.frame == 4


def test_tolerant_reader_conceals_damage_and_lists_it_once(coded):
    data = damaged(coded, 2, 5)
    with zvc69.open(data, strict=False) as video:
        assert pts(video) == pts(video) == list(range(FRAMES))
        assert concealed(video) == [2, 5]
        assert [damage.offset for damage in video.damage] == [offsets(coded)[2], offsets(coded)[5]]


def test_tolerant_reader_reads_again_though_the_first_frame_is_damaged(coded):
    with zvc69.open(damaged(coded, 0), strict=False) as video:
        assert pts(video) == pts(video) == list(range(FRAMES))
        assert concealed(video) == [0]


def test_tolerant_reader_conceals_a_frame_that_is_whole_but_says_nothing(coded):
    data = unreadable(coded, 3)
    with zvc69.open(data, strict=False) as video:
        assert pts(video) == list(range(FRAMES)) and concealed(video) == [3]
        assert [type(damage.error) for damage in video.damage] == [CorruptStreamError]
    with zvc69.open(data) as video, pytest.raises(CorruptStreamError) as raised:
        list(video)
    assert raised.value.frame == 3


def test_damaged_frame_is_never_replaced_by_another(coded):
    with zvc69.open(damaged(coded, 3), strict=False) as video:
        with pytest.raises(CorruptStreamError) as raised:
            video[3]
        assert raised.value.frame == 3 and video[4].pts == 4


@pytest.mark.parametrize("kept", [70, 500, -10])
def test_truncated_stream_is_told_as_that(coded, kept):
    with zvc69.open(coded[:offsets(coded)[-1] + 100 if kept < 0 else kept]) as video, pytest.raises(TruncatedStreamError):
        list(video)


@pytest.mark.parametrize("data, error", [(b"", NotAStreamError), (b"\x89PNG" + bytes(100), NotAStreamError)])
def test_what_is_no_stream_is_told_as_that(data, error):
    with pytest.raises(error):
        zvc69.open(data)


def test_file_is_closed_when_the_decoder_cannot_be_made(coded, tmp_path, recwarn):
    (tmp_path / "a.zvc").write_bytes(coded)
    with pytest.raises(StreamError):
        VideoReader(tmp_path / "a.zvc", max_pixels=100)
    gc.collect()
    assert not [w for w in recwarn if w.category is ResourceWarning]


def test_iterations_leave_no_thread_behind(coded):
    with zvc69.open(coded) as video:
        list(video)    # the runtime of the networks starts its own
        before = set(threading.enumerate())
        for _ in range(3):
            list(video)
            for _ in video:
                break
        assert set(threading.enumerate()) <= before
