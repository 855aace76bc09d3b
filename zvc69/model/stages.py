"""Stages of P and B frames as graphs of their own, cut out of the graph that an encoder runs whole."""
from __future__ import annotations

WHOLE = "analyse_inter"
STAGES = {
    "context": ((), ("context",)),
    "analysis": (("context",), ("y",)),
    "hyper_analysis": (("y", "context"), ("z",)),
    "hyper_synthesis": (("z",), ("features",)),
    "mean_1": (("features", "context"), ("mean_1",)),
}
"""By name: outputs of WHOLE that a stage is given, and outputs that it makes."""
