"""Filler: frames of a constant bitrate that would take too few bits are made longer, and say the same."""
from __future__ import annotations

import io
import json
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zvc69
from zvc69 import Decoder, Encoder, FileHeader, Packet
from zvc69.bitstream import FrameType, PacketMaker, Payload, StreamReader
from zvc69.bitstream.limits import max_payload
from zvc69.cli import run
from zvc69.codec.ratecontrol import first_pass
from zvc69.codec.verify import Verification
from zvc69.errors import ConfigError, CorruptStreamError

from .bitstream_samples import STREAM, frame_header
from .inter_samples import HEIGHT, MODEL, WIDTH, picture

FPS = 25
CBR = dict(bitrate=600, vbv_bufsize=300, gop=12, model=MODEL, threads=1, preset="fast")


def pictures(name: str) -> list[np.ndarray]:
    """Black ones; one that stands still; moving ones after still ones, and still ones again."""
    if name == "black":
        return [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 30
    if name == "still":
        return [picture(7)] * 30
    return [picture(n) for n in [0] * 20 + list(range(15)) + [15] * 15]


def coded(name: str, statistics=None, **options) -> tuple[FileHeader, list[Packet]]:
    encoder = Encoder(WIDTH, HEIGHT, FPS, statistics=statistics, **CBR | options)
    return encoder.header, [packet for frame in pictures(name) for packet in encoder.encode(frame)] + encoder.flush()


@lru_cache
def sample() -> tuple[FileHeader, list[Packet]]:
    """A stream whose frames are of all types, most of them with filler."""
    return coded("mixed", b_frames=3)


def filler(packet: Packet) -> int:
    """Bytes that the packet has more than without the section."""
    payload = Payload.unpack(packet.payload, packet.type, filler=True, loop_filter=True)
    return len(packet.payload) - len(replace(payload, filler=None).pack())


def without_filler(header: FileHeader, packets: list[Packet]) -> tuple[FileHeader, list[Packet]]:
    """The stream as it would be had its encoder no filler."""
    header = replace(header, filler=False, minor=4)
    maker = PacketMaker(header)
    bare = [replace(Payload.unpack(packet.payload, packet.type, filler=True, loop_filter=header.loop_filter), filler=None).pack() for packet in packets]
    return header, [maker.make(packet.header, payload) for packet, payload in zip(packets, bare)]


def shown(header: FileHeader, packets: list[Packet], **options) -> list[list[bytes]]:
    decoder = Decoder(header, threads=1, **options)
    frames = [frame for packet in packets for frame in decoder.decode(bytes(packet))] + decoder.flush()
    return [[plane.tobytes() for plane in frame.planes] for frame in frames]


def file(header: FileHeader, packets: list[Packet]) -> bytes:
    out = io.BytesIO()
    with zvc69.StreamWriter(out, header) as writer:
        for packet in packets:
            writer.write_packet(packet)
    return out.getvalue()


def assert_buffer_holds(packets: list[Packet], kbps: int, kbit: Fraction | int, fps: int = FPS) -> None:
    """The leaky bucket in exact arithmetic, frame by frame; encoders have it in floating point, hence a millionth of a bit."""
    rate, size, nothing = Fraction(1000 * kbps, fps), Fraction(1000 * kbit), Fraction(1, 10 ** 6)
    content = size * 9 / 10
    for packet in packets:
        content -= 8 * len(packet)
        assert content >= -nothing, f"underflow at frame {packet.number}"
        content += rate
        assert content <= size + nothing, f"overflow after frame {packet.number}"


@pytest.mark.parametrize("options", [
    {}, dict(b_frames=3), dict(b_frames="auto", lookahead=12), dict(gop=0, b_frames=0, preset="ultrafast", max_reencodes=0), dict(gop=1),
    dict(vbv_maxrate=600, bitrate=600), dict(bitrate=4000, vbv_bufsize=Fraction(1601, 10)), dict(sigma_reset=3, b_frames=0)], ids=str)
@pytest.mark.parametrize("name", ["black", "still", "mixed"])
def test_buffer_neither_overflows_nor_runs_empty(name, options):
    kbit = options.get("vbv_bufsize", CBR["vbv_bufsize"])
    header, packets = coded(name, **options | dict(vbv_bufsize=float(kbit)))
    assert_buffer_holds(packets, options.get("bitrate", CBR["bitrate"]), kbit)
    assert header.filler and header.minor == (4 if header.loop_filter else 3) and any(map(filler, packets))
    assert len(packets) == len(pictures(name))


def test_filler_comes_after_the_lowest_qp():
    _, packets = sample()
    assert {packet.header.qp for packet in packets if filler(packet)} == {0}
    assert {packet.type for packet in packets if filler(packet)} == set(FrameType)


def test_decoders_show_the_same_without_filler():
    header, packets = sample()
    assert shown(header, packets) == shown(*without_filler(header, packets))
    assert shown(header, packets, max_layer=0) == shown(*without_filler(header, packets), max_layer=0)


def test_damaged_streams_show_the_same_without_filler():
    bare = without_filler(*sample())
    filled, plain = ([packet for packet in packets if packet.number not in (5, 26, 27)] for packets in (sample()[1], bare[1]))
    assert shown(sample()[0], filled, conceal=True) == shown(bare[0], plain, conceal=True)


@pytest.mark.parametrize("compact", [True, False])
def test_reader_finds_the_next_frame_behind_a_damaged_one_of_filler(compact):
    header, packets = sample()
    header = replace(header, compact=compact)
    maker = PacketMaker(header)
    packets = [maker.make(packet.header, bytes(packet.payload)) for packet in packets]
    at = max(range(1, 20), key=lambda n: filler(packets[n]))
    data = bytearray(file(header, packets))
    start = data.index(bytes(packets[at]))
    data[start + 3:start + 8] = b"\xff" * 5
    with StreamReader(bytes(data), strict=False) as reader:
        assert [packet.number for packet in reader] == [n for n in range(len(packets)) if n != at]


def test_second_pass_of_a_constant_rate_is_filled_too():
    options = CBR | dict(b_frames=0)
    first = Encoder(WIDTH, HEIGHT, FPS, first_pass(Encoder(WIDTH, HEIGHT, FPS, **options).config))
    first.collect()
    assert not first.header.filler
    for frame in pictures("mixed"):
        first.encode(frame)
    first.flush()
    header, packets = coded("mixed", first.statistics(), b_frames=0)
    assert_buffer_holds(packets, CBR["bitrate"], CBR["vbv_bufsize"])
    assert header.filler and any(map(filler, packets))


def test_statistics_have_the_bits_of_frames_alone():
    encoder = Encoder(WIDTH, HEIGHT, FPS, **CBR)
    encoder.collect()
    packets = [packet for frame in pictures("still") for packet in encoder.encode(frame)] + encoder.flush()
    _, bare = without_filler(encoder.header, packets)
    assert [frame.bits for frame in encoder.statistics().frames] == [8 * len(packet) for packet in bare]


@pytest.mark.parametrize("options", [
    dict(qp=30), dict(crf=30), dict(bitrate=600), dict(bitrate=600, vbv_maxrate=700, vbv_bufsize=300), dict(crf=30, vbv_maxrate=600, vbv_bufsize=300)], ids=str)
def test_other_streams_stay_as_they_were(options):
    header = Encoder(WIDTH, HEIGHT, FPS, model=MODEL, **options).header
    assert not header.filler and header.minor == 4
    assert Encoder(WIDTH, HEIGHT, FPS, model=MODEL, loop_filter=False, **options).header.minor == 2
    assert Encoder(WIDTH, HEIGHT, FPS, model=MODEL, loop_filter=False, gop=1, **options).header.minor == 0


def test_rate_beyond_the_largest_frames_is_refused():
    most = max_payload(WIDTH, HEIGHT) * 8 * FPS // 1000
    Encoder(WIDTH, HEIGHT, FPS, **CBR | dict(bitrate=most, vbv_bufsize=most))
    with pytest.raises(ConfigError, match="more than 25 frames a second of 64x64 can have"):
        Encoder(WIDTH, HEIGHT, FPS, **CBR | dict(bitrate=most + 1, vbv_bufsize=most))
    Encoder(WIDTH, HEIGHT, FPS, model=MODEL, bitrate=most + 1)


def test_verify_and_info_take_filler(tmp_path, capsys):
    header, packets = sample()
    path = tmp_path / "filled.zvc"
    path.write_bytes(file(header, packets))
    check = Verification(path, decode=True)
    assert list(check) == [] and check.parsed == len(packets)
    assert run(["info", str(path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["format"] == "1.4" and figures["filler"] == sum(map(filler, packets)) > 0 and figures["damage"] == []


def test_verify_tells_filler_that_is_not_zero_and_filler_not_announced():
    header, packets = sample()
    at = next(packet.number for packet in packets if filler(packet) > 9)
    payload = bytearray(packets[at].payload)
    zero = payload.index(bytes(9))
    payload[zero] = 1
    maker = PacketMaker(header)
    damaged = [maker.make(packet.header, bytes(payload) if packet.number == at else bytes(packet.payload)) for packet in packets[:at + 1]]
    assert [(found.message, found.frame) for found in Verification(file(header, damaged))] == [("filler that is not zero", at)]
    unannounced = next(iter(Verification(file(replace(header, filler=False), packets))))
    assert "reserved bits" in unannounced.message


@given(st.integers(1, 20_000), st.integers(0, 40_000), st.booleans())
def test_packets_are_filled_to_the_size_or_as_little_above_as_can_be(payload, more, compact):
    stream = replace(STREAM, filler=True, compact=compact)
    maker = PacketMaker(stream)
    packet = maker.draft(frame_header(0), Payload(no_state=True, substreams=(bytes(payload),)).pack())
    filled = maker.filled(packet, len(packet) + more)
    assert len(packet) + more <= len(filled) <= len(packet) + more + 2
    assert len(filled.payload) == filled.header.size
    again = Payload.unpack(filled.payload, FrameType.I, filler=True)
    assert replace(again, filler=None).pack() == packet.payload
    if more == 0:
        assert filled is packet
    elif again.filler:
        shorter = maker.draft(packet.header, replace(again, filler=again.filler - 1).pack())
        assert len(shorter) < len(packet) + more


def test_frames_are_never_filled_beyond_what_they_may_have():
    maker = PacketMaker(replace(STREAM, filler=True))
    packet = maker.draft(frame_header(0), Payload(no_state=True, substreams=(b"12345",)).pack())
    largest = max_payload(STREAM.width, STREAM.height)
    assert maker.filled(packet, largest).header.size <= largest
    with pytest.raises(ConfigError, match="payload"):
        maker.filled(packet, largest + 100)


def test_filler_flag_is_refused_by_its_own_bit_where_the_header_lacks_it():
    with pytest.raises(CorruptStreamError, match="reserved"):
        Payload.unpack(b"\x11\0\0", FrameType.I)
