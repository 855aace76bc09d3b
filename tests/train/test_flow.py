"""The flow network: it is a search before it is trained, learns without labels, and its graph does what PyTorch does."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402
from test_train import clips  # noqa: E402, F401

from train import flow  # noqa: E402
from train.export_motion import check_export, main, write  # noqa: E402
from train.flow_network import LEVELS, FlowNetwork  # noqa: E402
from zvc69.model.flow import FILE, FlowModel  # noqa: E402


def texture(height: int, width: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    noise = torch.rand(1, 1, height // 16, width // 16, generator=g) * 200 + 20
    return torch.nn.functional.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 255)


def shifted(dx: int, dy: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Current and reference picture of 128x160, with the vector (dx, dy) everywhere."""
    wide = texture(256, 320)
    return wide[:, :, 64 + dy:192 + dy, 64 + dx:224 + dx], wide[:, :, 64:192, 64:224]


def randomised() -> FlowNetwork:
    torch.manual_seed(0)
    network = FlowNetwork()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.02 * torch.randn_like(p))
    return network


@torch.no_grad()
@pytest.mark.parametrize("dx, dy", [(0, 0), (5, -3), (-18, 12), (36, 0)])
def test_untrained_network_is_a_search(dx, dy):
    found = FlowNetwork()(*shifted(dx, dy))[-1][0, :, 4:-4, 5:-5]
    assert (found.flatten(1).median(1).values - torch.tensor([dx, dy])).abs().max() < 1.5


@torch.no_grad()
def test_every_level_has_a_vector_for_each_block():
    for level, found in zip(LEVELS, FlowNetwork()(*shifted(3, 3)), strict=True):
        assert found.shape == (1, 2, 128 // level.block, 160 // level.block)


def test_training_lowers_the_loss_and_resumes(clips, tmp_path):  # noqa: F811
    options = dict(size=96, batch=2, minutes=60)
    flow.run([clips], tmp_path, max_steps=30, **options)
    checkpoint = flow.load(tmp_path / "flow.pt")
    assert checkpoint["progress"]["steps"] == 30
    trained = FlowNetwork()
    trained.load_state_dict(checkpoint["network"])
    pairs = flow.Pairs([clips], 96, seed=5).batch(8)
    with torch.no_grad():
        assert flow.loss(trained, *pairs)[0] < flow.loss(FlowNetwork(), *pairs)[0]
    progress = flow.run([clips], tmp_path, resume=tmp_path / "flow.pt", max_steps=2, **options)
    assert progress["steps"] == 32 and progress["seconds"] >= checkpoint["progress"]["seconds"]
    out = tmp_path / "model"
    assert CliRunner().invoke(main, ["--resume", str(tmp_path / "flow.pt"), "--out", str(out)]).exit_code == 0
    assert "32 steps" in (out / "CARD.md").read_text() and (out / FILE).stat().st_size < 200_000


def test_graph_agrees_with_pytorch(tmp_path):
    network = randomised()
    write(network, tmp_path, dict(steps=0, seconds=0.0, error=0.0, bits=0.0))
    for size in ((96, 160), (32, 32), (128, 64)):
        check_export(network, tmp_path, size)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_vectors_of_planes_of_any_size_and_depth(depth, tmp_path):
    write(FlowNetwork(), tmp_path, dict(steps=0, seconds=0.0, error=0.0, bits=0.0))
    current, reference = (picture[0, 0, 1:, :157].numpy() * 2 ** (depth - 8) for picture in shifted(8, -6))
    dtype = np.uint8 if depth == 8 else np.uint16
    found = FlowModel(tmp_path).vectors(current.astype(dtype), reference.astype(dtype), depth)
    assert found.shape == (16, 20, 2) and found.dtype == np.int16
    assert np.abs(np.median(found[4:-4, 5:-5], axis=(0, 1)) - (32, -24)).max() < 6
