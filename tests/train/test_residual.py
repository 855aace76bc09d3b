"""Residual coding: the network that sees the difference alone, and the start it has in common with conditional coding."""
from __future__ import annotations

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402
from test_train import clips, randomised, smooth_picture  # noqa: E402, F401

from train import residual  # noqa: E402
from train.config import TINY, TINY_RESIDUAL  # noqa: E402
from train.network import Network  # noqa: E402
from train.trainer import Trainer  # noqa: E402

HOW = dict(rate="coded", rd=True, skip_below=6, half=False)
QP = torch.tensor([25])


def residual_twin(network: Network) -> Network:
    twin = Network(TINY_RESIDUAL)
    twin.load_state_dict(network.state_dict())
    return twin.eval()


@torch.no_grad()
def test_residual_network_sees_the_difference_alone():
    network = residual_twin(randomised(TINY))
    picture, a = smooth_picture(1, 64), smooth_picture(1, 64, 1)
    here, brighter = (network(picture + level, QP, a + level, **HOW) for level in (0, 40))
    assert torch.equal(here.r, brighter.r) and torch.allclose(here.picture + 40, brighter.picture, atol=1e-3)
    assert not torch.equal(here.r, network(picture, QP, a + 40, **HOW).r)


@torch.no_grad()
@pytest.mark.parametrize("blend", [0.0, 0.5])
def test_both_networks_start_as_one_codec(blend):
    conditional = randomised(TINY)
    picture, a, b = (smooth_picture(1, 64, seed) for seed in range(3))
    still = conditional(picture, QP, **HOW).picture
    residual.without_context(conditional)
    outs = [network(picture, QP, a, b, torch.zeros(1, 192, 8, 8), None, blend, **HOW) for network in (conditional, residual_twin(conditional))]
    # Both round the same latents, but for float noise on a threshold.
    assert (outs[0].r != outs[1].r).float().mean() < 0.01 and (outs[0].picture - outs[1].picture).abs().mean() < 0.05
    assert (conditional(picture, QP, **HOW).picture - still).abs().mean() < 0.05


@torch.no_grad()
def test_copied_blocks_of_the_residual_network_are_the_prediction():
    network = residual_twin(randomised(TINY))
    picture, a = smooth_picture(1, 64), smooth_picture(1, 64, 1)
    copy = torch.tensor([[True, False], [False, True]])[None, None]
    out = network(picture, QP, a, copy=copy, **HOW).picture
    assert torch.equal(out[..., :4, :4], a[..., :4, :4]) and not torch.equal(out[..., :4, 4:], a[..., :4, 4:])


def test_start_train_and_compare(clips, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(residual, "SIZE", 96)
    monkeypatch.setattr(residual, "PHASE", replace(residual.PHASE, crop=64, batch=2))
    run = CliRunner().invoke
    origin = Trainer("tiny", tmp_path / "origin")
    origin.save()
    start = tmp_path / "start.npz"
    assert run(residual.main, ["start", "--resume", str(tmp_path / "origin/checkpoint.pt"), "--out", str(start)]).exit_code == 0
    for model in ("tiny", "tiny_residual"):
        arguments = ["--resume", str(start), "--data", str(clips), "--model", model, "--steps", "3", "--out", str(tmp_path / model)]
        assert run(residual.main, ["run", *arguments]).exit_code == 0
    checkpoints = [str(tmp_path / model / "checkpoint.pt") for model in ("tiny_residual", "tiny")]
    result = tmp_path / "result.json"
    arguments = ["compare", "--clips", str(clips), "--result", str(result)]
    done = run(residual.main, [*arguments, *checkpoints])
    assert done.exit_code == 0 and "conditional against residual" in done.output
    data = json.loads(result.read_text())
    assert all(len(curve) == len(residual.QPS) for clip in data["curves"].values() for curve in clip.values())
    assert data["trained"]["residual"]["steps"] == data["trained"]["conditional"]["steps"] == 3
    assert run(residual.main, [*arguments, *reversed(checkpoints)]).exit_code == 2
