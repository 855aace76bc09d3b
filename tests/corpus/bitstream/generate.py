"""Writes the corpus of intact and damaged streams beside this file, and what a reader must make of each.

    python -m tests.corpus.bitstream.generate

Payloads are arbitrary bytes. `expected.json` has for each file the error of a strict reader (null: none) and the
numbers of the frames that a tolerant reader finds. Files of a format version stay as they are for ever; a new
version adds to them.
"""
from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from zvc69.bitstream import FileHeader, FrameHeader, FrameType, StreamReader, StreamWriter, reference_flags, varint
from zvc69.bitstream import index as stream_index
from zvc69.core.checksum import crc32c
from zvc69.errors import StreamError

FOLDER = Path(__file__).parent
IN_BOTH_FORMS = ("intact", "truncated_in_payload", "flipped_in_frame_size", "zeros_over_frames", "garbage_between_frames")
STREAM = FileHeader(width=64, height=48, fps_num=30000, fps_den=1001, quality=30, gop=12, model_hash=b"\1\2\3\4")


def sample(compact: bool = True, frames: int = 30) -> bytes:
    """Keyframes every 12 frames, P between; the second group has B frames, a long-term frame and time gaps."""
    rng, file = random.Random(69), io.BytesIO()
    with StreamWriter(file, replace(STREAM, compact=compact)) as writer:
        for number in range(frames):
            writer.write(_header(number), rng.randbytes(rng.choice((1, 20, 60, 150)) if number % 12 else 1500))
    return file.getvalue()


def _header(number: int) -> FrameHeader:
    place, qp = number % 12, 30 + number % 3
    time = number if number < 12 else 10 * number
    if place == 0:
        return FrameHeader(FrameType.I, qp - 5, time, time, reference_flags(key=True))
    if not 12 <= number < 24:
        return FrameHeader(FrameType.P, qp, time, time, reference_flags(0))
    if place % 2:
        flags = reference_flags(0, 1 if place > 3 else None, long_term=place == 5)
        return FrameHeader(FrameType.P, qp, time + 10, time, flags)
    return FrameHeader(FrameType.B, qp + 2, time - 10, time, reference_flags(1, 0, stored=False), layer=1)


def _patched(data: bytes, offset: int, value: bytes) -> bytes:
    """A file header with other bytes in it and a checksum that holds."""
    head = bytearray(data[:60])
    head[offset:offset + len(value)] = value
    return bytes(head) + crc32c(bytes(head)).to_bytes(4, "little") + data[64:]


def _flipped(data: bytes, bit: int) -> bytes:
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def _forged(payload_size: int) -> bytes:
    """A compact keyframe header that states any size."""
    return bytes((0xB0, 30, 0)) + varint.pack(payload_size) + bytes(2) + bytes(4)


def streams() -> dict[str, bytes]:
    """Every file of the corpus by name."""
    out: dict[str, bytes] = {}
    for form in ("compact", "full"):
        good = sample(form == "compact")
        packets = list(StreamReader(good))
        at = {p.number: p.offset for p in packets}
        end = StreamReader(good).header.index_offset
        cases: dict[str, Callable[[], bytes]] = {
            "intact": lambda: good,
            "truncated_in_file_header": lambda: good[:40],
            "truncated_in_frame_header": lambda: good[:at[5] + 5],
            "truncated_in_payload": lambda: good[:at[24] + 900],
            "truncated_between_frames": lambda: good[:at[20]],
            "truncated_in_index": lambda: good[:end + 20],
            "flipped_in_key_payload": lambda: _flipped(good, 8 * (at[12] + 1000)),
            "flipped_in_frame_type": lambda: _flipped(good, 8 * at[7] + 1),
            "flipped_in_frame_size": lambda: _flipped(good, 8 * (at[9] + (3 if form == "compact" else 4))),
            "flipped_in_index": lambda: _flipped(good, 8 * (end + 14)),
            "zeros_over_frames": lambda: good[:at[14]] + bytes(at[17] - at[14] + 11) + good[at[17] + 11:],
            "frame_cut_out": lambda: good[:at[3]] + good[at[4]:],
            "key_cut_out": lambda: good[:at[0]] + good[at[1]:],
            "frame_doubled": lambda: good[:at[4]] + good[at[3]:],
            "garbage_between_frames": lambda: good[:at[6]] + random.Random(1).randbytes(500) + good[at[6]:],
            "repeated_header": lambda: (
                replace(STREAM, total_frames=30).pack() + good[64:at[12]] + STREAM.repeat().pack() + good[at[12]:end]),
            "joined": lambda: good[at[7]:at[12]] + STREAM.repeat().pack() + good[at[12]:end],
            "garbage_at_end": lambda: good[:end] + random.Random(2).randbytes(300),
            "lying_total_frames": lambda: _patched(good, 20, b"\xff\xff\xff\xff"),
            "lying_index_offset": lambda: _patched(good, 32, (at[10] + 3).to_bytes(8, "little")),
            "lying_index": lambda: good[:end] + stream_index.pack([(0, 64, 1), (5, 66, 1), (29, 67, 1)]),
        }
        out |= {f"{form}_{name}.zvc": make() for name, make in cases.items() if form == "compact" or name in IN_BOTH_FORMS}
    good = sample(frames=2)
    out["empty.zvc"] = b""
    out["header_only.zvc"] = STREAM.pack()
    out["not_a_stream.zvc"] = b"RIFF" + good[4:]
    out["newer_version.zvc"] = _patched(good, 6, b"\2")
    out["newer_minor_version.zvc"] = _patched(good, 7, b"\7")
    out["unknown_flag.zvc"] = _patched(good, 8, b"\x81")
    out["zero_width.zvc"] = _patched(good, 12, b"\0\0")
    out["zero_height.zvc"] = _patched(good, 14, b"\0\0")
    out["zero_rate.zvc"] = _patched(good, 18, b"\0\0")
    out["huge_picture.zvc"] = _patched(good, 12, b"\xff\xff\xff\xff")
    out["header_checksum.zvc"] = _flipped(good, 8 * 12)
    out["forged_zero_size.zvc"] = STREAM.pack() + _forged(0) * 200
    out["forged_huge_size.zvc"] = replace(STREAM, width=16384, height=16384).pack() + _forged((1 << 32) - 1) * 200
    out["forged_long_integer.zvc"] = STREAM.pack() + b"\xb0\x1e\0" + b"\xff" * 400
    out["forged_markers.zvc"] = STREAM.pack() + b"\xb1\0\0\x09" * 1000
    return out


def outcome(data: bytes) -> dict[str, object]:
    """What readers make of a stream."""
    error = None
    try:
        list(StreamReader(data))
    except StreamError as caught:
        error = type(caught).__name__
    try:
        found = [packet.number for packet in StreamReader(data, strict=False)]
    except StreamError:
        found = None
    return {"error": error, "found": found}


if __name__ == "__main__":
    every = streams()
    for name, data in every.items():
        (FOLDER / name).write_bytes(data)
    lines = (f" {json.dumps(name)}: {json.dumps(outcome(data))}" for name, data in every.items())
    (FOLDER / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
