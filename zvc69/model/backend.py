"""One small interface between the codec and whatever runs the networks."""
from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.layout import Layout, to_float32
from ..core.pack import Prediction
from ..core.pool import Empty
from ..errors import BackendError
from .store import Model
from .tiled import Part, TiledFrames
from .tiles import Rectangle

Array = NDArray[np.float32]
Copy = NDArray[np.bool_] | None


@dataclass(frozen=True)
class Slots:
    """The filled slots of a P or B frame: packed pictures (96, h, w); for `decode` they may be bfloat16. Slot B repeats slot A (the same array) while
    it is blank.

    The prediction is a + blend * (b - a): blend is 0 in P frames, 1/2 in B frames.
    """

    a: np.ndarray
    b: np.ndarray
    blend: float = 0.0

    @cached_property
    def base(self) -> Array:
        """The prediction, (96, h, w) float32."""
        a = to_float32(self.a)
        if not self.blend:
            return a
        base = to_float32(self.b) - a
        base *= np.float32(self.blend)
        base += a
        return base

    @property
    def blend_input(self) -> NDArray[np.float32]:
        return np.array([self.blend], np.float32)

    def inputs(self) -> dict[str, NDArray]:
        """As all graphs take them."""
        return _batch(slot_a=self.a, slot_b=self.b) | {"blend": self.blend_input}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `analyse` knows of a frame; all float32 and channel first.

    y (96, h, w)   latents in quantiser units      z (48, h/4, w/4)   rounded hyper latents
    mean_1 (96, h, w)   means of the first group   features, context   what later stages need, as it is
    base   the prediction, a packed picture; None, like context, in intra frames
    parts  what was run, where that was not the whole picture: y, z, mean_1 are zero elsewhere, and context is theirs
    """

    y: Array
    z: Array
    mean_1: Array
    features: Array
    context: Array | None = None
    base: Array | None = None
    parts: list[Part] | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What `decode` gives, for `core.pack.unpack` or as a whole `picture`.

    values  (96, h, w), float32 or bfloat16: a packed picture or, with `slots`, its difference from their prediction, of the slots' type
    """

    values: np.ndarray
    slots: Slots | None = None

    @property
    def prediction(self) -> Prediction | None:
        """What is still to be added, for `unpack`."""
        return None if self.slots is None else (self.slots.a, self.slots.b, self.slots.blend)

    @property
    def picture(self) -> Array:
        """The packed picture, (96, h, w) float32."""
        values = to_float32(self.values)
        return values if self.slots is None else values + self.slots.base


class Runner(Protocol):
    """Runs ONNX graphs of one model. `run` returns the outputs in the graph's order, without batch axis."""

    def run(self, graph: str, inputs: dict[str, NDArray]) -> list[Array]: ...


