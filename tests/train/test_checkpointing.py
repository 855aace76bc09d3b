"""Recomputed activations give the gradients that kept ones give."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train.config import TINY  # noqa: E402
from train.network import Network  # noqa: E402
from train.structure import low_delay  # noqa: E402
from train.temporal import sequence_step  # noqa: E402


def gradients(checkpointed):
    torch.manual_seed(0)
    network = Network(TINY)
    for p in network.parameters():
        p.data.add_(0.02 * torch.randn_like(p))
    pictures = torch.rand(1, 3, 96, 8, 8) * 255
    stats = sequence_step(network, pictures, low_delay(3, np.random.default_rng(0)), torch.tensor([30]), torch.Generator().manual_seed(0),
                          through_time=True, checkpointed=checkpointed, half=False)
    return stats, torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def test_checkpointed_gradients_are_the_same():
    (kept, a), (again, b) = gradients(False), gradients(True)
    assert torch.equal(kept, again) and torch.allclose(a, b, rtol=1e-4, atol=1e-7) and a.abs().sum() > 0
