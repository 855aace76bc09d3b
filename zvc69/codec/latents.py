"""The integer side of a frame: z and r to substreams and back. What the parser reads depends on integers alone."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream.payload import Payload, bands
from ..core import entropy
from ..core.pack import blocks
from ..core.scale import FrameSigma
from ..errors import CorruptStreamError
from ..model import Model

STEPS = 4
SUBSTREAM_BYTES = 1 << 15
"""Longer payloads are split, for threads and GPU warps; 32 states of a substream cost 64 bytes, 0.2 % of this."""
MAX_SUBSTREAMS = 16


@dataclass(frozen=True, slots=True)
class Symbols:
    """What a frame's payload says, as the `decode` graph takes it.

    z (48, h/4, w/4) float32, r (96, h, w) float32; qp 0..63.
    """

    z: NDArray[np.float32]
    r: NDArray[np.float32]
    qp: int


def _channel_index(rows: int, columns: int, channels: int) -> NDArray[np.uint8]:
    """Table index of every z: its channel."""
    return np.broadcast_to(np.arange(channels, dtype=np.uint8), (rows, columns, channels))


def code_latents(model: Model, qp: int, z: NDArray[np.int16], indices: list[NDArray[np.uint8]], r: list[NDArray[np.int16]]) -> Payload:
    """The payload of a frame without temporal state.

    z (h/4, w/4, 48); indices and r of the four steps, (h, w, 24) each.
    """
    lanes, data = _code_band(model, qp, z, indices, r, None)
    count = min(len(data) // SUBSTREAM_BYTES, MAX_SUBSTREAMS, z.shape[0])
    if count < 2:
        return Payload(no_state=True, lanes=lanes, substreams=(data,) if data else ())
    parts = []
    for first, last in bands(z.shape[0], count):
        rows = slice(4 * first, 4 * last)
        parts.append(_code_band(model, qp, z[first:last], [i[rows] for i in indices], [x[rows] for x in r], lanes)[1])
    return Payload(no_state=True, lanes=lanes, substreams=tuple(parts))


def _code_band(model: Model, qp: int, z, indices, r, lanes: int | None) -> tuple[int, bytes]:
    integers, encoder = model.integers, entropy.Encoder()
    encoder.put(z, _channel_index(*z.shape), integers.z_tables(qp))
    for values, index in zip(r, indices):
        encoder.put(values, index, integers.y_tables, model.manifest.skip_below)
    return encoder.finish(lanes)


def read_latents(model: Model, qp: int, width: int, height: int, payload: Payload) -> tuple[NDArray[np.int16], FrameSigma]:
    """z (h/4, w/4, 48) of a frame without temporal state, and the sigma network that has seen all of its symbols.

    Raises CorruptStreamError.
    """
    integers, skip = model.integers, model.manifest.skip_below
    h, w = blocks(width, height)
    channels = model.manifest.hyper_channels
    if not payload.substreams:
        raise CorruptStreamError("an I frame without latents")
    rows = bands(h // 4, len(payload.substreams))
    decoders = [entropy.Decoder(data, payload.lanes) for data in payload.substreams]
    tables = integers.z_tables(qp)
    z = _join([d.get(_channel_index(last - first, w // 4, channels), tables) for d, (first, last) in zip(decoders, rows)])
    sigma = integers.sigma.frame(z, qp)
    for k in range(STEPS):
        index = sigma.indices(k)
        sigma.put(k, _join([d.get(index[4 * first:4 * last], integers.y_tables, skip) for d, (first, last) in zip(decoders, rows)]))
    for decoder in decoders:
        decoder.finish()
    return z, sigma


def parse_latents(model: Model, qp: int, width: int, height: int, payload: Payload) -> Symbols:
    """Symbols of a frame without temporal state. Raises CorruptStreamError."""
    z, sigma = read_latents(model, qp, width, height, payload)
    return Symbols(np.ascontiguousarray(z.transpose(2, 0, 1), dtype=np.float32), sigma.residual(), qp)


def _join(parts: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
