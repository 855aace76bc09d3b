"""The frame header in its two forms: full (32 bytes) and compact (8 bytes for a usual frame of under 128 bytes).

Both say the same. The compact form leaves out what a usual frame has as expected, and states times against the
frame coded before, except at keyframes, where everything is absolute.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass

from ..core.checksum import crc32c
from ..errors import ConfigError, CorruptStreamError, TruncatedStreamError
from . import references, varint
from .header import FileHeader
from .limits import MAX_LAYER, MAX_QP, MAX_UINT64, max_payload
from .references import KEYFRAME, USUAL, FrameType, ReferenceFlag

FIELDS = (
    ("type", "B"), ("layer", "B"), ("reference_flags", "H"), ("size", "I"), ("pts", "Q"), ("dts", "Q"),
    ("qp_offset", "h"), ("checksum", "H"), ("counter", "B"), ("reserved", "3s"),
)
"""Name and `struct` code of every field of the full form; docs/FORMAT.md is tested against it."""

_FULL = struct.Struct("<" + "".join(code for _, code in FIELDS))
_CHECKSUM_AT = 26
FULL_SIZE = _FULL.size

MARKER = 0xB0
"""High five bits of a compact header's first byte."""

MIN_COMPACT = 8
MAX_COMPACT = 35
"""Shortest and longest compact header in bytes: a keyframe with ten-byte times, or another frame with ten-byte times."""

# First byte of the compact form: kind in bits 0..1, then "an extension follows".
_KIND_KEY, _KIND_P, _KIND_B, _KIND_I = range(4)
_EXTENDED = 1 << 2
_TYPE_OF_KIND = (FrameType.I, FrameType.P, FrameType.B, FrameType.I)
_KIND_OF_TYPE = (_KIND_I, _KIND_P, _KIND_B)
_USUAL_OF_KIND = (KEYFRAME, USUAL[FrameType.P], USUAL[FrameType.B], USUAL[FrameType.I])
# Extension byte: layer in bits 0..2, then what else follows.
_HAS_REFERENCES, _HAS_GAP, _HAS_PTS = 1 << 3, 1 << 4, 1 << 5
_RESERVED_EXTENSION = 0xC0

