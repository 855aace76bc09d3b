"""Parsing on after damage: which frames are lost, which cannot be parsed, and where everything that a frame needs is there again."""
from __future__ import annotations

from dataclasses import dataclass

from ..bitstream import FileHeader, FrameHeader, Packet
from ..errors import StreamError
from .parser import FrameParser, Parsed
from .reorder import MOST_LOST
from .structure import GroupStructure


@dataclass(frozen=True, slots=True)
class Step:
    """A frame in coding order, as far as it is known.

    header  the frame's; of a lost frame the one that it must have had, None if that is not known
    parsed  None: the frame is to be concealed, or is not wanted
    error   why it could not be parsed; None of lost frames
    number  in coding order
    damage  something was lost here that later frames may need, or this is the first that cannot be parsed since it needs it
    """

    header: FrameHeader | None
    parsed: Parsed | None
    error: StreamError | None
    number: int
    damage: bool = False


class TolerantParser:
    """Parses whatever can be parsed exactly, and says of everything else that it is to be concealed.

    A frame is parsed if its references are known: always behind a keyframe, and after a loss from a sigma-reset on, if the
    structure of the stream says what was lost. Nothing is parsed on a guess: a frame that refers to something unknown is concealed.
    """

    def __init__(self, parser: FrameParser, stream: FileHeader) -> None:
        self._parser, self._total = parser, stream.total_frames
        self._structure = GroupStructure(stream.gop)
        self._next = 0           # number of the frame that comes next
        self._told = False       # of damage since the last keyframe

    def parse(self, packet: Packet, *, skip: bool = False) -> list[Step]:
        """The lost frames before `packet`, and its own; skip: which is not wanted."""
        steps = self._lost(packet.lost, packet.header, packet.number - packet.lost)
        self._next = packet.number + 1
        parsed = error = None
        try:
            if skip:
                self._parser.skip(packet)
            else:
                parsed = self._parser.parse(packet)
        except StreamError as caught:
            error = caught
            self._parser.conceal(packet.header)
        self._structure.follow(packet.header)
        if packet.keyframe and error is None:
            self._told = False
        return [*steps, Step(packet.header, parsed, error, packet.number, error is not None and self._tell(packet.header))]

    def end(self, total: int) -> list[Step]:
        """Frames that are lost at the end of a stream of `total` frames."""
        return self._lost(min(max(total - self._next, 0), MOST_LOST), None, self._next)

    def _lost(self, count: int, following: FrameHeader | None, first: int) -> list[Step]:
        if not count:
            return []
        headers: list[FrameHeader] | list[None] | None = self._structure.lost(count, following)
        within = min(count, max(self._total - first, 0)) if self._total else count      # a counter that says more is wrong
        beyond = headers is not None and 0 < self._total <= max(header.pts for header in headers)       # the last run was shorter
        if headers is None or within < count or beyond:
            self._parser.forget(count)
            headers = [None] * within
        else:
            for header in headers:
                self._parser.conceal(header)
        self._told = False
        return [Step(header, None, None, first + n, self._tell(header)) for n, header in enumerate(headers)]

    def _tell(self, header: FrameHeader | None) -> bool:
        """Whether the loss of a frame is worth telling: others may need it, and nothing was told of this damage yet."""
        if self._told or header is not None and not header.stored:
            return False
        self._told = True
        return True
