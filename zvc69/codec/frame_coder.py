"""One frame to its payload: networks, rounding, entropy coding; and the reconstruction that later frames refer to."""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FilterSet, LoopFilter, Payload
from ..config import MAX_QP, EncoderConfig
from ..core import motion
from ..core.pack import pack, unpack
from ..core.quantise import quantise
from ..media import Frame
from ..model import Backend, Model
from ..model.backend import Analysis, Decoded
from ..profiler import Profiler
from .activity import Rounding, class_weights
from .compensation import find_luma, find_slot
from .copying import choose_copies
from .estimation import MotionEstimator
from .latents import STEPS, Conditions, LatentOrder, begin_sigma, code_latents
from .loop_filter import FinePicture, choose
from .refinement import DISTORTION_SHARE, Refiner, Rounded, Target
from .slots import TWICE_THE_STEP, Reference, Slot, best_second, missing_in_mean, nearest_or_best
from .temporal import Planes, Prediction, copy_blocks, fetch_state, predict, take_padding

SEARCHES = 2


@dataclass(frozen=True, slots=True)
class Coded:
    """A frame's payload, what later frames refer to unless that was not asked for, and what its slots hold (None: blank)."""

    payload: bytes
    reference: Reference | None
    slots: tuple[Reference | None, Reference | None]