_KEY, _STORED, _SLOT_A, _SLOT_B = (
    int(flag) for flag in (ReferenceFlag.KEY, ReferenceFlag.STORED, ReferenceFlag.SLOT_A, ReferenceFlag.SLOT_B))


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What is known of a coded frame before its payload.

    `qp` 0..63; `pts`, `dts` in ticks of the file header's rate, dts rising strictly in coding order;
    `references` as `reference_flags()` builds them; `layer` 0..7 in a hierarchy, higher ones can be dropped;
    `size` of the payload in bytes; `counter` the number of the frame in coding order modulo 256.
    Whoever packs the frame fills `size` and `counter`.
    """

    type: FrameType
    qp: int
    pts: int
    dts: int
    references: int
    layer: int = 0
    size: int = 0
    counter: int = 0

    @property
    def keyframe(self) -> bool:
        """Decoding can begin at this frame."""
        return bool(self.references & _KEY)

    @property
    def stored(self) -> bool:
        """Later frames may refer to this one."""
        return bool(self.references & _STORED)

    @property
    def long_term(self) -> bool:
        """Stored until long-term frames alone fill the buffer."""
        return bool(self.references & ReferenceFlag.LONG_TERM)

    @property
    def slot_a(self) -> int | None:
        """Buffer entry in slot A (0 = stored last), or None if the slot is blank."""
        return self.references & 15 if self.references & _SLOT_A else None

    @property
    def slot_b(self) -> int | None:
        """Buffer entry in slot B, or None."""
        return self.references >> 4 & 15 if self.references & _SLOT_B else None


def validate(header: FrameHeader, stream: FileHeader) -> None:
    """Raise ConfigError if `header` cannot stand in `stream`."""
    if header.type not in FrameType.__members__.values():
        raise ConfigError(f"frame type {header.type} is not one of 0..2")
    for name, high in (("qp", MAX_QP), ("layer", MAX_LAYER), ("pts", MAX_UINT64), ("dts", MAX_UINT64)):
        if not 0 <= getattr(header, name) <= high:
            raise ConfigError(f"frame {name} is {getattr(header, name)}, not within 0..{high}")
    if not 0 < header.size <= max_payload(stream.width, stream.height):
        raise ConfigError(f"a payload of {header.size} bytes, not within 1..{max_payload(stream.width, stream.height)}")
    if problem := references.problem(header.type, header.references):
        raise ConfigError(problem)


def pack(header: FrameHeader, payload: bytes, stream: FileHeader, previous: FrameHeader | None) -> bytes:
    """`header` in the form that `stream` states, with the checksum over it and `payload`.

    `previous` is the frame coded before this one, None at the start. `header.size` is the payload's.
    Raises ConfigError if the header is out of range, is not a keyframe at the start, or dts does not rise.
    """
    validate(header, stream)
    if previous is None and not header.keyframe:
        raise ConfigError("the first frame is not a keyframe")
    if previous is not None and header.dts <= previous.dts:
        raise ConfigError(f"dts {header.dts} does not rise from {previous.dts}")
    return _pack_compact(header, payload, previous) if stream.compact else _pack_full(header, payload, stream.quality)


def unpack(data: bytes, stream: FileHeader, previous: FrameHeader | None) -> tuple[FrameHeader, int]:
    """The header at the start of `data`, and its length in bytes. Does not look at the payload or the checksum.

    `previous` is the frame that came before in the stream, None at the start or when joining: then the frame must
    be a keyframe. Raises TruncatedStreamError if `data` ends inside the header, CorruptStreamError if it cannot be.
    """
    header, length = _unpack_compact(data, previous) if stream.compact else _unpack_full(data, stream.quality)
    if previous is None and not header.references & _KEY:
        raise CorruptStreamError("a frame that needs others comes before any keyframe")
    if previous is not None and header.counter == previous.counter:
        raise CorruptStreamError("a frame has the counter of the one before: it came twice, or 255 are missing")
    if not 0 < header.size <= max_payload(stream.width, stream.height):
        raise CorruptStreamError(f"a frame of {header.size} bytes, impossible at {stream.width}x{stream.height}")
    if header.references != _USUAL_OF_KIND[header.type]:   # the usual ones, of keyframe, P and B, need no look
        if problem := references.problem(header.type, header.references):
            raise CorruptStreamError(problem)
    return header, length


def checksum_holds(data: bytes | memoryview, length: int, stream: FileHeader) -> bool:
    """Whether `data`, a whole frame whose header takes `length` bytes, has the checksum that it states."""
    view = memoryview(data)
    if stream.compact:
        stated = int.from_bytes(view[length - 4:length], "little")
        return crc32c(view[length:], crc32c(view[:length - 4])) == stated
    return _folded(view[:FULL_SIZE], view[FULL_SIZE:]) == int.from_bytes(view[_CHECKSUM_AT:_CHECKSUM_AT + 2], "little")


def missing_before(header: FrameHeader, previous: FrameHeader) -> int:
    """How many frames (0..254) the counters say were lost between two that follow each other in the stream."""
    return (header.counter - previous.counter - 1) & 255


def _folded(head: bytes | memoryview, payload: bytes | memoryview) -> int:
    """The 16-bit checksum of the full form: taken with its own field as zero."""
    crc = crc32c(payload, crc32c(b"\0\0" + bytes(head[_CHECKSUM_AT + 2:]), crc32c(head[:_CHECKSUM_AT])))
    return crc >> 16 ^ crc & 0xFFFF


def _pack_full(header: FrameHeader, payload: bytes, base_qp: int) -> bytes:
    fields = [header.type, header.layer, header.references, header.size, header.pts, header.dts,
              header.qp - base_qp, 0, header.counter, bytes(3)]
    fields[7] = _folded(_FULL.pack(*fields), payload)
    return _FULL.pack(*fields)


def _unpack_full(data: bytes, base_qp: int) -> tuple[FrameHeader, int]:
    if len(data) < FULL_SIZE:
        raise TruncatedStreamError("the stream ends inside a frame header")
    kind, layer, flags, size, pts, dts, qp_offset, _, counter, reserved = _FULL.unpack_from(data)
    qp = base_qp + qp_offset
    if kind > FrameType.B or layer > MAX_LAYER or not 0 <= qp <= MAX_QP or any(reserved):
        raise CorruptStreamError("not a frame header: type, layer, qp or reserved bytes are out of range")
    return FrameHeader(FrameType(kind), qp, pts, dts, flags, layer, size, counter), FULL_SIZE


def _pack_compact(header: FrameHeader, payload: bytes, previous: FrameHeader | None) -> bytes:
    kind = _KIND_KEY if header.keyframe else _KIND_OF_TYPE[header.type]
    states_references = header.references != _USUAL_OF_KIND[kind]
    extension = header.layer | _HAS_REFERENCES * states_references
    gap, lead = 0, varint.fold(header.pts - header.dts)
    if kind != _KIND_KEY:
        gap = header.dts - previous.dts - 1 - missing_before(header, previous)
        if gap < 0:
            raise ConfigError("counter and dts contradict each other")
        extension |= _HAS_GAP * (gap > 0) | _HAS_PTS * (lead > 0)
    out = bytearray((MARKER | kind | _EXTENDED * (extension > 0), header.qp, header.counter))
    out += varint.pack(header.size)
    if kind == _KIND_KEY:
        out += varint.pack(header.dts) + varint.pack(lead)
    if extension:
        out.append(extension)
        if states_references:
            out += header.references.to_bytes(2, "little")
        if extension & _HAS_GAP:
            out += varint.pack(gap)
        if extension & _HAS_PTS:
            out += varint.pack(lead)
    return bytes(out) + crc32c(payload, crc32c(bytes(out))).to_bytes(4, "little")


def _unpack_compact(data: bytes, previous: FrameHeader | None) -> tuple[FrameHeader, int]:
    if len(data) < 3:
        raise TruncatedStreamError("the stream ends inside a frame header")
    first, qp, counter = data[0], data[1], data[2]
    if first & 0xF8 != MARKER or qp > MAX_QP:
        raise CorruptStreamError("not a frame header: marker or reserved bits are wrong")
    kind = first & 3
    size, at = varint.unpack(data, 3)
    if kind == _KIND_KEY:
        dts, at = varint.unpack(data, at)
        lead, at = varint.unpack(data, at)
    else:
        # Without a frame before there is no base for the times; the caller refuses such a frame.
        dts = 0 if previous is None else previous.dts + 1 + (counter - previous.counter - 1 & 255)
        lead = 0
    flags, layer = _USUAL_OF_KIND[kind], 0
    if first & _EXTENDED:
        if at >= len(data):
            raise TruncatedStreamError("the stream ends inside a frame header")
        extension = data[at]
        at += 1
        layer = extension & 7
        if extension & _RESERVED_EXTENSION or kind == _KIND_KEY and extension & (_HAS_GAP | _HAS_PTS):
            raise CorruptStreamError("not a frame header: the extension has reserved bits set")
        if extension & _HAS_REFERENCES:
            if at + 2 > len(data):
                raise TruncatedStreamError("the stream ends inside a frame header")
            flags = int.from_bytes(data[at:at + 2], "little")
            at += 2
        if extension & _HAS_GAP:
            gap, at = varint.unpack(data, at)
            dts += gap
        if extension & _HAS_PTS:
            lead, at = varint.unpack(data, at)
        if bool(flags & _KEY) != (kind == _KIND_KEY):
            raise CorruptStreamError("reference flags and kind of the frame contradict each other")
    pts = dts + varint.unfold(lead)
    if dts > MAX_UINT64 or not 0 <= pts <= MAX_UINT64:
        raise CorruptStreamError("a frame's time does not fit into 64 bits")
    if at + 4 > len(data):
        raise TruncatedStreamError("the stream ends inside a frame header")
    return FrameHeader(_TYPE_OF_KIND[kind], qp, pts, dts, flags, layer, size, counter), at + 4
