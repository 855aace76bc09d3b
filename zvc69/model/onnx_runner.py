"""Graphs on ONNX Runtime's CPU provider."""
from __future__ import annotations

import threading
from functools import cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..errors import BackendError
from .sizes import size_of
from .store import Model


class OnnxRunner:
    """Loads each graph when it is first run: for the size that it is run at then, and once more for all others; or for any size at once. Safe to use
    from several threads."""

    def __init__(self, model: Model, threads: int = 0):
        self._model, self._threads, self._lock = model, threads, threading.Lock()
        self._fixed: dict[str, tuple[dict[str, int], onnxruntime.InferenceSession]] = {}
        self._any: dict[str, onnxruntime.InferenceSession] = {}

    def _session(self, graph: str, size: dict[str, int]) -> onnxruntime.InferenceSession:
        with self._lock:
            if size and graph not in self._fixed:
                self._fixed[graph] = size, self._load(graph, size)
            if size and self._fixed[graph][0] == size:
                return self._fixed[graph][1]
            if graph not in self._any:
                self._any[graph] = self._load(graph, {})
            return self._any[graph]

    def _load(self, graph: str, size: dict[str, int]) -> onnxruntime.InferenceSession:
        data = self._model.graph(graph)
        try:
            return self._create(data, size)
        except Exception as error:  # ONNX Runtime raises types of its own, by cause
            problem = error
        if size:
            try:    # models of the first releases have graphs that it cannot infer for a size that it is told
                return self._create(data, {})
            except Exception as error:
                problem = error
        raise BackendError(f"ONNX Runtime cannot load {graph}: {_line(problem)}") from problem

    def _create(self, data: bytes, size: dict[str, int]) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 4
        # Idle threads of the runtime would spin on the cores that the other stages need: half of the speed where cores are few or shared.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if _shared_arena():
            options.add_session_config_entry("session.use_env_allocators", "1")
        for axis, length in size.items():
            options.add_free_dimension_override_by_name(axis, length)
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(self, graph: str, inputs: dict[str, NDArray], *, any_size: bool = False) -> list[NDArray[np.float32]]:
        session = self._session(graph, {} if any_size else size_of(inputs))
        try:
            return [out[0] for out in session.run(None, inputs)]
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed in {graph}: {_line(error)}") from error


@cache
def _shared_arena() -> bool:
    """One arena for the sessions of all graphs, since few run at a time, which grows by what is needed: each with its own, doubling, they take twice
    the memory. False where the process has no such arena and can have none."""
    memory = onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
    try:
        onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg({"arena_extend_strategy": 1}))
    except Exception as error:
        return "already" in str(error)
    return True


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
