"""The integer sigma network on the device; the same indices as `zvc69.core.scale`, bit for bit."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..core.sigma_arrays import LARGEST_QP, STEPS, at_qp
from .device import Buffer, Device, blocks_of

TILE = 32
"""Positions of a block of threads (kernels/sigma.cu)."""


def _words(weight: NDArray[np.int8]) -> NDArray[np.uint32]:
    """(outputs, inputs) to (inputs / 4, outputs) words of four inputs."""
    outputs, inputs = weight.shape
    return np.ascontiguousarray(np.ascontiguousarray(weight).view(np.uint32).reshape(outputs, inputs // 4).T)


class _Layer:
    """A layer's arrays on the device: weights as words, bias with the rounding in it, shift. bias: (outputs,), or one for each QP."""

    def __init__(self, device: Device, words: NDArray[np.uint32], bias: NDArray[np.int32], shift: NDArray[np.uint8]) -> None:
        rounding = np.where(shift > 0, 1 << np.maximum(shift.astype(np.int32) - 1, 0), 0).astype(np.int32)
        self.arguments: list[Buffer] = [device.upload(words), device.upload(bias + rounding), device.upload(shift.astype(np.int32))]
        self.outputs: int = shift.size


class SigmaNetwork:
    """A model's integer network. arrays: as `zvc69.core.scale.SigmaNetwork.arrays`, which has checked them."""

    def __init__(self, device: Device, arrays: Mapping[str, np.ndarray]) -> None:
        self._device = device
        self.hyper = arrays["hyper_in.weight"].shape[1]
        self.latent = arrays["step0_out.weight"].shape[0]
        self._width = arrays["hyper_in.weight"].shape[0]

        def spatial(name: str) -> _Layer:
            weight = arrays[f"{name}.weight"]                                       # (channels, 3, 3)
            words = np.ascontiguousarray(weight.reshape(len(weight), 9).T).view(np.uint32)
            return _Layer(device, words, arrays[f"{name}.bias"], arrays[f"{name}.shift"])

        def layer(name: str, bias: NDArray[np.int32] | None = None) -> _Layer:
            return _Layer(device, _words(arrays[f"{name}.weight"]), arrays[f"{name}.bias"] if bias is None else bias, arrays[f"{name}.shift"])

        def each_qp(name: str) -> NDArray[np.int32]:
            return np.stack([at_qp(arrays[f"{name}.bias"], qp) for qp in range(LARGEST_QP + 1)])

        # Channel 16 f + block, to block by block: the order of what is written.
        order = np.arange(16 * self.hyper).reshape(self.hyper, 16).T.reshape(-1)
        self._hyper_in, self._hyper_spatial = layer("hyper_in"), spatial("hyper_spatial")
        self._hyper_out = _Layer(device, _words(arrays["hyper_out.weight"][order]), arrays["hyper_out.bias"][order], arrays["hyper_out.shift"][order])
        self._z_index = layer("z_index", each_qp("z_index"))
        self._in, self._in_blank, self._out = [], [], []
        for k in range(STEPS):
            bias = each_qp(f"step{k}_in")
            self._in.append(layer(f"step{k}_in", bias))
            self._in_blank.append(layer(f"step{k}_in", bias + arrays[f"step{k}_in.blank"]))
            self._out.append([spatial(f"step{k}_spatial"), layer(f"step{k}_mix"), layer(f"step{k}_out", each_qp(f"step{k}_out"))])

    def hyper_features(self, z: Buffer, rows: int, columns: int, scratch: Buffer, out: Buffer) -> None:
        """z (rows, columns, hyper) int16 to out (4 rows * 4 columns, hyper) uint8; scratch: uint8, as many as `scratch_bytes`."""
        words, positions = self.hyper // 4, rows * columns
        self._device.launch("sigma_hyper_in", [blocks_of(positions, TILE)], [256],
                            [z, words, *self._hyper_in.arguments, positions, self._width, scratch], shared=4 * TILE * words)
        words = self._width // 4
        self._device.launch("sigma_hyper_out", [blocks_of(positions, TILE)], [256],
                            [scratch, words, *self._hyper_spatial.arguments, *self._hyper_out.arguments, rows, columns, self._hyper_out.outputs, out],
                            shared=4 * TILE * words)

    def z_indices(self, state: tuple[Buffer, Buffer], qp: Buffer, rows: int, columns: int, out: Buffer) -> None:
        """Sigma indices of z, (rows, columns, hyper), from the fetched state; qp (1,) int32."""
        words = self.latent // 4
        self._device.launch("sigma_z_index", [blocks_of(rows * columns, TILE)], [256],
                            [*state, words, *self._z_index.arguments, qp, rows * columns, columns, self.hyper, out], shared=8 * TILE * words)

    def indices(self, step: int, features: Buffer, state: tuple[Buffer, Buffer] | None, r: Buffer, qp: Buffer, copy: Buffer | None, rows: int,
                columns: int, scratch: Buffer, index: Buffer) -> None:
        """Indices of `step`, into that part of `index` (4, positions, latent / 4); r (4, positions, latent / 4) int16 with the steps before known.

        rows, columns: of blocks. copy (rows / 4, columns / 4) uint8: where it is set indices are 0.
        """
        positions, hyper, latent = rows * columns, self.hyper // 4, self.latent // 4
        first = (self._in_blank if state is None else self._in)[step]
        words = hyper + (3 if step else 2) * latent
        self._device.launch("sigma_step_in", [blocks_of(positions, TILE)], [256],
                            [features, hyper, *(state or (None, None)), r, step, latent, *first.arguments, qp, positions, columns, first.outputs, scratch],
                            shared=4 * TILE * words)
        spatial, mix, last = self._out[step]
        words, mix_words = spatial.outputs // 4, mix.outputs // 4
        self._device.launch("sigma_step_out", [blocks_of(positions, TILE)], [256],
                            [scratch, words, *spatial.arguments, *mix.arguments, mix_words, *last.arguments, qp, copy, step, rows, columns, latent,
                             index[step]], shared=4 * TILE * (words + mix_words))

    def scratch_bytes(self, rows: int, columns: int) -> int:
        """Of what `hyper_features` and `indices` need, for `rows` x `columns` blocks."""
        return max(rows * columns // 16 * self._width, rows * columns * max(layer.outputs for layer in self._in))
