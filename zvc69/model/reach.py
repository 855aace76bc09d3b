"""How far the stages of a network see: which part of its inputs a part of an output depends on."""
from __future__ import annotations

from .onnx_wire import Node, OnnxGraph

Span = tuple[int, int]
"""Positions along an axis, the second one not included."""

_POINTWISE = frozenset({"Add", "Cast", "Clip", "Concat", "Equal", "Gather", "HardSigmoid", "Identity", "LeakyRelu", "Mod", "Mul", "Range", "Reshape", "Round",
                        "Shape", "Sub", "Where"})
"""With a mask of parities, which Shape and Range make in models of the first releases: parts begin at even positions."""
_PERIOD = 8
"""All changes of scale divide it: what is needed so many positions further on lies as much further on."""


class Reach:
    """Of a graph of convolutions, shuffles, and what works at each position alone; rows and columns are alike.

    Raises ValueError for a graph of anything else.

    >>> from zvc69.model import load_model
    >>> Reach(OnnxGraph(load_model("lite").graph("synthesise_inter"))).of(8, 12)["context"]
    (4, 16)
    """

    def __init__(self, graph: OnnxGraph):
        if unknown := {node.operator for node in graph.nodes} - _POINTWISE - {"Conv", "DepthToSpace"}:
            raise ValueError(f"it is not known how far {', '.join(sorted(unknown))} see")
        self._nodes, self._inputs, self._outputs = graph.nodes, graph.inputs, graph.outputs
        self._known: dict[Span, dict[str, tuple[int, int, float]]] = {}

    def of(self, first: int, last: int) -> dict[str, Span]:
        """By name of an input, the span that positions `first` to `last` of the outputs depend on. It may reach over the picture's border."""
        shift = first - first % _PERIOD
        key = first - shift, last - shift
        if key not in self._known:
            self._known[key] = self._walk(key)
        return {name: (a + int(shift * ratio), b + int(shift * ratio)) for name, (a, b, ratio) in self._known[key].items()}

    def _walk(self, span: Span) -> dict[str, tuple[int, int, float]]:
        """With positions of the input for one of the output."""
        needed: dict[str, tuple[int, int, float]] = {name: (*span, 1.0) for name in self._outputs}
        for node in reversed(self._nodes):
            later = [needed[name] for name in node.outputs if name in needed]
            if later:
                first, last, ratio = _before(node, *later[0])
                for name in node.inputs:
                    a, b, _ = needed.get(name, (first, last, ratio))
                    needed[name] = min(a, first), max(b, last), ratio
        return {name: needed[name] for name in self._inputs if name in needed}


def _before(node: Node, first: int, last: int, ratio: float) -> tuple[int, int, float]:
    if node.operator == "Conv":
        kernel, stride, pad = (node.integers.get(name, (default,))[0] for name, default in (("kernel_shape", 1), ("strides", 1), ("pads", 0)))
        return first * stride - pad, (last - 1) * stride - pad + kernel, ratio * stride
    if node.operator == "DepthToSpace":
        size = node.integers["blocksize"][0]
        return first // size, (last - 1) // size + 1, ratio / size
    return first, last, ratio
