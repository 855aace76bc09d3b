"""OpenVINO graphs whose pictures have the channels as the last axis in memory, as its convolutions want them: else it reorders on the way in and out."""
from __future__ import annotations

from collections.abc import Collection

import numpy as np
import openvino
from openvino import opset13

_ELEMENTWISE = {"Add", "Subtract", "Multiply"}


def with_channels_last(model: openvino.Model, inputs: Collection[str], output: str, bfloat16: Collection[str] = ()) -> openvino.Model:
    """A graph that computes the same, but `inputs` that it has, and the output called `output` if there is one, are (1, h, w, channels).

    bfloat16: those of them that are to be of this type, in whatever the rest is computed.

    What is computed of them element by element is computed like that; every convolution has a transposition of its own before it, which the compiler
    makes a part of its reordering. (By the preprocessing of OpenVINO it is one for all, which is carried out.)
    """
    last: dict[str, openvino.Node] = {}      # by name of the node: what gives the same, with channels last
    parameters, results = [], []
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        if kind == "Parameter":
            parameters.append(node)
            if name in inputs:
                batch, channels, rows, columns = node.get_partial_shape()
                dtype = openvino.Type.bf16 if name in bfloat16 else node.get_element_type()
                parameters[-1] = opset13.parameter(openvino.PartialShape([batch, rows, columns, channels]), dtype, name)
                parameters[-1].output(0).get_tensor().set_names({name})
                last[name] = opset13.convert(parameters[-1], "f32") if name in bfloat16 else parameters[-1]
            continue
        sources = [source.get_node().get_friendly_name() for source in node.input_values()]
        # Numbers that go for all of a picture are of fewer axes.
        pictures = [source for source, value in zip(sources, node.input_values()) if value.get_partial_shape().rank.get_length() == 4]
        if kind in _ELEMENTWISE and pictures and all(source in last for source in pictures):
            last[name] = getattr(opset13, kind.lower())(*(last.get(source, value) for source, value in zip(sources, node.input_values())))
        elif kind == "Result":
            names = node.input_value(0).get_names()
            if output in names:
                end = last[sources[0]] if sources[0] in last else _last(node.input_value(0))
                end = opset13.convert(end, "bf16") if output in bfloat16 else end
            elif sources[0] in last:
                end = _first(last[sources[0]])
            else:
                results.append(node)
                continue
            end.output(0).get_tensor().set_names(names)
            results.append(opset13.result(end))
        else:
            for number, source in enumerate(sources):
                if source in last:
                    node.input(number).replace_source_output(_first(last[source]).output(0))
    return openvino.Model(results, parameters, model.get_friendly_name())


def _first(node: openvino.Node) -> openvino.Node:
    return opset13.transpose(node, np.array([0, 3, 1, 2]))


def _last(value: openvino.Output) -> openvino.Node:
    return opset13.transpose(value, np.array([0, 2, 3, 1]))
