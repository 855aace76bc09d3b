"""Comparing weights by chains of P frames."""
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402
from test_train import clips  # noqa: E402, F401

from train import compare  # noqa: E402
from train.__main__ import main  # noqa: E402
from train.checkpoint import save_network  # noqa: E402
from train.config import TINY  # noqa: E402
from train.network import Network  # noqa: E402


@pytest.fixture
def weights(tmp_path):
    """The DCT codec, and one whose decoder scales latents wrongly."""
    good, bad = Network(TINY), Network(TINY)
    with torch.no_grad():
        bad.gain_out += 0.1
    paths = [tmp_path / "good.pt", tmp_path / "bad.pt"]
    for path, network in zip(paths, (good, bad)):
        save_network(path, network.config, network.state_dict(), {})
    return paths


def test_worse_weights_cost_bits(weights, clips, monkeypatch):  # noqa: F811
    monkeypatch.setattr(compare, "SIZE", 64)
    result = CliRunner().invoke(main, ["compare", *map(str, weights), "--clips", str(clips), "--frames", "3"], catch_exceptions=False)
    assert result.exit_code == 0
    rates = [float(line.split(": ")[1].removesuffix(" %")) for line in result.output.splitlines() if line.startswith(str(weights[0].parent))]
    assert rates[0] == 0 and rates[1] > 1
    assert result.output.count("bits per pixel") == 2 * len(compare.QPS)


def test_frames_are_coded_as_the_encoder_plans_them():
    chain = compare.structure(4, 0)
    assert [(coding.t, coding.a, coding.between) for coding in chain] == [(0, None, False), (1, 0, False), (2, 1, False), (3, 2, False)]
    run = compare.structure(9, 7)
    offsets = {coding.t: coding.offset for coding in run}
    assert [coding.t for coding in run] == [0, 8, 4, 2, 1, 3, 6, 5, 7] and (run[1].a, run[1].b) == (0, None)
    assert all(coding.between and abs(coding.a - coding.b) > 1 and offsets[coding.a] >= offsets[coding.b] for coding in run[2:])


def test_clip_that_is_too_short_is_named(clips):  # noqa: F811
    with pytest.raises(ValueError, match="slide.mp4 has no 100 frames"):
        compare.middle(next(clips.iterdir()), 100)
