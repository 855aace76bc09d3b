"""Motion compensation for training on a GPU, by CuPy; `train.warp` goes without where that is not installed."""
from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

SOURCE = Path(__file__).with_name("warp.cu")
_THREADS = 256


@cache
def _module():
    """The kernels, or None without CuPy."""
    try:
        import cupy
    except ImportError:
        return None
    return cupy.RawModule(code=SOURCE.read_text(), options=("-std=c++17",))


def usable(x: torch.Tensor) -> bool:
    return x.device.type == "cuda" and _module() is not None


def _launch(name: str, source: torch.Tensor, field: torch.Tensor, modes: torch.Tensor, out: torch.Tensor) -> None:
    """source, out: (N, h, w, 96) float32; field (N, 2, h, w) float32; modes (N,) uint8; all contiguous."""
    import cupy
    import numpy as np
    _, h, w, _ = source.shape
    with cupy.cuda.Device(source.device.index), cupy.cuda.ExternalStream(torch.cuda.current_stream(source.device).cuda_stream):
        _module().get_function(name)((-(-source.numel() // _THREADS),), (_THREADS,), (
            source.data_ptr(), field.data_ptr(), modes.data_ptr(), np.uint32(source.numel()), np.int32(h), np.int32(w), out.data_ptr()))


class Warp(torch.autograd.Function):
    """warp.warp_packed: picture (N, 96, h, w) float32, field (N, 2, h, w) quarter luma samples, modes (N,) uint8; gradient to the picture."""

    @staticmethod
    def forward(ctx, picture, field, modes):
        rows, field, modes = picture.permute(0, 2, 3, 1).contiguous(), field.float().contiguous(), modes.contiguous()
        ctx.save_for_backward(field, modes)
        out = torch.empty_like(rows)
        _launch("warp_pictures", rows, field, modes, out)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient):
        field, modes = ctx.saved_tensors
        rows = gradient.float().permute(0, 2, 3, 1).contiguous()
        back = torch.zeros_like(rows)
        _launch("warp_back", rows, field, modes, back)
        return back.permute(0, 3, 1, 2), None, None
