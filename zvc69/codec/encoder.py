"""Frames to packets."""
from __future__ import annotations

import math
from fractions import Fraction

import av
from numpy.typing import NDArray

from ..bitstream import KEYFRAME, ColourSpace, FileHeader, FrameHeader, FrameType, Packet, PacketMaker, reference_flags
from ..bitstream.references import MAX_ENTRIES
from ..config import MAX_QP, Quality
from ..errors import ConfigError
from ..media import Colour, Frame, coded_frame
from ..media.source import fitted_rate
from ..model import Backend, Model, create_backend, load_model
from ..profiler import Profiler
from .frame_coder import FrameCoder
from .gop import B_FRAMES, FramePlan, GopPlanner
from .references import PictureBuffer
from .scenecut import SceneCutDetector
from .slots import Reference

DEFAULT_GOP = 60


class Encoder:
    """Codes frames of one size into packets.

    width, height   16..16384, odd sizes too
    fps             frames a second: int, float or Fraction
    quality         a `Quality` or its name; or
    qp              0..63 exactly, higher is smaller (one step is about 6 % of the bits); default Quality.MEDIUM
    gop             largest distance of keyframes, 0 = the first frame only; default 60, with a model of keyframes alone 1
    b_frames        B frames before each P frame: 0, 1, 3, 7 or 15; they cost as many frames of delay
    reference_frames   1..16, pictures that a P frame may be predicted from: the one before, and the best of the others
    sigma_reset     every so many P frames of a group one begins the sigma state anew, so that a receiver that lost a frame can
                    parse again from there on, before the next keyframe comes; 0 = never
    scene_cut       begin a group of pictures where a new scene begins; nothing to do with gop 1
    backend         "auto", "cpu" (ONNX Runtime) or "openvino"
    model           name of an installed model, or a folder
    depth           bits per sample: 8, 10 or 12
    colour          colour space that decoders give frames back in, by name ("yuv420", "yuv444", "rgb", "gray") or with all that
                    a `Colour` states; coded is 4:2:0
    total_frames    stated in the header if known (0 = unknown)
    threads         of the networks, 0 = all cores
    profiler        takes the times of the stages

    Raises ConfigError, ModelError, BackendError.

    >>> import numpy as np
    >>> encoder = Encoder(64, 48, fps=25, qp=40)
    >>> packets = encoder.encode(np.full((48, 64, 3), 90, np.uint8)) + encoder.flush()
    >>> [packet.keyframe for packet in packets]
    [True]
    """

    def __init__(self, width: int, height: int, fps: Fraction | float = 30, *, quality: Quality | str | None = None, qp: int | None = None,
                 gop: int | None = None, b_frames: int = 0, reference_frames: int = 2, sigma_reset: int = 0, scene_cut: bool = True,
                 backend: str = "auto", model: str = "lite", depth: int = 8, colour: Colour | ColourSpace | str = "yuv420", total_frames: int = 0,
                 threads: int = 0, profiler: Profiler | None = None) -> None:
        self._model: Model = load_model(model)
        self.qp = _choose_qp(self._model, quality, qp)
        if gop is None:
            gop = DEFAULT_GOP if self._model.manifest.inter else 1
        if gop != 1 and not self._model.manifest.inter:
            raise ConfigError(f"gop {gop}: model {self._model.manifest.name} codes keyframes only, gop must be 1")
        if b_frames not in B_FRAMES or b_frames and gop == 1:
            raise ConfigError(f"b_frames {b_frames} is not one of {', '.join(map(str, B_FRAMES))}, 0 with gop 1")
        if not 0 < fps < math.inf:
            raise ConfigError(f"fps {fps} is not a positive number")
        rate = fitted_rate(Fraction(fps).limit_denominator(65535))
        if not 1 <= reference_frames <= MAX_ENTRIES:
            raise ConfigError(f"reference_frames {reference_frames} is not within 1..{MAX_ENTRIES}")
        if sigma_reset < 0 or sigma_reset and gop == 1:
            raise ConfigError(f"sigma_reset {sigma_reset} is not 0 or more, 0 with gop 1")
        self._reference_frames = reference_frames
        manifest = self._model.manifest
        self.header = FileHeader(
            width=width, height=height, fps_num=rate.numerator, fps_den=rate.denominator, quality=self.qp, gop=gop, bit_depth=depth,
            model_hash=manifest.short_hash, latent_channels=manifest.latent_channels, hyper_channels=manifest.hyper_channels,
            total_frames=total_frames, minor=int(gop != 1), **Colour.of(colour).header_fields())     # P frames came with format 1.1
        self._backend: Backend = create_backend(backend, self._model, threads)
        self._profiler = profiler or Profiler()
        self._coder = FrameCoder(self._model, self._backend, self._profiler)
        self._pictures: PictureBuffer[Reference] = PictureBuffer()
        self._gop = GopPlanner(gop, self.qp, b_frames, sigma_reset)
        self._scenes = SceneCutDetector(width, height, depth) if scene_cut and self._gop.inter else None
        self._maker = PacketMaker(self.header)
        self._waiting: dict[int, Frame] = {}
        self._count = self._coded = 0
        self._keyframe_wanted = False

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    def encode(self, frame: Frame | av.VideoFrame | NDArray, *, keyframe: bool = False) -> list[Packet]:
        """Packets that this frame completes, in order of coding.

        frame: a `Frame`, a PyAV frame of any format, or an array: (height, width, 3) uint8 is rgb24, (height * 3 / 2, width)
        yuv420p, (3, height, width) yuv444p, (height, width) gray (uint8 at depth 8, uint16 above). keyframe: make it one. Raises
        ConfigError if the frame does not fit the encoder's size and depth, or is a colour picture in a gray stream.
        """
        picture = self._waiting[self._count] = self._fitting(frame)
        wanted, self._keyframe_wanted = self._keyframe_wanted, False
        cut = self._begins_scene(picture)          # of every frame: it is compared to those after it
        plans = self._gop.push(self._count, keyframe=cut or keyframe or wanted)
        self._count += 1
        return [self._code(plan) for plan in plans]

    def request_keyframe(self) -> None:
        """Make the next frame a keyframe: what a receiver that has lost packets asks for. May be called from any thread."""
        self._keyframe_wanted = True

    def flush(self) -> list[Packet]:
        """Packets of frames that are still held back, at the end of the video."""
        return [self._code(plan) for plan in self._gop.flush()]

    def _begins_scene(self, picture: Frame) -> bool:
        if self._scenes is None:
            return False
        with self._profiler.stage("scene_cut"):
            return self._scenes.push(picture.y, since_key=self._gop.since_key(self._count)).cut

    def _code(self, plan: FramePlan) -> Packet:
        picture, pts = self._waiting.pop(plan.number), plan.number
        if plan.type == FrameType.I:
            coded = self._coder.intra(picture, plan.qp, pts, reference=self._gop.inter)
            references = KEYFRAME
        else:
            if plan.type == FrameType.B:
                nearest, *others = self._pictures.at(plan.past), self._pictures.at(plan.future)
            else:
                if plan.sigma_reset:
                    self._pictures.change(Reference.picture_alone)
                nearest, *others = self._past(pts)
            coded = self._coder.inter(picture, plan.qp, pts, nearest, others, between=plan.type == FrameType.B, wanted=plan.stored)
            references = reference_flags(*(self._pictures.find(slot) for slot in coded.slots), stored=plan.stored)
        header = FrameHeader(plan.type, qp=plan.qp, pts=pts, dts=self._coded, references=references, layer=plan.layer)
        if coded.reference is not None:
            self._pictures.follow(header, coded.reference)
        self._coded += 1
        return self._maker.make(header, coded.payload)

    def _past(self, pts: int) -> list[Reference]:
        """What a P frame may refer to: the frame before it, and the best of the older ones."""
        nearest, *older = (entry.content for entry in self._pictures.past(pts))
        return [nearest, *sorted(older, key=lambda reference: (reference.qp, -reference.pts))[:self._reference_frames - 1]]

    def _fitting(self, frame: Frame | av.VideoFrame | NDArray) -> Frame:
        try:
            return coded_frame(frame, self.header)
        except ConfigError as error:
            raise ConfigError(error.message, frame=self._count) from None


def _choose_qp(model: Model, quality: Quality | str | None, qp: int | None) -> int:
    if qp is not None:
        if quality is not None:
            raise ConfigError("give quality or qp, not both")
        if not 0 <= qp <= MAX_QP:
            raise ConfigError(f"qp {qp} is not within 0..{MAX_QP}")
        return qp
    try:
        return model.manifest.quality_qp[Quality(quality or Quality.MEDIUM).value]
    except ValueError:
        raise ConfigError(f"quality {quality!r} is not one of {', '.join(q.value for q in Quality)}") from None
