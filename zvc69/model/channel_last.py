"""OpenVINO graphs whose pictures have the channels as the last axis in memory, as its convolutions want them: else it reorders on the way in and out."""
from __future__ import annotations

from collections.abc import Collection

import numpy as np
import openvino
from openvino import opset13

_ELEMENTWISE = {"Add", "Subtract", "Multiply"}


def with_channels_last(model: openvino.Model, inputs: Collection[str], output: str) -> openvino.Model:
    """A graph that computes the same, but `inputs` that it has, and the output called `output` if there is one, are (1, h, w, channels).

    What is computed of them element by element is computed like that; every convolution has a transposition of its own before it, which the compiler
    makes a part of its reordering. (By the preprocessing of OpenVINO it is one for all, which is carried out.)
    """
    last: dict[str, openvino.Node] = {}      # by name of the node: what gives the same, with channels last
    parameters, results = [], []
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_friendly_name()
        if kind == "Parameter":
            if name in inputs:
                batch, channels, rows, columns = node.get_partial_shape()
                last[name] = opset13.parameter(openvino.PartialShape([batch, rows, columns, channels]), node.get_element_type(), name)
                last[name].output(0).get_tensor().set_names({name})
            parameters.append(last.get(name, node))
            continue
        sources = [source.get_node().get_friendly_name() for source in node.input_values()]
        pictures = [value for value in node.input_values() if value.get_partial_shape().rank.get_length() == 4]
        known = [value for value in pictures if value.get_node().get_friendly_name() in last]
        ends = any(target.get_node().get_type_name() == "Result" for target in node.output(0).get_target_inputs())
        if kind in _ELEMENTWISE and known and (ends or len(known) == len(pictures)):
            last[name] = getattr(opset13, kind.lower())(*(last[source] if source in last else _last(value)
                                                          for source, value in zip(sources, node.input_values())))
        elif kind == "Result":
            named = output in node.input_value(0).get_names()
            end = last.get(sources[0])
            if end is None and named:
                end = _last(node.input_value(0))
            if end is not None:
                end = end if named else _first(end)
                end.output(0).get_tensor().set_names(node.input_value(0).get_names())
            results.append(node if end is None else opset13.result(end))
        else:
            for number, source in enumerate(sources):
                if source in last:
                    node.input(number).replace_source_output(_first(last[source]).output(0))
    return openvino.Model(results, parameters, model.get_friendly_name())


def _first(node: openvino.Node) -> openvino.Node:
    return opset13.transpose(node, np.array([0, 3, 1, 2]))


def _last(value: openvino.Output) -> openvino.Node | openvino.Output:
    """With channels last; numbers that go for all of a picture stay as they are."""
    return opset13.transpose(value, np.array([0, 2, 3, 1])) if value.get_partial_shape().rank.get_length() == 4 else value
