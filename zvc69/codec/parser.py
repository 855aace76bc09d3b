"""Packets to symbols and motion: integers alone, so that a thread of its own may run frames ahead of the networks."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FileHeader, FilterSet, FrameHeader, FrameType, LoopFilter, Packet, Payload
from ..core import motion
from ..core.layout import Layout
from ..core.motion import MotionField
from ..core.pack import blocks
from ..core.pool import Empty, Pool
from ..core.scale import State
from ..errors import CorruptStreamError, MissingReferenceError, StreamError, UnsupportedVersionError
from ..model import Model
from .latents import Conditions, Symbols, read_latents, symbols
from .references import PictureBuffer
from .temporal import fetch_state


class LatentReader(Protocol):
    """Reads a frame's latents from its substreams. What states and symbols are is its own affair."""

    def read(self, payload: Payload, qp: int, inter: bool, state: Any | None, field: MotionField | None, copy: NDArray[np.bool_] | None) -> tuple[Any, Any]:
        """A frame's symbols, and its state for later ones; `state`: of slot A's frame, which is fetched along `field` (None: the blank one).

        Raises CorruptStreamError.
        """
        ...


class HostReader:
    """By the CPU: states as `core.scale` has them, `Symbols` in the `layout`; `empty` makes arrays."""

    def __init__(self, model: Model, header: FileHeader, empty: Empty, layout: Layout) -> None:
        self._model, self._width, self._height, self._empty, self._layout = model, header.width, header.height, empty, layout

    def read(self, payload: Payload, qp: int, inter: bool, state: State | None, field: MotionField | None,
             copy: NDArray[np.bool_] | None) -> tuple[Symbols, State]:
        fetched = None if state is None else fetch_state(state, field, self._empty)
        conditions = Conditions(qp, fetched, copy, inter)
        z, sigma = read_latents(self._model, self._width, self._height, conditions, payload.lanes, payload.substreams, self._empty)
        return symbols(z, sigma, qp, self._layout), sigma.state()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A frame's payload: symbols, as the reader gives them, and in P and B frames the fields into the slots (None: blank), the copied blocks (None: none), and
    the distance in time from slot A's frame; the filters that its picture is filtered by (None: it is not)."""

    symbols: Any
    field: MotionField | None = None
    field_b: MotionField | None = None
    copy: NDArray[np.bool_] | None = None
    distance: int = 0
    filters: FilterSet | None = None


@dataclass(frozen=True, slots=True)
class _Reference:
    """What parsing needs of a decoded frame: its state (None: not known), when it is shown, its field and over which distance
    that goes; the filters that later frames get from it (None: there are none, or they are not known)."""

    state: Any | None
    pts: int
    field: MotionField | None = None
    distance: int = 0
    filters: FilterSet | None = None

    def field_at(self, pts: int) -> MotionField | None:
        """The field, scaled to the distance of a frame shown at `pts`."""
        return None if self.field is None else self.field.scaled(pts - self.pts, self.distance)


