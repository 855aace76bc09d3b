"""One frame to its payload: networks, rounding, entropy coding; and the reconstruction that later frames refer to."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream import Payload
from ..core import motion
from ..core.motion import MotionField
from ..core.pack import pack, unpack
from ..core.quantise import quantise
from ..core.scale import State
from ..media import Frame
from ..model import Backend, Model
from ..model.backend import Slots
from ..profiler import Profiler
from .copying import choose_copies
from .latents import STEPS, Conditions, LatentOrder, begin_sigma, code_latents
from .temporal import Planes, copy_blocks, fetch_state, slots_of


@dataclass(frozen=True, slots=True)
class Reference:
    """What the encoder keeps of a coded frame: its decoded planes, its sigma state, the field it was predicted with (I: None)."""

    planes: Planes
    state: State
    field: MotionField | None = None


@dataclass(frozen=True, slots=True)
class Coded:
    """A frame's payload, and its reference unless none was asked for."""

    payload: bytes
    reference: Reference | None


class FrameCoder:
    """Codes frames with one model on one backend; stages are timed by `profiler`."""

    def __init__(self, model: Model, backend: Backend, profiler: Profiler) -> None:
        self._model, self._backend, self._stage = model, backend, profiler.stage
        self._thresholds = model.integers.thresholds(model.manifest.distortion)

    def intra(self, frame: Frame, qp: int, *, reference: bool) -> Coded:
        """A frame without references; `reference`: later frames will refer to it."""
        with self._stage("pack"):
            packed = pack(*frame.planes, frame.depth)
        return self._code(frame, packed, Conditions(qp), None, None, None, reference)

    def inter(self, frame: Frame, qp: int, reference: Reference) -> Coded:
        """A P frame that refers to `reference`."""
        with self._stage("motion"):
            field = motion.search(frame.y, reference.planes[0], qp, depth=frame.depth, previous=reference.field)
        with self._stage("compensate"):
            prediction = field.warp(reference.planes, frame.depth)
            slots = slots_of(prediction, frame.depth)
        with self._stage("pack"):
            packed = pack(*frame.planes, frame.depth)
        with self._stage("copy"):
            copy = choose_copies(packed, slots[0], qp)
            section = motion.encode(field, copy, reference.field)
        with self._stage("scale"):
            state = fetch_state(reference.state, field)
        return self._code(frame, packed, Conditions(qp, state, copy), slots, prediction, field, True, section)

    def _code(self, frame: Frame, packed: NDArray[np.float32], conditions: Conditions, slots: Slots | None, prediction: Planes | None,
              field: MotionField | None, wanted: bool, section: bytes | None = None) -> Coded:
        """docs/INTERNALS.md has the order of the steps."""
        qp, skip, copy = conditions.qp, self._model.manifest.skip_below, conditions.copy
        _, h, w = packed.shape
        order = LatentOrder(self._model, h // 4, w // 4, conditions)
        with self._stage("analysis"):
            analysis = self._backend.analyse(packed, qp, slots, None if slots is None else order.kept_z())
        with self._stage("scale"):
            z = np.ascontiguousarray(analysis.z.transpose(1, 2, 0).astype(np.int16))
            sigma = begin_sigma(self._model, conditions, z)
        indices, residuals, mean = [], [], analysis.mean_1
        for k in range(STEPS):
            if k == 2:
                with self._stage("scale"):
                    known = sigma.residual()
                with self._stage("refine"):
                    mean = self._backend.refine(analysis, known)
            with self._stage("scale"):
                index = sigma.indices(k)
            with self._stage("quantise"):
                r = quantise(analysis.y, mean, index, k, self._thresholds, skip)
            with self._stage("scale"):
                sigma.put(k, r)
            indices.append(index)
            residuals.append(r)
        with self._stage("entropy"):
            lanes, substreams = code_latents(order, z, indices, residuals)
            payload = Payload(no_state=conditions.state is None, copy=copy is not None, motion=section, lanes=lanes, substreams=substreams)
        if not wanted:
            return Coded(payload.pack(), None)
        with self._stage("reconstruct"):
            out = self._backend.synthesise(analysis, mean, sigma.residual(), qp)
            planes = unpack(out, frame.width, frame.height, frame.depth)
            if prediction is not None:
                planes = copy_blocks(planes, prediction, copy)
        return Coded(payload.pack(), Reference(planes, sigma.state(), field))
