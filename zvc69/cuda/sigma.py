"""The integer sigma network on the device; the same indices as `zvc69.core.scale`, bit for bit."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.sigma_arrays import LARGEST_QP, STEPS, at_qp
from ..errors import BackendError
from .device import Buffer, Device, blocks_of
from .network import HYPER, LATENT

WIDTHS = (64, 96)
"""Of steps' layers, to which they are filled up: kernels/sigma.cu is compiled for these, and for `HYPER` channels of z and `LATENT` of y."""

STRIP, CHUNK = 16, 32
"""Positions that a warp has, channels that it multiplies at once."""

_PADDING = 32
_STEP_WARPS = 4


def byte_fragments(weight: NDArray[np.int8], tiles: int = 4) -> NDArray[np.uint32]:
    """(outputs, inputs) in the order of the tensor core's registers, (outputs / (8 * tiles), inputs / 32, tiles, 32, 2); multiples of 8 * tiles and of 32.

    Lane l multiplies inputs 8 (l % 4) to 7 further of 32. Column c of tile n is output 2 tiles (c / 2) + 2 n + c % 2 of its group: of what comes out
    a lane then has 2 * tiles neighbours.
    """
    outputs, inputs = weight.shape
    parts = np.ascontiguousarray(weight).reshape(outputs // (8 * tiles), 4, tiles, 2, inputs // CHUNK, 4, 8)
    ordered = np.ascontiguousarray(parts.transpose(0, 4, 2, 1, 3, 5, 6))     # group, chunk, tile, column / 2, column % 2, lane % 4, input
    return ordered.view(np.uint32).reshape(outputs // (8 * tiles), inputs // CHUNK, tiles, 32, 2)


def _filled(array: NDArray, axis: int, size: int) -> NDArray:
    """With zeros behind, to `size`."""
    return np.pad(array, [(0, size - n if axis % array.ndim == k else 0) for k, n in enumerate(array.shape)])


def _up(width: int) -> int:
    return -(-width // CHUNK) * CHUNK


class _Layer:
    """A layer's arrays on the device: weights as kernels take them, bias with the rounding in it, shift; both filled up to `outputs`.

    bias: (outputs,), or one for each QP.
    """

    def __init__(self, device: Device, weights: NDArray[np.uint32], bias: NDArray[np.int32], shift: NDArray[np.uint8], outputs: int) -> None:
        rounding = np.where(shift > 0, 1 << np.maximum(shift.astype(np.int32) - 1, 0), 0).astype(np.int32)
        numbers = _filled(bias + rounding, -1, outputs), _filled(shift.astype(np.int32), -1, outputs)
        self.arguments: list[Buffer] = [device.upload(weights), *(device.upload(array) for array in numbers)]


class SigmaNetwork:
    """A model's integer network. arrays: as `zvc69.core.scale.SigmaNetwork.arrays`, which has checked them.

    Raises BackendError for widths that the kernels are not made for.
    """

    hyper, latent = HYPER, LATENT

    def __init__(self, device: Device, arrays: Mapping[str, np.ndarray]) -> None:
        self._device = device
        hyper, latent = arrays["hyper_in.weight"].shape[1], arrays["step0_out.weight"].shape[0]
        widest = max(len(arrays[f"step{k}_{part}.weight"]) for k in range(STEPS) for part in ("in", "mix"))
        if (hyper, latent) != (HYPER, LATENT) or widest > WIDTHS[-1]:
            raise BackendError(f"the GPU's sigma network is made for {HYPER} channels of z, {LATENT} of y and steps of at most {WIDTHS[-1]} channels, "
                               f"this model has {hyper}, {latent} and {widest}")
        self._steps = next(width for width in WIDTHS if width >= widest)
        self._width = _up(len(arrays["hyper_in.weight"]))

        def spatial(name: str, width: int) -> _Layer:
            weight = arrays[f"{name}.weight"]                                       # (channels, 3, 3)
            words = np.ascontiguousarray(_filled(weight.reshape(len(weight), 9).T, 1, width)).view(np.uint32)
            return _Layer(device, words, arrays[f"{name}.bias"], arrays[f"{name}.shift"], width)

        def layer(name: str, outputs: int, inputs: Sequence[tuple[int, int]], bias: NDArray[np.int32] | None = None, order: object = slice(None)) -> _Layer:
            """inputs: how many there are, one after the other, and to how many they are filled up."""
            weight = arrays[f"{name}.weight"][order]
            edges = np.cumsum([0, *(n for n, _ in inputs)])
            weight = np.concatenate([_filled(weight[:, a:b], 1, size) for a, b, (_, size) in zip(edges, edges[1:], inputs)], 1)
            bias = arrays[f"{name}.bias"] if bias is None else bias
            return _Layer(device, byte_fragments(_filled(weight, 0, outputs)), bias[..., order], arrays[f"{name}.shift"][order], outputs)

        def each_qp(name: str) -> NDArray[np.int32]:
            return np.stack([at_qp(arrays[f"{name}.bias"], qp) for qp in range(LARGEST_QP + 1)])

        def last(name: str) -> _Layer:
            """Outputs 4 n + d to those of d = 0, of 1, ...: a position has those of one d."""
            order = np.arange(LATENT).reshape(LATENT // STEPS, STEPS).T.reshape(-1)
            weight = _filled(arrays[f"{name}.weight"], 1, self._steps)[order]
            return _Layer(device, byte_fragments(weight, LATENT // STEPS // 8), each_qp(name)[:, order], arrays[f"{name}.shift"][order], LATENT)

        known, width = len(arrays["hyper_in.weight"]), self._steps
        self._hyper_in, self._hyper_spatial = layer("hyper_in", self._width, [(HYPER, _up(HYPER))]), spatial("hyper_spatial", self._width)
        # Channel 16 f + block, to block by block: the order of what is written.
        self._hyper_out = layer("hyper_out", 16 * HYPER, [(known, self._width)], order=np.arange(16 * HYPER).reshape(HYPER, 16).T.reshape(-1))
        self._z_index = layer("z_index", _up(HYPER), [(2 * LATENT, 2 * LATENT)], each_qp("z_index"))
        self._in, self._in_blank, self._out = [], [], []
        for k in range(STEPS):
            bias, inputs = each_qp(f"step{k}_in"), [(HYPER, _up(HYPER)), ((3 if k else 2) * LATENT,) * 2]
            self._in.append(layer(f"step{k}_in", width, inputs, bias))
            self._in_blank.append(layer(f"step{k}_in", width, inputs, bias + arrays[f"step{k}_in.blank"]))
            between = arrays[f"step{k}_mix.weight"].shape[1]
            self._out.append([spatial(f"step{k}_spatial", width), layer(f"step{k}_mix", width, [(between, width)]), last(f"step{k}_out")])

    def hyper_features(self, z: Buffer, rows: int, columns: int, scratch: Buffer, out: Buffer) -> None:
        """z (rows, columns, 48) int16 to out (4 rows * 4 columns, 48) uint8; scratch: uint8, as many as `scratch_bytes`."""
        strips = blocks_of(rows * columns, STRIP)
        self._device.launch("sigma_hyper_in", [strips, self._width // CHUNK], [32], [z, *self._hyper_in.arguments, rows * columns, scratch])
        self._device.launch("sigma_hyper_out", [strips], [16 * HYPER],      # a warp for each 32 outputs
                            [scratch, self._width, *self._hyper_spatial.arguments, *self._hyper_out.arguments, rows, columns, out],
                            shared=STRIP * (self._width + _PADDING))

    def z_indices(self, state: tuple[Buffer, Buffer], qp: Buffer, rows: int, columns: int, out: Buffer) -> None:
        """Sigma indices of z, (rows, columns, 48), from the fetched state; qp (1,) int32."""
        self._device.launch("sigma_z_index", [blocks_of(rows * columns, STRIP)], [384],
                            [*state, *self._z_index.arguments, qp, rows * columns, columns, out], shared=STRIP * (2 * LATENT + _PADDING))

    def indices(self, step: int, features: Buffer, state: tuple[Buffer, Buffer] | None, r: Buffer, qp: Buffer, copy: Buffer | None, rows: int,
                columns: int, scratch: Buffer, index: Buffer) -> None:
        """Indices of `step`, into that part of `index` (4, positions, 24); r (4, positions, 24) int16 with the steps before known.

        rows, columns: of blocks, multiples of 4. copy (rows / 4, columns / 4) uint8: where it is set indices are 0.
        """
        positions, threads = rows * columns, 32 * _STEP_WARPS
        first = (self._in_blank if state is None else self._in)[step]
        self._device.launch("sigma_step_in", [blocks_of(positions // STRIP, _STEP_WARPS)], [threads],
                            [features, *(state or (None, None)), r, step, *first.arguments, qp, positions, columns, self._steps // CHUNK, scratch])
        self._device.launch(f"sigma_step_out_{self._steps}", [rows // 4 * blocks_of(columns, 16)], [threads],
                            [scratch, *(argument for layer in self._out[step] for argument in layer.arguments), qp, copy, step, rows, columns, index[step]])

    def scratch_bytes(self, rows: int, columns: int) -> int:
        """Of what `hyper_features` and `indices` need, for `rows` x `columns` blocks."""
        return rows * columns * max(self._steps, self._width // 16)