class FrameParser:
    """Parses the frames of one stream in coding order, keeping the sigma states that later frames refer to.

    After a frame that is missing, lost or found corrupt, it parses keyframes and what follows them, unless each missing frame is
    made up for by `conceal` or `forget`: then whatever does not need what is missing.

    reader: of latents; by default the CPU's, with a pool of its own.
    """

    def __init__(self, model: Model, header: FileHeader, reader: LatentReader | None = None) -> None:
        self._model, self._header = model, header
        self._reader = reader or HostReader(model, header, Pool().empty, Layout())
        self._buffer: PictureBuffer[_Reference | None] = PictureBuffer()
        self._missing = 1        # frames that the next one may depend on; in the beginning, a keyframe

    def parse(self, packet: Packet) -> Parsed:
        """The packet's frame. Raises CorruptStreamError; MissingReferenceError where a frame that it may depend on is missing;
        UnsupportedVersionError for a type of frame that is not known yet. The frame itself is missing then.
        """
        self._missing = 0 if packet.keyframe else self._missing + packet.lost
        try:
            if packet.type != FrameType.I:
                if not self._model.manifest.inter:
                    raise UnsupportedVersionError(f"{packet.type.name} frames in a stream of model {self._model.manifest.name}, which has none")
                if self._missing:
                    raise _missing()
            return self._parse(packet)
        except StreamError as error:
            self._missing += 1
            raise type(error)(error.message, offset=packet.offset, frame=packet.number) from error

    def conceal(self, header: FrameHeader) -> None:
        """Go on without a frame: the one that `parse` has refused, or one that is lost before the next packet. Its place in the
        picture buffer is known; frames that need its state are refused."""
        self._missing -= 1
        self._buffer.follow(header, _Reference(None, header.pts))

    def skip(self, packet: Packet) -> None:
        """Go on without a frame to which none that will be parsed refers."""
        self._missing += packet.lost
        self._buffer.follow(packet.header, None)

    def forget(self, count: int) -> None:
        """Go on without `count` frames that are lost before the next packet and of which nothing is known, so that it is not known
        either which frame any entry of the picture buffer is."""
        self._missing -= count
        self._buffer.change(lambda _: None)

    def _parse(self, packet: Packet) -> Parsed:
        payload = Payload.unpack(packet.payload, packet.type, filler=self._header.filler, loop_filter=self._header.loop_filter)
        field = field_b = copy = state = None
        pts, distance = packet.pts, 0
        if packet.type == FrameType.I:
            if not payload.substreams:
                raise CorruptStreamError("an I frame without latents")
        else:
            reference = self._reference(packet.header.slot_a)
            if reference.state is None and not payload.no_state:
                raise _missing()
            distance = pts - reference.pts
            field, copy = self._motion(payload, reference, pts)
            state = None if payload.no_state else reference.state
            if packet.header.slot_b is not None:
                field_b = self._motion_b(payload, field.scaled(pts - self._reference(packet.header.slot_b).pts, distance))
            elif payload.motion_b is not None:
                raise CorruptStreamError("motion of slot B, which is blank")
        said, after = self._reader.read(payload, packet.header.qp, packet.type != FrameType.I, state, field, copy)
        filters, inherited = self._filters(packet.header, payload)
        self._buffer.follow(packet.header, _Reference(after, pts, field, distance, inherited if filters is None else filters))
        return Parsed(said, field, field_b, copy, distance, filters)

    def _filters(self, header: FrameHeader, payload: Payload) -> tuple[FilterSet | None, FilterSet | None]:
        """What the frame's picture is filtered by, and what slot A's frame has for later ones."""
        by_slot = [None if slot is None else self._reference(slot).filters for slot in (header.slot_a, header.slot_b)]
        if payload.loop_filter == LoopFilter.NONE:
            return None, by_slot[0]
        if payload.loop_filter == LoopFilter.NEW:
            return FilterSet.unpack(payload.filters), by_slot[0]
        if payload.loop_filter == LoopFilter.SLOT_B and header.slot_b is None:
            raise CorruptStreamError("filters of slot B, which is blank")
        return by_slot[payload.loop_filter - LoopFilter.SLOT_A], by_slot[0]

    def _reference(self, entry: int) -> _Reference:
        reference = self._buffer.get(entry)
        if reference is None:
            raise _missing()
        return reference

    def _motion(self, payload: Payload, reference: _Reference, pts: int) -> tuple[MotionField, NDArray[np.bool_] | None]:
        h, w = blocks(self._header.width, self._header.height)
        if payload.motion is None:
            return MotionField.zero(h, w), np.ones((h // 4, w // 4), bool) if payload.copy else None
        field, copy = motion.decode(payload.motion, h, w, None if payload.no_state else reference.field_at(pts), says_way=self._header.filters)
        if (copy is not None) != payload.copy:
            raise CorruptStreamError("the motion section and the payload's flags differ about copied blocks")
        return field, copy

    def _motion_b(self, payload: Payload, expected: MotionField) -> MotionField:
        if payload.motion_b is None:
            return expected
        field, copy = motion.decode(payload.motion_b, *expected.shape, expected, says_way=self._header.filters)
        if copy is not None:
            raise CorruptStreamError("a copy map in slot B's motion")
        return field


def _missing() -> MissingReferenceError:
    return MissingReferenceError("a frame that it refers to is missing")
