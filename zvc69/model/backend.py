"""One small interface between the codec and whatever runs the networks."""
from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from .store import Model

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `analyse` knows of a frame; all float32 and channel first.

    y (96, h, w)   latents in quantiser units      z (48, h/4, w/4)   rounded hyper latents
    mean_1 (96, h, w)   means of the first group   features           what `refine` needs, as it is
    """

    y: Array
    z: Array
    mean_1: Array
    features: Array


class Runner(Protocol):
    """Runs ONNX graphs of one model. `run` returns the outputs in the graph's order, without batch axis."""

    def run(self, graph: str, inputs: dict[str, NDArray]) -> list[Array]: ...


class Backend:
    """The network stages of a model on one runtime. Pictures are packed (docs/INTERNALS.md), qp is 0..63."""

    def __init__(self, name: str, runner: Runner):
        self.name, self._runner = name, runner

    def analyse(self, picture: Array, qp: int) -> Analysis:
        """`analysis`, `hyper_analysis`, `hyper_synthesis` and `mean_1` of an intra frame."""
        y, z, mean_1, features = self._runner.run("analyse_intra", {"picture": picture[None], "qp": _qp(qp)})
        return Analysis(y, z, mean_1, features)

    def refine(self, analysis: Analysis, r: Array) -> Array:
        """`mean_2` (96, h, w), given r of the first group."""
        inputs = {"features": analysis.features[None], "r": r[None], "mean_1": analysis.mean_1[None]}
        return self._runner.run("refine_intra", inputs)[0]

    def decode(self, z: Array, r: Array, qp: int) -> Array:
        """All of a frame's reconstruction: packed picture (96, h, w) of z (48, h/4, w/4) and r (96, h, w)."""
        return self._runner.run("decode_intra", {"z": z[None], "r": r[None], "qp": _qp(qp)})[0]

    def synthesise(self, analysis: Analysis, mean_2: Array, r: Array, qp: int) -> Array:
        """The encoder's reconstruction: as `decode`, the means being known."""
        inputs = {"r": r[None], "mean_1": analysis.mean_1[None], "mean_2": mean_2[None], "qp": _qp(qp)}
        return self._runner.run("synthesise_intra", inputs)[0]


def _qp(qp: int) -> NDArray[np.int64]:
    return np.array([qp], np.int64)


_MODULES = {"cpu": "onnxruntime", "openvino": "openvino"}


def available_backends() -> dict[str, str | None]:
    """Backends by name; None where it can be used, else the reason why not."""
    return {name: None if importlib.util.find_spec(module) else f"the package {module} is not installed"
            for name, module in _MODULES.items()}


def create_backend(name: str, model: Model, threads: int = 0) -> Backend:
    """The backend `name` ("auto", "cpu", "openvino") with a model's graphs; `threads` 0 = all cores.

    "auto" takes the best one that is here. Raises BackendError for an unknown or missing one.
    """
    chosen = "cpu" if name == "auto" else name
    reasons = available_backends()
    if chosen not in reasons:
        raise BackendError(f"there is no backend {name!r} (there are: auto, {', '.join(reasons)})")
    if reasons[chosen]:
        raise BackendError(f"backend {chosen} is not available: {reasons[chosen]}")
    if chosen == "openvino":
        from .openvino_runner import OpenVinoRunner
        return Backend(chosen, OpenVinoRunner(model, threads))
    from .onnx_runner import OnnxRunner
    return Backend(chosen, OnnxRunner(model, threads))
