"""Layers of the networks for the device, from a model's ONNX graphs.

Between two operations that are not linear a graph may be written in many ways: concatenations or sums of convolutions, folded or not. What
counts is the linear map, so that is what is read: `Weights.map` follows a value back to the values that a kernel has at hand.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from .device import Buffer, Device
from .onnx_graph import Node, OnnxGraph
from .program import Layer, fragments

CENTRE = 128.0
"""What packed pictures on the device are less by: halves hold their samples exactly then."""
LATENT = 96

BASE = "(base)"
"""The prediction, slot_a + blend (slot_b - slot_a), as a term of a map: graphs may have a value of any name for it, or for its transform."""

Columns = Sequence[tuple[str, int]]
"""What a product sees in shared memory, by name, with widths."""

Matrix = NDArray[np.float64]


@dataclass(slots=True)
class Affine:
    """A sum of matrices times values, by the values' names, and a vector or, where it is a number alone, a scalar."""

    terms: dict[str, Matrix] = field(default_factory=dict)
    bias: NDArray[np.float64] | float = 0.0

    def __add__(self, other: Affine) -> Affine:
        terms = dict(self.terms)
        for name, matrix in other.terms.items():
            terms[name] = terms[name] + matrix if name in terms else matrix
        return Affine(terms, self.bias + other.bias)

    def scaled(self, factor: float) -> Affine:
        return Affine({name: matrix * factor for name, matrix in self.terms.items()}, self.bias * factor)

    def under(self, matrix: Matrix) -> Affine:
        """matrix times this."""
        bias = matrix @ np.broadcast_to(self.bias, matrix.shape[1])
        return Affine({name: matrix @ own for name, own in self.terms.items()}, bias)


