"""Stages of P and B frames as graphs of their own, cut out of the graph that an encoder runs whole."""
from __future__ import annotations

from .onnx_wire import OnnxGraph

WHOLE = "analyse_inter"
STAGES = {
    "context": ((), ("context",)),
    "analysis": (("context",), ("y",)),
    "hyper_analysis": (("y", "context"), ("z",)),
    "hyper_synthesis": (("z",), ("features",)),
    "mean_1": (("features", "context"), ("mean_1",)),
}
"""By name: outputs of WHOLE that a stage is given, and outputs that it makes."""


def cut(whole: bytes, name: str) -> bytes:
    """Stage `name` of WHOLE as a serialised ONNX graph."""
    return OnnxGraph(whole).part(*STAGES[name])
