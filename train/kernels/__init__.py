"""Fused training steps of the network's layers on a CPU, in bf16 and channels-last.

Between its matrix products a step of training is bound by memory: PyTorch passes over every array once per operator, casts
included, and its depthwise backward is scalar. Here a pass does all there is to do between two products, which stay
PyTorch's (oneDNN). Every function has a plain form, the modules' own PyTorch code, which tests compare it to.
"""
from __future__ import annotations

import ctypes

import torch

from .build import compiled

LANES = 16


def usable(x: torch.Tensor, *channels: int) -> bool:
    """Whether the compiled functions can be used for `x` and layers of so many channels."""
    return x.device.type == "cpu" and all(c % LANES == 0 for c in channels) and compiled() is not None


def call(name: str, *arguments) -> None:
    """Call a function of the library: tensors (contiguous) by address, the rest as they are."""
    function = getattr(compiled(), name)
    function.restype = None
    function(*(ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else ctypes.c_float(a) if isinstance(a, float) else ctypes.c_int64(a)
               for a in arguments))


def rows(x: torch.Tensor) -> torch.Tensor:
    """(N, C, h, w) as (N h w, C), contiguous; a view if `x` is channels-last."""
    return x.permute(0, 2, 3, 1).contiguous().view(-1, x.shape[1])


