"""Frames to packets."""
from __future__ import annotations

import math
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from ..bitstream import KEYFRAME, FileHeader, FrameHeader, FrameType, Packet, PacketMaker
from ..config import MAX_QP, Quality
from ..core.pack import pack
from ..core.quantise import quantise
from ..errors import ConfigError
from ..media import Frame
from ..media.source import fitted_rate
from ..model import Backend, Model, create_backend, load_model
from ..profiler import Profiler
from .latents import code_latents


class Encoder:
    """Codes frames of one size into packets.

    width, height   16..16384, odd sizes too
    fps             frames a second: int, float or Fraction
    quality         a `Quality` or its name; or
    qp              0..63 exactly, higher is smaller (one step is about 6 % of the bits); default Quality.MEDIUM
    gop             largest distance of keyframes; this release codes every frame as a keyframe: 1
    backend         "auto", "cpu" (ONNX Runtime) or "openvino"
    model           name of an installed model, or a folder
    depth           bits per sample: 8, 10 or 12
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
                 gop: int = 1, backend: str = "auto", model: str = "lite", depth: int = 8, total_frames: int = 0, threads: int = 0,
                 profiler: Profiler | None = None) -> None:
        self._model: Model = load_model(model)
        self.qp = _choose_qp(self._model, quality, qp)
        if gop != 1:
            raise ConfigError(f"gop {gop}: this release codes keyframes only, gop must be 1")
        if not 0 < fps < math.inf:
            raise ConfigError(f"fps {fps} is not a positive number")
        rate = fitted_rate(Fraction(fps).limit_denominator(65535))
        manifest = self._model.manifest
        self.header = FileHeader(
            width=width, height=height, fps_num=rate.numerator, fps_den=rate.denominator, quality=self.qp, gop=gop, bit_depth=depth,
            model_hash=manifest.short_hash, latent_channels=manifest.latent_channels, hyper_channels=manifest.hyper_channels,
            total_frames=total_frames)
        self._backend: Backend = create_backend(backend, self._model, threads)
        self._thresholds = self._model.integers.thresholds(manifest.distortion)
        self._maker = PacketMaker(self.header)
        self._profiler = profiler or Profiler()
        self._count = 0

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    def encode(self, frame: Frame | av.VideoFrame | NDArray) -> list[Packet]:
        """Packets that this frame completes, in order of coding.

        frame: a `Frame`, a PyAV frame of any format, or an array: (height, width, 3) uint8 is rgb24,
        (height * 3 / 2, width) is yuv420p (uint8 at depth 8, uint16 above). Raises ConfigError if it does not
        fit the encoder's size and depth.
        """
        picture = self._fitting(frame)
        with self._profiler.stage("pack"):
            packed = pack(*picture.planes, picture.depth)
        payload = self._intra(packed)
        header = FrameHeader(FrameType.I, qp=self.qp, pts=self._count, dts=self._count, references=KEYFRAME)
        self._count += 1
        return [self._maker.make(header, payload)]

    def flush(self) -> list[Packet]:
        """Packets of frames that are still held back, at the end of the video."""
        return []

    def _fitting(self, frame: Frame | av.VideoFrame | NDArray) -> Frame:
        header = self.header
        if isinstance(frame, av.VideoFrame):
            frame = Frame.from_av(frame)
        elif not isinstance(frame, Frame):
            array = np.asarray(frame)
            if array.dtype.kind not in "uif":
                raise ConfigError(f"a {type(frame).__name__} is not a picture: give a Frame, a PyAV frame or an array", frame=self._count)
            frame = Frame.from_rgb24(array) if array.ndim == 3 else Frame.from_yuv420p(array, depth=header.bit_depth)
        if (frame.width, frame.height) != (header.width, header.height):
            raise ConfigError(f"a frame of {frame.width}x{frame.height} for an encoder of {header.width}x{header.height}", frame=self._count)
        if frame.depth != header.bit_depth:
            raise ConfigError(f"a frame of {frame.depth} bits for an encoder of {header.bit_depth}", frame=self._count)
        return frame

    def _intra(self, packed: NDArray[np.float32]) -> bytes:
        """Payload of an I frame; docs/INTERNALS.md has the order of the steps."""
        stage, qp, skip = self._profiler.stage, self.qp, self._model.manifest.skip_below
        with stage("analysis"):
            analysis = self._backend.analyse(packed, qp)
        with stage("scale"):
            z = np.ascontiguousarray(analysis.z.transpose(1, 2, 0).astype(np.int16))
            sigma = self._model.integers.sigma.frame(z, qp)
        indices, residuals, mean = [], [], analysis.mean_1
        for k in range(4):
            if k == 2:
                with stage("scale"):
                    known = sigma.residual()
                with stage("refine"):
                    mean = self._backend.refine(analysis, known)
            with stage("scale"):
                index = sigma.indices(k)
            with stage("quantise"):
                r = quantise(analysis.y, mean, index, k, self._thresholds, skip)
            with stage("scale"):
                sigma.put(k, r)
            indices.append(index)
            residuals.append(r)
        with stage("entropy"):
            return code_latents(self._model, qp, z, indices, residuals).pack()


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
