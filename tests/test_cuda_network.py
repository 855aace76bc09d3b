"""The networks on the (emulated) GPU against ONNX Runtime: pictures within the format's tolerance, the same z."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_models import SIZES, random_layers
from zvc69.core.pack import pack
from zvc69.core.quantise import step_of
from zvc69.cuda.network import Networks, Plan, StageLayers
from zvc69.cuda.onnx_graph import OnnxGraph
from zvc69.cuda.program import fragments
from zvc69.cuda.weights import Weights
from zvc69.errors import BackendError
from zvc69.model import create_backend, load_model
from zvc69.model.backend import Slots

from .emulator import COMPILER, EmulatedDevice

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

TINY = str(Path(__file__).parent / "golden" / "models" / "tiny_inter")
ROWS, COLUMNS, QP, SKIP = 8, 12, 20, 6
POSITIONS = ROWS * COLUMNS
TOLERANCE = 1 / 16     # of a level: docs/FORMAT.md, Tolerance


def positions_first(array: np.ndarray) -> np.ndarray:
    """(channels, h, w) -> (h * w, channels)."""
    return np.ascontiguousarray(array.transpose(1, 2, 0).reshape(-1, array.shape[0]))


def channels_first(buffer: np.ndarray, share: int = 1) -> np.ndarray:
    return buffer.astype(np.float32).reshape(ROWS // share, COLUMNS // share, -1).transpose(2, 0, 1)


def picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    i, j = np.mgrid[:8 * ROWS, :8 * COLUMNS]
    y = 118 + 60 * np.sin(j / 11 + seed) * np.cos(i / 13) + 20 * rng.random(i.shape)
    c = 118 + 30 * np.sin(i[::2, ::2] / 9 + seed)
    return pack(*(np.round(plane).clip(0, 255).astype(np.uint8) for plane in (y, c, c)), 8)


@lru_cache
def backend(model: str):
    return create_backend("cpu", load_model(model), 1)


class Case:
    """A frame on both: `networks` on the device, `want` what ONNX Runtime makes of it."""

    def __init__(self, model: str, blend: float | None, half_sums: bool = False, shared_limit: int = 160 << 10) -> None:
        self.device, self.cpu = EmulatedDevice(3, shared_limit), backend(model)
        self.plan = Plan(StageLayers.of(self.device, load_model(model), blend is not None))
        self.picture, a, b = (picture(n) for n in range(3))
        self.slots = None if blend is None else Slots(a, b, blend)
        rng = np.random.default_rng(5)
        z_index = rng.integers(SKIP - 3, SKIP + 20, (48, ROWS // 4, COLUMNS // 4)).astype(np.uint8)
        copy = rng.random((ROWS // 4, COLUMNS // 4)) < 0.3
        self.keep = ((z_index >= SKIP) & ~copy).astype(np.float32)
        self.r = rng.integers(-3, 4, (96, ROWS, COLUMNS)).astype(np.float32)
        step = step_of(ROWS, COLUMNS, 96)
        self.first = np.where(step < 2, self.r, 0).astype(np.float32)
        steps = np.stack([positions_first(self.r)[positions_first(step) == k].reshape(POSITIONS, 24) for k in range(4)]).astype(np.int16)
        upload = self.device.upload
        halves = {name: upload((positions_first(value) - 128).astype(np.float16)) for name, value in (("picture", self.picture), ("slot_a", a), ("slot_b", b))}
        tensors = halves | {"r": upload(steps), "z": self.device.empty((POSITIONS // 16, 48), np.int16), "z_index": upload(positions_first(z_index)),
                            "copy": upload(copy.reshape(-1).astype(np.uint8))}
        self.networks = Networks(self.device, self.plan, ROWS, COLUMNS, tensors, z_skip=SKIP, half_sums=half_sums)
        self.qp, self.blend = upload(np.array([QP], np.int32)), upload(np.array([blend or 0.0], np.float32))

    def run(self, stage: str) -> None:
        self.networks.run(getattr(self.networks, stage), self.qp, self.blend)

    def tensor(self, name: str, share: int = 1) -> np.ndarray:
        return channels_first(self.networks.tensors[name], share)

    def analysis(self):
        return self.cpu.analyse(self.picture, QP) if self.slots is None else self.cpu.analyse(self.picture, QP, self.slots, self.keep)


def check_all_stages(case: Case, tolerance: float = TOLERANCE) -> None:
    want = case.analysis()
    case.run("analyse")
    assert np.array_equal(case.tensor("z", 4), want.z)
    assert np.abs(case.tensor("y") - want.y).max() < 0.02
    assert np.abs(case.tensor("mean_1") - want.mean_1).max() < 0.05
    mean_2 = case.cpu.refine(want, case.first)
    case.run("refine")
    assert np.abs(case.tensor("mean_2") - mean_2).max() < 0.1
    case.run("synthesise")
    picture = case.cpu.synthesise(want, mean_2, case.r, QP)
    assert np.abs(case.tensor("levels") - picture).max() < tolerance
    case.networks.tensors["levels"].fill(0)
    case.run("decode")
    assert np.abs(case.tensor("levels") - case.cpu.decode(want.z, case.r, QP, case.slots).picture).max() < tolerance


@pytest.mark.parametrize("blend", [None, 0.0, 0.5], ids=["I", "P", "B"])
def test_small_model_is_the_cpus_within_the_tolerance(blend):
    check_all_stages(Case(TINY, blend), 1e-3)


@pytest.mark.parametrize("half_sums", [False, True], ids=["float sums", "half sums"])
def test_released_model_is_the_cpus_within_the_tolerance(half_sums):
    check_all_stages(Case("lite", 0.5, half_sums))


def test_released_keyframes_are_the_cpus_within_the_tolerance():
    """Given one z: a latent may lie so close to a half that a device rounds it to the other side."""
    case = Case("lite", None)
    want = case.analysis()
    case.run("analyse")
    assert (case.tensor("z", 4) != want.z).mean() < 0.01
    case.networks.tensors["z"][:] = positions_first(want.z).astype(np.int16)
    case.run("decode")
    assert np.abs(case.tensor("levels") - case.cpu.decode(want.z, case.r, QP).picture).max() < TOLERANCE


def test_tiles_get_smaller_where_shared_memory_is_small():
    case = Case(TINY, 0.0, shared_limit=40 << 10)
    assert {program.kernel for program in case.networks.analyse} == {"tile_program_32", "tile_program_16"}
    check_all_stages(case, 1e-3)


def test_a_model_that_needs_more_shared_memory_than_there_is_is_refused():
    with pytest.raises(BackendError, match="bytes of shared memory, this GPU has 8192"):
        Case(TINY, 0.0, shared_limit=8 << 10)


def test_a_block_is_one_launch():
    case = Case("lite", 0.0)
    layers = case.plan.layers
    blocks = sum(len(part) for part in (layers.context, layers.mean1, layers.mean2, layers.synthesis))
    assert len(case.networks.decode) == blocks + 6     # what begins: context, z, means, mean 1, mean 2, synthesis


def test_speed_is_measured_at_the_sizes_of_the_released_model():
    want, got = Case("lite", 0.0).plan, Plan(random_layers(EmulatedDevice(3, 160 << 10), SIZES["lite"], True))
    for stage in ("analyse", "refine", "synthesise", "decode"):
        assert [program.work(POSITIONS) for program in getattr(got, stage)] == [program.work(POSITIONS) for program in getattr(want, stage)]


def test_what_is_not_in_the_graph_as_expected_is_refused():
    graph = load_model(TINY).graph
    with pytest.raises(BackendError, match="the model.s graph has no"):
        StageLayers(*(Weights(EmulatedDevice(), graph(name)) for name in ("decode_inter", "analyse_inter")), True)
    with pytest.raises(BackendError, match="cannot be read"):
        OnnxGraph(graph("decode_inter")[:100])
    with pytest.raises(BackendError, match="cannot be read"):
        OnnxGraph(b"no graph")


def test_weights_lie_as_the_tensor_core_takes_them():
    weight = np.arange(144 * 32, dtype=np.float32).reshape(144, 32) % 1999
    laid = fragments(weight).view(np.float16)
    assert laid.shape == (9 * 2 + 3, 32, 8)
    for step, chunk in ((3, 1), (17, 8)):
        for lane in range(32):
            row, k = 16 * chunk + lane // 4, 16 + lane % 4 * 2
            columns = [k, k + 1, k + 8, k + 9]
            assert laid[step, lane].tolist() == [*weight[row, columns], *weight[row + 8, columns]]
