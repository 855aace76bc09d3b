"""A coded frame as it stands in a stream, and the two ends that make and take apart such frames one by one."""
from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import CorruptStreamError, TruncatedStreamError
from . import frame, varint
from .frame import FrameHeader
from .header import FileHeader
from .payload import Payload
from .references import FrameType


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded frame: `bytes(packet)` is the frame as it is written in a stream, header and payload.

    `number` is its number in coding order, from 0; `lost` how many frames before it are missing;
    `offset` its position in bytes in the stream that it was read from or written to, None elsewhere.
    """

    data: bytes
    header: FrameHeader
    header_size: int
    number: int
    offset: int | None = None
    lost: int = 0

    def __bytes__(self) -> bytes:
        return self.data

    def __len__(self) -> int:
        return len(self.data)

    @property
    def payload(self) -> memoryview:
        """The frame without its header."""
        return memoryview(self.data)[self.header_size:]

    @property
    def type(self) -> FrameType:
        """I, P or B."""
        return self.header.type

    @property
    def pts(self) -> int:
        """When the frame is shown, in ticks of the file header's rate."""
        return self.header.pts

    @property
    def dts(self) -> int:
        """When the frame is decoded, in ticks."""
        return self.header.dts

    @property
    def keyframe(self) -> bool:
        """Decoding can begin at this frame."""
        return self.header.keyframe


class PacketMaker:
    """Turns frame headers and payloads, in coding order, into packets of one stream.

    >>> from zvc69.bitstream import KEYFRAME
    >>> stream = FileHeader(width=64, height=64, fps_num=25)
    >>> key = FrameHeader(FrameType.I, qp=30, pts=0, dts=0, references=KEYFRAME)
    >>> packet = PacketMaker(stream).make(key, b"payload")
    >>> PacketParser(stream).parse(bytes(packet)) == packet
    True
    """

    def __init__(self, stream: FileHeader) -> None:
        self._stream = stream
        self._previous: FrameHeader | None = None
        self._number = 0

    def make(self, header: FrameHeader, payload: bytes) -> Packet:
        """The next packet; `header.size` and `header.counter` are filled in.

        Raises ConfigError if a field is out of range, dts does not rise, or the first frame is no keyframe.
        """
        return self.commit(self.draft(header, payload))

    def commit(self, packet: Packet) -> Packet:
        """Go on by a packet that `draft` gave last, which is the next one."""
        self._previous = packet.header
        self._number += 1
        return packet

    def draft(self, header: FrameHeader, payload: bytes) -> Packet:
        """What `make` would give, without going on: a frame may be drafted several times."""
        header = replace(header, size=len(payload), counter=self._number & 255)
        head = frame.pack(header, payload, self._stream, self._previous)
        return Packet(head + payload, header, len(head), self._number)

    def filled(self, packet: Packet, size: int) -> Packet:
        """A packet that `draft` gave last, with as much filler as it takes to have `size` bytes, or the least number above that there is: lengths take bytes
        too. The packet itself if it is as long.

        Raises ConfigError if the frame would be larger than one may be, StreamError and its kinds if its payload has no such layout.
        """
        missing = size - len(packet)
        if missing <= 0:
            return packet
        bare = Payload.unpack(packet.payload, packet.type, loop_filter=self._stream.loop_filter)
        # The section's length takes a byte at least, so that `missing` - 1 is always enough; it and the frame's size grow by four each at most.
        payloads = (replace(bare, filler=section) for section in range(max(missing - 9, 0), missing))
        filled = next(payload for payload in payloads if self._grown(packet, payload.filler_bytes) >= size)
        return self.draft(packet.header, filled.pack())

    def _grown(self, packet: Packet, more: int) -> int:
        """Bytes of the packet with a payload that is so much longer."""
        before = packet.header.size
        stated = varint.length(before + more) - varint.length(before) if self._stream.compact else 0
        return len(packet) + more + stated


class PacketParser:
    """Takes coded frames that arrive one by one, in coding order but perhaps with gaps, apart again."""

    def __init__(self, stream: FileHeader) -> None:
        self._stream = stream
        self._previous: FrameHeader | None = None
        self._number = 0

    def parse(self, data: bytes) -> Packet:
        """The packet whose bytes are `data`; frames missing before it are counted in `lost`.

        Raises CorruptStreamError or TruncatedStreamError; the frame then counts as missing.
        """
        try:
            header, length = frame.unpack(data, self._stream, self._previous)
        except CorruptStreamError as error:
            raise type(error)(error.message, frame=self._number) from None
        if len(data) < length + header.size:
            raise TruncatedStreamError("the packet is shorter than its frame", frame=self._number)
        if len(data) > length + header.size:
            raise CorruptStreamError("the packet is longer than its frame", frame=self._number)
        if not frame.checksum_holds(data, length, self._stream):
            raise CorruptStreamError("the frame is damaged: its checksum does not hold", frame=self._number)
        lost = 0 if self._previous is None else frame.missing_before(header, self._previous)
        packet = Packet(bytes(data), header, length, self._number + lost, None, lost)
        self._previous = header
        self._number = packet.number + 1
        return packet
