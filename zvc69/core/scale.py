"""Integer sigma network: which probability table codes each symbol, from integers alone."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from . import _scale, cpu
from .layout import Layout
from .pool import Empty
from .sigma_arrays import LARGEST_QP, STEPS, Arrays, at_qp, checked

State = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Magnitude and index codes of a coded frame, each (h, w, latent) uint8."""


def _array(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be {np.dtype(dtype)} of shape {shape}, not {found}")
    return np.ascontiguousarray(array)


def _check_qp(qp: int) -> int:
    if not 0 <= qp <= LARGEST_QP:
        raise ValueError(f"qp {qp} is not in 0..{LARGEST_QP}")
    return int(qp)


class SigmaNetwork:
    """The network of a model: its weights, checked, and packed for the instruction set in use.

    `arrays` are the integer arrays of docs/INTERNALS.md by name. Raises ValueError if one is missing, has another
    shape or dtype, or is outside the bounds that make every implementation exact (`sigma_arrays.checked`).
    Instances are immutable; threads may share one.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays: Arrays = checked(arrays)
        self.hyper_channels: int = self.arrays["hyper_in.weight"].shape[1]
        self.latent_channels: int = self.arrays["step0_out.weight"].shape[0]
        self._packed: dict[int, _scale.Network] = {}

    def packed(self) -> _scale.Network:
        """The weights in the layout of the instruction set in use; packed when first asked for."""
        level = cpu.level()
        if level not in self._packed:
            self._packed[level] = _scale.Network(level, self.arrays)
        return self._packed[level]

    def frame(self, z: NDArray[np.int16], qp: int, state: State | None = None, threads: int = 1, *,
              copy: NDArray[np.bool_] | None = None, empty: Empty = np.empty) -> FrameSigma:
        """Begin a frame: runs the part of the network that sees `z`, (hz, wz, hyper) int16 of any values.

        `state` is that of the reference frame, fetched along the motion, or None for a blank one. `threads`
        share the rows of each step. Where `copy`, (hz, wz) bool, is set the 4x4 blocks have no symbols: their indices
        are 0 and are not computed. `empty` makes the frame's arrays, as a `Pool` does. Raises ValueError for a shape,
        dtype or qp that cannot be.
        """
        return FrameSigma(self, z, qp, state, threads, copy, empty)

    def z_indices(self, qp: int, state: State) -> NDArray[np.uint8]:
        """Sigma index 0..63 of every symbol of z, (hz, wz, hyper) uint8, of a frame with `state`.

        Raises ValueError unless the two arrays of `state` are (4 hz, 4 wz, latent) uint8 and qp is 0..63.
        """
        shape = np.shape(state[0])
        if len(shape) != 3 or 0 in shape or shape[0] % 4 or shape[1] % 4:
            raise ValueError(f"a state covers 4x4 blocks a position of z, not shape {shape}")
        magnitude, index = self.checked_state(state, shape[0], shape[1])
        out = np.empty((shape[0] // 4, shape[1] // 4, self.hyper_channels), np.uint8)
        self.packed().z_indices(magnitude, index, at_qp(self.arrays["z_index.bias"], _check_qp(qp)), out)
        return out

    def checked_state(self, state: State, h: int, w: int) -> State:
        """`state` as C-contiguous arrays; ValueError unless both are (h, w, latent) uint8."""
        shape = h, w, self.latent_channels
        magnitude, index = state
        return _array("state magnitude", magnitude, np.uint8, shape), _array("state index", index, np.uint8, shape)


class FrameSigma:
    """Sigma indices of one frame, step by step, as its symbols become known.

    For k = 0, 1, 2, 3: ``indices(k)``, code or decode the symbols with them, ``put(k, r)``. Made by
    `SigmaNetwork.frame`; not for use by several threads at once.
    """

    def __init__(self, network: SigmaNetwork, z: NDArray[np.int16], qp: int, state: State | None,
                 threads: int, copy: NDArray[np.bool_] | None, empty: Empty) -> None:
        if np.ndim(z) != 3 or 0 in np.shape(z):
            raise ValueError(f"z must be (hz, wz, {network.hyper_channels}), not shape {np.shape(z)}")
        hz, wz = z.shape[:2]
        z = _array("z", z, np.int16, (hz, wz, network.hyper_channels))
        if threads < 1:
            raise ValueError(f"{threads} threads cannot work")
        self._arrays, self._packed, self._level = network.arrays, network.packed(), cpu.level()
        self._qp, self._threads = _check_qp(qp), threads
        self.shape = 4 * hz, 4 * wz, network.latent_channels // 4
        self._left_out = None if copy is None else _array("copy", copy, np.bool_, (hz, wz)).view(np.uint8)
        self._temporal = (None, None) if state is None else network.checked_state(state, 4 * hz, 4 * wz)
        self._empty = empty
        self._hs = empty((4 * hz, 4 * wz, network.hyper_channels), np.uint8)
        self._packed.hyper(z, self._hs)
        self._index = empty((STEPS, *self.shape), np.uint8)
        self._code = empty((STEPS, *self.shape), np.uint8)
        self._r = empty((STEPS, *self.shape), np.int16)
        self._r.fill(0)
        self._asked = self._known = 0  # steps whose indices were computed, whose symbols were put

    def indices(self, k: int) -> NDArray[np.uint8]:
        """Sigma index 0..63 of the symbols of step `k`, (h, w, latent / 4) uint8, read-only.

        Raises ValueError unless the symbols of exactly the steps before were put.
        """
        if k != self._known or k >= STEPS:
            raise ValueError(f"indices of step {k} asked for, symbols of {self._known} steps are known")
        index = self._index[k]
        if self._asked == k:
            arrays, blank = self._arrays, self._temporal[0] is None
            bias_in = at_qp(arrays[f"step{k}_in.bias"], self._qp)
            if blank:
                bias_in = bias_in + arrays[f"step{k}_in.blank"]
            self._packed.indices(k, self._hs, *self._temporal, self._code, bias_in,
                                 at_qp(arrays[f"step{k}_out.bias"], self._qp), index, self._left_out, self._threads)
            self._asked = k + 1
        view = index.view()
        view.flags.writeable = False
        return view

    def put(self, k: int, r: NDArray[np.int16]) -> None:
        """Make the symbols `r` of step `k` known, (h, w, latent / 4) int16 of any values; they are copied.

        Raises ValueError for another shape or dtype, or unless ``indices(k)`` was called just before.
        """
        if k != self._known or self._asked != k + 1:
            raise ValueError(f"symbols of step {k} put, {self._asked} steps have indices and {self._known} symbols")
        self._r[k] = _array("r", r, np.int16, self.shape)
        _scale.magnitude_codes(self._level, self._r[k], self._code[k])
        self._known = k + 1

    def residual(self, *, channel_last: bool = False, bfloat16: bool = False) -> np.ndarray:
        """Residuals of the steps put so far, (latent, h, w) float32; those of later steps are zero.

        channel_last: in memory the latents of a position lie next to each other. bfloat16, which goes with that alone: of that type
        (`layout.BFLOAT16`), beyond 256 the nearest number, halves to even. Raises ValueError for bfloat16 with the channels first.
        """
        if bfloat16 and not channel_last:
            raise ValueError("residuals in bfloat16 have their channels last")
        h, w, symbols = self.shape
        out = Layout(channel_last, bfloat16).empty(4 * symbols, h, w, self._empty)
        memory = out.transpose(1, 2, 0) if channel_last else out
        if bfloat16:
            _scale.residual_bfloat16(self._level, self._r, memory)
        else:
            _scale.residual(self._level, self._r, channel_last, memory)
        return out

    def state(self) -> State:
        """Codes of this frame for later ones. Raises ValueError before all symbols were put."""
        if self._known != STEPS:
            raise ValueError(f"symbols of {self._known} of {STEPS} steps are known")
        h, w, symbols = self.shape
        magnitude, index = self._empty((h, w, 4 * symbols), np.uint8), self._empty((h, w, 4 * symbols), np.uint8)
        _scale.state(self._level, self._code, self._index, magnitude, index)
        return magnitude, index
