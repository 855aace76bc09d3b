"""`zvc69 verify`: sound streams pass, every kind of damage is one line that says where."""
from __future__ import annotations

import io
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zvc69
from zvc69.bitstream import FileHeader, Payload, StreamReader, StreamWriter, index
from zvc69.bitstream.index import IndexEntry
from zvc69.bitstream.packet import PacketMaker
from zvc69.bitstream.verify import Problem, StreamCheck
from zvc69.cli import run
from zvc69.codec import verify as verify_module
from zvc69.codec.verify import Verification
from zvc69.errors import ConfigError

from .bitstream_samples import STREAM, make_stream
from .codec_samples import stream
from .parse_digest import streams


def structure(data: bytes) -> list[Problem]:
    """Problems that have nothing to do with payloads."""
    return [found for found in StreamCheck(data) if isinstance(found, Problem)]


def problems(data: bytes, **options) -> list[Problem]:
    return list(Verification(data, **options))


def packets_of(data: bytes) -> list:
    with StreamReader(data) as reader:
        return list(reader)


def flipped(data: bytes, offset: int) -> bytes:
    out = bytearray(data)
    out[offset] ^= 0x10
    return bytes(out)


def with_index(data: bytes, entries: list[IndexEntry]) -> bytes:
    """The stream with another, well-formed index."""
    return data[:FileHeader.unpack(data).index_offset] + index.pack(entries)


@pytest.mark.parametrize("path", streams(), ids=lambda path: path.stem)
@pytest.mark.parametrize("decode", [False, True])
def test_golden_streams_are_sound(path, decode):
    check = Verification(path, decode=decode)
    assert list(check) == []
    assert check.frames == check.parsed == len(packets_of(path.read_bytes())) and check.size == path.stat().st_size


@pytest.mark.parametrize("options", [{}, dict(index=False), dict(repeat_header=True), dict(header=replace(STREAM, compact=False))])
def test_every_way_of_writing_is_sound(options):
    assert structure(make_stream(300, gop=5, **options)) == []


def test_pipe_like_stream_is_sound():
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    pipe = Pipe()
    with StreamWriter(pipe, STREAM) as writer:
        for packet in packets_of(make_stream(30)):
            writer.write(packet.header, bytes(packet.payload))
    assert structure(pipe.getvalue()) == []


def test_flipped_byte_is_found_where_it_is():
    data = stream(6)
    packet = packets_of(data)[3]
    found, = problems(flipped(data, packet.offset + packet.header_size + 5))
    assert (found.offset, found.frame) == (packet.offset, 3) and "checksum" in found.message


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_every_flipped_bit_is_found(at, bit):
    data = bytearray(make_stream(12, gop=4, key_bytes=5000))
    at %= len(data)
    data[at] ^= 1 << bit
    try:
        assert structure(bytes(data))
    except zvc69.Zvc69Error:
        assert at < 64       # the file header's own checksum


def test_missing_and_doubled_frames_are_found():
    data = make_stream(12, index=False, header=replace(STREAM, total_frames=12))
    packets = packets_of(data)
    cut = data[:packets[4].offset] + data[packets[5].offset:]
    assert [(p.frame, p.offset) for p in structure(cut)] == [(5, packets[4].offset)]
    assert "1 frame is missing" in structure(cut)[0].message
    doubled = data[:packets[5].offset] + bytes(packets[4]) + data[packets[5].offset:]
    assert any("counter" in p.message or "missing" in p.message for p in structure(doubled))


def test_truncation_and_what_follows_the_end_are_found():
    data = make_stream(12, gop=4, key_bytes=5000)
    end = FileHeader.unpack(data).index_offset
    assert "no index of the stated length" in structure(data[:-1])[0].message
    assert "ends where its index" in structure(data[:end])[0].message
    messages = [p.message for p in structure(data[:end - 10])]
    assert any("inside a frame" in m for m in messages) and any("states 12 frames, the stream has 11" in m for m in messages)
    behind = structure(make_stream(3, index=False) + index.pack([IndexEntry(0, 64, 3)]))
    assert [p.message for p in behind] == ["32 bytes behind the last frame belong to nothing"]


def test_lies_of_the_index_are_found():
    data = make_stream(12, gop=4, key_bytes=5000)
    entries = list(StreamReader(data).index)
    assert [entry.frame for entry in entries] == [0, 4, 8] and structure(with_index(data, entries)) == []

    def lie(*changed: IndexEntry) -> list[str]:
        found = structure(with_index(data, list(changed)))
        assert all(p.offset == FileHeader.unpack(data).index_offset for p in found)
        return [p.message.removeprefix("index: ") for p in found]

    first, second, third = entries
    assert lie(first, third) == ["keyframe 4 is not listed"]
    assert lie(first, second._replace(offset=second.offset + 1), third) == ["the entry for frame 4 is not that frame's"]
    assert lie(first, second._replace(flags=1), third) == ["the entry for frame 4 is not that frame's"]
    assert lie(first, second, third, third._replace(frame=99, offset=third.offset + 9)) == ["the entry for frame 99 points to no keyframe"]
    assert lie(first, second._replace(frame=5), third) == ["keyframe 4 is not listed", "the entry for frame 5 is not that frame's"]
    assert "out of order" in lie(second, first)[0]
    damaged = flipped(data, len(data) - 20)
    assert "checksum" in structure(damaged)[0].message and len(structure(damaged)) == 1


