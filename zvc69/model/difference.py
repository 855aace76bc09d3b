"""OpenVINO graphs that give a decoded picture's difference from its prediction, which `core.pack.unpack` adds where it rounds: of fewer bytes, and small."""
from __future__ import annotations

from functools import reduce

import openvino
from openvino import opset13

from ..errors import BackendError

DIFFERENCE = "difference"


def with_difference(model: openvino.Model, *, one_slot: bool, merge: bool) -> openvino.Model:
    """A `decode_inter` graph whose output is, as `DIFFERENCE`, the picture less slot_a + blend * (slot_b - slot_a). `model` is not to be used any more.

    one_slot: for frames whose slot B is blank and repeats slot A. The graph has no input `slot_b` then, and no `blend`. merge: what is added up of both
    slots then comes from one convolution with the sum of the weights, which rounds otherwise; without it, all sums are those of the whole picture.

    Tensors are found by the names that models are exported with. Raises BackendError where one is missing.
    """
    made = [node for node in model.get_ordered_ops() if node.get_type_name() != "Result"]      # which has the names of what it gives
    nodes = {name: node for node in made for output in node.outputs() for name in output.get_names()}
    if missing := {"slot_a", "slot_b", "blend", "base", "picture"} - nodes.keys():
        raise BackendError(f"decode_inter has no {', '.join(sorted(missing))}")
    difference = _before_prediction(nodes)
    if difference is None:
        difference = opset13.subtract(nodes["picture"], nodes["slot_a"] if one_slot else _prediction(nodes))
    if one_slot:
        _replace(nodes["slot_b"], nodes["slot_a"].output(0))
        _replace(nodes["base"], nodes["base"].input_value(0))
        if merge and {"context.in.slot_a", "context.in.slot_b", "context.in.sum"} <= nodes.keys():
            _replace(nodes["context.in.sum"], _merged(nodes["context.in.slot_a"], nodes["context.in.slot_b"]).output(0))
    output = opset13.result(difference)
    output.output(0).get_tensor().set_names({DIFFERENCE})
    left_out = {"slot_b", "blend"} if one_slot else set()
    return openvino.Model([output], [p for p in model.get_parameters() if p.get_friendly_name() not in left_out], model.get_friendly_name())


def _before_prediction(nodes: dict[str, openvino.Node]) -> openvino.Node | None:
    """What the prediction is added to last of all; None where that is not done in levels."""
    last = nodes["picture"]
    while last.get_type_name() == "Identity":
        last = last.input_value(0).get_node()
    base = nodes["base"].get_friendly_name()
    terms = [value.get_node() for value in last.input_values()]
    others = [term for term in terms if term.get_friendly_name() != base]
    in_levels = nodes["base"].input_value(0).get_node().get_friendly_name() == "slot_a"
    return others[0] if last.get_type_name() == "Add" and len(others) == 1 and in_levels else None


def _prediction(nodes: dict[str, openvino.Node]) -> openvino.Node:
    other = opset13.multiply(opset13.subtract(nodes["slot_b"], nodes["slot_a"]), nodes["blend"])
    return opset13.add(nodes["slot_a"], other)


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
