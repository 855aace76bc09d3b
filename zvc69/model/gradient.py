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
        self.initialisers = [tensor_field(f"gradient.{name}", array) for name, array in _CONSTANTS.items()]
        self._count = 0
        way = list(_between(graph))
        self._reached = {LATENTS, *(node.outputs[0] for node in way)}
        shown = self._add("Clip", PICTURE, "gradient.zero", "gradient.white")
        self._sums = {PICTURE: self._add("Mul", self._add("Sub", shown, "target"), "weight")}
        for node in reversed(way):
            try:
                step = _STEPS[node.operator]
            except KeyError:
                raise ValueError(f"operator {node.operator} is not differentiated") from None
            step(self, node, self._sums.pop(node.outputs[0]))
        self.nodes.append(node_field("Identity", [self._sums[LATENTS]], "gradient"))

    def _add(self, operator: str, *inputs: str, **attributes: int | tuple[int, ...] | float) -> str:
        self._count += 1
        name = f"gradient.{operator}{self._count}"
        self.nodes.append(node_field(operator, inputs, name, **attributes))
        return name

    def _constant(self, value: float) -> str:
        name = f"gradient.constant{len(self.initialisers)}"
        self.initialisers.append(tensor_field(name, np.array(value, np.float32)))
        return name

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

    def _leaky(self, node: Node, gradient: str) -> None:
        # Judged by the output, here and in clips: what runs forwards may then still be fused into convolutions.
        above = self._add("Greater", node.outputs[0], "gradient.zero")
        self._give(node.inputs[0], self._add("Where", above, gradient, self._add("Mul", gradient, self._constant(node.number("alpha")))))

    def _clip(self, node: Node, gradient: str) -> None:
        for operator, limit in (("Greater", node.inputs[1]), ("Less", node.inputs[2])):
            gradient = self._add("Where", self._add(operator, node.outputs[0], limit), gradient, "gradient.zero")
        self._give(node.inputs[0], gradient)

    def _hard_sigmoid(self, node: Node, gradient: str) -> None:
        inner = self._add("Mul", gradient, self._constant(node.number("alpha")))
        for operator, limit in (("Greater", "gradient.zero"), ("Less", "gradient.one")):
            inner = self._add("Where", self._add(operator, node.outputs[0], limit), inner, "gradient.zero")
        self._give(node.inputs[0], inner)

    def _concatenation(self, node: Node, gradient: str) -> None:
        first, *others = node.inputs
        if self._reached.intersection(others):
            raise ValueError("a concatenation is not differentiated unless latents come first in it")
        self._give(first, self._add("Slice", gradient, "gradient.begin", "gradient.channels", "gradient.axis"))

    def _convolution(self, node: Node, gradient: str) -> None:
        groups, size, pads = (node.integers[name] for name in ("group", "kernel_shape", "pads"))
        weight = node.inputs[1]
        if node.integers["strides"] != (1, 1) or pads != (size[0] // 2,) * 4 or size[0] != size[1]:
            raise ValueError("a convolution is not differentiated unless it keeps the size of pictures")
        if groups == (1,):
            weight = self._add("Transpose", weight, perm=(1, 0, 2, 3))
        if size != (1, 1):      # turned by half of a circle
            weight = self._add("Slice", weight, *(f"gradient.{name}" for name in ("last", "first", "axes", "backwards")))
        self._give(node.inputs[0], self._add("Conv", gradient, weight, group=groups[0], kernel_shape=size, pads=pads, strides=(1, 1)))


_STEPS: dict[str, Callable[[_Backward, Node, str], None]] = {
    "Add": _Backward._pass, "Identity": _Backward._pass, "Mul": _Backward._product, "LeakyRelu": _Backward._leaky, "Clip": _Backward._clip,
    "Conv": _Backward._convolution, "HardSigmoid": _Backward._hard_sigmoid, "Concat": _Backward._concatenation}
_CONSTANTS = {"zero": np.array(0, np.float32), "one": np.array(1, np.float32), "white": np.array(WHITE, np.float32),
              "last": np.array([-1, -1]), "first": np.array([-(1 << 31), -(1 << 31)]), "axes": np.array([2, 3]), "backwards": np.array([-1, -1]),
              "begin": np.array([0]), "channels": np.array([CHANNELS]), "axis": np.array([1])}


def _between(graph: OnnxGraph) -> Iterator[Node]:
    """Nodes that the picture is computed by from the latents."""
    reached = {LATENTS}
    for node in graph.nodes:
        if reached.intersection(node.inputs):
            reached.update(node.outputs)
            yield node
