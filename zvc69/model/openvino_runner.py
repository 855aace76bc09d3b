"""Graphs on OpenVINO's CPU device."""
from __future__ import annotations

import threading

import numpy as np
import openvino
from numpy.typing import NDArray

from ..core.pool import Pool
from ..errors import BackendError
from .channel_last import with_channels_last
from .sizes import size_of
from .store import Model

CHANNEL_LAST = {f"{stage}_{kind}": ("r", "slot_a", "slot_b") if stage == "decode" else ("r",)
                for stage in ("decode", "refine", "synthesise") for kind in ("intra", "inter")}
"""Graphs whose pictures come out with the channels as the last axis in memory, and the inputs that they take like that, as far as they have them."""
PICTURE = "picture"


def computes_in(precision: str) -> bool:
    """Whether this processor has instructions for it: "f32", "bf16"."""
    names = {"f32": "FP32", "bf16": "BF16"}
    return names[precision] in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoRunner:
    """Compiles each graph when it is first run: for the size that it is run at then, and once more for all others. Safe to use from several
    threads (one request each).

    precision: "f32", or "bf16", where convolutions take bfloat16 and what is between them is bfloat16 too. at_once: requests that run at a time, each on its
    share of the threads.
    """

    def __init__(self, model: Model, threads: int = 0, precision: str = "f32", at_once: int = 1):
        self._model, self._lock = model, threading.Lock()
        self._core, self._local, self._pool = openvino.Core(), threading.local(), Pool()
        self._fixed: dict[str, tuple[dict[str, int], openvino.CompiledModel]] = {}
        self._any: dict[str, openvino.CompiledModel] = {}
        # Pinned, its threads would wait for cores that other stages run on: 2 to 9 % more time.
        self._settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
        if at_once > 1:
            self._settings["NUM_STREAMS"] = at_once
        if threads:
            self._settings["INFERENCE_NUM_THREADS"] = threads

    def _compiled(self, graph: str, inputs: dict[str, NDArray]) -> openvino.CompiledModel:
        size = size_of(inputs)
        with self._lock:
            if graph not in self._fixed:
                self._fixed[graph] = size, self._compile(graph, {name: array.shape for name, array in inputs.items()})
            fixed, compiled = self._fixed[graph]
            if fixed == size:
                return compiled
            if graph not in self._any:
                self._any[graph] = self._compile(graph)
            return self._any[graph]

    def _compile(self, graph: str, shapes: dict[str, tuple[int, ...]] | None = None) -> openvino.CompiledModel:
        try:
            model = self._core.read_model(self._model.graph(graph))
            if shapes:
                model.reshape({name: openvino.PartialShape(shape) for name, shape in shapes.items()})
            if graph in CHANNEL_LAST:
                model = with_channels_last(model, CHANNEL_LAST[graph], PICTURE)
            return self._core.compile_model(model, "CPU", self._settings)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot load {graph}: {str(error).splitlines()[0]}") from error

    def _request(self, graph: str, inputs: dict[str, NDArray]) -> openvino.InferRequest:
        compiled, requests = self._compiled(graph, inputs), self._local.__dict__.setdefault("requests", {})
        if id(compiled) not in requests:
            requests[id(compiled)] = compiled.create_infer_request()
        return requests[id(compiled)]

    def run(self, graph: str, inputs: dict[str, NDArray]) -> list[NDArray[np.float32]]:
        request = self._request(graph, inputs)
        ports, last = request.model_outputs, CHANNEL_LAST.get(graph, ())
        if last:
            inputs = inputs | {name: np.ascontiguousarray(inputs[name].transpose(0, 2, 3, 1)) for name in last if name in inputs}
        static = all(port.partial_shape.is_static for port in ports)
        if static:     # else the request makes its own tensors, which its next run overwrites
            outputs = [self._pool.empty(tuple(port.shape), np.float32) for port in ports]
            for number, array in enumerate(outputs):
                request.set_output_tensor(number, openvino.Tensor(array, shared_memory=True))
        try:
            results = request.infer(inputs, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed in {graph}: {str(error).splitlines()[0]}") from error
        arrays = [array[0] for array in outputs] if static else [self._copied(results[number][0]) for number in range(len(ports))]
        return [array.transpose(2, 0, 1) if last and port.get_any_name() == PICTURE else array for port, array in zip(ports, arrays)]

    def _copied(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        copy = self._pool.empty(array.shape, np.float32)
        np.copyto(copy, array)
        return copy
