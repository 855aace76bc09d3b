"""Graphs on ONNX Runtime's CPU provider."""
from __future__ import annotations

import threading

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import BackendError
from .store import Model


class OnnxRunner:
    """Loads each graph when it is first run; safe to use from several threads."""

    def __init__(self, model: Model, threads: int = 0):
        self._model, self._lock, self._sessions = model, threading.Lock(), {}
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 3
        # Idle threads of the runtime would spin on the cores that the other stages need: half of the speed where cores are few or shared.
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def _session(self, graph: str) -> onnxruntime.InferenceSession:
        with self._lock:
            if graph not in self._sessions:
                try:
                    self._sessions[graph] = onnxruntime.InferenceSession(
                        self._model.graph(graph), self._options, providers=["CPUExecutionProvider"])
                except Exception as error:  # ONNX Runtime raises types of its own, by cause
                    raise BackendError(f"ONNX Runtime cannot load {graph}: {_line(error)}") from error
            return self._sessions[graph]

    def run(self, graph: str, inputs: dict[str, NDArray]) -> list[NDArray[np.float32]]:
        session = self._session(graph)
        try:
            return [out[0] for out in session.run(None, inputs)]
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed in {graph}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