def picture(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(N h w, C) back to (N, C, h, w), channels-last."""
    n, _, h, w = like.shape
    return x.view(n, h, w, x.shape[1]).permute(0, 3, 1, 2)


def taps(weight: torch.Tensor) -> torch.Tensor:
    """Depthwise weight (C, 1, k, k) as (k k, C) float32."""
    return weight.detach().float().flatten(1).t().contiguous()


def untaps(gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The reverse, for gradients."""
    return gradient.t().reshape(weight.shape)


class Depthwise(torch.autograd.Function):
    """Depthwise convolution: (3, 1) padded by 1, or (4, 2) padded by 1, with bias."""

    NAMES = {(3, 1): "depthwise3", (4, 2): "depthwise4_half"}

    @staticmethod
    def forward(ctx, x, weight, bias, stride):
        n, c, h, w = x.shape
        k = weight.shape[-1]
        ctx.name, ctx.shape = Depthwise.NAMES[k, stride], (n, h, w, c)
        flat, t = rows(x.to(torch.bfloat16)), taps(weight)
        oh, ow = ((size + 2 - k) // stride + 1 for size in (h, w))
        y = torch.empty(n, oh, ow, c, dtype=torch.bfloat16)
        call(ctx.name, flat, t, bias.detach().float(), y, n, h, w, c)
        ctx.save_for_backward(flat, t, weight)
        ctx.dtype = x.dtype
        return y.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gy):
        flat, t, weight = ctx.saved_tensors
        n, h, w, c = ctx.shape
        gx, gt, gb = torch.empty_like(flat), torch.zeros_like(t), torch.zeros(c)
        call(ctx.name + "_back", flat, rows(gy.to(torch.bfloat16)), t, gx, gt, gb, n, h, w, c)
        return gx.view(n, h, w, c).permute(0, 3, 1, 2).to(ctx.dtype), untaps(gt, weight), gb, None


class FusedBlock(torch.autograd.Function):
    """layers.Block as a whole; x (N, C, h, w)."""

    @staticmethod
    def forward(ctx, x, win, bin_, wdw, bdw, wout, bout, wgate, bgate, wmix, bmix):
        n, c, h, w = x.shape
        flat = rows(x.to(torch.bfloat16))
        count = flat.shape[0]
        win, wout, wgate, wmix = (a.flatten(1).to(torch.bfloat16) for a in (win, wout, wgate, wmix))
        t = taps(wdw)
        first = torch.addmm(bin_.to(torch.bfloat16), flat, win.t())
        spatial = torch.empty_like(first)
        call("depthwise3_leaky", first, t, bdw, spatial, n, h, w, c)
        middle = torch.mm(spatial, wout.t())
        call("add_biased", flat, middle, bout, middle, count, c)
        uv = torch.mm(middle, wgate.t())
        gated = torch.empty_like(flat)
        call("gate", uv, bgate, gated, count, c)
        out = torch.mm(gated, wmix.t())
        call("add_biased", middle, out, bmix, out, count, c)
        ctx.save_for_backward(flat, first, spatial, middle, uv, gated, win, wout, wgate, wmix, t, bgate, wdw)
        ctx.shape, ctx.dtype = (n, h, w, c), x.dtype
        return picture(out, x)

    @staticmethod
    def backward(ctx, gy):
        flat, first, spatial, middle, uv, gated, win, wout, wgate, wmix, t, bgate, wdw = ctx.saved_tensors
        n, h, w, c = ctx.shape
        count = flat.shape[0]
        gy = rows(gy.to(torch.bfloat16))
        sums = torch.zeros(5, 2 * c)
        call("column_sums", gy, sums[0], count, c)
        gmix, guv = torch.mm(gy.t(), gated), torch.empty_like(uv)
        call("gate_back", uv, bgate, torch.mm(gy, wmix), guv, sums[1], count, c)
        gmiddle = torch.addmm(gy, guv, wgate)
        ggate = torch.mm(guv.t(), middle)
        call("column_sums", gmiddle, sums[2], count, c)
        gout = torch.mm(gmiddle.t(), spatial)
        gfirst, gt = torch.empty_like(first), torch.zeros_like(t)
        call("depthwise3_leaky_back", first, torch.mm(gmiddle, wout), t, gfirst, gt, sums[3], n, h, w, c)
        call("column_sums", gfirst, sums[4], count, c)
        gin = torch.mm(gfirst.t(), flat)
        gx = torch.addmm(gmiddle, gfirst, win)

        def weight(g):
            return g.float()[:, :, None, None]

        return (gx.view(n, h, w, c).permute(0, 3, 1, 2).to(ctx.dtype), weight(gin), sums[4, :c], untaps(gt, wdw), sums[3, :c],
                weight(gout), sums[2, :c], weight(ggate), sums[1], weight(gmix), sums[0, :c])


class CodePointwise(torch.autograd.Function):
    """Codes of a 1x1 layer of the sigma network: x (N, I, h, w) codes, weight (O, I), bias (N, O) in output codes, `high`, `exact`.

    exact: the product in float32, so that the codes are the integer network's; else in bf16.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, high, leak, exact):
        n, o = x.shape[0], weight.shape[0]
        flat = rows(x.to(torch.bfloat16))
        half = weight.to(torch.bfloat16)
        acc = torch.mm(flat.float(), weight.t()) if exact else torch.mm(flat, half.t())
        y, mask = torch.empty(acc.shape, dtype=torch.bfloat16), torch.empty(acc.shape, dtype=torch.uint8)
        call("code_single" if exact else "code_half", acc, bias.contiguous(), float(high), y, mask, n, acc.shape[0] // n, o)
        ctx.save_for_backward(flat, half, mask)
        ctx.n, ctx.leak, ctx.like, ctx.dtype = n, leak, x.shape, x.dtype
        return picture(y, x)

    @staticmethod
    def backward(ctx, gy):
        flat, half, mask = ctx.saved_tensors
        gacc, gbias = torch.empty(mask.shape, dtype=torch.bfloat16), torch.empty(ctx.n, mask.shape[1])
        call("code_back", rows(gy.to(torch.bfloat16)), mask, int(ctx.leak), gacc, gbias, ctx.n, mask.shape[0] // ctx.n, mask.shape[1])
        gx = None
        if ctx.needs_input_grad[0]:
            n, _, h, w = ctx.like
            gx = torch.mm(gacc, half).view(n, h, w, -1).permute(0, 3, 1, 2).to(ctx.dtype)
        return gx, torch.mm(gacc.t(), flat).float(), gbias, None, None, None


class CodeDepthwise(torch.autograd.Function):
    """Codes of a depthwise 3x3 layer of the sigma network: x codes, weight (C, 1, 3, 3), bias (C); exact."""

    @staticmethod
    def forward(ctx, x, weight, bias, high):
        n, c, h, w = x.shape
        flat, t = rows(x.to(torch.bfloat16)), taps(weight)
        y, mask = torch.empty_like(flat), torch.empty(flat.shape, dtype=torch.uint8)
        call("depthwise3_code", flat, t, bias.detach().contiguous(), float(high), y, mask, n, h, w, c)
        ctx.save_for_backward(flat, t, mask, weight)
        ctx.shape, ctx.dtype = (n, h, w, c), x.dtype
        return picture(y, x)

    @staticmethod
    def backward(ctx, gy):
        flat, t, mask, weight = ctx.saved_tensors
        n, h, w, c = ctx.shape
        gacc, unused = torch.empty_like(flat), torch.empty(1, c)
        call("code_back", rows(gy.to(torch.bfloat16)), mask, 0, gacc, unused, 1, flat.shape[0], c)
        gx, gt, gb = torch.empty_like(flat), torch.zeros_like(t), torch.zeros(c)
        call("depthwise3_back", flat, gacc, t, gx, gt, gb, n, h, w, c)
        return gx.view(n, h, w, c).permute(0, 3, 1, 2).to(ctx.dtype), untaps(gt, weight), gb, None


class MagnitudeCode(torch.autograd.Function):
    """sigma.magnitude_code of r (N, C, h, w) float32."""

    @staticmethod
    def forward(ctx, r):
        flat = rows(r.float())
        y = torch.empty(flat.shape, dtype=torch.bfloat16)
        call("magnitude_code", flat, y, flat.numel())
        ctx.save_for_backward(flat)
        return picture(y, r)

    @staticmethod
    def backward(ctx, gy):
        flat, = ctx.saved_tensors
        n, _, h, w = gy.shape
        gr = torch.empty_like(flat)
        call("magnitude_code_back", flat, rows(gy.to(torch.bfloat16)), gr, flat.numel())
        return gr.view(n, h, w, -1).permute(0, 3, 1, 2)


class RdRound(torch.autograd.Function):
    """rate.rd_round of v (below 2^22) and index, float32, of equal shape with a multiple of 16 values, by thresholds (64, 15)."""

    @staticmethod
    def forward(ctx, v, index, thresholds, skip_below):
        v, index = _alike(v.float(), index.float())
        r = torch.empty_like(v)
        call("rd_round", v, index, thresholds, float(skip_below), r, v.numel())
        return r

    @staticmethod
    def backward(ctx, g):
        return g, None, None, None


class GaussianBits(torch.autograd.Function):
    """rate.gaussian_bits of r and index, float32, of equal shape with a multiple of 16 values."""

    @staticmethod
    def forward(ctx, r, index, low, step, least):
        r, index = _alike(r.float(), index.float())
        bits = torch.empty_like(r)
        call("gaussian_bits", r, index, low, step, least, bits, r.numel())
        ctx.save_for_backward(r, index)
        ctx.table = low, step, least
        return bits

    @staticmethod
    def backward(ctx, g):
        r, index = ctx.saved_tensors
        g = g.expand_as(r).contiguous(memory_format=torch.channels_last) if _channels_last(r) else g.contiguous()
        gr, gindex = torch.empty_like(r), torch.empty_like(r)
        call("gaussian_bits_back", r, index, *ctx.table, g, gr, gindex, r.numel())
        return gr, gindex, None, None, None


class Warp(torch.autograd.Function):
    """warp.warp_packed: picture (N, 96, h, w) float32, field (N, 2, h, w) quarter luma samples, modes (N,) uint8; gradient to the picture."""

    @staticmethod
    def forward(ctx, reference, field, modes):
        n, c, h, w = reference.shape
        flat, vectors, modes = rows(reference.float()), rows(field.float()), modes.contiguous()
        out = torch.zeros_like(flat)
        call("warp", flat, vectors, out, modes, n, h, w)
        ctx.save_for_backward(vectors, modes)
        return picture(out, reference)

    @staticmethod
    def backward(ctx, gout):
        vectors, modes = ctx.saved_tensors
        n, _, h, w = gout.shape
        flat = rows(gout.float())
        greference = torch.zeros_like(flat)
        call("warp_back", greference, vectors, flat, modes, n, h, w)
        return greference.view(n, h, w, -1).permute(0, 3, 1, 2), None, None


def _channels_last(x: torch.Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)


def _alike(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both in the same dense layout."""
    if a.dim() == 4:
        return a.contiguous(memory_format=torch.channels_last), b.contiguous(memory_format=torch.channels_last)
    return a.contiguous(), b.contiguous()
