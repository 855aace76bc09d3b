"""Frames to packets."""
from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
from numpy.typing import NDArray

from ..bitstream import KEYFRAME, ColourSpace, FileHeader, FrameHeader, FrameType, Packet, PacketMaker, reference_flags
from ..bitstream.limits import max_payload
from ..config import AUTO, MAX_QP, EncoderConfig, Quality
from ..core.pack import blocks
from ..errors import ConfigError, StatisticsError
from ..media import Colour, Frame, coded_frame
from ..media.source import fitted_rate
from ..model import Backend, Model, create_backend, load_model
from ..profiler import Profiler
from .at_once import MOST, FramesAtOnce
from .builder import EncoderBuilder
from .frame_coder import Coded, FrameCoder
from .gop import FramePlan, GopPlanner, Plans
from .known import KnownFrames, KnownRuns
from .lookahead import FINE, Lookahead, Looked
from .prefetch import prefetch
from .ratecontrol import Clip, FrameStatistics, PlannedFrame, Statistics, fingerprint, rate_controller
from .references import PictureBuffer
from .scenecut import SceneCutDetector
from .slots import Reference
from .temporal_filter import RADIUS, TemporalFilter
from .trial import LONGEST_RUN, SHORTER_RUNS, RunCost, RunTrials, StandIn, Tried

SOON = 3
"""Frames after which it is worth while to load what codes B frames beside each other: they will come."""


