"""ONNX files as far as this package looks into them and adds to them: protobuf's wire format, nodes, and parts of a graph.

The package `onnx` does this and far more, but is larger than all of this one. Field numbers: onnx.proto3.
"""
from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_GRAPH = 7                                        # of ModelProto
_NODE, _INITIALISER, _INPUT, _OUTPUT = 1, 5, 11, 12      # of GraphProto
_TENSOR_NAME = 8


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes, bytes]]:
    """Number, content, and the field as it stands in `data`."""
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            content, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            content, at = data[at:at + size], at + size
        yield key >> 3, content, data[start:at]


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _field(number: int, content: bytes) -> bytes:
    return _written(number << 3 | 2) + _written(len(content)) + content


def _whole(number: int, value: int) -> bytes:
    return _written(number << 3) + _written(value & (1 << 64) - 1)


def _name(data: bytes, number: int = 1) -> str:
    return next(content.decode() for n, content, _ in _fields(data) if n == number)


def node_field(operator: str, inputs: Iterable[str], output: str, **attributes: int | Iterable[int] | float) -> bytes:
    """A node as it stands in a graph; attributes are whole numbers, lists of them, or floats."""
    parts = [_field(1, name.encode()) for name in inputs] + [_field(2, output.encode()), _field(4, operator.encode())]
    for name, value in attributes.items():
        if isinstance(value, float):
            content = _written(2 << 3 | 5) + struct.pack("<f", value) + _whole(20, 1)
        elif isinstance(value, int):
            content = _whole(3, value) + _whole(20, 2)
        else:
            content = b"".join(_whole(8, v) for v in value) + _whole(20, 7)
        parts.append(_field(5, _field(1, name.encode()) + content))
    return _field(_NODE, b"".join(parts))


def tensor_field(name: str, array: NDArray) -> bytes:
    """An initialiser as it stands in a graph: float32 or int64."""
    kind = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}[array.dtype]
    content = b"".join(_whole(1, n) for n in array.shape) + _whole(2, kind) + _field(_TENSOR_NAME, name.encode()) + _field(9, array.tobytes())
    return _field(_INITIALISER, content)


def renamed(value: bytes, name: str) -> bytes:
    """An input or output of another name."""
    return b"".join(_field(1, name.encode()) if number == 1 else raw for number, _, raw in _fields(value))


@dataclass(frozen=True)
class Node:
    """One operation; `raw` is its field in the graph."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operator: str
    raw: bytes = field(repr=False)

    @cached_property
    def integers(self) -> dict[str, tuple[int, ...]]:
        """Attributes that are integers or lists of them."""
        found = {}
        for number, content, _ in _fields(next(content for _, content, _ in _fields(self.raw))):
            if number != 5:
                continue
            values: list[int] = []
            for n, part, _ in _fields(content):
                if n in (3, 8):
                    values += [part] if isinstance(part, int) else _packed(part)
            found[_name(content)] = tuple(values)
        return found

    def number(self, attribute: str) -> float:
        """An attribute that is a float."""
        attributes = [content for n, content, _ in _fields(next(content for _, content, _ in _fields(self.raw))) if n == 5]
        parts = next({n: part for n, part, _ in _fields(content)} for content in attributes if _name(content) == attribute)
        return struct.unpack("<f", parts[2])[0]


def _packed(data: bytes) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _node(raw: bytes, content: bytes) -> Node:
    parts: dict[int, list[bytes]] = {1: [], 2: [], 4: []}
    for number, value, _ in _fields(content):
        if number in parts:
            parts[number].append(value)
    inputs, outputs, operator = ([p.decode() for p in parts[number]] for number in (1, 2, 4))
    return Node(tuple(inputs), tuple(outputs), operator[0], raw)


class OnnxGraph:
    """The graph of a serialised model.

    nodes are in order of computation; inputs, outputs and initialisers are fields by name.
    """

    def __init__(self, model: bytes):
        self._around = [(number, raw) for number, _, raw in _fields(model)]
        graph = next(content for number, content, _ in _fields(model) if number == _GRAPH)
        self.nodes: list[Node] = []
        self.inputs: dict[str, bytes] = {}
        self.outputs: dict[str, bytes] = {}
        self._initialisers: dict[str, bytes] = {}
        self._other: list[bytes] = []
        for number, content, raw in _fields(graph):
            if number == _NODE:
                self.nodes.append(_node(raw, content))
            elif number == _INITIALISER:
                self._initialisers[_name(content, _TENSOR_NAME)] = raw
            elif number in (_INPUT, _OUTPUT):
                (self.inputs if number == _INPUT else self.outputs)[_name(content)] = content
            elif number != 13:       # shapes of values within: some will be gone
                self._other.append(raw)

    def part(self, given: tuple[str, ...], wanted: tuple[str, ...]) -> bytes:
        """A model that computes outputs `wanted` of this one, its outputs `given` being inputs; of the others, those that it needs.

        Source: outputs are made by an Identity (train/onnx_graph.py), which a given one passes in the other direction.
        """
        within = {node.inputs[0]: node.outputs[0] for node in self.nodes if node.operator == "Identity" and node.outputs[0] in given}
        needed, nodes = set(wanted), []
        for node in reversed(self.nodes):
            if not needed.intersection(node.outputs):
                continue
            needed.difference_update(node.outputs)
            if (name := within.get(node.outputs[0])) is not None:
                needed.add(name)
                nodes.append(_field(_NODE, _field(1, name.encode()) + _field(2, node.outputs[0].encode()) + _field(4, b"Identity")))
            else:
                needed.update(node.inputs)
                nodes.append(node.raw)
        inputs = {name: content for name, content in (self.inputs | {name: self.outputs[name] for name in given}).items() if name in needed}
        graph = b"".join([*reversed(nodes), *self._other, *(raw for name, raw in self._initialisers.items() if name in needed),
                          *(_field(_INPUT, content) for content in inputs.values()), *(_field(_OUTPUT, self.outputs[name]) for name in wanted)])
        return b"".join(_field(_GRAPH, graph) if number == _GRAPH else raw for number, raw in self._around)

    def with_more(self, nodes: Iterable[bytes], initialisers: Iterable[bytes], inputs: dict[str, bytes], outputs: dict[str, bytes]) -> bytes:
        """A model that computes more: fields of nodes, in order of computation, and of initialisers; inputs and outputs by name."""
        graph = b"".join([*(node.raw for node in self.nodes), *nodes, *self._other, *self._initialisers.values(), *initialisers,
                          *(_field(_INPUT, content) for content in (self.inputs | inputs).values()),
                          *(_field(_OUTPUT, content) for content in (self.outputs | outputs).values())])
        return b"".join(_field(_GRAPH, graph) if number == _GRAPH else raw for number, raw in self._around)
