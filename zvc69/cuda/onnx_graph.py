"""Reads what the CUDA backend needs of an ONNX file: convolutions, what they see, and constants. No package for it is needed to run.

Wire format: protobuf.dev/programming-guides/encoding; field numbers: onnx/onnx.proto.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..errors import BackendError

_DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}


@dataclass(slots=True)
class Node:
    """An operation; attributes are ints, floats, or lists of ints."""

    type: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, object] = field(default_factory=dict)


class OnnxGraph:
    """A graph's nodes in order, and its constants by name. Raises BackendError if it cannot be read."""

    def __init__(self, data: bytes) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.results: list[str] = []      # names of the graph's outputs
        try:
            graph = next(value for number, value in _fields(data) if number == 7)
            for number, value in _fields(graph):
                if number == 1:
                    self.nodes.append(_node(value))
                elif number == 5:
                    name, array = _tensor(value)
                    self.constants[name] = array
                elif number == 12:
                    self.results.append(next(v for n, v in _fields(value) if n == 1).decode())
        except (StopIteration, IndexError, KeyError, ValueError, TypeError) as error:
            raise BackendError(f"an ONNX graph that cannot be read: {error!r}") from error
        self._by_output = {output: node for node in self.nodes for output in node.outputs}

    def node(self, output: str) -> Node:
        """What makes a value. Raises BackendError if nothing does."""
        if output not in self._by_output:
            raise BackendError(f"the model's graph has no {output!r}")
        return self._by_output[output]

    def __contains__(self, output: str) -> bool:
        return output in self._by_output

    def constant(self, name: str) -> np.ndarray:
        """A constant, also one that is stored in fp16 and cast."""
        if name in self.constants:
            return self.constants[name]
        cast = self.node(name)
        if cast.type != "Cast" or cast.inputs[0] not in self.constants:
            raise BackendError(f"{name!r} is not a constant")
        return self.constants[cast.inputs[0]].astype(np.float32)



def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Field numbers and values of a message: an int, or the bytes of what has a length or 4 or 8 bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            if kind != 2:
                raise ValueError(f"wire type {kind}")
            size, at = _varint(data, at)
        if size > len(data) - at:
            raise ValueError("a field reaches beyond its message")
        yield key >> 3, data[at:at + size]
        at += size


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _node(data: bytes) -> Node:
    node = Node()
    for number, value in _fields(data):
        if number == 1:
            node.inputs.append(value.decode())
        elif number == 2:
            node.outputs.append(value.decode())
        elif number == 4:
            node.type = value.decode()
        elif number == 5:
            name, content = "", None
            ints: list[int] = []
            for n, v in _fields(value):
                if n == 1:
                    name = v.decode()
                elif n == 2:
                    content = float(np.frombuffer(v, "<f4")[0])
                elif n == 3:
                    content = _signed(v)
                elif n == 8:
                    ints += _packed(v)
            node.attributes[name] = ints or content
    return node


def _packed(value: bytes | int) -> list[int]:
    if isinstance(value, int):
        return [_signed(value)]
    out, at = [], 0
    while at < len(value):
        n, at = _varint(value, at)
        out.append(_signed(n))
    return out


def _tensor(data: bytes) -> tuple[str, np.ndarray]:
    shape: list[int] = []
    name, dtype, raw = "", 0, None
    for number, value in _fields(data):
        if number == 1:
            shape += _packed(value)
        elif number == 2:
            dtype = value
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
    if raw is None:
        raise ValueError(f"constant {name!r} without raw data")
    return name, np.frombuffer(raw, np.dtype(_DTYPES[dtype]).newbyteorder("<")).reshape(shape)
