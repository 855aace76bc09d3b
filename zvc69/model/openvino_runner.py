"""Graphs on OpenVINO's CPU device, in float32."""
from __future__ import annotations

import threading

import numpy as np
import openvino
from numpy.typing import NDArray

from ..errors import BackendError
from .store import Model


class OpenVinoRunner:
    """Compiles each graph when it is first run; safe to use from several threads (one request each)."""

    def __init__(self, model: Model, threads: int = 0):
        self._model, self._lock = model, threading.Lock()
        self._core, self._graphs, self._local = openvino.Core(), {}, threading.local()
        self._settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            self._settings["INFERENCE_NUM_THREADS"] = threads

    def _request(self, graph: str):
        requests = self._local.__dict__.setdefault("requests", {})
        if graph not in requests:
            with self._lock:
                if graph not in self._graphs:
                    try:
                        self._graphs[graph] = self._core.compile_model(self._core.read_model(self._model.graph(graph)), "CPU", self._settings)
                    except RuntimeError as error:
                        raise BackendError(f"OpenVINO cannot load {graph}: {str(error).splitlines()[0]}") from error
            requests[graph] = self._graphs[graph].create_infer_request()
        return requests[graph]

    def run(self, graph: str, inputs: dict[str, NDArray]) -> list[NDArray[np.float32]]:
        request = self._request(graph)
        try:
            results = request.infer(inputs, share_inputs=True)
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed in {graph}: {str(error).splitlines()[0]}") from error
        # copies: the request's own tensors are overwritten by its next run
        return [np.array(results[i][0]) for i in range(len(results))]
