"""The integer sigma network in plain NumPy: what the kernels of zvc69.core.scale must reproduce."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..quantise import step_of

MAGNITUDE = np.array([0, 22, 35, 44, 52, 57, 62, 67, 70, 74, 77, 80, 82, 84, 87, 89])
LIMIT = 1 << 24


def _requantise(sums: NDArray[np.int64], shift: np.ndarray, ceiling: int) -> NDArray[np.int64]:
    assert np.abs(sums).max() < LIMIT, "accumulator bound"
    shift = shift.astype(np.int64)
    return np.clip((sums + np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)) >> shift, 0, ceiling)


def _at_qp(knots: np.ndarray, qp: int) -> NDArray[np.int64]:
    i = min(qp // 9, 6)
    f = qp - 9 * i
    return (knots[i].astype(np.int64) * (9 - f) + knots[i + 1].astype(np.int64) * f + 4) // 9


class ReferenceNetwork:
    """`zvc69.core.scale.SigmaNetwork` without checks: activations (rows, columns, channels) int64."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.latent = arrays["step0_out.weight"].shape[0]

    def _layer(self, name: str) -> tuple[NDArray[np.int64], np.ndarray, np.ndarray]:
        return (self.arrays[f"{name}.weight"].astype(np.int64), self.arrays[f"{name}.bias"].astype(np.int64),
                self.arrays[f"{name}.shift"])

    def pointwise(self, name: str, x: NDArray[np.int64], bias: np.ndarray | None = None,
                  ceiling: int = 255) -> NDArray[np.int64]:
        weight, own_bias, shift = self._layer(name)
        return _requantise(x @ weight.T + (own_bias if bias is None else bias), shift, ceiling)

    def depthwise(self, name: str, x: NDArray[np.int64]) -> NDArray[np.int64]:
        weight, bias, shift = self._layer(name)
        rows, columns, _ = x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        sums = bias + sum(padded[dy : dy + rows, dx : dx + columns] * weight[:, dy, dx]
                          for dy in range(3) for dx in range(3))
        return _requantise(sums, shift, 255)

    def hyper(self, z: NDArray[np.int16]) -> NDArray[np.int64]:
        zu = np.clip(z.astype(np.int64) + 128, 0, 255)
        c = self.pointwise("hyper_out", self.depthwise("hyper_spatial", self.pointwise("hyper_in", zu)))
        rows, columns, channels = c.shape
        blocks = c.reshape(rows, columns, channels // 16, 4, 4)  # channel 16 f + 4 p + q
        return blocks.transpose(0, 3, 1, 4, 2).reshape(4 * rows, 4 * columns, channels // 16)

    def z_indices(self, qp: int, state: tuple[np.ndarray, np.ndarray]) -> NDArray[np.uint8]:
        codes = np.concatenate(state, axis=-1).astype(np.int64)
        rows, columns, channels = codes.shape
        m = (codes.reshape(rows // 4, 4, columns // 4, 4, channels).sum((1, 3)) + 8) >> 4
        return self.pointwise("z_index", m, _at_qp(self.arrays["z_index.bias"], qp), 63).astype(np.uint8)

    def frame(self, z: NDArray[np.int16], qp: int, state: tuple[np.ndarray, np.ndarray] | None = None,
              copy: NDArray[np.bool_] | None = None) -> ReferenceFrame:
        return ReferenceFrame(self, z, qp, state, copy)


class ReferenceFrame:
    """`zvc69.core.scale.FrameSigma` without checks. All 96 channels of a step are computed, then a quarter taken."""

    def __init__(self, network: ReferenceNetwork, z: np.ndarray, qp: int, state: tuple | None, copy: np.ndarray | None) -> None:
        self.network, self.qp, self.blank = network, qp, state is None
        self.hs = network.hyper(z)
        h, w, _ = self.hs.shape
        self.copied = np.zeros((h, w), bool) if copy is None else copy.repeat(4, axis=0).repeat(4, axis=1)
        self.step = step_of(h, w, network.latent).transpose(1, 2, 0)
        zeros = np.zeros((h, w, network.latent), np.int64)
        self.temporal = [zeros, zeros] if state is None else [half.astype(np.int64) for half in state]
        self.known, self.r, self.index = zeros.copy(), zeros.copy(), zeros.copy()

    def indices(self, k: int) -> NDArray[np.uint8]:
        network, arrays = self.network, self.network.arrays
        x = np.concatenate([self.hs, *self.temporal, *([self.known] if k else [])], axis=-1)
        bias = _at_qp(arrays[f"step{k}_in.bias"], self.qp)
        if self.blank:
            bias = bias + arrays[f"step{k}_in.blank"]
        t = network.pointwise(f"step{k}_mix", network.depthwise(f"step{k}_spatial",
                                                                network.pointwise(f"step{k}_in", x, bias)))
        every = network.pointwise(f"step{k}_out", t, _at_qp(arrays[f"step{k}_out.bias"], self.qp), 63)
        every[self.copied] = 0
        coded = self.step == k
        self.index[coded] = every[coded]
        return every[coded].reshape(*coded.shape[:2], -1).astype(np.uint8)

    def put(self, k: int, r: NDArray[np.int16]) -> None:
        coded = self.step == k
        self.r[coded] = r.reshape(-1)
        self.known[coded] = MAGNITUDE[np.minimum(np.abs(r.reshape(-1).astype(np.int64)), 15)]

    def residual(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.r.transpose(2, 0, 1)).astype(np.float32)

    def state(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self.known.astype(np.uint8), (4 * self.index).astype(np.uint8)
