"""One run through a stream: from packets to frames in order of presentation."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..bitstream import FileHeader, FrameHeader, FrameType, Packet
from ..bitstream.limits import MAX_LAYER
from ..core.pack import unpack
from ..core.pool import Pool
from ..media import Colour, Frame, from_coded
from ..media.integrity import Integrity
from ..model import Backend, Model
from ..profiler import Profiler
from .concealment import Concealer, Picture
from .parser import FrameParser, Parsed
from .recovery import Step, TolerantParser
from .references import PictureBuffer
from .reorder import Reorder
from .temporal import Planes, Prediction, copy_blocks, predict


class Chain:
    """The frames that later ones refer to, on the side of the integers and on that of the pictures. `parse` and `end` may be on
    another thread than the rest.

    conceal: what is lost or cannot be parsed is concealed; without it, `parse` raises. damaged: called where that begins.
    max_layer: frames of higher temporal layers are left out.
    """

    def __init__(self, header: FileHeader, model: Model, backend: Backend, profiler: Profiler, *, conceal: bool = False,
                 damaged: Callable[[], object] | None = None, max_layer: int = MAX_LAYER) -> None:
        self._header, self._backend, self._profiler, self._damaged = header, backend, profiler, damaged
        self._pool = Pool()      # of this run alone: it goes when the last of its frames has gone
        self._parser = FrameParser(model, header, self._pool)
        self._tolerant = TolerantParser(self._parser, header) if conceal else None
        self._pictures: PictureBuffer[Picture | None] = PictureBuffer()      # None: left out, which keeps its place
        self._max_layer = max_layer
        self._concealer = Concealer(header.bit_depth, self._planes)
        self._reorder: Reorder[Frame] = Reorder(_again)
        self._keyframe = (0, 0)      # number and pts of the last one
        self._concealed: tuple[Planes, Frame] | None = None

    def parse_one(self, packet: Packet) -> Parsed | None:
        """The packet's own frame; None if it is left out. Raises StreamError if it cannot be parsed, also where it would be concealed."""
        step = self.parse(packet)[-1]
        if step.error is not None:
            raise step.error
        return step.parsed

    def parse(self, packet: Packet) -> list[Step]:
        """The packet's frame, behind those that are lost before it."""
        with self._profiler.stage("parse"):
            skip = self._leaves_out(packet.header)
            if self._tolerant is not None:
                return self._tolerant.parse(packet, skip=skip)
            if skip:
                self._parser.skip(packet)
                return [Step(packet.header, None, None, packet.number)]
            return [Step(packet.header, self._parser.parse(packet), None, packet.number)]

    def end(self, total: int) -> list[Step]:
        """Frames that are lost at the end of a stream of `total` frames."""
        return [] if self._tolerant is None else self._tolerant.end(total)

    def show(self, step: Step) -> list[Frame]:
        """What can be shown now that this frame is there, or is not to come; in coding order."""
        if step.damage and self._damaged is not None:
            self._damaged()
        header = step.header
        if header is None:
            self._reorder.lose(1)
            return []
        if self._leaves_out(header):
            self._pictures.follow(header, None)
            return self._reorder.put(header.pts, None)
        frame = self._conceal(header) if step.parsed is None else self._reconstruct(header, step.parsed)
        out = []
        if header.keyframe:
            self._keyframe = step.number, header.pts
            out = self._reorder.begin(header.pts)
        return out + self._reorder.put(header.pts, frame)

    def rest(self) -> list[Frame]:
        """What is held back, at the end."""
        return self._reorder.rest()

    def from_number(self, frames: list[Frame], first: int) -> Iterator[Frame]:
        """Those of `frames` whose number in order of presentation is `first` or more."""
        number, pts = self._keyframe
        return (frame for frame in frames if number + frame.pts - pts >= first)

    def _leaves_out(self, header: FrameHeader) -> bool:
        return header.layer > self._max_layer and not header.keyframe

    def _reconstruct(self, frame: FrameHeader, parsed: Parsed) -> Frame:
        header, symbols, prediction, integrity = self._header, parsed.symbols, None, Integrity.WHOLE
        if parsed.field is not None:
            with self._profiler.stage("compensate"):
                prediction, integrity = self._predict(frame, parsed)
        with self._profiler.stage("networks"):
            packed = self._backend.decode(symbols.z, symbols.r, symbols.qp, None if prediction is None else prediction.slots, parsed.copy,
                                          empty=self._pool.empty)
        with self._profiler.stage("unpack"):
            planes = unpack(packed, header.width, header.height, header.bit_depth, out=self._planes())
            if prediction is not None:
                planes = copy_blocks(planes, prediction.planes, parsed.copy)
        self._concealer.saw(parsed.field, parsed.distance)
        self._store(frame, Picture(planes, integrity))
        return from_coded(planes, header.bit_depth, Colour.of_header(header), frame.pts, integrity)

    def _predict(self, frame: FrameHeader, parsed: Parsed) -> tuple[Prediction, Integrity]:
        depth = self._header.bit_depth
        slots = [(self._pictures.get(frame.slot_a), parsed.field)]
        if parsed.field_b is not None:
            slots.append((self._pictures.get(frame.slot_b), parsed.field_b))
        a, b = [*(field.warp(picture.planes, depth, out=self._planes()) for picture, field in slots), None][:2]
        whole = all(picture.integrity is Integrity.WHOLE for picture, _ in slots)
        prediction = predict(a, b, depth, between=frame.type == FrameType.B, empty=self._pool.empty)
        return prediction, Integrity.WHOLE if whole else Integrity.AFFECTED

    def _conceal(self, frame: FrameHeader) -> Frame:
        with self._profiler.stage("conceal"):
            planes = self._concealer.picture(self._pictures, frame.pts)
            self._store(frame, Picture(planes, Integrity.CONCEALED))
            if self._concealed is not None and self._concealed[0] is planes:     # the same again: many are lost at once
                return _again(self._concealed[1], frame.pts)
            shown = from_coded(planes, self._header.bit_depth, Colour.of_header(self._header), frame.pts, Integrity.CONCEALED)
            self._concealed = planes, shown
            return shown

    def _store(self, frame: FrameHeader, picture: Picture) -> None:
        self._pictures.follow(frame, picture)
        if self._header.gop != 1 or self._tolerant is not None:
            for plane in picture.planes:     # later frames are predicted from them, or show them again
                plane.flags.writeable = False

    def _planes(self) -> Planes:
        return self._pool.planes(self._header.width, self._header.height, self._header.bit_depth)


def _again(frame: Frame, pts: int) -> Frame:
    """The same picture, shown once more at another time."""
    return replace(frame, pts=pts, integrity=Integrity.CONCEALED)
