"""The integer sigma network (`scale` stages) with fake quantisation. Codes as in docs/INTERNALS.md."""
from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from . import kernels
from .config import CHANNELS, HYPER, KNOTS, MAX_INDEX, SIGMA_MIN, SIGMA_RATIO, STEPS, ModelConfig
from .integer import GRID, INDEX_GRID, IntegerLayer, RoundSTE
from .layers import frequency, step_masks

HYPER_WIDTH = 96
FEATURES = 48        # channels of z's features at 1/8
HIDDEN = 255
OUT_GRID = 8.0       # sigma index per real unit of a step's output


def magnitude_code(r: torch.Tensor) -> torch.Tensor:
    """uint8 code of |r|: round(32 ln(1 + min(|r|, 15)))."""
    if kernels.usable(r, r.shape[1]):
        return kernels.MagnitudeCode.apply(r)
    return RoundSTE.apply(GRID * torch.log1p(r.abs().clamp(max=15)))


def index_code(index: torch.Tensor) -> torch.Tensor:
    return 4 * index


def log_sigma(index: torch.Tensor) -> torch.Tensor:
    """Natural log of the sigma that an index stands for."""
    return torch.log(torch.tensor(SIGMA_MIN)) + index * (torch.log(torch.tensor(SIGMA_RATIO)) / MAX_INDEX)


class SigmaStep(nn.Module):
    """Sigma indices of one step from z's features, temporal state and the magnitudes decoded before."""

    def __init__(self, k: int, width: int):
        super().__init__()
        inputs = FEATURES + 2 * CHANNELS + (CHANNELS if k else 0)
        self.inp = IntegerLayer(inputs, width, knots=True)
        self.blank = nn.Parameter(torch.zeros(width))
        self.spatial = IntegerLayer(width, width, spatial=True)
        self.mix = IntegerLayer(width, width)
        self.out = IntegerLayer(width, CHANNELS, grid_out=OUT_GRID, knots=True, high=MAX_INDEX)
        with torch.no_grad():
            self.inp.weight[:, FEATURES + CHANNELS:FEATURES + 2 * CHANNELS] *= INDEX_GRID / GRID
            self.out.weight.mul_(0.3)
            # about sigma = e^(1.2 - f / 4) at diagonal frequency f, before anything is learned
            self.out.bias.copy_((3.5 - 0.25 * torch.tensor([frequency(c) for c in range(CHANNELS)])).expand(KNOTS, -1))

    def forward(self, features, state, known, qp):
        """Codes (N, 48, h, w), (N, 192, h, w) or None, (N, 96, h, w) or None -> indices (N, 96, h, w)."""
        parts = [features] + ([state] if state is not None else []) + ([known] if known is not None else [])
        n = self.inp.weight.shape[1]
        columns = None
        if state is None:
            columns = torch.cat([torch.arange(FEATURES), torch.arange(FEATURES + 2 * CHANNELS, n)]).to(features.device)
        bias = self.inp.knot_bias(qp, self.blank if state is None else None)
        x = self.inp(torch.cat(parts, 1), bias, columns)
        return self.out(self.mix(self.spatial(x)), self.out.knot_bias(qp))


class SigmaNetwork(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.register_buffer("masks", step_masks(), persistent=False)
        self.hyper_in = IntegerLayer(HYPER, HYPER_WIDTH, grid_in=1.0)
        self.hyper_spatial = IntegerLayer(HYPER_WIDTH, HYPER_WIDTH, spatial=True)
        self.hyper_out = IntegerLayer(HYPER_WIDTH, 16 * FEATURES)
        self.steps = nn.ModuleList([SigmaStep(k, config.sigma) for k in range(STEPS)])
        self.z_index = IntegerLayer(2 * CHANNELS, HYPER, grid_out=OUT_GRID, knots=True, high=MAX_INDEX)
        with torch.no_grad():
            self.hyper_out.bias.fill_(4.0)         # features are signed: 128 stands for zero
            self.z_index.weight.zero_()
            self.z_index.bias.fill_(2.3)

    def features(self, z: torch.Tensor) -> torch.Tensor:
        """Rounded z (N, 48, hz, wz) -> codes (N, 48, 4 hz, 4 wz)."""
        return F.pixel_shuffle(self.hyper_out(self.hyper_spatial(self.hyper_in(z.clamp(-128, 127)))), 4)

    def step(self, k: int, features, state, r, qp) -> torch.Tensor:
        """Indices of step k (valid where its mask is set); r: symbols known so far, zero elsewhere."""
        return self.steps[k](features, state, magnitude_code(r) if k else None, qp)

    def z_indices(self, state: torch.Tensor, qp: torch.Tensor) -> torch.Tensor:
        m = torch.floor(F.avg_pool2d(state.float(), 4) + 0.5)   # sums of 16 codes: exact in float32
        return self.z_index(m, self.z_index.knot_bias(qp))

    def mask(self, k: int, h: int, w: int) -> torch.Tensor:
        return self.masks[k].repeat(1, (h + 1) // 2, (w + 1) // 2)[None, :, :h, :w]

    def integers(self) -> dict[str, torch.Tensor]:
        """All integer arrays under the names of docs/INTERNALS.md."""
        layers = dict(hyper_in=self.hyper_in, hyper_spatial=self.hyper_spatial, hyper_out=self.hyper_out, z_index=self.z_index)
        for k, s in enumerate(self.steps):
            layers |= {f"step{k}_in": s.inp, f"step{k}_spatial": s.spatial, f"step{k}_mix": s.mix, f"step{k}_out": s.out}
        arrays = {f"{name}.{part}": a for name, layer in layers.items() for part, a in layer.integers().items()}
        # z enters as z + 128
        arrays["hyper_in.bias"] = arrays["hyper_in.bias"] - 128 * arrays["hyper_in.weight"].to(torch.int32).sum(1, dtype=torch.int32)
        for k, s in enumerate(self.steps):
            arrays[f"step{k}_in.blank"] = torch.round(s.blank.detach() * GRID * torch.exp2(s.inp.shift())).to(torch.int32)
        return arrays
