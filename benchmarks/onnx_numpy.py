"""A model's graphs in NumPy, float32: the reference of the networks where no ONNX runtime is installed. Slow, and only what our graphs use."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zvc69.cuda.onnx_graph import Node, OnnxGraph
from zvc69.model.store import Model

Array = NDArray


class NumpyRunner:
    """`zvc69.model.backend.Runner`."""

    def __init__(self, model: Model) -> None:
        self._model, self._graphs = model, {}

    def run(self, graph: str, inputs: dict[str, Array]) -> list[Array]:
        if graph not in self._graphs:
            self._graphs[graph] = OnnxGraph(self._model.graph(graph))
        loaded = self._graphs[graph]
        values: dict[str, Array] = {**loaded.constants, **inputs}
        for node in loaded.nodes:
            values[node.outputs[0]] = _OPERATIONS[node.type](node, *(values[name] for name in node.inputs))
        return [values[name][0] for name in loaded.results]


def _convolution(node: Node, x: Array, weight: Array, bias: Array | None = None) -> Array:
    pads, (stride, _), groups = node.attributes["pads"], node.attributes["strides"], node.attributes["group"]
    kernel = weight.shape[-1]
    padded = np.pad(x[0], ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    rows, columns = ((size - kernel) // stride + 1 for size in padded.shape[1:])
    out = np.zeros((len(weight), rows, columns), np.float32)
    for i in range(kernel):
        for j in range(kernel):
            part = padded[:, i:i + rows * stride:stride, j:j + columns * stride:stride]
            if groups == 1:
                out += np.tensordot(weight[:, :, i, j], part, 1)
            else:
                out += weight[:, 0, i, j][:, None, None] * part
    return (out if bias is None else out + bias[:, None, None])[None]


def _depth_to_space(node: Node, x: Array) -> Array:
    n = node.attributes["blocksize"]
    _, channels, rows, columns = x.shape
    return x.reshape(channels // n ** 2, n, n, rows, columns).transpose(0, 3, 1, 4, 2).reshape(1, channels // n ** 2, rows * n, columns * n)


_OPERATIONS: dict[str, Callable[..., Array]] = {
    "Conv": _convolution, "DepthToSpace": _depth_to_space,
    "Add": lambda _, a, b: a + b, "Sub": lambda _, a, b: a - b, "Mul": lambda _, a, b: a * b, "Mod": lambda _, a, b: a % b, "Equal": lambda _, a, b: a == b,
    "Identity": lambda _, x: x, "Cast": lambda _, x: x.astype(np.float32), "Round": lambda _, x: np.rint(x),
    "Clip": lambda _, x, low, high: np.clip(x, low, high), "Where": lambda _, c, a, b: np.where(c, a, b).astype(np.float32),
    "LeakyRelu": lambda n, x: np.where(x < 0, np.float32(n.attributes["alpha"]) * x, x),
    "HardSigmoid": lambda n, x: np.clip(np.float32(n.attributes["alpha"]) * x + np.float32(n.attributes["beta"]), 0, 1),
    "Concat": lambda n, *x: np.concatenate(x, n.attributes["axis"]), "Gather": lambda n, x, i: np.take(x, i, n.attributes["axis"]),
    "Shape": lambda _, x: np.array(x.shape, np.int64), "Range": lambda _, first, last, step: np.arange(first.item(), last.item(), step.item(), np.int64),
    "Reshape": lambda _, x, shape: x.reshape(shape),
}