class Backend:
    """The network stages of a model on one runtime. Pictures are packed (docs/INTERNALS.md), qp is 0..63.

    In memory, the channels of r, of slots to decode with and of the pictures that come out may be the first axis or the last. What a decoder takes and
    gives may be bfloat16 where `layout` says so.

    copy: (h/4, w/4) bool, True in 32x32 blocks whose output is not used; None: nowhere. Where that is much, only the parts around the others are
    run. What is given there is then zero (latents, means) or anything (pictures).
    """

    tiles = True
    """Whether it may run parts; benchmarks compare both."""
    gradients = True
    """Whether it has `gradient`."""
    several = True
    """Whether `create_backend` makes it for several frames at once."""
    channel_last = False
    """Whether it is faster with r, and what slots `decode` takes, whose channels are the last axis in memory."""
    bfloat16 = False
    """Whether `decode` is faster with those in bfloat16."""
    device_model: Any = None
    """The model on a device (`cuda.pipeline.DeviceModel`) that decodes whole frames, not only the networks' part of them."""

    def __init__(self, name: str, runner: Runner, tiled: TiledFrames | None = None):
        self.name, self._runner, self._tiled = name, runner, tiled

    def layout(self, depth: int) -> Layout:
        """In which `decode` is fastest with r and slots of pictures of `depth` bits; it takes float32 in any. Samples of 8 bits are exact in bfloat16."""
        return Layout(self.channel_last, self.bfloat16 and depth == 8)

    def analyse(self, picture: Array, qp: int, slots: Slots | None = None, keep: Array | None = None, copy: Copy = None) -> Analysis:
        """`context`, `analysis`, `hyper_analysis`, `hyper_synthesis` and `mean_1` of a frame.

        keep (48, h/4, w/4): 1 where z is coded, else 0; with slots only.
        """
        if slots is None:
            return Analysis(*self._runner.run("analyse_intra", _batch(picture=picture) | _qp(qp)))
        if (rectangles := self._rectangles(copy, encode=True)) is None:
            inputs = _batch(picture=picture, keep=keep) | slots.inputs() | _qp(qp)
            return Analysis(*self._runner.run("analyse_inter", inputs), base=slots.base)
        parts, y, z = self._tiled.latents(picture, _qp(qp)["qp"], slots.a, slots.b, slots.blend_input, keep, rectangles)
        mean_1, features = self._tiled.first_means(parts, z, y)
        return Analysis(y, z, mean_1, features, base=slots.base, parts=parts)

    def refine(self, analysis: Analysis, r: Array) -> Array:
        """`mean_2` (96, h, w), given r of the first group."""
        if analysis.parts is not None:
            return self._tiled.second_means(analysis.parts, analysis.features, r)
        inputs = _batch(features=analysis.features, r=r, mean_1=analysis.mean_1)
        if analysis.context is None:
            return self._runner.run("refine_intra", inputs)[0]
        return self._runner.run("refine_inter", inputs | _batch(context=analysis.context))[0]

    def decode(self, z: Array, r: Array, qp: int, slots: Slots | None = None, copy: Copy = None, *, empty: Empty = np.empty) -> Decoded:
        """All of a frame's reconstruction: packed picture (96, h, w) of z (48, h/4, w/4) and r (96, h, w), or what it takes to unpack one; `empty` makes
        arrays that are not the runtime's."""
        inputs = _batch(z=z, r=r) | _qp(qp)
        if slots is None:
            return Decoded(self._runner.run("decode_intra", inputs)[0])
        if (rectangles := self._rectangles(copy, encode=False)) is not None:
            return Decoded(self._tiled.decode(z, r, _qp(qp)["qp"], slots.a, slots.b, slots.base, rectangles, empty))
        return Decoded(self._runner.run("decode_inter", inputs | slots.inputs())[0])

    def synthesise(self, analysis: Analysis, mean_2: Array, r: Array, qp: int) -> Array:
        """The encoder's reconstruction: as `decode`, the means being known."""
        if analysis.parts is not None:
            return self._tiled.picture(analysis.parts, r, _qp(qp)["qp"], analysis.base)
        inputs = _batch(r=r, mean_1=analysis.mean_1, mean_2=mean_2) | _qp(qp)
        if analysis.context is None:
            return self._runner.run("synthesise_intra", inputs)[0]
        return self._runner.run("synthesise_inter", inputs | _batch(base=analysis.base, context=analysis.context))[0]

    def gradient(self, analysis: Analysis, mean_2: Array, r: Array, qp: int, target: Array, weight: Array) -> tuple[Array, Array]:
        """The encoder's reconstruction as by `synthesise`, and the gradient of sum(weight / 2 * (picture - target)^2) by the latents r + mean:
        (96, h, w) each, as `target` and `weight` are. Of analyses of whole pictures alone.
        """
        inputs = _batch(r=r, mean_1=analysis.mean_1, mean_2=mean_2, target=target, weight=weight) | _qp(qp)
        if analysis.context is not None:
            inputs |= _batch(base=analysis.base, context=analysis.context)
        picture, gradient = self._runner.run("gradient_intra" if analysis.context is None else "gradient_inter", inputs)
        return picture, gradient

    def prepare(self, rows: int, columns: int, *, encode: bool, depth: int = 8) -> None:
        """Load what P and B frames of (96, rows, columns) need, which takes a runtime some tenths of a second, before they come; of a decoder, what
        every stream of pictures of `depth` bits needs."""
        blank, z = np.zeros((96, rows, columns), np.float32), np.ones((48, rows // 4, columns // 4), np.float32)
        if not encode:
            zeros = self.layout(depth).empty(96, rows, columns, np.zeros)
            self.decode(z, zeros, 0, Slots(zeros, zeros))
            return
        slots = Slots(blank, blank)
        analysis = self.analyse(blank, 0, slots, z)
        self.synthesise(analysis, self.refine(analysis, blank), blank, 0)

    def _rectangles(self, copy: Copy, *, encode: bool) -> list[Rectangle] | None:
        return self._tiled.plan(copy, encode) if self._tiled is not None and self.tiles else None


def _batch(**arrays: Array) -> dict[str, NDArray]:
    return {name: array[None] for name, array in arrays.items()}


def _qp(qp: int) -> dict[str, NDArray]:
    return {"qp": np.array([qp], np.int64)}


_MODULES = {"cpu": "onnxruntime", "openvino": "openvino", "openvino-bf16": "openvino", "cuda": "cupy"}
BACKENDS = tuple(_MODULES)
"""Names of all backends; `available_backends` says which can be used."""


def available_backends() -> dict[str, str | None]:
    """Backends by name; None where it can be used, else the reason why not."""
    return {name: _missing(name, module) for name, module in _MODULES.items()}


def auto_backend() -> str:
    """What "auto" means here: cuda where a GPU, its driver and the kernels fit, else cpu."""
    return "cpu" if _missing("cuda", _MODULES["cuda"]) else "cuda"


def _missing(name: str, module: str) -> str | None:
    if not importlib.util.find_spec(module):
        return f"the package {module} is not installed"
    if name == "cuda":
        from ..cuda.device import why_not
        return why_not()
    if name == "openvino-bf16":
        from .openvino_runner import computes_in
        if not computes_in("bf16"):
            return "this processor has no instructions for bfloat16"
    return None


def create_backend(name: str, model: Model, threads: int = 0, at_once: int = 1) -> Backend:
    """The backend `name` ("auto", "cpu", "openvino", "openvino-bf16", "cuda") with a model's graphs; `threads` 0 = all cores.

    at_once: calls from so many threads run at a time, each on its share of `threads`; what does not have `several` takes them one after the other.

    "auto" takes the best one that is here and keeps FORMAT.md's tolerance: `auto_backend`. "openvino-bf16" computes in bfloat16, which that tolerance
    does not cover: pictures differ by more than a rounding (docs/BENCHMARKS.md has how much). Raises BackendError for an unknown or missing one.
    """
    chosen = auto_backend() if name == "auto" else name
    if chosen not in _MODULES:
        raise BackendError(f"there is no backend {name!r} (there are: auto, {', '.join(_MODULES)})")
    if reason := _missing(chosen, _MODULES[chosen]):
        raise BackendError(f"backend {chosen} is not available: {reason}")
    if chosen == "cpu":
        from .onnx_runner import OnnxRunner
        share = max(1, (threads or os.cpu_count() or 1) // at_once)
        runner = OnnxRunner(model, threads if at_once == 1 else share)
        tiled = TiledFrames(model, partial(runner.run, any_size=True), share) if model.manifest.inter else None
        return Backend(chosen, runner, tiled)
    if chosen == "cuda":
        from .cuda_backend import CudaBackend
        return CudaBackend(model)
    from .openvino_backend import OpenVinoBackend
    return OpenVinoBackend(chosen, model, threads, at_once)