class Encoder:
    """Codes frames of one size into packets.

    width, height   16..16384, odd sizes too
    fps             frames a second: int, float or Fraction
    config          how to code them: an `EncoderConfig`; and
    options         its fields by name, which go before what `config` says; `Encoder.builder()` is another way to give them
    depth           bits per sample: 8, 10 or 12
    colour          colour space that decoders give frames back in, by name ("yuv420", "yuv444", "rgb", "gray") or with all that
                    a `Colour` states; coded is 4:2:0
    total_frames    stated in the header if known (0 = unknown)
    statistics      of a first pass over the same clip: this is the second, which spends the bits of `bitrate` where they bring most, or, with `crf`,
                    has B frames where that had them
    profiler        takes the times of the stages

    Raises ConfigError, StatisticsError, ModelError, BackendError.

    >>> import numpy as np
    >>> encoder = Encoder(64, 48, fps=25, preset="fast", qp=40)
    >>> packets = encoder.encode(np.full((48, 64, 3), 90, np.uint8)) + encoder.flush()
    >>> [packet.keyframe for packet in packets]
    [True]
    """

    def __init__(self, width: int, height: int, fps: Fraction | float = 30, config: EncoderConfig | None = None, *, depth: int = 8,
                 colour: Colour | ColourSpace | str = "yuv420", total_frames: int = 0, statistics: Statistics | None = None, profiler: Profiler | None = None,
                 **options: Any) -> None:
        config = configured(config, options)
        self._model: Model = load_model(config.model)
        self._config = config = config.resolved(inter=self._model.manifest.inter)
        self.qp = _chosen_qp(self._model, config)
        self.header = _header(self._model, config, self.qp, width, height, fps, depth, Colour.of(colour), total_frames)
        self._backend: Backend = create_backend(config.backend, self._model, config.threads)
        self._profiler = profiler or Profiler()
        self._coder = FrameCoder(self._model, self._backend, self._profiler, config)
        self._at_once = FramesAtOnce(self._coder, self._shared_coder, min(config.threads or os.cpu_count() or 1, MOST) if self._backend.several else 1,
                                     nearest_alone=config.reference_frames == 1)
        self._filter = TemporalFilter(config)
        self._pictures: PictureBuffer[Reference] = PictureBuffer()
        self._clip = Clip.of(self.header, config)
        if statistics is not None:
            statistics.check(self._clip)
        auto = config.b_frames == AUTO
        self._trials = RunTrials(self._attempt, config.b_trials, self._at_once.map) if auto and statistics is None else None
        chooser = KnownRuns(statistics) if auto and statistics is not None else self._trials
        self._gop = GopPlanner(config.gop, LONGEST_RUN if auto else config.b_frames, config.sigma_reset, chooser, SHORTER_RUNS if auto else ())
        self._expected = None if statistics is None else {frame.number: frame.fingerprint for frame in statistics.frames}
        radius = RADIUS if config.temporal_filter else 0
        self._lookahead = (_lookahead(config, self.qp, width, height, depth, radius) if statistics is None
                           else KnownFrames(statistics, min(radius, config.lookahead)))
        self._rate = rate_controller(config, self.qp, width * height, self.header.fps, statistics)
        self._collected: list[FrameStatistics] | None = None
        self._maker = PacketMaker(self.header)
        self._waiting: dict[int, Looked] = {}
        self._count = self._coded = 0
        self._base_qp = float(self.qp if config.crf is None else config.crf)
        self._keyframe_wanted = False

    @classmethod
    def builder(cls) -> EncoderBuilder:
        """The options one by one, then the encoder.

        >>> encoder = Encoder.builder().preset("fast").qp(40).gop(30).build(64, 48, fps=25)
        >>> encoder.config.preset.value, encoder.header.gop
        ('fast', 30)
        """
        return EncoderBuilder(cls)

    @property
    def config(self) -> EncoderConfig:
        """How frames are coded, with what the preset decided."""
        return self._config

    @property
    def reencodes(self) -> int:
        """How many times a frame was coded again because it took too many or too few bits."""
        return self._rate.reencodes

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    def encode(self, frame: Frame | av.VideoFrame | NDArray, *, keyframe: bool = False) -> list[Packet]:
        """Packets that this frame completes, in order of coding: none yet of the last `lookahead` frames, nor of a run of B frames before its P frame is there.

        frame: a `Frame`, a PyAV frame of any format, or an array: (height, width, 3) uint8 is rgb24, (height * 3 / 2, width)
        yuv420p, (3, height, width) yuv444p, (height, width) gray (uint8 at depth 8, uint16 above). keyframe: make it one. Raises
        ConfigError if the frame does not fit the encoder's size and depth, or is a colour picture in a gray stream.
        """
        return list(self._coded_of(self._looked_at(frame, keyframe)))

    def encode_all(self, frames: Iterable[Frame | av.VideoFrame | NDArray]) -> Iterator[Packet]:
        """All packets of `frames`, which end the video: as `encode` and `flush` give them. Frames are taken and looked at on a thread of its own, up to
        three ahead of the one that is planned; where no trials decide about B frames, they are planned there too.
        """
        looked = (self._looked_at(frame) for frame in frames)
        if self._trials:
            for few in prefetch(looked):
                yield from self._coded_of(few)
        else:
            planned = (plans for runs in prefetch([self._planned(frame) for frame in few] for few in looked) for plans in runs if plans)
            for plans, after in _with_next(planned):
                yield from self._coded_in_order(plans, after)
        yield from self._rest()

    def _looked_at(self, frame: Frame | av.VideoFrame | NDArray, keyframe: bool = False) -> list[Looked]:
        """The frames that can be planned now that this one is there."""
        picture = self._fitting(frame)
        self._check_known(picture)
        wanted, self._keyframe_wanted = self._keyframe_wanted, False
        with self._profiler.stage("scene_cut"):
            looked = self._lookahead.push(picture, keyframe or wanted)
        self._count += 1
        if self._count == SOON and self._config.b_frames:
            self._at_once.prepare()
        return looked

    def _planned(self, frame: Looked) -> Plans:
        """How frames are coded that can be coded now that this one can be planned."""
        self._waiting[frame.number] = frame
        if frame.group is None:
            return self._gop.push(frame.number, frame.wanted)
        return self._gop.push(frame.number, frame.wanted, frame.group.offset, frame.group.frames)

    def _coded_of(self, frames: Iterable[Looked]) -> Iterator[Packet]:
        for frame in frames:
            yield from self._coded_in_order(self._planned(frame))

    def _shared_coder(self) -> FrameCoder:
        """A coder for MOST frames at a time."""
        share = max(1, (self._config.threads or os.cpu_count() or 1) // MOST)
        config = self._config.replaced(threads=share, refinement=0, key_refinement=0)
        backend = create_backend(self._backend.name, self._model, self._config.threads, MOST)
        backend.prepare(*blocks(self.header.width, self.header.height), encode=True)
        return FrameCoder(self._model, backend, self._profiler, config, self._coder.estimator)

    def request_keyframe(self) -> None:
        """Make the next frame that is given to `encode` a keyframe: what a receiver that has lost packets asks for. May be called from any thread."""
        self._keyframe_wanted = True

    def flush(self) -> list[Packet]:
        """Packets of frames that are still held back, at the end of the video. Raises StatisticsError if a first pass saw more of them."""
        return list(self._rest())

    def _rest(self) -> Iterator[Packet]:
        if self._expected is not None and self._count < len(self._expected):
            raise StatisticsError(f"the statistics are of {len(self._expected)} frames, this clip has {self._count}")
        yield from self._coded_of(self._lookahead.flush())
        yield from self._coded_in_order(self._gop.flush())

    def collect(self) -> None:
        """Keep what a second pass needs to know. Before the first frame."""
        self._collected = []

    def statistics(self) -> Statistics:
        """What was kept, of all frames that were coded: what a first pass is for. Raises ConfigError if nothing was."""
        if not self._collected:
            raise ConfigError("no statistics were collected: call collect() first, and encode something")
        return Statistics(self._clip, tuple(self._collected))

    def _check_known(self, picture: Frame) -> None:
        """The first pass must have seen the next frame."""
        if self._expected is None:
            return
        if self._count not in self._expected:
            raise StatisticsError(f"the statistics are of {len(self._expected)} frames, this clip has more")
        if fingerprint(picture) != self._expected[self._count]:
            raise StatisticsError("the statistics are of another clip: the first pass saw another picture here", frame=self._count)

    def _coded_in_order(self, plans: Plans, after: Plans = ()) -> Iterator[Packet]:
        """after: plans that come next, if that is known."""
        for n, plan in enumerate(plans):
            yield self._code(plan, [*plans[n + 1:], *after[:1]])

    def _code(self, plan: FramePlan, following: Plans) -> Packet:
        """following: plans that come next, their frames being there."""
        frame = self._waiting.pop(plan.number)
        picture, complexity = frame.picture, frame.complexity
        if plan.sigma_reset:
            self._pictures.change(Reference.picture_alone)
            if self._trials:
                self._trials.forget()
        tried: dict[int, tuple[Packet, Coded]] = {}
        qp = self._rate.begin(_for_rate(plan, frame))
        while qp is not None:
            tried[qp] = packet, _ = self._packet_at(qp, plan, frame, following)
            qp = self._rate.judge(8 * len(packet))
        packet, coded = tried[self._rate.chosen]
        bits = 8 * len(packet)
        packet = self._maker.filled(packet, -(-self._rate.least // 8))
        self._rate.finish(bits, 8 * len(packet) - bits)
        self._filter.forget(plan.number)
        if self._config.bitrate is not None and 0 < self._rate.chosen < MAX_QP:
            self._base_qp = float(self._rate.chosen - plan.offset)
        if self._collected is not None:
            self._collected.append(FrameStatistics(plan.number, plan.type, plan.layer, plan.offset, packet.header.qp, bits, complexity.inter,
                                                   complexity.intra, fingerprint(picture)))
        if coded.reference is not None:
            self._pictures.follow(packet.header, coded.reference)
        self._coded += 1
        return self._maker.commit(packet)

    def _packet_at(self, qp: int, plan: FramePlan, frame: Looked, following: Plans) -> tuple[Packet, Coded]:
        """The frame coded at a QP, as if it came next."""
        coded = self._trials.known(plan, qp) if self._trials else None
        if coded is None:
            coded = self._at_once.known(plan, qp)
        if coded is None:
            coded = self._coded_now(qp, plan, frame, following)
        references = KEYFRAME
        if plan.type != FrameType.I:
            references = reference_flags(*(self._pictures.find(slot) for slot in coded.slots), stored=plan.stored)
        header = FrameHeader(plan.type, qp=qp, pts=plan.number, dts=self._coded, references=references, layer=plan.layer)
        return self._maker.draft(header, coded.payload), coded

    def _coded_now(self, qp: int, plan: FramePlan, frame: Looked, following: Plans) -> Coded:
        """The frame coded at a QP; with it, at the same time, others of its run whose references are there, if their QPs are known."""
        others = self._at_once.choose(plan, following, self._pictures)
        foreseen = self._rate.foreseen([_for_rate(other, self._waiting[other.number]) for other in following]) if others else None
        if foreseen is None:
            return self._code_at(self._coder, qp, plan, frame, self._pictures)
        pictures, coder = self._at_once.with_known(self._pictures), self._at_once.coder
        qps = [foreseen[following.index(other)] for other in others]
        jobs = [(qp, plan, frame), *((at, other, self._waiting[other.number]) for at, other in zip(qps, others, strict=True))]
        coded, *ahead = self._at_once.map(lambda job: self._code_at(coder, *job, pictures), jobs)
        self._at_once.keep(others, qps, ahead)
        return coded

    def _code_at(self, coder: FrameCoder, qp: int, plan: FramePlan, frame: Looked, pictures: PictureBuffer[Reference], *, trial: bool = False) -> Coded:
        """The frame coded at a QP with what is in `pictures`. trial: its reconstruction is wanted, even if it is not to be stored, and it is not refined."""
        with self._profiler.stage("temporal_filter"):
            picture = self._filter.source(plan, frame.picture, frame.neighbours, qp)
        if plan.type == FrameType.I:
            return coder.intra(picture, qp, plan.number, reference=self._gop.inter)
        if plan.type == FrameType.B:
            # Slot A's sigma state is taken over: that of a frame coded alike serves better. Measured: 0.4 % fewer bits.
            nearest, *others = sorted((pictures.at(plan.past), pictures.at(plan.future)), key=lambda reference: (reference.state is None, -reference.qp))
        else:
            nearest, *others = self._past(plan.number, pictures)
        return coder.inter(picture, qp, plan.number, nearest, others, between=plan.type == FrameType.B, stored=plan.stored, trial=trial)

    def _attempt(self, run: Sequence[StandIn]) -> Tried:
        """Frames of a run of P and B frames coded for trial."""
        pictures, cost, frames = self._pictures.copy(), RunCost(self._base_qp), {}
        for one in run:
            plan, frame = one.plan, self._waiting[one.plan.number]
            qp = min(max(round(self._base_qp + plan.offset), 0), MAX_QP)
            coded = self._code_at(self._at_once.coder, qp, plan, frame, pictures, trial=True)
            cost.add(frame.picture, coded, frames=one.frames, last=one.last)
            if plan.stored:
                pictures.add(coded.reference, plan.number)
            else:
                coded = replace(coded, reference=None)      # which takes memory, and is not needed any more
            if not self._coder.refines_all:
                frames[plan] = qp, coded
        return Tried(cost.total, frames)

    def _past(self, pts: int, pictures: PictureBuffer[Reference]) -> list[Reference]:
        """What a P frame may refer to: the frame before it, and the best of the older ones."""
        nearest, *older = (entry.content for entry in pictures.past(pts))
        return [nearest, *sorted(older, key=lambda reference: (reference.qp, -reference.pts))[:self._config.reference_frames - 1]]

    def _fitting(self, frame: Frame | av.VideoFrame | NDArray) -> Frame:
        try:
            return coded_frame(frame, self.header)
        except ConfigError as error:
            raise ConfigError(error.message, frame=self._count) from None


def _with_next(runs: Iterable[Plans]) -> Iterator[tuple[Plans, Plans]]:
    """Each run; those with B frames wait for the one that follows, which is given with them. A run that waits when `runs` raises is given before that."""
    before: Plans = ()
    try:
        for plans in runs:
            if before:
                yield before, plans
            before = plans if len(plans) > 1 else ()
            if not before:
                yield plans, ()
    except Exception:
        if before:
            yield before, ()
        raise
    if before:
        yield before, ()


def _for_rate(plan: FramePlan, frame: Looked) -> PlannedFrame:
    """What rate control is told of a frame."""
    behind = None if frame.group is None else frame.group.complexity
    return PlannedFrame(plan.number, plan.type, plan.layer, plan.offset, frame.complexity, plan.to_key, frame.cut, behind)


def configured(config: EncoderConfig | None, options: Mapping[str, Any]) -> EncoderConfig:
    """`config` (None: defaults) with `options` in the place of what it says. Raises ConfigError, TypeError."""
    if config is None:
        return EncoderConfig.from_dict(options)
    if not isinstance(config, EncoderConfig):
        raise TypeError(f"config is {config!r}, not an EncoderConfig")
    return config.replaced(**options)


def _lookahead(config: EncoderConfig, qp: int, width: int, height: int, depth: int, radius: int) -> Lookahead:
    """config: resolved."""
    inter, rates = config.gop != 1, config.bitrate is not None or config.crf is not None
    needed = inter and (config.scene_cut or config.lookahead > 0) or rates
    return Lookahead(config.lookahead, config.gop, SceneCutDetector(width, height, depth) if needed else None, cuts=config.scene_cut and inter,
                     qp=FINE if config.bitrate is not None else qp, radius=radius)


def _chosen_qp(model: Model, config: EncoderConfig) -> int:
    if config.crf is not None:
        return round(config.crf)
    return model.manifest.quality_qp[(config.quality or Quality.MEDIUM).value] if config.qp is None else config.qp


def _header(model: Model, config: EncoderConfig, qp: int, width: int, height: int, fps: Fraction | float, depth: int, colour: Colour,
            total_frames: int) -> FileHeader:
    if not 0 < fps < math.inf:
        raise ConfigError(f"fps {fps} is not a positive number")
    rate, manifest = fitted_rate(Fraction(fps).limit_denominator(65535)), model.manifest
    inter, filler = config.gop != 1, config.constant_rate
    header = FileHeader(
        width=width, height=height, fps_num=rate.numerator, fps_den=rate.denominator, quality=qp, gop=config.gop, bit_depth=depth,
        model_hash=manifest.short_hash, latent_channels=manifest.latent_channels, hyper_channels=manifest.hyper_channels,
        total_frames=total_frames, minor=4 if config.loop_filter else 3 if filler else 2 if inter else 0, filters=inter, filler=filler,
        loop_filter=config.loop_filter, **colour.header_fields())
    if filler and 125 * config.bitrate / rate > max_payload(width, height):
        raise ConfigError(f"a constant bitrate of {config.bitrate:g} kbit/s: more than {rate} frames a second of {width}x{height} can have, filler included")
    return header
