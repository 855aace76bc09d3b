"""What is fuzzed: functions of bytes that read, parse and decode them. Only the package's own errors may come
out; those are caught here, and a target answers whether none came."""
from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np

from tests.parse_digest import MODEL, streams
from zvc69.bitstream import KEYFRAME, FileHeader, FilterSet, FrameHeader, FrameType, LoopFilter, Packet, Payload, StreamReader, frame, header
from zvc69.bitstream.packet import PacketMaker
from zvc69.bitstream.verify import Problem, StreamCheck
from zvc69.codec.parser import FrameParser
from zvc69.core import entropy, motion
from zvc69.core.checksum import crc32c
from zvc69.errors import Zvc69Error
from zvc69.model import Model

Target = Callable[[bytes], bool]
WIDTH, HEIGHT = 96, 64
SIZES = ((96, 64), (65, 47), (16, 16), (64, 48), (96, 128), (192, 160))
"""Of the golden streams' pictures."""


def read_stream(data: bytes) -> bool:
    """The first byte says how: bit 0 strict, bit 1 by the index, bit 2 whether frames' checksums count, bit 3 whether the header's does."""
    how, data = (data[0], data[1:]) if data else (0, b"")
    if how & 8 and len(data) >= header.SIZE:
        data = data[:header.SIZE - 4] + crc32c(data[:header.SIZE - 4]).to_bytes(4, "little") + data[header.SIZE:]
    trusting = patch.object(frame, "checksum_holds", lambda *_: True) if how & 4 else nullcontext()
    try:
        with trusting, StreamReader(data, strict=bool(how & 1)) as reader:
            if how & 2:
                entries, count = reader.index, len(reader)
                for number in {0, count // 2, count - 1, *(entry.frame for entry in entries[:4])}:
                    if 0 <= number < count:
                        reader.seek(number)
                        next(reader, None)
            else:
                for packet in reader:
                    assert packet.offset is not None and bytes(packet) == data[packet.offset:packet.offset + len(packet)]
        return True
    except Zvc69Error:
        return False


def check_stream(data: bytes) -> bool:
    """As `zvc69 verify`, payloads left out; the header's checksum made right."""
    data = data[:header.SIZE - 4] + crc32c(data[:header.SIZE - 4]).to_bytes(4, "little") + data[header.SIZE:]
    try:
        return not any(isinstance(found, Problem) for found in StreamCheck(data))
    except Zvc69Error:
        return False


def decode_symbols(data: bytes) -> bool:
    """A substream of rANS: lanes, skip bound, number of symbols, seed of their indices, then the bytes."""
    if len(data) < 4:
        return False
    lanes, skip, count, seed = (1, 4, 8, 32)[data[0] & 3], data[1] & 63, data[2] * (1 + (data[0] >> 4)), data[3]
    index = np.random.default_rng(seed).integers(0, 64, count).astype(np.uint8)
    try:
        decoder = entropy.Decoder(data[4:], lanes)
        for part in np.array_split(index, 1 + seed % 3):
            values = decoder.get(part, entropy.GAUSSIAN, skip)
            assert values.shape == part.shape and not values[part < skip].any()
        decoder.finish()
        return True
    except Zvc69Error:
        return False


def decode_motion(data: bytes) -> bool:
    """A motion section, with a previous field if its first byte is odd."""
    h, w = HEIGHT // 8, WIDTH // 8
    previous = None
    if data and data[0] & 1:
        previous = motion.MotionField.from_vectors(np.random.default_rng(data[0]).integers(-40, 40, (h, w, 2)).astype(np.int16))
    try:
        field, copy = motion.decode(data[1:], h, w, previous)
        assert np.abs(field.vectors).max(initial=0) <= 2047 and (copy is None or copy.shape == (h // 4, w // 4))
        return True
    except Zvc69Error:
        return False


def parse_frame(data: bytes) -> bool:
    """A keyframe's payload behind a checksum that holds; before it its qp and which size it is of."""
    if len(data) < 3:
        return False
    qp, (width, height), payload = data[0] & 63, SIZES[data[1] % len(SIZES)], data[2:]
    stream = FileHeader(width=width, height=height, fps_num=25, filler=True, loop_filter=True)
    try:
        Payload.unpack(payload, FrameType.P, filler=True, loop_filter=True)
    except Zvc69Error:
        pass
    packet: Packet = PacketMaker(stream).make(FrameHeader(FrameType.I, qp=qp, pts=0, dts=0, references=KEYFRAME), payload)
    try:
        parsed = FrameParser(_model(), stream).parse(packet)
        assert np.isfinite(parsed.symbols.r).all() and np.abs(parsed.symbols.r).max() <= 32768
        return True
    except Zvc69Error:
        return False


def _filters() -> bytes:
    rng = np.random.default_rng(2)
    return FilterSet(rng.integers(-9, 10, (3, 12)).astype(np.int8)[rng.integers(0, 3, 25)], rng.integers(-9, 10, (2, 12)).astype(np.int8)).pack()


@cache
def _model() -> Model:
    return Model(MODEL)


TARGETS: dict[str, Target] = {
    "reader": read_stream, "check": check_stream, "entropy": decode_symbols, "motion": decode_motion, "payload": parse_frame,
}


@cache
def seeds(name: str) -> list[bytes]:
    """Inputs of a target that get far into it, from the golden streams and from coders."""
    if name == "reader":
        return [bytes((how,)) + path.read_bytes() for path in streams() for how in (0, 3, 13)]
    if name == "check":
        return [path.read_bytes() for path in streams()]
    if name == "payload":
        found = []
        for path in streams("1_0"):
            with StreamReader(path) as reader:
                size = SIZES.index((reader.header.width, reader.header.height))
                for packet in reader:
                    filled = replace(Payload.unpack(packet.payload, packet.type), filler=150)
                    filtered = replace(filled, filler=None, loop_filter=LoopFilter.NEW, filters=_filters())
                    found += [bytes((packet.header.qp, size)) + payload for payload in (bytes(packet.payload), filled.pack(), filtered.pack())]
        return found
    rng = np.random.default_rng(1)
    if name == "motion":
        fields = [np.kron(rng.integers(-60, 60, (HEIGHT // 8 // n, WIDTH // 8 // n, 2)), np.ones((n, n, 1))).astype(np.int16) for n in (1, 2, 4)]
        copies = (None, rng.random((HEIGHT // 32, WIDTH // 32)) < 0.5)
        return [b"\0" + motion.encode(motion.MotionField.from_vectors(field), copy) for field in fields for copy in copies]
    found = []
    for lanes in range(4):
        index = np.random.default_rng(7).integers(0, 64, 200).astype(np.uint8)
        encoder = entropy.Encoder()
        for part in np.array_split(index, 1 + 7 % 3):
            encoder.put(np.rint(rng.standard_normal(part.size) * 0.1 * 1280 ** (part / 63)).astype(np.int16), part, entropy.GAUSSIAN, 5)
        found.append(bytes((lanes, 5, 200, 7)) + encoder.finish((1, 4, 8, 32)[lanes])[1])
    return found


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A few of the changes that fuzzers begin with: bits, bytes, cuts, repeats, numbers that lie at edges."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        at, kind = rng.randrange(len(out)), rng.randrange(7)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del out[at:at + rng.choice((1, 2, 4, 64, len(out)))]
        elif kind == 3:
            out[at:at] = out[at:at + rng.choice((1, 4, 64))]
        elif kind == 4:
            out[at:at + 4] = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(out))).to_bytes(4, "little")
        elif kind == 5:
            out[at:at] = rng.randbytes(rng.choice((1, 8, 40)))
        else:
            other = rng.randrange(len(out))
            out[at:at + 16], out[other:other + 16] = out[other:other + 16], out[at:at + 16]
    return bytes(out)
