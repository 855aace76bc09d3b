"""What rate control is told of a frame before it is coded."""
from __future__ import annotations

from dataclasses import dataclass

from ...bitstream import FrameType
from .model import Complexity, Kind


@dataclass(frozen=True, slots=True)
class PlannedFrame:
    """A frame about to be coded.

    number      in order of presentation
    type        I, P or B
    layer       temporal layer
    offset      QP that its place in the group adds to the base QP
    complexity  of its small picture
    period      frames from this one to the next keyframe that is due, 0 if none is
    cut         a scene begins with it
    following   of a keyframe, if known: complexity of the frames behind it
    """

    number: int
    type: FrameType
    layer: int
    offset: int
    complexity: Complexity
    period: int = 0
    cut: bool = False
    following: Complexity | None = None

    @property
    def kind(self) -> Kind:
        """Frames of one kind share a model of their bits."""
        return self.type, self.layer
