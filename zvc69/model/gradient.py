"""Gradients of a picture's squared error with respect to its latents, as graphs.

ONNX differentiates nothing by itself. What is made here is a graph that runs a synthesis and then goes back through it, node by node (reverse
mode). Its weights are those of the synthesis: the layers on the way back have them transposed or turned round by nodes that runtimes fold
away when they load the graph. So every model has these graphs, without a file for them.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..core.pack import CHANNELS
from .onnx_wire import Node, OnnxGraph, node_field, renamed, tensor_field

GRAPHS = {"gradient_intra": "synthesise_intra", "gradient_inter": "synthesise_inter"}
"""By name: the graph whose picture is differentiated."""
LATENTS, PICTURE = "y", "picture"
WHITE = 255.0
STEEP = 1e30
"""Makes 1 and more of any positive value that matters."""
FAR = -1 << 31
"""Before the first of any axis."""


def gradient_graph(synthesis: bytes) -> bytes:
    """A serialised model that takes what `synthesis` takes, and

        target, weight (1, 96, h, w) -> picture; gradient (1, 96, h, w), of the sum of weight / 2 * (picture - target)^2 by y = r + mean

    A sample beyond 0..255 is taken as what it is clipped to. Raises ValueError for a graph with operators that are not differentiated here.
    """
    graph = OnnxGraph(synthesis)
    backward = _Backward(graph)
    inputs = {name: renamed(graph.inputs["r"], name) for name in ("target", "weight")}
    return graph.with_more(backward.nodes, backward.initialisers, inputs, {"gradient": renamed(graph.outputs[PICTURE], "gradient")})


class _Backward:
    """Fields of the nodes and initialisers that go back from the picture to the latents."""

    def __init__(self, graph: OnnxGraph):
        self.nodes: list[bytes] = []
        self.initialisers: list[bytes] = []
        self._constants: dict[tuple, str] = {}
        self._count = 0
        way = list(_between(graph))
        self._reached = {LATENTS, *(node.outputs[0] for node in way)}
        shown = self._add("Clip", PICTURE, self._float(0), self._float(WHITE))
        self._sums = {PICTURE: self._add("Mul", self._add("Sub", shown, "target"), "weight")}
        for node in reversed(way):
            try:
                step = _STEPS[node.operator]
            except KeyError:
                raise ValueError(f"operator {node.operator} is not differentiated") from None
            step(self, node, self._sums.pop(node.outputs[0]))
        self.nodes.append(node_field("Identity", [self._sums[LATENTS]], "gradient"))

    def _add(self, operator: str, *inputs: str, **attributes: int | tuple[int, ...]) -> str:
        self._count += 1
        name = f"gradient.{operator}{self._count}"
        self.nodes.append(node_field(operator, inputs, name, **attributes))
        return name

    def _float(self, value: float) -> str:
        return self._constant(np.array(value, np.float32))

    def _integers(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _constant(self, array: np.ndarray) -> str:
        key = array.dtype, array.tobytes()
        if key not in self._constants:
            self._constants[key] = f"gradient.constant{len(self._constants)}"
            self.initialisers.append(tensor_field(self._constants[key], array))
        return self._constants[key]

    def _give(self, name: str, gradient: str) -> None:
        """Adds to what has come back to a value."""
        if name in self._reached:
            self._sums[name] = self._add("Add", self._sums[name], gradient) if name in self._sums else gradient

    def _pass(self, node: Node, gradient: str) -> None:
        for name in node.inputs:
            self._give(name, gradient)

    def _product(self, node: Node, gradient: str) -> None:
        for name, other in zip(node.inputs, reversed(node.inputs)):
            if name in self._reached:
                self._give(name, self._add("Mul", gradient, other))

    # Slopes are told by outputs, so that what runs forwards may still be fused into convolutions; and by arithmetic: runtimes are slow at Where.

    def _above(self, value: str, least: float) -> str:
        """1 where a value is positive, else `least`."""
        return self._add("Clip", self._add("Mul", value, self._float(STEEP)), self._float(least), self._float(1))

    def _within(self, value: str, low: str, high: str) -> str:
        """1 where a value is between two others, else 0."""
        return self._above(self._add("Mul", self._add("Sub", value, low), self._add("Sub", high, value)), 0)

    def _leaky(self, node: Node, gradient: str) -> None:
        self._give(node.inputs[0], self._add("Mul", gradient, self._above(node.outputs[0], node.number("alpha"))))

    def _clip(self, node: Node, gradient: str) -> None:
        self._give(node.inputs[0], self._add("Mul", gradient, self._within(node.outputs[0], *node.inputs[1:])))

    def _hard_sigmoid(self, node: Node, gradient: str) -> None:
        slope = self._add("Mul", self._within(node.outputs[0], self._float(0), self._float(1)), self._float(node.number("alpha")))
        self._give(node.inputs[0], self._add("Mul", gradient, slope))

    def _concatenation(self, node: Node, gradient: str) -> None:
        first, *others = node.inputs
        if self._reached.intersection(others):
            raise ValueError("a concatenation is not differentiated unless latents come first in it")
        self._give(first, self._add("Slice", gradient, self._integers(0), self._integers(CHANNELS), self._integers(1)))

    def _convolution(self, node: Node, gradient: str) -> None:
        groups, size, pads = (node.integers[name] for name in ("group", "kernel_shape", "pads"))
        weight = node.inputs[1]
        if node.integers["strides"] != (1, 1) or pads != (size[0] // 2,) * 4 or size[0] != size[1]:
            raise ValueError("a convolution is not differentiated unless it keeps the size of pictures")
        if groups == (1,):
            weight = self._add("Transpose", weight, perm=(1, 0, 2, 3))
        if size != (1, 1):      # turned by half of a circle
            weight = self._add("Slice", weight, self._integers(-1, -1), self._integers(FAR, FAR), self._integers(2, 3), self._integers(-1, -1))
        self._give(node.inputs[0], self._add("Conv", gradient, weight, group=groups[0], kernel_shape=size, pads=pads, strides=(1, 1)))


_STEPS: dict[str, Callable[[_Backward, Node, str], None]] = {
    "Add": _Backward._pass, "Identity": _Backward._pass, "Mul": _Backward._product, "LeakyRelu": _Backward._leaky, "Clip": _Backward._clip,
    "Conv": _Backward._convolution, "HardSigmoid": _Backward._hard_sigmoid, "Concat": _Backward._concatenation}


def _between(graph: OnnxGraph) -> Iterator[Node]:
    """Nodes that the picture is computed by from the latents."""
    reached = {LATENTS}
    for node in graph.nodes:
        if reached.intersection(node.inputs):
            reached.update(node.outputs)
            yield node