def test_entry_of_a_damaged_keyframe_is_not_a_second_problem():
    data = make_stream(12, gop=4, key_bytes=5000)
    packet = packets_of(data)[4]
    assert [(p.offset, p.frame) for p in structure(flipped(data, packet.offset + 100))] == [(packet.offset, 4)]


def rewritten(data: bytes, payloads: dict[int, bytes]) -> bytes:
    """The stream with other payloads, checksums right."""
    header, file = FileHeader.unpack(data), io.BytesIO()
    maker = PacketMaker(header)
    with StreamWriter(file, header) as writer:
        for packet in packets_of(data):
            writer.write_packet(maker.make(packet.header, payloads.get(packet.number, bytes(packet.payload))))
    return file.getvalue()


@pytest.mark.parametrize("decode", [False, True])
def test_payload_that_cannot_be_parsed_is_found_behind_its_checksum(decode):
    data = rewritten(stream(5), {1: Payload(no_state=True, lanes=1, substreams=(bytes(40),)).pack(), 3: b"\x81"})
    check = Verification(data, decode=decode)
    assert [p.frame for p in check] == [1, 3]
    assert (check.frames, check.parsed, check.unchecked) == (5, 3, 0)
    assert structure(data) == []


def test_unknown_model_and_huge_pictures_are_problems_but_frames_are_checked():
    data = stream(3)
    unknown = replace(FileHeader.unpack(data), model_hash=b"none").pack() + data[64:]
    check = Verification(unknown)
    found, = check
    assert "payloads are not checked" in found.message and (check.frames, check.unchecked) == (3, 3)
    found, = problems(data, max_pixels=100)
    assert "max_pixels" in found.message


def test_bytes_that_are_no_stream():
    for data in (b"", b"RIFF" + bytes(100), b"ZVC69\0\1"):
        check = Verification(data)
        found, = check
        assert found.offset == 0 and check.frames == 0


def test_it_stops_after_so_many_problems(monkeypatch):
    monkeypatch.setattr(verify_module, "MOST_PROBLEMS", 3)
    data = bytearray(make_stream(40))
    for packet in packets_of(bytes(data))[::2]:
        data[packet.offset + packet.header_size] ^= 1
    found = problems(bytes(data))
    assert len(found) == 4 and found[-1].offset is None and "3 problems" in found[-1].message


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_hostile_bytes_end_in_problems(tail, compact):
    data = replace(STREAM, compact=compact).pack() + tail
    assert tail == b"" or structure(data)


def test_memory_does_not_grow_with_the_stream():
    """Neither with frames, nor with an index as large as the file allows, nor with what the header claims."""
    def peak(data: bytes) -> int:
        tracemalloc.start()
        try:
            list(map(lambda found: None, StreamCheck(data)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = make_stream(20, gop=1, key_bytes=4096)
    large = make_stream(2000, gop=1, key_bytes=4096)
    lying = with_index(small, [IndexEntry(n, 64 + 20 * n, 1) for n in range(3000)])
    assert peak(large) < peak(small) + 200_000 and peak(lying) < peak(small) + 1_000_000


def test_pipe_is_refused():
    read, write = os.pipe()
    os.close(write)
    with open(read, "rb") as pipe, pytest.raises(ConfigError, match="seek"):
        list(Verification(pipe))


# The command

@pytest.fixture
def path(tmp_path) -> Path:
    out = tmp_path / "a.zvc"
    out.write_bytes(stream(6))
    return out


def test_command_says_sound_and_exits_with_0(path, capsys):
    assert run(["verify", str(path)]) == 0
    assert capsys.readouterr() == (f"{path}: sound; 6 whole frames, {path.stat().st_size} bytes\n", "")
    assert run(["verify", str(path), "--decode", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["sound"] and figures["decoded"] and figures["frames"] == figures["parsed"] == 6 and figures["problems"] == []


def test_command_prints_a_line_for_each_problem_and_exits_with_1(path, capsys):
    packets = packets_of(path.read_bytes())
    data = path.read_bytes()
    for packet in (packets[1], packets[4]):
        data = flipped(data, packet.offset + packet.header_size + 3)
    path.write_bytes(data)
    assert run(["verify", str(path)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out[:2]] == [f"byte {p.offset}, frame {p.number}" for p in (packets[1], packets[4])]
    assert len(out) == 3 and "2 problems; 4 whole frames" in out[2]
    assert run(["verify", str(path), "--json"]) == 1
    figures = json.loads(capsys.readouterr().out)
    assert not figures["sound"] and [(p["offset"], p["frame"]) for p in figures["problems"]] == [(p.offset, p.number) for p in (packets[1], packets[4])]


def test_command_fails_on_what_is_not_there_and_on_wrong_usage(tmp_path, capsys):
    assert run(["verify", str(tmp_path / "missing.zvc")]) == 1
    assert capsys.readouterr().err.startswith("zvc69: error: ")
    assert run(["verify"]) == 2 and run(["verify", "a", "--decode", "--backend", "abacus"]) == 2
