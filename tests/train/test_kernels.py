"""The trainer's compiled kernels against PyTorch's own operators: values and gradients."""
import pytest

torch = pytest.importorskip("torch")

from train import kernels, rate  # noqa: E402
from train.config import LITE, SIGMA_MIN, SIGMA_RATIO  # noqa: E402
from train.integer import IntegerLayer  # noqa: E402
from train.layers import Block, Depthwise  # noqa: E402
from train.network import Network  # noqa: E402
from train.rate import gaussian_bits, lagrangian, rd_round  # noqa: E402
from train.sigma import magnitude_code  # noqa: E402
from train.warp import best_modes, warp_packed, warp_planes  # noqa: E402
from train.warp_blocks import warp_all  # noqa: E402

pytestmark = pytest.mark.skipif(kernels.compiled() is None, reason="no C++ compiler")
HALF = 2.0 ** -8      # relative rounding of bf16


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def plain(monkeypatch):
    monkeypatch.setattr(kernels, "usable", lambda *_: False)


def gradients(function, inputs, parameters, half):
    """Value and gradients of a weighted sum of `function(*inputs)`; the same weights each time."""
    inputs = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        y = function(*inputs)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    wanted = [x for x in inputs if x.requires_grad] + list(parameters)
    return y.detach().float(), torch.autograd.grad((y.float() * weights).sum(), wanted)


def close(a, b, tolerance):
    """Whether the difference's norm is below `tolerance` of the norm."""
    return (a - b).norm() <= tolerance * b.norm() + 1e-6


@pytest.mark.parametrize("make, inputs", [(lambda: Block(32), 32), (lambda: Depthwise(48), 48), (lambda: Depthwise(32, 4, 2), 32)])
@pytest.mark.parametrize("size", [(8, 8), (4, 12), (2, 2)])
def test_layers_are_as_close_to_float32_as_bf16_is(make, inputs, size, monkeypatch):
    module = make()
    x = torch.randn(3, inputs, *size)
    for p in module.parameters():
        p.data.add_(0.1 * torch.randn_like(p))
    fused = gradients(module, [x], module.parameters(), half=True)
    plain(monkeypatch)
    half, exact = (gradients(module, [x], module.parameters(), half=how) for how in (True, False))
    assert close(fused[0], exact[0], 2 * HALF)
    assert all((a - c).norm() <= 1.5 * (b - c).norm() + 2 * HALF * c.norm() for a, b, c in zip(fused[1], half[1], exact[1]))


@pytest.mark.parametrize("spatial, high", [(False, 255), (True, 255), (False, 63)])
def test_codes_of_the_integer_network_are_exact(spatial, high, monkeypatch):
    layer = IntegerLayer(48, 48, spatial=spatial, high=high, grid_out=8.0 if high == 63 else 32.0)
    layer.bias.data.uniform_(-2, 4)
    x = torch.randint(0, 256, (2, 48, 8, 12)).float()
    fused = gradients(layer, [x], layer.parameters(), half=False)
    plain(monkeypatch)
    reference = gradients(layer, [x], layer.parameters(), half=False)
    assert torch.equal(fused[0], reference[0]) and len(reference[0].unique()) > 20
    assert all(close(a, b, 2 * HALF) for a, b in zip(fused[1], reference[1]))


def test_bits_and_their_gradients(monkeypatch):
    index = torch.randint(0, 64, (2, 16, 8, 8)).float()
    sigma = SIGMA_MIN * SIGMA_RATIO ** (index / 63)
    r = torch.randn_like(sigma) * sigma * 1.5
    fused = gradients(gaussian_bits, [r, index], (), half=False)
    plain(monkeypatch)
    reference = gradients(gaussian_bits, [r, index], (), half=False)
    assert torch.allclose(fused[0], reference[0], rtol=1e-4, atol=1e-4)
    assert all(close(a, b, 1e-3) for a, b in zip(fused[1], reference[1]))


@pytest.mark.parametrize("skip_below", [0, 6])
def test_symbols_are_exact(monkeypatch, skip_below):
    index = torch.arange(64).float().reshape(1, 16, 2, 2).repeat(500, 1, 1, 1)
    v = torch.randn(index.shape) * torch.tensor([0.3, 2.0, 9.0, 300.0]).repeat(125)[:, None, None, None]
    v[:64, 0, 0] = rate.threshold_table()[:, :2]        # ties
    fused = gradients(lambda v: rd_round(v, index, skip_below), [v], (), half=False)
    plain(monkeypatch)
    reference = gradients(lambda v: rd_round(v, index, skip_below), [v], (), half=False)
    assert torch.equal(fused[0], reference[0]) and torch.equal(fused[1][0], reference[1][0])
    assert fused[0].abs().max() > 100


