"""The integer side of a frame: z and r to substreams and back. What the parser reads depends on integers alone."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream import bands
from ..core import entropy
from ..core.layout import Layout
from ..core.pack import blocks
from ..core.pool import Empty
from ..core.scale import FrameSigma, State
from ..model import Model

STEPS = 4
SUBSTREAM_BYTES = 1 << 15
"""Longer payloads are split, for threads and GPU warps; 32 states of a substream cost 64 bytes, 0.2 % of this."""
MAX_SUBSTREAMS = 16


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the coding of a frame's latents depends on besides the model; both sides know it before the first symbol.

    state   sigma state of slot A's frame, fetched along the vectors; None: the blank state
    copy    (h/4, w/4) bool, True where a 32x32 is copied: nothing is coded there; None: nowhere
    inter   of a P or B frame
    """

    qp: int
    state: State | None = None
    copy: NDArray[np.bool_] | None = None
    inter: bool = False


@dataclass(frozen=True, slots=True)
class Symbols:
    """What a frame's latents say, as the `decode` graphs take it.

    z (48, h/4, w/4) float32, r (96, h, w) float32 or bfloat16 (`core.layout.BFLOAT16`); qp 0..63.
    """

    z: NDArray[np.float32]
    r: np.ndarray
    qp: int


class LatentOrder:
    """The order in which a frame's symbols are coded, and with which tables: the same code for encoder and decoder.

    Symbols of a copied block are left out: index 0, which they get from the sigma network, is below every model's `skip_below`,
    and z's positions are dropped.
    """

    def __init__(self, model: Model, rows: int, columns: int, conditions: Conditions):
        """`rows`, `columns` of z."""
        integers, channels = model.integers_of(conditions.inter), model.manifest.hyper_channels
        if conditions.state is None:
            self.z_index = np.broadcast_to(np.arange(channels, dtype=np.uint8), (rows, columns, channels))
            self.z_tables, self.z_skip = integers.z_tables(conditions.qp), 0
        else:
            self.z_index = integers.sigma.z_indices(conditions.qp, conditions.state)
            self.z_tables, self.z_skip = integers.y_tables, model.manifest.skip_below
        self.y_tables, self.y_skip = integers.y_tables, model.manifest.skip_below
        self._keep_z = None if conditions.copy is None else ~conditions.copy

    def z_of(self, array: NDArray, first: int, last: int) -> NDArray:
        """The coded ones of rows `first` to `last` of z, or of its indices, in order."""
        return array[first:last] if self._keep_z is None else array[first:last][self._keep_z[first:last]]

    def put_z(self, z: NDArray[np.int16], first: int, last: int, values: NDArray[np.int16]) -> None:
        """The reverse, into `z` (zero elsewhere)."""
        if self._keep_z is None:
            z[first:last] = values
        else:
            z[first:last][self._keep_z[first:last]] = values

    def kept_z(self) -> NDArray[np.float32]:
        """(48, h/4, w/4): 1 where z is coded, 0 where the decoder takes zero."""
        kept = self.z_index >= self.z_skip
        if self._keep_z is not None:
            kept = kept & self._keep_z[:, :, None]
        return np.ascontiguousarray(kept.transpose(2, 0, 1), dtype=np.float32)


def begin_sigma(model: Model, conditions: Conditions, z: NDArray[np.int16], empty: Empty = np.empty) -> FrameSigma:
    """The sigma network of a frame, which is to be asked for the indices of its four steps; `empty` makes its arrays."""
    return model.integers_of(conditions.inter).sigma.frame(z, conditions.qp, conditions.state, copy=conditions.copy, empty=empty)


def code_latents(order: LatentOrder, z: NDArray[np.int16], indices: list[NDArray[np.uint8]],
                 r: list[NDArray[np.int16]]) -> tuple[int, tuple[bytes, ...]]:
    """Lanes and substreams of a frame's latents.

    z (h/4, w/4, 48); indices and r of the four steps, (h, w, 24) each.
    """
    lanes, data = _code_band(order, z, indices, r, (0, z.shape[0]), None)
    count = min(len(data) // SUBSTREAM_BYTES, MAX_SUBSTREAMS, z.shape[0])
    if count < 2:
        return lanes, (data,) if data else ()
    return lanes, tuple(_code_band(order, z, indices, r, band, lanes)[1] for band in bands(z.shape[0], count))


def _code_band(order: LatentOrder, z, indices, r, band: tuple[int, int], lanes: int | None) -> tuple[int, bytes]:
    encoder, rows = entropy.Encoder(), slice(4 * band[0], 4 * band[1])
    encoder.put(order.z_of(z, *band), order.z_of(order.z_index, *band), order.z_tables, order.z_skip)
    for values, index in zip(r, indices):
        encoder.put(values[rows], index[rows], order.y_tables, order.y_skip)
    return encoder.finish(lanes)


def read_latents(model: Model, width: int, height: int, conditions: Conditions, lanes: int,
                 substreams: Sequence[bytes | memoryview], empty: Empty = np.empty) -> tuple[NDArray[np.int16], FrameSigma]:
    """z (h/4, w/4, 48) of a frame, and the sigma network that has seen all of its symbols; `empty` makes its arrays.

    Raises CorruptStreamError.
    """
    h, w = blocks(width, height)
    order = LatentOrder(model, h // 4, w // 4, conditions)
    rows = bands(h // 4, len(substreams) or 1)
    decoders = [entropy.Decoder(data, lanes) for data in substreams or (b"",)]
    z = np.zeros(order.z_index.shape, np.int16)
    for decoder, band in zip(decoders, rows):
        order.put_z(z, *band, decoder.get(order.z_of(order.z_index, *band), order.z_tables, order.z_skip))
    sigma = begin_sigma(model, conditions, z, empty)
    for k in range(STEPS):
        index = sigma.indices(k)
        sigma.put(k, _join([d.get(index[4 * first:4 * last], order.y_tables, order.y_skip) for d, (first, last) in zip(decoders, rows)]))
    for decoder in decoders:
        decoder.finish()
    return z, sigma


def symbols(z: NDArray[np.int16], sigma: FrameSigma, qp: int, layout: Layout = Layout()) -> Symbols:
    """As floats, r in the `layout`."""
    r = sigma.residual(channel_last=layout.channel_last, bfloat16=layout.bfloat16)
    return Symbols(np.ascontiguousarray(z.transpose(2, 0, 1), dtype=np.float32), r, qp)


def _join(parts: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
