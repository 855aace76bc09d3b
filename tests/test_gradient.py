"""Graphs of gradients: against differences of pictures, for every model that is here."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zvc69.core.pack import pack
from zvc69.model import Model, create_backend
from zvc69.model.backend import Slots
from zvc69.model.gradient import gradient_graph
from zvc69.model.onnx_wire import OnnxGraph, node_field

from .codec_samples import picture

ROOT = Path(__file__).parents[1]
MODELS = {"lite": ROOT / "models" / "lite", "tiny_inter": ROOT / "tests" / "golden" / "models" / "tiny_inter"}


class Frame:
    """A frame under analysis, and its squared error as a function of r."""

    def __init__(self, model: str, backend: str, inter: bool, qp: int):
        self.backend, self.qp = create_backend(backend, Model(MODELS[model]), 1), qp
        packed, before = (pack(*picture(96, 64, number=n).planes, 8) for n in (3, 0))
        rng = np.random.default_rng(1)
        self.target = packed + rng.normal(0, 4, packed.shape).astype(np.float32)
        self.weight = rng.uniform(0, 2, packed.shape).astype(np.float32)
        slots = Slots(before, before) if inter else None
        self.analysis = self.backend.analyse(packed, qp, slots, np.ones((48, 2, 3), np.float32) if inter else None)
        self.r = np.rint(self.analysis.y - self.analysis.mean_1)

    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        return self.backend.gradient(self.analysis, self.analysis.mean_1, self.r, self.qp, self.target, self.weight)

    def slope(self, direction: np.ndarray, distance: float = 0.02) -> float:
        """Of the error along a direction."""
        a, b = (np.clip(self.backend.synthesise(self.analysis, self.analysis.mean_1, self.r + sign * distance * direction, self.qp), 0, 255).astype(np.float64)
                for sign in (1, -1))
        return float((self.weight / 2 * (a - b) * (a + b - 2 * self.target)).sum() / (2 * distance))


@pytest.fixture(params=[(m, b, i, q) for m in MODELS for b in ("cpu", "openvino") for i in (False, True) for q in (10, 40)],
                ids=lambda p: f"{p[0]}-{p[1]}-{'inter' if p[2] else 'intra'}-{p[3]}")
def frame(request) -> Frame:
    if request.param[1] == "openvino":
        pytest.importorskip("openvino")
    return Frame(*request.param)


def test_gradient_is_the_slope_of_the_error(frame):
    _, gradient = frame.gradient()
    steepest = np.linalg.norm(gradient)
    assert frame.slope(gradient / steepest) == pytest.approx(float(steepest), rel=0.01)
    for seed in range(4):
        direction = np.random.default_rng(seed).normal(size=gradient.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        assert frame.slope(direction) == pytest.approx(float((gradient * direction).sum()), abs=0.01 * float(steepest))


def test_gradient_comes_with_the_picture(frame):
    shown, _ = frame.gradient()
    assert np.abs(shown - frame.backend.synthesise(frame.analysis, frame.analysis.mean_1, frame.r, frame.qp)).max() < 0.01


def test_errors_without_weight_have_no_gradient():
    frame = Frame("lite", "cpu", True, 30)
    frame.weight[:] = 0
    assert not frame.gradient()[1].any()


def test_graphs_that_cannot_be_differentiated_are_refused():
    with pytest.raises(ValueError, match="Round is not differentiated"):
        gradient_graph(_graph_of("Round"))


def _graph_of(operator: str) -> bytes:
    """A graph like a synthesis: y = r + mean_1, picture = operator(y)."""
    graph = OnnxGraph(Model(MODELS["lite"]).graph("synthesise_intra"))
    nodes = [node_field("Add", ["r", "mean_1"], "y"), node_field(operator, ["y"], "picture")]
    graph.nodes.clear()
    return graph.with_more(nodes, [], {}, {})
