"""What lost frames were: the headers that they would have had, from the order in which an encoder codes."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..bitstream import FrameHeader, FrameType, reference_flags
from ..config import B_FRAMES
from .gop import FramePlan, GopPlanner

_HALVES = GopPlanner(0).halves


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a group of pictures a stream is: times of its keyframe and of the frame coded last that is no B frame, and the B
    frames before that one which are still to come."""

    key: int
    anchor: int
    waiting: tuple[FramePlan, ...] = ()

    def after_anchor(self, pts: int) -> _Place:
        return _Place(self.key, pts, tuple(_HALVES(self.anchor, pts)))


class GroupStructure:
    """Follows the headers of a stream, and says of frames that are lost what they were.

    It knows streams as `GopPlanner` makes them: frames are numbered by their times, P frames stand at a regular distance, and the
    frames between are B frames in levels. Of how many these are it believes what it has seen. Any other stream is irregular, until
    the next keyframe, and nothing is known of its lost frames.

    >>> structure = GroupStructure(gop=0)
    >>> def header(plan, n):
    ...     return FrameHeader(plan.type, 30, plan.number, n, reference_flags(stored=plan.stored, key=n == 0), plan.layer)
    >>> planner = GopPlanner(0, b_frames=3)
    >>> headers = [header(plan, n) for n, plan in enumerate(plan for n in range(9) for plan in planner.push(n))]
    >>> for known in headers[:4]:
    ...     structure.follow(known)
    >>> [(lost.type.name, lost.pts, lost.stored) for lost in structure.lost(3, headers[7])]
    [('B', 3, False), ('P', 8, True), ('B', 6, True)]
    """

    def __init__(self, gop: int) -> None:
        self._gop = gop
        self._between: tuple[int, ...] = B_FRAMES        # numbers of B frames that agree with what was seen
        self._place: _Place | None = None                # None: irregular, or nothing seen yet
        self._dts = 0

    def follow(self, header: FrameHeader) -> None:
        """A frame whose header is known comes next in coding order."""
        place, due = self._place, self._dts + 1
        self._dts, self._place = header.dts, None
        if header.keyframe:
            self._place = _Place(header.pts, header.pts)
        elif place is None or header.dts != due:
            return
        elif header.type == FrameType.B:
            if place.waiting and _same(place.waiting[0], header):
                self._place = replace(place, waiting=place.waiting[1:])
        elif not place.waiting and header.stored and 0 < header.pts - place.anchor <= max(B_FRAMES) + 1:
            self._learn(place, header.pts)
            self._place = place.after_anchor(header.pts)

    def lost(self, count: int, following: FrameHeader | None) -> list[FrameHeader] | None:
        """Headers of `count` frames that are missing before `following` (None: at the end); None if more than one guess fits, or none."""
        found: dict[tuple[FramePlan, ...], _Place] = {}
        if self._place is not None and (following is None or following.keyframe or following.dts == self._dts + count + 1):
            for between in self._between:
                plans, place = self._run(self._place, count, between)
                if following is None or self._fits(place, between, following):
                    found[tuple(plans)] = place
        self._dts += count
        if len(found) != 1:
            self._place = None
            return None
        (plans, self._place), = found.items()
        first = self._dts - count + 1
        return [FrameHeader(plan.type, 0, plan.number, first + n, reference_flags(stored=plan.stored, key=plan.type == FrameType.I), plan.layer)
                for n, plan in enumerate(plans)]

    def _learn(self, place: _Place, pts: int) -> None:
        """What the distance of two frames that are no B frames says; a group's last may be shorter than the others."""
        expected = {between: self._next(place, between)[0].number for between in B_FRAMES}
        if pts > max(expected[between] for between in self._between):
            self._between = B_FRAMES
        self._between = tuple(between for between in self._between if expected[between] == pts) or self._between

    def _run(self, place: _Place, count: int, between: int) -> tuple[Iterable[FramePlan], _Place]:
        plans = []
        for _ in range(count):
            plan, place = self._next(place, between)
            plans.append(plan)
        return plans, place

    def _next(self, place: _Place, between: int) -> tuple[FramePlan, _Place]:
        """The frame that comes next, and what then is."""
        if place.waiting:
            return place.waiting[0], replace(place, waiting=place.waiting[1:])
        number = place.anchor + between + 1
        if self._gop:
            end = place.key + self._gop
            if place.anchor + 1 >= end:
                return FramePlan(end, FrameType.I, 0), _Place(end, end)
            number = min(number, end - 1)
        return FramePlan(number, FrameType.P, 0), place.after_anchor(number)

    def _fits(self, place: _Place, between: int, header: FrameHeader) -> bool:
        """Whether a frame of this header can come next."""
        if header.keyframe:
            return not place.waiting and header.pts == place.anchor + 1
        plan, _ = self._next(place, between)
        if header.type == FrameType.B or plan.type == FrameType.B:
            return _same(plan, header)
        return header.stored and plan.type == FrameType.P and place.anchor < header.pts <= plan.number


def _same(plan: FramePlan, header: FrameHeader) -> bool:
    return (plan.type, plan.number, plan.layer, plan.stored) == (header.type, header.pts, header.layer, header.stored)