class FrameCoder:
    """Codes frames with one model on one backend as `config`, resolved, says; stages are timed by `profiler`.

    estimator   finds motion; another coder's, so that what it keeps of references serves both
    """

    def __init__(self, model: Model, backend: Backend, profiler: Profiler, config: EncoderConfig, estimator: MotionEstimator | None = None) -> None:
        self._model, self._backend, self._stage = model, backend, profiler.stage
        self.estimator = estimator or MotionEstimator(config)
        # References are searched side by side, a single one by several threads. Not more than two: each search holds sixteen pictures.
        self._threads = config.threads
        self._each = map if config.threads == 1 else ThreadPoolExecutor(SEARCHES, "motion").map
        self._aside = None if config.threads == 1 else ThreadPoolExecutor(1, "zvc69-aside")
        kinds = (False, True) if model.manifest.inter else (False,)     # I frames; P and B frames
        self._rounding = {inter: Rounding(model, config.rounding, config.tune, inter=inter) for inter in kinds}
        self._filters = bool(config.loop_filter)
        self._steps, self._key_steps = 0, 0
        if (config.refinement or config.key_refinement) and backend.gradients:
            self._steps, self._key_steps = config.refinement, max(config.refinement, config.key_refinement)
            self._refiner = {inter: Refiner(model, backend, inter=inter) for inter in kinds}
            self._refined = {inter: Rounding(model, config.rounding, config.tune, DISTORTION_SHARE, inter=inter) for inter in kinds}

    @property
    def refines_all(self) -> bool:
        """Whether latents of P and B frames are refined, not of keyframes alone."""
        return self._steps > 0

    def intra(self, frame: Frame, qp: int, pts: int, *, reference: bool) -> Coded:
        """A frame without references; `reference`: later frames will refer to it."""
        with self._stage("pack"):
            packed = pack(*frame.planes, frame.depth)
        return self._code(frame, packed, Conditions(qp), pts, wanted=reference, steps=self._key_steps)

    def inter(self, frame: Frame, qp: int, pts: int, a: Reference, others: Sequence[Reference] = (), *, between: bool = False,
              stored: bool = True, trial: bool = False) -> Coded:
        """A P frame that refers to `a`, or to one of `others` that predicts clearly better, and in slot B to the one that then helps
        most, if any does enough; or (`between`) a B frame that refers to `a` and to the only one of `others`.

        stored: later frames will refer to it. trial: its reconstruction is wanted in any case, and latents are not refined.
        """
        packing = None if self._aside is None else self._aside.submit(pack, *frame.planes, frame.depth)     # beside the search
        slot_a, *rest = self._both_sides(frame, qp, pts, a, *others) if between else self._slots(frame, qp, pts, (a, *others))
        with self._stage("motion"):
            if not between and rest:
                slot_a, rest = nearest_or_best(frame.y, slot_a, rest, qp, frame.depth)
            slot_b, section_b = best_second(frame.y, slot_a, rest, qp, frame.depth, pts, always=between)
        with self._stage("compensate"):
            prediction = predict(slot_a.planes, None if slot_b is None else slot_b.planes, frame.depth, between=between)
        with self._stage("pack"):
            packed = pack(*frame.planes, frame.depth) if packing is None else packing.result()
            take_padding(packed, prediction.slots.base, frame.width, frame.height)
        with self._stage("copy"):
            copy = choose_copies(packed, prediction.slots.base, qp)
            section = motion.encode(slot_a.field, copy, slot_a.expected)
        with self._stage("scale"):
            state = None if slot_a.reference.state is None else fetch_state(slot_a.reference.state, slot_a.field)
        return self._code(frame, packed, Conditions(qp, state, copy, inter=True), pts, prediction, (slot_a, slot_b), (section, section_b),
                          wanted=stored or trial, steps=0 if trial else self._steps_of(between, stored))

    def _steps_of(self, between: bool, stored: bool) -> int:
        """Of refinement of a P or B frame: the fewer, the fewer frames live on it. Measured: more is gained in equal time than with as many for all."""
        return self._steps // (1 if not between else 2 if stored else 4)

    def _both_sides(self, frame: Frame, qp: int, pts: int, a: Reference, b: Reference) -> list[Slot]:
        """Slots of a B frame: each is searched for what makes the mean with the other right, but for the first of the first."""
        # At the least effort the first search, of which nothing is coded, takes the others' weight of bits and splits less: it takes 0.7 of
        # the time, for no more bits (10 training clips).
        first_qp = qp if self.estimator.thorough else min(qp + TWICE_THE_STEP, MAX_QP)
        luma = find_luma(self.estimator, frame, first_qp, pts, a, self._stage, self._threads)
        slot_b = self._beside(luma, frame, qp, pts, b)
        return [self._beside(slot_b.planes[0], frame, qp, pts, a), slot_b]

    def _beside(self, luma: NDArray, frame: Frame, qp: int, pts: int, reference: Reference) -> Slot:
        """What makes the mean with `luma` right."""
        with self._stage("motion"):
            missing = replace(frame, y=missing_in_mean(frame.y, luma, frame.depth))
        return self._slots(missing, min(qp + TWICE_THE_STEP, MAX_QP), pts, (reference,))[0]

    def _slots(self, frame: Frame, qp: int, pts: int, references: Sequence[Reference]) -> list[Slot]:
        threads = self._threads if len(references) == 1 else 1
        return list(self._each(lambda reference: find_slot(self.estimator, frame, qp, pts, reference, self._stage, threads), references))

    def _code(self, frame: Frame, packed: NDArray[np.float32], conditions: Conditions, pts: int, prediction: Prediction | None = None,
              slots: tuple[Slot | None, Slot | None] = (None, None), sections: tuple[bytes | None, bytes | None] = (None, None), *,
              wanted: bool, steps: int) -> Coded:
        """wanted: its reconstruction is; steps: of refinement. docs/INTERNALS.md has the order of the steps."""
        qp, copy, inter = conditions.qp, conditions.copy, conditions.inter
        _, h, w = packed.shape
        order = LatentOrder(self._model, h // 4, w // 4, conditions)
        with self._stage("analysis"):
            analysis = (self._backend.analyse(packed, qp) if prediction is None
                        else self._backend.analyse(packed, qp, prediction.slots, order.kept_z(), None if steps else copy))
        with self._stage("scale"):
            z = np.ascontiguousarray(analysis.z.transpose(1, 2, 0).astype(np.int16))
        with self._stage("activity"):
            classes = self._rounding[inter].classes(packed)
        out, latents = None, self._round(analysis, analysis.y, z, conditions, self._rounding[inter].thresholds, classes)
        if steps:
            target = Target.of(packed, frame.width, frame.height, qp, copy, None if classes is None else class_weights(classes))
            with self._stage("refinement"):
                latents, out = self._refiner[inter].refine(
                    latents, lambda y: self._round(analysis, y, z, conditions, self._refined[inter].thresholds, classes), analysis, qp, target, steps)

        def payload() -> Payload:
            with self._stage("entropy"):
                lanes, substreams = code_latents(order, z, latents.indices, latents.residuals)
                return Payload(conditions.state is None, copy is not None, sections[0], lanes, substreams, sections[1])

        a, b = slots
        used = None if a is None else a.reference, None if b is None else b.reference
        if not (wanted or self._filters):     # filters are chosen by the reconstruction
            return Coded(payload().pack(), None, used)
        waiting = None if self._aside is None else self._aside.submit(payload)     # beside the networks
        with self._stage("reconstruct"):
            if out is None:
                out = self._backend.synthesise(analysis, latents.mean_2, latents.sigma.residual(channel_last=self._backend.channel_last), qp)
        planes, mode, filters = self._filtered(out, frame, qp, copy, prediction, used)
        coded = replace(payload() if waiting is None else waiting.result(), loop_filter=mode, filters=filters.pack() if mode == LoopFilter.NEW else None)
        field, distance = (None, 0) if a is None else (a.field, pts - a.reference.pts)
        return Coded(coded.pack(), Reference(planes, latents.sigma.state(), pts, qp, field, distance, filters), used)

    def _filtered(self, packed: NDArray[np.float32], frame: Frame, qp: int, copy: NDArray[np.bool_] | None, prediction: Prediction | None,
                  used: tuple[Reference | None, Reference | None]) -> tuple[Planes, LoopFilter, FilterSet | None]:
        """The frame's decoded planes; how they were filtered; the set that later frames get from it."""
        inherited = [None if reference is None else reference.filters for reference in used]
        copied = None if prediction is None else prediction.planes
        if self._filters and not (copy is not None and copy.all()):
            with self._stage("loop filter"):
                picture = FinePicture.of(Decoded(packed), frame.width, frame.height, frame.depth, copied, copy)
                known = [(mode, filters) for mode, filters in zip((LoopFilter.SLOT_A, LoopFilter.SLOT_B), inherited) if filters is not None]
                mode, filters = choose(picture.statistics(frame.planes), qp, known)
                if mode != LoopFilter.NONE:
                    return picture.filtered(filters), mode, filters
        with self._stage("reconstruct"):
            planes = unpack(packed, frame.width, frame.height, frame.depth)
            return planes if copied is None else copy_blocks(planes, copied, copy), LoopFilter.NONE, inherited[0]

    def _round(self, analysis: Analysis, y: NDArray[np.float32], z: NDArray[np.int16], conditions: Conditions, thresholds: NDArray[np.float32],
               classes: NDArray[np.uint8] | None) -> Rounded:
        """Latents `y`, (96, h, w), of a frame as integers, step by step: each sees what those before it have become."""
        with self._stage("scale"):
            sigma = begin_sigma(self._model, conditions, z)
        indices, residuals, mean = [], [], analysis.mean_1
        for k in range(STEPS):
            if k == 2:
                with self._stage("scale"):
                    known = sigma.residual(channel_last=self._backend.channel_last)
                with self._stage("refine"):
                    mean = self._backend.refine(analysis, known)
            with self._stage("scale"):
                index = sigma.indices(k)
            with self._stage("quantise"):
                r = quantise(y, mean, index, k, thresholds, self._model.manifest.skip_below, classes)
            with self._stage("scale"):
                sigma.put(k, r)
            indices.append(index)
            residuals.append(r)
        return Rounded(indices, residuals, mean, sigma)
