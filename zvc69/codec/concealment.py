"""Pictures in place of those that are lost: the nearest one, moved on."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.motion import MotionField
from ..media.integrity import Integrity
from .references import Entry, PictureBuffer
from .temporal import Planes

REACH = 8
"""Frames over which motion goes on as it was; what is lost beyond shows the same picture again."""


@dataclass(slots=True)
class Picture:
    """A decoded picture as later ones refer to it; planes: None until it is reconstructed; on_device: the same, where frames are decoded on a device."""

    planes: Planes | None = None
    integrity: Integrity = Integrity.WHOLE
    on_device: Any = None

    @property
    def there(self) -> bool:
        """Whether frames can be predicted from it."""
        return self.planes is not None or self.on_device is not None


class Concealer:
    """Makes pictures for lost frames from the picture buffer and the motion decoded last.

    The picture that is nearest in time is compensated by that field, scaled to the distance; where none is known, it stands still.
    """

    def __init__(self, depth: int, planes: Callable[[], Planes]) -> None:
        self._depth, self._planes = depth, planes
        self._motion: tuple[MotionField, int] | None = None      # and the distance in time that it covers

    def saw(self, field: MotionField | None, distance: int) -> None:
        """The motion of a frame that was decoded; None: it had none, so that what came before has ended with it."""
        self._motion = None if field is None or not distance else (field, distance)

    def picture(self, buffer: PictureBuffer[Picture | None], pts: int) -> Planes:
        """What is shown at `pts` instead of a lost frame: planes of the buffer (None: of a frame that was left out) if nothing moves,
        and gray where it is empty."""
        entries = [entry for entry in buffer.recent() if entry.content is not None]
        if not entries:
            return self._gray()

        def distance(entry: Entry[Picture]) -> tuple[int, bool]:
            return abs(pts - entry.pts), entry.pts > pts

        nearest = min(entries, key=distance)
        decoded = [entry for entry in entries if entry.content.integrity is not Integrity.CONCEALED]
        source = min(decoded, key=distance, default=None)
        if self._motion is None or source is None or not 0 < abs(pts - source.pts) <= REACH:
            return nearest.content.planes
        field, covered = self._motion
        return field.scaled(pts - source.pts, covered).warp(source.content.planes, self._depth, out=self._planes())

    def _gray(self) -> Planes:
        planes = self._planes()
        for plane in planes:
            plane.fill(1 << (self._depth - 1))
        return planes
