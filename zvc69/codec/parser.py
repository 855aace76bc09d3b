"""Packets to symbols and motion: integers alone, so that a thread of its own may run frames ahead of the networks."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FileHeader, FrameType, Packet, Payload
from ..core import motion
from ..core.motion import MotionField
from ..core.pack import blocks
from ..core.pool import Pool
from ..core.scale import State
from ..errors import CorruptStreamError, StreamError, UnsupportedVersionError
from ..model import Model
from .latents import Conditions, Symbols, read_latents, symbols
from .references import PictureBuffer
from .temporal import fetch_state


@dataclass(frozen=True, slots=True)
class Parsed:
    """A frame's payload: symbols, and in P and B frames the fields into the slots (None: blank) and the copied blocks (None: none)."""

    symbols: Symbols
    field: MotionField | None = None
    field_b: MotionField | None = None
    copy: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class _Reference:
    """What parsing needs of a decoded frame: its state, when it is shown, its field and over which distance that goes."""

    state: State
    pts: int
    field: MotionField | None = None
    distance: int = 0

    def field_at(self, pts: int) -> MotionField | None:
        """The field, scaled to the distance of a frame shown at `pts`."""
        return None if self.field is None else self.field.scaled(pts - self.pts, self.distance)


class FrameParser:
    """Parses the frames of one stream in coding order, keeping the sigma states that later frames refer to.

    Arrays come from `pool`, or from one of its own.
    """

    def __init__(self, model: Model, header: FileHeader, pool: Pool | None = None) -> None:
        self._model, self._header = model, header
        self._empty = (pool or Pool()).empty
        self._buffer: PictureBuffer[_Reference] = PictureBuffer()
        self._whole = False      # nothing that the next frame may depend on is missing

    def parse(self, packet: Packet) -> Parsed:
        """The packet's frame. Raises CorruptStreamError, also where a frame before it is missing, until the next keyframe;
        UnsupportedVersionError for a type of frame that is not known yet.
        """
        if packet.type != FrameType.I and not self._model.manifest.inter:
            raise UnsupportedVersionError(f"{packet.type.name} frames in a stream of model {self._model.manifest.name}, which has none",
                                          offset=packet.offset, frame=packet.number)
        self._whole = packet.keyframe or self._whole and not packet.lost
        try:
            if packet.type != FrameType.I and not self._whole:
                raise CorruptStreamError("a frame that it refers to is missing")
            return self._parse(packet)
        except StreamError as error:
            self._whole = False
            raise type(error)(error.message, offset=packet.offset, frame=packet.number) from error

    def _parse(self, packet: Packet) -> Parsed:
        payload, qp = Payload.unpack(packet.payload, packet.type), packet.header.qp
        width, height = self._header.width, self._header.height
        field = field_b = copy = state = None
        pts, distance = packet.pts, 0
        if packet.type == FrameType.I:
            if not payload.substreams:
                raise CorruptStreamError("an I frame without latents")
        else:
            reference = self._buffer.get(packet.header.slot_a)
            distance = pts - reference.pts
            field, copy = self._motion(payload, reference, pts)
            state = None if payload.no_state else fetch_state(reference.state, field, self._empty)
            if packet.header.slot_b is not None:
                field_b = self._motion_b(payload, field.scaled(pts - self._buffer.get(packet.header.slot_b).pts, distance))
            elif payload.motion_b is not None:
                raise CorruptStreamError("motion of slot B, which is blank")
        conditions = Conditions(qp, state, copy)
        z, sigma = read_latents(self._model, width, height, conditions, payload.lanes, payload.substreams, self._empty)
        self._buffer.follow(packet.header, _Reference(sigma.state(), pts, field, distance))
        return Parsed(symbols(z, sigma, qp), field, field_b, copy)

    def _motion(self, payload: Payload, reference: _Reference, pts: int) -> tuple[MotionField, NDArray[np.bool_] | None]:
        h, w = blocks(self._header.width, self._header.height)
        if payload.motion is None:
            return MotionField.zero(h, w), np.ones((h // 4, w // 4), bool) if payload.copy else None
        field, copy = motion.decode(payload.motion, h, w, None if payload.no_state else reference.field_at(pts))
        if (copy is not None) != payload.copy:
            raise CorruptStreamError("the motion section and the payload's flags differ about copied blocks")
        return field, copy

    @staticmethod
    def _motion_b(payload: Payload, expected: MotionField) -> MotionField:
        if payload.motion_b is None:
            return expected
        field, copy = motion.decode(payload.motion_b, *expected.shape, expected)
        if copy is not None:
            raise CorruptStreamError("a copy map in slot B's motion")
        return field
