"""OpenVINO graphs that give a decoded picture's difference from its prediction, which `core.pack.unpack` adds where it rounds.

A difference is small: as bfloat16 it is exact enough, which a picture would not be. In float32 it would gain nothing.
"""
from __future__ import annotations

from functools import reduce

import openvino
from openvino import opset13

from ..errors import BackendError

DIFFERENCE = "difference"


def can_give_difference(model: openvino.Model) -> bool:
    """Whether `with_difference` takes this `decode_inter` graph: the prediction, in levels, is what is added last."""
    return _before_prediction(_nodes(model)) is not None


def with_difference(model: openvino.Model, *, one_slot: bool) -> openvino.Model:
    """A `decode_inter` graph whose output is, as `DIFFERENCE`, the picture less slot_a + blend * (slot_b - slot_a). `model` is not to be used any more.

    one_slot: for frames whose slot B is blank and repeats slot A. The graph has no input `slot_b` then, and no `blend`; what both slots give the context
    comes from one convolution with the sum of the weights.

    Tensors are found by the names that models are exported with. Raises BackendError where they are missing or otherwise connected.
    """
    nodes = _nodes(model)
    difference = _before_prediction(nodes)
    if difference is None:
        raise BackendError("decode_inter does not add its prediction, base, to make its picture of slot_a and slot_b")
    if one_slot:
        _replace(nodes["slot_b"], nodes["slot_a"].output(0))
        _replace(nodes["base"], nodes["slot_a"].output(0))
        if {"context.in.slot_a", "context.in.slot_b", "context.in.sum"} <= nodes.keys():
            _replace(nodes["context.in.sum"], _merged(nodes["context.in.slot_a"], nodes["context.in.slot_b"]).output(0))
    output = opset13.result(difference)
    output.output(0).get_tensor().set_names({DIFFERENCE})
    left_out = {"slot_b", "blend"} if one_slot else set()
    return openvino.Model([output], [p for p in model.get_parameters() if p.get_friendly_name() not in left_out], model.get_friendly_name())


def _nodes(model: openvino.Model) -> dict[str, openvino.Node]:
    """By the name of what they give."""
    made = [node for node in model.get_ordered_ops() if node.get_type_name() != "Result"]
    return {name: node for node in made for output in node.outputs() for name in output.get_names()}


def _before_prediction(nodes: dict[str, openvino.Node]) -> openvino.Node | None:
    """What `base`, which is made of the slots themselves, is added to last of all; None where that is not so."""
    if not {"slot_a", "slot_b", "blend", "base", "picture"} <= nodes.keys() or _sources(nodes["base"])[:1] != ["slot_a"]:
        return None
    last, base = nodes["picture"], nodes["base"].get_friendly_name()
    while last.get_type_name() == "Identity":
        last = last.input_value(0).get_node()
    others = [value.get_node() for value, source in zip(last.input_values(), _sources(last)) if source != base]
    return others[0] if last.get_type_name() == "Add" and len(others) == 1 else None


def _sources(node: openvino.Node) -> list[str]:
    return [value.get_node().get_friendly_name() for value in node.input_values()]


def _merged(one: openvino.Node, other: openvino.Node) -> openvino.Node:
    """The sum of two convolutions of the same, with or without a bias, as one convolution."""
    (first, *biases), (second, *more) = (_parts(node) for node in (one, other))
    first.get_node().input(1).replace_source_output(opset13.add(first.get_node().input_value(1), second.get_node().input_value(1)).output(0))
    biases += more
    return opset13.add(first, reduce(opset13.add, biases)) if biases else first.get_node()


def _parts(node: openvino.Node) -> list[openvino.Output]:
    """A convolution, and the bias that is added to it if there is one."""
    return [node.output(0)] if node.get_type_name() == "Convolution" else node.input_values()


def _replace(node: openvino.Node, value: openvino.Output) -> None:
    for target in node.output(0).get_target_inputs():
        target.replace_source_output(value)