class Weights:
    """Reads one graph. Every convolution must have been read before `finish`, so that none is silently left out."""

    def __init__(self, device: Device, data: bytes) -> None:
        self._device, self.graph = device, OnnxGraph(data)
        self._left = {node.outputs[0] for node in self.graph.nodes if node.type == "Conv" and not node.outputs[0].startswith("group.")}

    def blocks(self, name: str) -> int:
        """How many blocks `name`0, `name`1, ... there are."""
        return next(n for n in range(1000) if f"{name}{n}.first" not in self.graph)

    def input(self, output: str, number: int = 0) -> str:
        """The value that makes `output`, or another of its node's inputs."""
        return self.graph.node(output).inputs[number]

    def map(self, value: str, known: Mapping[str, int]) -> Affine:
        """`value` as a map of the values in `known`, with their channels. Raises BackendError if it is not one."""
        if value in known:
            return Affine({value: np.eye(known[value])})
        if value in self.graph.constants:
            constant = self.graph.constants[value].astype(np.float64)
            return Affine(bias=float(constant.reshape(-1)[0]) if constant.size == 1 else constant.reshape(-1))
        node = self.graph.node(value)
        if node.type == "Identity":
            return self.map(node.inputs[0], known)
        if node.type in ("Add", "Sub"):
            first, second = (self.map(name, known) for name in node.inputs)
            return first + second.scaled(1 if node.type == "Add" else -1)
        if node.type == "Concat":
            return self._joined([self.map(name, known) for name in node.inputs], value)
        if node.type == "Mul":
            return self._product(node, known)
        if node.type == "Conv" and node.attributes["kernel_shape"] == [1, 1]:
            weight, bias = self._convolution(node)
            matrix = np.diag(weight[:, 0]) if node.attributes["group"] > 1 else weight
            return self.map(node.inputs[0], known).under(matrix) + Affine(bias=bias)
        raise BackendError(f"the cuda backend cannot run this model: {value} is a {node.type} where it expects something linear")

    def pointwise(self, value: str, columns: Columns, *, values: Mapping[str, str] | None = None, exact: bool = False, gate: str | None = None,
                  plus_base: bool = False, shuffled: bool = False) -> Layer:
        """The 1x1 that makes `value` of `columns`, whose names in the graph are `values`, or their own.

        exact: columns before "x", but for rests, are multiplied by what halves leave of their weights, too. gate: a second value,
        whose outputs alternate with these, eight by eight. plus_base: the map adds the prediction as it is, which is left to the kernel.
        shuffled: outputs are those of 16 subpositions by turns; they come subposition by subposition.
        """
        names = dict(values or {})
        known = {names.get(column, column): width for column, width in columns if column not in ("y.rest", "base")} | {"slot_a": LATENT, "slot_b": LATENT}
        weight, bias = self._matrix(self.map(value, known), columns, names, value, plus_base)
        if gate is not None:
            other, other_bias = self._matrix(self.map(gate, known), columns, names, gate, False)
            factor, offset = self._gate(gate)
            weight = np.stack([part.reshape(-1, 8, part.shape[1]) for part in (weight, other * factor)], 1).reshape(-1, weight.shape[1])
            bias = np.concatenate([bias, other_bias * factor + offset])
        if shuffled:
            order = np.arange(len(weight)).reshape(-1, 16).T.reshape(-1)
            weight, bias = weight[order], np.broadcast_to(bias, len(weight))[order]
        halves = weight.astype(np.float16).astype(np.float64)
        parts = [halves]
        if exact:
            again = 0
            for name, width in columns:
                if name in ("x", "y.rest"):
                    break
                again += width
            parts.append(weight[:, :again] - halves[:, :again])
        whole = np.concatenate(parts, 1).astype(np.float32)
        if whole.shape[0] % 16 or whole.shape[1] % 16 or not np.isfinite(whole.astype(np.float16)).all():
            raise BackendError(f"the cuda backend cannot run {value}: {whole.shape[0]} outputs of {whole.shape[1]} inputs, or weights beyond halves")
        return Layer(self._device.upload(fragments(whole)), self._device.upload(bias.astype(np.float32)), whole.shape[1], whole.shape[0],
                     weight.shape[1], exact)

    def depthwise(self, value: str) -> Layer:
        """A depthwise convolution of any size."""
        node = self.graph.node(value)
        weight, bias = self.graph.constant(node.inputs[1]), self._convolution(node)[1]
        channels, inputs, kernel, _ = weight.shape
        if inputs != 1 or channels % 8:
            raise BackendError(f"the cuda backend expects {value} to be depthwise, of a multiple of 8 channels")
        taps = np.ascontiguousarray(weight.reshape(channels, -1).T).astype(np.float16)
        return Layer(self._device.upload(taps), self._device.upload(bias.astype(np.float32)), channels, channels, channels, kernel=kernel,
                     stride=node.attributes["strides"][0], pad=node.attributes["pads"][0])

    def per_qp(self, product: str) -> Buffer:
        """The factor of a value that is multiplied by a row of a table, (64, channels) float32."""
        gather = self.graph.node(self.input(product, 1))
        if gather.type != "Gather" or gather.inputs[1] != "qp":
            raise BackendError(f"the cuda backend expects {product} to depend on the qp")
        table = self.graph.constant(gather.inputs[0])
        return self._device.upload(np.ascontiguousarray(table.reshape(len(table), -1), np.float32))

    def same(self, value: str, of: str, channels: int) -> None:
        """Raises BackendError unless `value` is `of`, by another name."""
        found = self.map(value, {of: channels})
        if np.any(found.bias) or list(found.terms) != [of] or not np.array_equal(found.terms[of], np.eye(channels)):
            raise BackendError(f"the cuda backend expects the model's {value} to be {of}")

    def finish(self) -> None:
        """Raises BackendError if the graph has convolutions that were not read."""
        if self._left:
            raise BackendError(f"the cuda backend does not know the model's {', '.join(sorted(self._left))}")

    def _convolution(self, node: Node) -> tuple[Matrix, NDArray[np.float64]]:
        self._left.discard(node.outputs[0])
        weight = self.graph.constant(node.inputs[1]).astype(np.float64)
        bias = self.graph.constant(node.inputs[2]).astype(np.float64) if len(node.inputs) > 2 else np.zeros(len(weight))
        return weight.reshape(len(weight), -1), bias

    @staticmethod
    def _joined(parts: list[Affine], value: str) -> Affine:
        sizes = [next(iter(part.terms.values())).shape[0] for part in parts]
        out, at = Affine(bias=np.zeros(sum(sizes))), 0
        for part, size in zip(parts, sizes):
            spread = np.zeros((sum(sizes), size))
            spread[at:at + size] = np.eye(size)
            out, at = out + part.under(spread), at + size
        return out

    def _product(self, node: Node, known: Mapping[str, int]) -> Affine:
        """By a number; or by `blend`: blend (M slot_b - M slot_a) is M base - M slot_a, since base = slot_a + blend (slot_b - slot_a)."""
        if "blend" in node.inputs:
            other = self.map(next(name for name in node.inputs if name != "blend"), known)
            a, b = other.terms.get("slot_a"), other.terms.get("slot_b")
            if a is None or b is None or len(other.terms) > 2 or np.any(other.bias) or not np.allclose(a, -b):
                raise BackendError(f"the cuda backend does not know what the model's {node.outputs[0]} blends")
            return Affine({BASE: b, "slot_a": -b})
        factors = [self.map(name, known) for name in node.inputs]
        number = next((f for f in factors if not f.terms and isinstance(f.bias, float)), None)
        if number is None:
            raise BackendError(f"the cuda backend cannot run this model: {node.outputs[0]} is a product where it expects something linear")
        return next(f for f in factors if f is not number).scaled(number.bias)

    def _gate(self, value: str) -> tuple[float, float]:
        """What the gate's input is multiplied by and added to, before it is limited to 0..1."""
        node = next(n for n in self.graph.nodes if value in n.inputs and n.type in ("HardSigmoid", "Clip"))
        if node.type == "HardSigmoid":
            return node.attributes["alpha"], node.attributes["beta"]
        if [float(self.graph.constant(name)) for name in node.inputs[1:]] != [0.0, 1.0]:
            raise BackendError(f"the cuda backend does not know the model's gate {value}")
        return 1.0, 0.0

    @staticmethod
    def _matrix(found: Affine, columns: Columns, names: Mapping[str, str], value: str, plus_base: bool) -> tuple[Matrix, NDArray[np.float64]]:
        # What cancels out does so but for rounding.
        terms = {name: matrix for name, matrix in found.terms.items() if np.abs(matrix).max() > 1e-7}
        outputs = next(iter(found.terms.values())).shape[0]
        bias = np.broadcast_to(found.bias, outputs).astype(np.float64)
        there = {column for column, _ in columns}
        if "slot_a" in terms and "slot_a" not in there:     # of P frames' graphs that know no blend
            terms[BASE] = terms.pop("slot_a") + terms.get(BASE, 0.0)
        if plus_base:
            base = terms.pop(BASE, np.zeros((outputs, LATENT)))
            if not np.allclose(base, np.eye(outputs, LATENT), atol=1e-3):
                raise BackendError(f"the cuda backend expects the model's {value} to add the prediction")
        parts = []
        for column, width in columns:
            name = BASE if column == "base" else names.get("y" if column == "y.rest" else column, column)
            matrix = terms.get(name, np.zeros((outputs, width))) if column == "y.rest" else terms.pop(name, np.zeros((outputs, width)))
            if column == "y":
                terms[name] = matrix       # the rest's, too
            if column == "y.rest":
                terms.pop(name, None)
            if column in ("picture", "base", "slot_a", "slot_b"):
                bias = bias + CENTRE * matrix.sum(1)
            parts.append(matrix)
        if terms:
            raise BackendError(f"the cuda backend does not expect that the model's {value} depends on {', '.join(sorted(terms))}")
        return np.concatenate(parts, 1), bias
