"""File header, frame headers in both forms, variable-length integers."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zvc69 import errors
from zvc69.bitstream import KEYFRAME, USUAL, FileHeader, FrameHeader, FrameType, PacketMaker, PacketParser, varint
from zvc69.bitstream import header as file_header
from zvc69.core.checksum import crc32c

from .bitstream_samples import STREAM, file_headers, frame_header, frames, u64


def with_checksum(data: bytes | bytearray) -> bytes:
    return bytes(data[:60]) + crc32c(bytes(data[:60])).to_bytes(4, "little")


@given(file_headers)
def test_file_header_comes_back_as_written(header: FileHeader) -> None:
    data = header.pack()
    assert len(data) == 64
    assert FileHeader.unpack(data) == header


@given(file_headers, st.integers(0, 511))
def test_a_flipped_bit_in_the_file_header_is_refused(header: FileHeader, bit: int) -> None:
    data = bytearray(header.pack())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(errors.StreamError):
        FileHeader.unpack(bytes(data))


@given(st.binary(max_size=80))
def test_random_bytes_are_no_file_header(data: bytes) -> None:
    with pytest.raises(errors.StreamError):
        FileHeader.unpack(data)


@pytest.mark.parametrize("offset, value, error", [
    (0, b"R", errors.NotAStreamError),
    (6, b"\2", errors.UnsupportedVersionError),
    (8, b"\41", errors.UnsupportedVersionError),
    (12, b"\0\0", errors.CorruptStreamError),
    (14, b"\0\0", errors.CorruptStreamError),
    (12, b"\xff\xff", errors.CorruptStreamError),
    (16, b"\0\0", errors.CorruptStreamError),
    (18, b"\0\0", errors.CorruptStreamError),
    (25, b"\x40", errors.CorruptStreamError),
    (26, b"\4", errors.CorruptStreamError),
    (27, b"\x09", errors.CorruptStreamError),
    (32, b"\x20", errors.CorruptStreamError),
    (40, b"\0\0\0\0", errors.CorruptStreamError),
    (44, b"\xff\xff\xff\xff", errors.CorruptStreamError),
    (48, b"\1", errors.CorruptStreamError),
    (55, b"\2", errors.CorruptStreamError),
])
def test_a_file_header_with_an_impossible_field_has_a_specific_error(offset: int, value: bytes, error: type) -> None:
    data = bytearray(STREAM.pack())
    data[offset:offset + len(value)] = value
    with pytest.raises(error) as caught:
        FileHeader.unpack(with_checksum(data), offset=7)
    assert type(caught.value) is error
    assert caught.value.offset == 7


@pytest.mark.parametrize("length", [1, 5, 6, 7, 63])
def test_a_short_file_header_is_truncated(length: int) -> None:
    with pytest.raises(errors.TruncatedStreamError):
        FileHeader.unpack(STREAM.pack()[:length])


def test_flags_that_may_be_ignored_and_a_newer_minor_version_are_read() -> None:
    data = bytearray(STREAM.pack())
    data[7], data[10] = 9, 0xFF
    assert FileHeader.unpack(with_checksum(data)) == replace(STREAM, minor=9)


def test_a_gop_beyond_a_byte_is_kept() -> None:
    for gop in (0, 254, 255, 256, 100_000):
        data = replace(STREAM, gop=gop).pack()
        assert data[24] == min(gop, 255)
        assert FileHeader.unpack(data).gop == gop


@pytest.mark.parametrize("field, value", [("width", 15), ("height", 16385), ("fps_num", 0), ("quality", 64),
                                          ("bit_depth", 9), ("model_hash", b"abc"), ("colour_space", 4)])
def test_a_header_out_of_range_cannot_be_made(field: str, value: object) -> None:
    with pytest.raises(errors.ConfigError, match=field):
        replace(STREAM, **{field: value})


@given(st.booleans(), frames())
def test_frames_come_back_as_written(compact: bool, sequence: list[tuple[FrameHeader, bytes]]) -> None:
    stream = replace(STREAM, compact=compact)
    maker, parser = PacketMaker(stream), PacketParser(stream)
    for number, (header, payload) in enumerate(sequence):
        packet = maker.make(header, payload)
        read = parser.parse(bytes(packet))
        assert read == packet
        assert read.header == replace(header, size=len(payload), counter=number)
        assert (read.number, read.lost, bytes(read.payload)) == (number, 0, payload)


def test_a_usual_compact_header_has_eight_bytes_and_a_full_one_32() -> None:
    for compact, size in ((True, 8), (False, 32)):
        maker = PacketMaker(replace(STREAM, compact=compact))
        maker.make(frame_header(0), b"key")
        assert maker.make(frame_header(1), bytes(100)).header_size == size


@given(st.booleans(), st.data())
def test_a_flipped_bit_in_a_frame_is_noticed(compact: bool, data: st.DataObject) -> None:
    stream = replace(STREAM, compact=compact)
    maker, parser = PacketMaker(stream), PacketParser(stream)
    parser.parse(bytes(maker.make(frame_header(0), b"key")))
    packet = bytearray(bytes(maker.make(frame_header(1), bytes(range(50)))))
    bit = data.draw(st.integers(0, 8 * len(packet) - 1))
    packet[bit // 8] ^= 1 << bit % 8
    with pytest.raises(errors.CorruptStreamError):
        parser.parse(bytes(packet))


@given(st.booleans(), st.binary(max_size=60))
def test_random_bytes_as_a_packet_raise_only_stream_errors(compact: bool, data: bytes) -> None:
    with pytest.raises(errors.StreamError):
        PacketParser(replace(STREAM, compact=compact)).parse(data)


@given(st.integers(1, 254), st.booleans())
def test_lost_packets_are_counted_and_times_stay_right(lost: int, compact: bool) -> None:
    stream = replace(STREAM, compact=compact)
    maker, parser = PacketMaker(stream), PacketParser(stream)
    packets = [maker.make(frame_header(n, 1000), b"payload") for n in range(lost + 2)]
    parser.parse(bytes(packets[0]))
    packet = parser.parse(bytes(packets[-1]))
    assert (packet.lost, packet.number, packet.pts, packet.dts) == (lost, lost + 1, lost + 1, lost + 1)


def test_a_keyframe_needs_nothing_before_it() -> None:
    maker = PacketMaker(STREAM)
    packets = [maker.make(frame_header(n), b"payload") for n in range(12)]
    assert PacketParser(STREAM).parse(bytes(packets[10])).header == packets[10].header
    with pytest.raises(errors.CorruptStreamError, match="keyframe"):
        PacketParser(STREAM).parse(bytes(packets[11]))


@pytest.mark.parametrize("size", [0, 1 << 27])
def test_impossible_frame_sizes_are_refused_by_the_header_alone(size: int) -> None:
    head = bytes((0xB0, 30, 0)) + varint.pack(size) + bytes(40)
    with pytest.raises(errors.CorruptStreamError, match="impossible"):
        PacketParser(STREAM).parse(head)


@pytest.mark.parametrize("change", [
    dict(qp=64), dict(layer=8), dict(pts=-1), dict(dts=1 << 64), dict(references=KEYFRAME | 1 << 15),
    dict(references=KEYFRAME | 3), dict(type=FrameType.P), dict(type=FrameType.B, references=USUAL[FrameType.P]),
    dict(references=USUAL[FrameType.P]), dict(references=1 << 11 | 1 << 12), dict(references=USUAL[FrameType.I])])
def test_a_first_frame_that_cannot_be_is_not_written(change: dict) -> None:
    with pytest.raises(errors.ConfigError):
        PacketMaker(STREAM).make(replace(frame_header(0), **change), b"payload")


def test_dts_must_rise() -> None:
    maker = PacketMaker(STREAM)
    maker.make(frame_header(5, 5), b"payload")
    with pytest.raises(errors.ConfigError, match="rise"):
        maker.make(frame_header(5, 5), b"payload")


@given(u64, st.integers(-(1 << 63), (1 << 63) - 1))
def test_variable_length_integers_come_back(unsigned: int, signed: int) -> None:
    data = varint.pack(unsigned) + varint.pack(varint.fold(signed))
    first, at = varint.unpack(data, 0)
    second, end = varint.unpack(data, at)
    assert (first, varint.unfold(second), end) == (unsigned, signed, len(data))
    assert varint.length(unsigned) == at


@pytest.mark.parametrize("data", [b"\x80\0", b"\xff" * 10 + b"\1", b"\xff" * 9 + b"\2"])
def test_long_forms_of_integers_are_refused(data: bytes) -> None:
    with pytest.raises(errors.CorruptStreamError):
        varint.unpack(data, 0)


def test_the_header_size_is_64() -> None:
    assert file_header.SIZE == 64