def test_magnitude_codes_are_exact(monkeypatch):
    r = torch.randint(-20, 21, (2, 16, 8, 8)).float()
    fused = gradients(magnitude_code, [r], (), half=False)
    plain(monkeypatch)
    reference = gradients(magnitude_code, [r], (), half=False)
    assert torch.equal(fused[0], reference[0])
    assert close(fused[1][0], reference[1][0], HALF)


@pytest.mark.parametrize("mode", range(4))
def test_warp_and_its_gradient(mode):
    picture = torch.rand(2, 96, 6, 5) * 255
    field = torch.randint(-150, 150, (2, 2, 6, 5)).float()
    field[..., 2:4] = field[..., 1:2]
    modes = torch.full((2,), mode, dtype=torch.uint8)
    reference = gradients(lambda p: warp_planes(p, field, mode), [picture], (), half=False)
    for warp in (warp_packed, warp_all):
        values, (gradient,) = gradients(lambda p: warp(p, field, modes), [picture], (), half=False)
        assert torch.allclose(values, reference[0], atol=1e-3)
        assert close(gradient, reference[1][0], 1e-5)


def test_warp_by_blocks_takes_each_picture_by_its_own_mode(monkeypatch):
    picture, current = torch.rand(2, 4, 96, 4, 6) * 255
    field = torch.randint(-90, 90, (4, 2, 4, 6)).float()
    modes = torch.arange(4, dtype=torch.uint8)
    assert torch.allclose(warp_all(picture, field, modes), torch.cat([warp_planes(picture[n:n + 1], field[n:n + 1], n) for n in range(4)]), atol=1e-3)
    compiled = best_modes(current, picture, field)
    plain(monkeypatch)
    assert torch.equal(best_modes(current, picture, field), compiled)


def test_network_with_kernels_is_as_good_as_bf16(monkeypatch):
    network = Network(LITE)
    for p in network.parameters():
        p.data.add_(0.02 * torch.randn_like(p))
    picture = (torch.rand(2, 96, 8, 8) * 40 + 100).contiguous(memory_format=torch.channels_last)
    a, b = picture + torch.randn_like(picture) * 5, picture + torch.randn_like(picture) * 5
    state, qp = torch.randint(0, 80, (2, 192, 8, 8)).float(), torch.tensor([20, 45])

    def step(**how):
        torch.manual_seed(2)
        network.zero_grad(set_to_none=True)
        out = network(picture, qp, a, b, state, rate="noise", **how)
        lagrangian(out, picture, qp)[0].mean().backward()
        return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    fused = step(half=True, half_sigma=True)
    plain(monkeypatch)
    half, exact = step(half=True, half_sigma=True), step(half=False)
    assert (fused - exact).norm() < 1.2 * (half - exact).norm() + 1e-3 * exact.norm()


@pytest.mark.parametrize("mode", range(4))
def test_warp_of_gpus_on_their_emulator(mode):
    import ctypes

    from tests import emulator
    from train.kernels import cuda
    if emulator.COMPILER is None:
        pytest.skip("no C++ compiler")
    library = emulator.compiled("train_warp", cuda.SOURCE.read_text())
    h, w = 3, 4
    picture, weights = torch.rand(2, 96, h, w) * 255, torch.rand(2, 96, h, w)
    field = torch.randint(-90, 90, (2, 2, h, w)).float()
    modes = torch.tensor([mode, 0], dtype=torch.uint8)

    def run(name, source):
        rows, out = source.permute(0, 2, 3, 1).contiguous(), torch.zeros(2, h, w, 96)
        pointers = [ctypes.c_void_p(t.data_ptr()) for t in (rows, field, modes)]
        emulator.run(library, name, [-(-rows.numel() // 256)], [256], [*pointers, ctypes.c_uint(rows.numel()), ctypes.c_int(h), ctypes.c_int(w),
                                                                       ctypes.c_void_p(out.data_ptr())])
        return out.permute(0, 3, 1, 2)

    picture.requires_grad_()
    expected = torch.cat([warp_planes(picture[n:n + 1], field[n:n + 1], m) for n, m in enumerate(modes.tolist())])
    expected.backward(weights)
    assert torch.allclose(run("warp_pictures", picture.detach()), expected, atol=1e-3)
    assert close(run("warp_back", weights), picture.grad, 1e-5)
