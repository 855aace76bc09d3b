"""Symbols on the device: rounding, sigma state, its fetch."""
from __future__ import annotations

from .device import Buffer, Device, blocks_of
from .pictures import PictureShape

State = tuple[Buffer, Buffer]
"""Magnitude and index codes, each (positions, latent / 4) words of four channels."""


class Symbols:
    """Operations on step arrays, (4, positions, latent / 4), of one picture shape."""

    def __init__(self, device: Device, shape: PictureShape, latent: int) -> None:
        self._device, self._shape, self._words = device, shape, latent // 4
        self._grid = [blocks_of(shape.positions * self._words, 256)]

    def quantise(self, y: Buffer, mean: Buffer, index: Buffer, thresholds: Buffer, step: int, skip_below: int, r: Buffer,
                 classes: Buffer | None = None) -> None:
        """One step: y, mean (positions, latent) float32, thresholds (64, 16) float32, or (n, 64, 16) with classes (positions,) uint8; index and r
        whole step arrays."""
        self._device.launch("quantise_step", self._grid, [256], [y, mean, index[step], thresholds, classes, step, skip_below, self._shape.columns,
                                                                 self._shape.positions, self._words, r[step]])

    def state(self, r: Buffer, index: Buffer, out: State) -> None:
        self._device.launch("state_codes", self._grid, [256], [r, index, self._shape.columns, self._shape.positions, self._words, *out])

    def fetch(self, state: State, vectors: Buffer, out: State) -> None:
        """Along vectors (rows, columns, 2) int16."""
        self._device.launch("fetch_state", self._grid, [256], [*state, vectors, self._shape.rows, self._shape.columns, self._words, *out])
