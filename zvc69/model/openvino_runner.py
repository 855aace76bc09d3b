"""Graphs on OpenVINO's CPU device."""
from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import openvino
from numpy.typing import NDArray

from ..core.layout import BFLOAT16
from ..core.pool import Pool
from ..errors import BackendError
from .channel_last import with_channels_last
from .difference import DIFFERENCE, can_give_difference, with_difference
from .sizes import size_of
from .store import Model

CHANNEL_LAST = {f"{stage}_{kind}": ("r", "slot_a", "slot_b") if stage == "decode" else ("r",)
                for stage in ("decode", "refine", "synthesise") for kind in ("intra", "inter")}
"""Graphs whose pictures come out with the channels as the last axis in memory, and the inputs that they take like that, as far as they have them."""


def computes_in(precision: str) -> bool:
    """Whether this processor has instructions for it: "f32", "bf16"."""
    names = {"f32": "FP32", "bf16": "BF16"}
    return names[precision] in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@dataclass(frozen=True, slots=True)
class Form:
    """A graph as it is compiled. bfloat16: inputs and output of that type. one_slot: of one that gives differences, where slot B repeats slot A."""

    graph: str
    bfloat16: frozenset[str] = frozenset()
    one_slot: bool = False

    @classmethod
    def of(cls, graph: str, inputs: dict[str, NDArray]) -> Form:
        """That which takes these."""
        bfloat16 = frozenset(name for name, array in inputs.items() if array.dtype == BFLOAT16)
        return cls(graph, bfloat16 | {DIFFERENCE}, "slot_b" not in inputs) if "slot_a" in bfloat16 else cls(graph, bfloat16)

    @property
    def output(self) -> str:
        """What comes out with the channels last, of graphs in `CHANNEL_LAST` that have it."""
        return DIFFERENCE if DIFFERENCE in self.bfloat16 else "picture"


class OpenVinoRunner:
    """Compiles each graph when it is first run: for the size that it is run at then, and once more for all others. Safe to use from several
    threads (one request each).

    If slots come in bfloat16, `decode_inter` gives the difference from the prediction (`difference.with_difference`), in bfloat16 too.

    precision: "f32", or "bf16", where convolutions take bfloat16 and what is between them is bfloat16 too. at_once: requests that run at a time, each on its
    share of the threads.
    """

    def __init__(self, model: Model, threads: int = 0, precision: str = "f32", at_once: int = 1):
        self._model, self._lock = model, threading.Lock()
        self._core, self._local, self._pool = openvino.Core(), threading.local(), Pool()
        self._fixed: dict[Form, tuple[dict[str, int], openvino.CompiledModel]] = {}
        self._any: dict[Form, openvino.CompiledModel] = {}
        # Pinned, its threads would wait for cores that other stages run on: 2 to 9 % more time.
        self._settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
        if at_once > 1:
            self._settings["NUM_STREAMS"] = at_once
        if threads:
            self._settings["INFERENCE_NUM_THREADS"] = threads

    def takes_bfloat16(self) -> bool:
        """Whether r and slots of the model's `decode_inter` may be bfloat16."""
        return self._model.manifest.inter and can_give_difference(self._core.read_model(self._model.graph("decode_inter")))

    def _compiled(self, form: Form, inputs: dict[str, NDArray]) -> openvino.CompiledModel:
        size = size_of(inputs)
        with self._lock:
            if form not in self._fixed:
                self._fixed[form] = size, self._compile(form, {name: array.shape for name, array in inputs.items()})
            fixed, compiled = self._fixed[form]
            if fixed == size:
                return compiled
            if form not in self._any:
                self._any[form] = self._compile(form)
            return self._any[form]

    def _compile(self, form: Form, shapes: dict[str, tuple[int, ...]] | None = None) -> openvino.CompiledModel:
        try:
            model = self._core.read_model(self._model.graph(form.graph))
            if form.output == DIFFERENCE:
                model = with_difference(model, one_slot=form.one_slot)
            if shapes:
                model.reshape({name: openvino.PartialShape(shape) for name, shape in shapes.items()})
            if form.graph in CHANNEL_LAST:
                model = with_channels_last(model, CHANNEL_LAST[form.graph], form.output, form.bfloat16)
            return self._core.compile_model(model, "CPU", self._settings)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot load {form.graph}: {str(error).splitlines()[0]}") from error

    def _request(self, form: Form, inputs: dict[str, NDArray]) -> openvino.InferRequest:
        compiled, requests = self._compiled(form, inputs), self._local.__dict__.setdefault("requests", {})
        if id(compiled) not in requests:
            requests[id(compiled)] = compiled.create_infer_request()
        return requests[id(compiled)]

    def run(self, graph: str, inputs: dict[str, NDArray]) -> list[np.ndarray]:
        """As `Runner.run`. Inputs with the channels last may be bfloat16. `decode_inter` without slot_b and blend, in bfloat16: slot B repeats slot A."""
        form, last = Form.of(graph, inputs), CHANNEL_LAST.get(graph, ())
        request = self._request(form, inputs)
        ports = request.model_outputs
        inputs = inputs | {name: np.ascontiguousarray(inputs[name].transpose(0, 2, 3, 1)) for name in last if name in inputs}
        static = all(port.partial_shape.is_static for port in ports)
        if static:     # else the request makes its own tensors, which its next run overwrites
            outputs = [self._pool.empty(tuple(port.shape), BFLOAT16 if port.get_any_name() in form.bfloat16 else np.float32) for port in ports]
            for number, array in enumerate(outputs):
                request.set_output_tensor(number, _tensor(array))
        try:
            request.infer({name: _tensor(array) if name in form.bfloat16 else array for name, array in inputs.items()},
                          share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed in {graph}: {str(error).splitlines()[0]}") from error
        arrays = [array[0] for array in outputs] if static else [self._copied(request.get_output_tensor(number)) for number in range(len(ports))]
        return [array.transpose(2, 0, 1) if last and port.get_any_name() == form.output else array for port, array in zip(ports, arrays)]

    def _copied(self, tensor: openvino.Tensor) -> np.ndarray:
        bfloat16 = tensor.element_type == openvino.Type.bf16
        array = (tensor.data.view(BFLOAT16) if bfloat16 else tensor.data)[0]
        copy = self._pool.empty(array.shape, array.dtype)
        np.copyto(copy, array)
        return copy


def _tensor(array: np.ndarray) -> openvino.Tensor:
    """That memory."""
    if array.dtype == BFLOAT16:
        return openvino.Tensor(array, array.shape, openvino.Type.bf16)
    return openvino.Tensor(array, shared_memory=True)
