"""The networks on OpenVINO, behind the interface that all backends have."""
from __future__ import annotations

from functools import cached_property

import numpy as np

from ..core.layout import BFLOAT16
from ..core.pool import Empty
from .backend import Array, Backend, Copy, Decoded, Slots
from .openvino_runner import OpenVinoRunner
from .store import Model


class OpenVinoBackend(Backend):
    """name: "openvino", or "openvino-bf16", which computes in bfloat16.

    Whole frames are run, copied blocks or not: it compiles kernels for every size that it has not seen yet, which takes longer than a frame.
    """

    channel_last = True

    def __init__(self, name: str, model: Model, threads: int = 0, at_once: int = 1) -> None:
        super().__init__(name, OpenVinoRunner(model, threads, "bf16" if name == "openvino-bf16" else "f32", at_once))

    @cached_property
    def bfloat16(self) -> bool:  # type: ignore[override]
        return self.name == "openvino-bf16" and self._runner.takes_bfloat16()

    def decode(self, z: Array, r: np.ndarray, qp: int, slots: Slots | None = None, copy: Copy = None, *, empty: Empty = np.empty) -> Decoded:
        if slots is None or slots.a.dtype != BFLOAT16:
            return super().decode(z, r, qp, slots)
        inputs = {"z": z[None], "r": r[None], "qp": np.array([qp], np.int64)}
        inputs |= {"slot_a": slots.a[None]} if slots.b is slots.a else slots.inputs()
        return Decoded(self._runner.run("decode_inter", inputs)[0], slots)
