"""The one network of ZVC69: I, P and B frames with two reference slots that may be blank.

Stages carry the names that the codec, the exported graphs and the documents use. Pictures are packed
4:2:0 in 8-bit levels, (N, 96, h, w) at 1/8 resolution.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn as nn
import torch.nn.functional as F

from .config import CHANNELS, HYPER, KNOTS, LEVELS, STEPS, ModelConfig
from .integer import RoundSTE
from .layers import Block, Depthwise, at_qp, blocks, conv1, packed_dct, step_size
from .rate import gaussian_bits, rd_round
from .sigma import SigmaNetwork, index_code, magnitude_code

Z_LIMIT = 127
SMOOTH_INDEX = 10     # sigma 0.31: below, noise of width 1 gives y a gradient of mere variance
Rate = Literal["noise", "mixed", "coded"]


@dataclass
class Output:
    """One frame through the network."""

    picture: torch.Tensor        # packed reconstruction
    y_bits: torch.Tensor         # (N,)
    z_bits: torch.Tensor         # (N,)
    state: torch.Tensor          # (N, 192, h, w) codes: magnitudes, indices
    r: torch.Tensor              # (N, 96, h, w)
    index: torch.Tensor          # (N, 96, h, w)
    z: torch.Tensor              # (N, 48, h/4, w/4)


def joint(conv: nn.Conv2d, *parts: torch.Tensor | None) -> torch.Tensor:
    """conv over the concatenation of `parts` along channels without building it: None is zeros, a vector (C,)
    is constant over the picture, one tensor given twice is convolved once."""
    weight, bias, at, tensors = conv.weight, conv.bias, 0, {}
    widths = [p.shape[0 if p.dim() == 1 else 1] if p is not None else None for p in parts]
    missing = weight.shape[1] - sum(n or 0 for n in widths)
    for p, n in zip(parts, widths):
        n = missing if n is None else n
        w = weight[:, at:at + n]
        at += n
        if p is None:
            continue
        if p.dim() == 1:
            bias = bias + w[:, :, 0, 0] @ p
        elif id(p) in tensors:
            tensors[id(p)] = (p, tensors[id(p)][1] + w)
        else:
            tensors[id(p)] = (p, w)
    x, w = (torch.cat(t, 1) for t in zip(*tensors.values()))
    return F.conv2d(x, w, bias)


class Network(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        c = config.width
        self.register_buffer("dct", packed_dct(), persistent=False)
        chroma = torch.ones(CHANNELS)
        chroma[64:] *= 1.22                                          # 6:1:1 PSNR weighs chroma 2/3
        self.gain = nn.Parameter(-chroma.log())
        self.gain_qp, self.gain_out = nn.Parameter(torch.zeros(KNOTS, CHANNELS)), nn.Parameter(torch.zeros(KNOTS, CHANNELS))
        self.modulation = nn.Parameter(torch.zeros(KNOTS, 2 * c))    # analysis | synthesis
        self.analysis_linear, self.synthesis_linear = nn.Parameter(torch.eye(CHANNELS)), nn.Parameter(torch.eye(CHANNELS))
        self.blank = nn.Parameter(torch.zeros(c))                    # context when both slots are blank
        self.context_in, self.context = conv1(192, c), blocks(c, config.context)
        self.analysis_in, self.analysis, self.analysis_out = conv1(192 + c, c), blocks(c, config.analysis), conv1(c, CHANNELS, True)
        self.hyper_in, self.hyper_down1, self.hyper_mix1 = conv1(CHANNELS + c, 64), Depthwise(64, 4, 2), conv1(64, 96)
        self.hyper_down2, self.hyper_out = Depthwise(96, 4, 2), conv1(96, HYPER)
        self.hyper_mean = nn.Sequential(conv1(HYPER, 96), nn.LeakyReLU(0.1), Depthwise(96), conv1(96, 16 * 48))
        m = config.mean
        self.mean1_in, self.mean1, self.mean1_out = conv1(48 + c, m), Block(m), conv1(m, CHANNELS, True)
        self.mean2_in, self.mean2, self.mean2_out = conv1(48 + CHANNELS + c, m), Block(m), conv1(m, CHANNELS, True)
        self.mean1_more, self.mean2_more = blocks(m, config.means - 1), blocks(m, config.means - 1)
        self.sigma = SigmaNetwork(config)
        self.z_sigma = nn.Parameter(torch.zeros(KNOTS, HYPER))       # log sigma of z in frames without state (training only)
        self.synthesis_in, self.synthesis, self.synthesis_out = conv1(192 + c, c), blocks(c, config.synthesis), conv1(c, CHANNELS, True)

    # ---- stages -------------------------------------------------------------------------------------------------

    def transform(self, picture: torch.Tensor) -> torch.Tensor:
        """DCT of a packed picture, in network units."""
        return F.conv2d((picture - 128) / LEVELS, self.dct[:, :, None, None])

    def inverse(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.dct.t()[:, :, None, None]) * LEVELS + 128

    def gains(self, qp: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Per-channel factors into and out of the quantiser's units, (N, 96, 1, 1) each."""
        step = (step_size(qp) / LEVELS)[:, None, None, None]
        gain = torch.exp(self.gain[None, :, None, None] + at_qp(self.gain_qp, qp)) / step
        return gain, torch.exp(at_qp(self.gain_out, qp)) / gain

    def slots(self, slot_a: torch.Tensor | None, slot_b: torch.Tensor | None, blend: float = 0.0):
        """Transformed base of the prediction, slot A + blend (slot B - slot A), and context features; the blank vector stands
        for the context of two blank slots. blend is 0 in P frames, 1/2 in B frames."""
        if slot_a is None:
            return None, self.blank
        a = self.transform(slot_a)
        b = self.transform(slot_b) if slot_b is not None and slot_b is not slot_a else a
        context = self.context(joint(self.context_in, a, b))
        return torch.lerp(a, b, blend) if blend and b is not a else a, context

    def analyse(self, x, a, ctx, qp) -> torch.Tensor:
        d = x if a is None else x - a
        mod = at_qp(self.modulation, qp).chunk(2, 1)[0]
        f = self.analysis_out(self.analysis(joint(self.analysis_in, x, d, ctx) * (1 + mod)))
        return (F.conv2d(d, self.analysis_linear[:, :, None, None]).float() + f.float()) * self.gains(qp)[0]

    def hyper_analyse(self, y, ctx) -> torch.Tensor:
        f = F.leaky_relu(joint(self.hyper_in, y.clamp(-64, 64), ctx), 0.1)
        return self.hyper_out(self.hyper_down2(F.leaky_relu(self.hyper_mix1(self.hyper_down1(f)), 0.1))).float()

    def hyper_synthesise(self, z) -> torch.Tensor:
        return F.pixel_shuffle(self.hyper_mean(z), 4)

    def mean_1(self, hm, ctx) -> torch.Tensor:
        return self.mean1_out(self.mean1_more(self.mean1(joint(self.mean1_in, hm, ctx)))).float()

    def mean_2(self, hm, ctx, y1) -> torch.Tensor:
        return self.mean2_out(self.mean2_more(self.mean2(joint(self.mean2_in, hm, ctx, y1)))).float()

    def synthesise(self, y, a, ctx, qp) -> torch.Tensor:
        mod = at_qp(self.modulation, qp).chunk(2, 1)[1]
        yd = y * self.gains(qp)[1]
        f = self.synthesis_out(self.synthesis(joint(self.synthesis_in, yd, a, ctx) * (1 + mod)))
        out = F.conv2d(yd, self.synthesis_linear[:, :, None, None]).float() + f.float()
        return self.inverse(out if a is None else out + a).float()

    # ---- one frame ----------------------------------------------------------------------------------------------

    def forward(self, picture, qp, slot_a=None, slot_b=None, state=None, copy=None, blend: float = 0.0, *, rate: Rate = "noise", rd=False, skip_below=0,
                half=True, half_sigma=False) -> Output:
        """Codes one frame per sample.

        picture, slots: packed; qp (N,) integer; state: codes (N, 192, h, w) fetched along slot A's vectors, None = blank;
        copy: bool (N, 1, h/4, w/4), 32x32 blocks that take the base as it is: slot A, in B frames (blend 1/2) the mean of both.
        rate: "noise", bits with additive uniform noise, which has a gradient for everything; "coded", bits of the symbols as
        coded; "mixed", the same value, its gradient exact for sigma and that of noise for y (rounding has none). rd: the
        encoder's rate-distortion rounding and skip rule instead of plain rounding. half: bf16 autocast outside the
        sigma network; half_sigma: in it too (no longer exact).
        """
        n, _, h, w = picture.shape
        base = torch.lerp(slot_a, slot_b, blend) if blend and slot_b is not None else slot_a
        difference = base is not None and not self.config.conditional
        if difference:
            slot_a = slot_b = None
        x = self.transform(picture - base + 128 if difference else picture)
        keep = keep_z = None
        if copy is not None:
            keep_z = 1 - copy.float()
            keep = keep_z.repeat_interleave(4, 2).repeat_interleave(4, 3)
        z_index = self.sigma.z_indices(state, qp) if state is not None else None
        state = state if state is None else state.to(torch.bfloat16)     # codes below 256: exact
        with torch.autocast(picture.device.type, dtype=torch.bfloat16, enabled=half):
            a, ctx = self.slots(slot_a, slot_b, blend)
            y = self.analyse(x, a, ctx, qp)
            z = self.hyper_analyse(y, ctx)
            z_hat = RoundSTE.apply(z).clamp(-Z_LIMIT, Z_LIMIT)
            if keep_z is not None:
                z_hat = z_hat * keep_z
            if rd and z_index is not None:
                z_hat = z_hat * (z_index >= skip_below)
            hm = self.hyper_synthesise(z_hat)
            mean1 = self.mean_1(hm, ctx)
        z_bits = gaussian_bits(z_hat if rate == "coded" else z + torch.rand_like(z) - 0.5, z_index, at_qp(self.z_sigma, qp))
        if keep_z is not None:
            z_bits = z_bits * keep_z

        masks = [self.sigma.mask(k, h, w) for k in range(STEPS)]
        sigma_cast = torch.autocast(picture.device.type, dtype=torch.bfloat16, enabled=half_sigma)
        with sigma_cast:
            features = self.sigma.features(z_hat)
        r = torch.zeros_like(y)
        index = torch.zeros_like(y)
        y1, residual = None, y - mean1
        for k in range(STEPS):
            if k == 2:
                y1 = (r + mean1) * (masks[0] + masks[1])
                with torch.autocast(picture.device.type, dtype=torch.bfloat16, enabled=half):
                    mean2 = self.mean_2(hm, ctx, y1)
                residual = y - mean2
            with sigma_cast:
                i = self.sigma.step(k, features, state, r if k else None, qp)
            part = rd_round(residual, i, skip_below) if rd else RoundSTE.apply(residual)
            mask = masks[k] if keep is None else masks[k] * keep
            r = r + part * mask
            index = index + i * mask
        first = masks[0] + masks[1]
        y_hat = r + mean1 * first + mean2 * (1 - first)
        if rate == "coded":
            bits = gaussian_bits(r, index)
        else:
            noisy = (y - mean1) * first + (y - mean2) * (1 - first) + torch.rand_like(y) - 0.5
            if rate == "noise":
                bits = gaussian_bits(noisy, index)
            else:
                smooth = gaussian_bits(noisy, index.detach().clamp(min=SMOOTH_INDEX))
                bits = gaussian_bits(r.detach(), index) + smooth - smooth.detach()
        if keep is not None:
            bits = bits * keep
        with torch.autocast(picture.device.type, dtype=torch.bfloat16, enabled=half):
            out = self.synthesise(y_hat, a, ctx, qp)
        if difference:
            out = out + base - 128
        if copy is not None:
            out = out * keep + base * (1 - keep)
        return Output(out, bits.sum((1, 2, 3)), z_bits.sum((1, 2, 3)),
                      torch.cat([magnitude_code(r.detach()), index_code(index.detach())], 1), r, index, z_hat)
