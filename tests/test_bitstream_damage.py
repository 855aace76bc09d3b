"""Damaged and hostile streams: specific errors, recovery, bounded work and memory."""
from __future__ import annotations

import json
import random
import time
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zvc69 import errors
from zvc69.bitstream import FileHeader, StreamReader, varint
from zvc69.bitstream.source import MemorySource
from zvc69.bitstream.walk import Walker

from .bitstream_samples import STREAM, make_stream
from .corpus.bitstream import generate
from .test_bitstream_stream import Pipe, both_forms

EXPECTED = json.loads((generate.FOLDER / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_the_corpus_is_read_as_recorded(name: str) -> None:
    assert generate.outcome((generate.FOLDER / name).read_bytes()) == EXPECTED[name]


def test_the_corpus_is_what_its_script_writes() -> None:
    assert {path.name: path.read_bytes() for path in generate.FOLDER.glob("*.zvc")} == generate.streams()


def read_all(source, strict: bool) -> list:
    """Packets until the end or an error of the stream; any other exception fails the test."""
    packets = []
    try:
        for packet in StreamReader(source, strict=strict):
            packets.append(packet)
    except errors.StreamError:
        pass
    return packets


def exercise(data: bytes) -> None:
    """Everything that a reader does, in both modes, from memory and from a pipe."""
    for strict in (True, False):
        packets = read_all(data, strict)
        assert sum(len(p) for p in packets) <= len(data)
        read_all(Pipe(data, 1 << 12), strict)
        try:
            reader = StreamReader(data, strict=strict)
            for target in (0, len(reader) // 2, len(reader) - 1):
                assert reader.seek(target) <= target
        except (errors.StreamError, errors.ConfigError):
            pass


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.binary(max_size=2000))
def test_random_bytes_after_a_header_raise_only_stream_errors(compact: bool, data: bytes) -> None:
    exercise(replace(STREAM, compact=compact).pack() + data)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_only_stream_errors(data: bytes) -> None:
    exercise(data)


GOOD = {compact: make_stream(24, header=replace(STREAM, compact=compact), key_bytes=2500) for compact in (True, False)}


@settings(max_examples=100, deadline=None)
@given(st.booleans(), st.data())
def test_a_truncated_stream_gives_its_whole_frames_and_then_an_error(compact: bool, data: st.DataObject) -> None:
    good = list(StreamReader(GOOD[compact]))
    end = good[-1].offset + len(good[-1])
    cut = GOOD[compact][:data.draw(st.integers(64, end - 1))]
    whole = [p for p in good if p.offset + len(p) <= len(cut)]
    for strict in (True, False):
        assert read_all(cut, strict) == whole
    with pytest.raises(errors.TruncatedStreamError):
        list(StreamReader(cut))


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.data())
def test_a_flipped_bit_costs_one_frame(compact: bool, data: st.DataObject) -> None:
    good = list(StreamReader(GOOD[compact]))
    end = good[-1].offset + len(good[-1])
    bit = data.draw(st.integers(8 * 64, 8 * end - 1))
    bad = bytearray(GOOD[compact])
    bad[bit // 8] ^= 1 << bit % 8
    hit = next(p for p in good if bit // 8 < p.offset + len(p))
    with pytest.raises(errors.CorruptStreamError) as caught:
        list(StreamReader(bytes(bad)))
    assert (caught.value.frame, caught.value.offset) == (hit.number, hit.offset)
    reader = StreamReader(bytes(bad), strict=False)
    packets = list(reader)
    kept = [p for p in good if p.number != hit.number]
    if hit.number == 0:   # without its keyframe a group of pictures cannot be decoded
        kept = [p for p in good if p.number >= 10]
    assert [(bytes(p), p.number, p.pts) for p in packets] == [(bytes(p), p.number, p.pts) for p in kept]
    assert sum(p.lost for p in packets) == len(good) - len(kept) - (hit is good[-1])
    assert reader.damage
    exercise(bytes(bad))


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.data())
def test_overwritten_stretches_raise_only_stream_errors(compact: bool, data: st.DataObject) -> None:
    bad = bytearray(GOOD[compact])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(bad) - 1))
        stretch = data.draw(st.binary(max_size=500))
        bad[at:at + len(stretch)] = stretch
    exercise(bytes(bad))


@both_forms
def test_a_lost_sector_costs_only_its_frames(stream: FileHeader) -> None:
    good = make_stream(400, gop=40, header=stream)
    packets = list(StreamReader(good))
    end = packets[-1].offset
    rng = random.Random(3)
    for _ in range(10):
        at = rng.randrange(packets[1].offset, end - 4096)
        bad = good[:at] + rng.randbytes(4096) + good[at + 4096:]
        expected = [p for p in packets if p.offset + len(p) <= at or p.offset >= at + 4096]
        found = list(StreamReader(bad, strict=False))
        assert [(p.number, p.pts) for p in found] == [(p.number, p.pts) for p in expected]


def test_a_lying_size_allocates_nothing() -> None:
    huge = replace(STREAM, width=16384, height=16384)
    data = huge.pack() + bytes((0xB0, 30, 0)) + varint.pack((1 << 32) - 1) + bytes(1000)
    tracemalloc.start()
    for source in (data, Pipe(data, 1 << 20)):
        for strict in (True, False):
            read_all(source, strict)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    pipe = Pipe(data, 1 << 20)
    read_all(pipe, True)
    assert pipe.asked <= 1 << 20


HOSTILE = {
    "zeros": bytes(300_000),
    "markers": b"\xb1\0\0\x09" * 75_000,
    "keyframe_markers": b"\xb0\0\0\xff\x7f\0\0" * 40_000,
    "sizes_to_the_end": b"".join(b"\xb0\0\0" + varint.pack(300_000 - 12 * n) + b"\0\0abcd" for n in range(25_000)),
    "headers": STREAM.repeat().pack() * 4_000 + b"damage",
    "full_forms": (b"\0\0\0\x0c" + (5000).to_bytes(4, "little") + bytes(24)) * 9_000,
}


class Counting(MemorySource):
    """Memory that counts what is read of it."""

    count = 0

    def read(self, offset: int, count: int, least: int | None = None) -> bytes:
        data = super().read(offset, count)
        self.count += len(data) + 16
        return data


@both_forms
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_streams_take_linear_time(stream: FileHeader, name: str) -> None:
    wide = replace(stream, width=4096, height=4096)
    data = wide.pack() + HOSTILE[name].replace(STREAM.repeat().pack(), wide.repeat().pack())
    source, began = Counting(data), time.monotonic()
    walker = Walker(source, wide, 64, strict=False)
    while walker.next():
        pass
    assert source.count < 150 * len(data) + (1 << 25)
    assert time.monotonic() - began < 30


def test_alternating_whole_and_damaged_frames_take_linear_time() -> None:
    """Each damaged frame claims the rest of the stream; checking each claim would be quadratic."""
    wide = replace(STREAM, width=4096, height=4096)
    whole = list(StreamReader(make_stream(20_001, gop=1, header=wide, key_bytes=1, index=False)))
    total = sum(len(p) + 11 for p in whole)
    parts, left = [], total
    for packet in whole:
        left -= len(packet) + 11
        parts += [bytes(packet), b"\xb0\0\0" + varint.pack(max(left - 100, 1)).ljust(4, b"\x80")[:4] + b"\0\0\0\0"]
    data = wide.pack() + b"".join(parts)
    source = Counting(data)
    walker = Walker(source, wide, 64, strict=False)
    while walker.next():
        pass
    assert source.count < 150 * len(data) + (1 << 25)
