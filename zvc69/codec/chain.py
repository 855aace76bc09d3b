"""One run through a stream: from packets to frames in order of presentation."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from ..bitstream import FileHeader, FrameHeader, Packet
from ..bitstream.limits import MAX_LAYER
from ..core.pool import Pool
from ..media import Colour, Frame, from_coded
from ..media.integrity import Integrity
from ..model import Backend, Model
from ..profiler import Profiler
from .concealment import Concealer, Picture
from .host_frames import Frames, HostFrames
from .parser import FrameParser, Parsed
from .recovery import Step, TolerantParser
from .references import PictureBuffer
from .reorder import Reorder
from .temporal import Planes


@dataclass(slots=True, eq=False)
class Job:
    """A frame from when its place in coding order is known until it is shown. references: the pictures in its slots; picture: what later
    frames refer to, None where the frame is left out; parsed: until it is reconstructed; planes: gives them from then on; frame: from when they are there."""

    header: FrameHeader
    number: int
    parsed: Parsed | None
    references: tuple[Picture, ...]
    picture: Picture | None
    planes: Callable[[], Planes] | None = None
    frame: Frame | None = None

    @property
    def ready(self) -> bool:
        """Whether all that it refers to is there."""
        return all(picture.there for picture in self.references)

    @property
    def done(self) -> bool:
        """Whether there is nothing to reconstruct, or no more."""
        return self.picture is None or self.planes is not None or self.frame is not None


class Chain:
    """The frames that later ones refer to, on the side of the integers and on that of the pictures. `parse` and `end` may be on
    another thread than the rest, and `reconstruct` on many.

    A step of `parse` is given to `show`; or, as frames in order of coding, to `plan`, then `reconstruct`, then `finish`.

    conceal: what is lost or cannot be parsed is concealed; without it, `parse` raises. damaged: called where that begins.
    max_layer: frames of higher temporal layers are left out.
    """

    def __init__(self, header: FileHeader, model: Model, backend: Backend, profiler: Profiler, *, conceal: bool = False,
                 damaged: Callable[[], object] | None = None, max_layer: int = MAX_LAYER) -> None:
        self._header, self._backend, self._profiler, self._damaged = header, backend, profiler, damaged
        self._pool = Pool()      # of this run alone: it goes when the last of its frames has gone
        self._frames = _frames_of(backend, header, model, profiler, self._pool)
        self._parser = FrameParser(model, header, self._frames.reader)
        self._tolerant = TolerantParser(self._parser, header) if conceal else None
        self._pictures: PictureBuffer[Picture | None] = PictureBuffer()      # None: left out, which keeps its place
        self._max_layer = max_layer
        self._concealer = Concealer(header.bit_depth, partial(self._pool.planes, header.width, header.height, header.bit_depth))
        self._reorder: Reorder[Frame] = Reorder(_again)
        self._keyframe = (0, 0)      # number and pts of the last one
        self._concealed: tuple[Planes, Frame] | None = None

    def parse_one(self, packet: Packet) -> Parsed | None:
        """The packet's own frame, its symbols on the host; None if it is left out. Raises StreamError if it cannot be parsed, also where it would be
        concealed."""
        step = self.parse(packet)[-1]
        if step.error is not None:
            raise step.error
        return step.parsed and replace(step.parsed, symbols=self._frames.on_host(step.parsed.symbols))

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
        """What can be shown now that this frame is there, or is not to come; all frames before it have been finished."""
        if not self.stands_alone(step):
            job = self.plan(step)
            self.reconstruct(job, self._backend)
            return self.finish(job)
        if step.damage and self._damaged is not None:
            self._damaged()
        header = step.header
        if header is None:
            self._reorder.lose(1)
            return []
        if self._leaves_out(header):
            return self.finish(self.plan(step))
        return self._finish(header, step.number, self._conceal(header))

    def stands_alone(self, step: Step) -> bool:
        """Whether this can be gone on with only when all frames before it are finished: something is lost."""
        return step.damage or step.header is None or step.parsed is None and not self._leaves_out(step.header)

    def plan(self, step: Step) -> Job:
        """The frame of a step, its references being known and its own place taken. Raises CorruptStreamError where it refers to what is not there."""
        header, parsed = step.header, step.parsed
        if self._leaves_out(header):
            self._pictures.follow(header, None)
            return Job(header, step.number, None, (), None)
        references = []
        if parsed.field is not None:
            references.append(self._pictures.get(header.slot_a))
        if parsed.field_b is not None:
            references.append(self._pictures.get(header.slot_b))
        picture = Picture()
        self._pictures.follow(header, picture)
        self._concealer.saw(parsed.field, parsed.distance)
        return Job(header, step.number, parsed, tuple(references), picture)

    def reconstruct(self, job: Job, backend: Backend) -> None:
        """Make the job's picture. May run on any thread, beside others, once the job is `ready`."""
        if job.done:
            return
        whole = all(picture.integrity is Integrity.WHOLE for picture in job.references)
        job.picture.integrity = Integrity.WHOLE if whole else Integrity.AFFECTED
        job.planes = self._frames.planes(job.header, job.parsed, job.references, job.picture, backend)
        job.parsed = None
        if not self.under_way:
            self._complete(job)

    @property
    def under_way(self) -> int:
        """Frames that may be reconstructed before the one before is finished."""
        return self._frames.under_way

    def _complete(self, job: Job) -> None:
        planes = job.planes()
        self._keep(planes)
        job.picture.planes, job.planes = planes, None
        job.frame = from_coded(planes, self._header.bit_depth, Colour.of_header(self._header), job.header.pts, job.picture.integrity)

    def finish(self, job: Job) -> list[Frame]:
        """What can be shown now that this frame is done; in coding order."""
        if job.planes is not None:
            self._complete(job)
        return self._finish(job.header, job.number, job.frame)

    def _finish(self, header: FrameHeader, number: int, frame: Frame | None) -> list[Frame]:
        out = []
        if header.keyframe:
            self._keyframe = number, header.pts
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

    def _conceal(self, frame: FrameHeader) -> Frame:
        with self._profiler.stage("conceal"):
            planes = self._concealer.picture(self._pictures, frame.pts)
            self._keep(planes)
            self._pictures.follow(frame, Picture(planes, Integrity.CONCEALED))
            if self._concealed is not None and self._concealed[0] is planes:     # the same again: many are lost at once
                return _again(self._concealed[1], frame.pts)
            shown = from_coded(planes, self._header.bit_depth, Colour.of_header(self._header), frame.pts, Integrity.CONCEALED)
            self._concealed = planes, shown
            return shown

    def _keep(self, planes: Planes) -> None:
        """They are not to be changed: later frames are predicted from them, or show them again."""
        if self._header.gop != 1 or self._tolerant is not None:
            for plane in planes:
                plane.flags.writeable = False


def _frames_of(backend: Backend, header: FileHeader, model: Model, profiler: Profiler, pool: Pool) -> Frames:
    """Whole frames are decoded where the networks run, if that is a device."""
    if backend.device_model is None:
        return HostFrames(header, model, profiler, pool, backend.layout(header.bit_depth))
    from .device_frames import DeviceFrames
    return DeviceFrames(header, backend.device_model, profiler, pool)


def _again(frame: Frame, pts: int) -> Frame:
    """The same picture, shown once more at another time."""
    return replace(frame, pts=pts, integrity=Integrity.CONCEALED)
