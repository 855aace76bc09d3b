"""Programs of stages that kernels/network.h runs: how they are put together, and bound to memory."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from .device import Buffer, Device, blocks_of

STAGE = np.dtype([(name, np.int32) for name in (
    "operation", "flags", "source", "source_stride", "target", "target_stride", "residual", "residual_stride", "inputs", "outputs", "wrap", "kernel",
    "stride", "pad", "rows", "columns", "skip_below", "unused")] + [(name, np.uint64) for name in (
        "weights", "bias", "table", "in", "in_b", "in_c", "out", "index", "copy")])
"""`Stage` of kernels/network_inputs.h."""

_ADDRESSES = [name for name in STAGE.names if STAGE[name] == np.uint64]
_WARPS, _AHEAD = 8, 3
RINGS = _WARPS * _AHEAD * 512
"""Bytes of shared memory for weights on their way, before a tile's."""
_PADDING = 8     # halves behind a row: rows of 16 and odd multiples of 16 bytes, which the banks of shared memory like
TILES = (64, 32, 16)
"""Positions of a tile: the largest that fits into a block's shared memory and leaves no processor of the GPU without a tile."""


class Operation(IntEnum):
    LOAD, BASE, Z, KNOWN, LATENTS, DEPTHWISE, POINTWISE = range(7)


_MOVED = {Operation.LOAD: 2, Operation.BASE: 4, Operation.Z: 2, Operation.KNOWN: 6, Operation.LATENTS: 6}
"""Bytes a channel."""


class Flag(IntFlag):
    """What follows a product; in kernels/network_inputs.h with these values."""

    LEAKY, GATE, PER_QP, RESIDUAL, ROUND, KEEP, BASE, CLIPPED, OUT_HALF, OUT_FLOAT, OUT_INTEGER, SHUFFLE, EXACT, SHARED = (1 << n for n in range(14))


FINISHES = frozenset({
    Flag.RESIDUAL | Flag.SHARED, Flag.RESIDUAL | Flag.SHARED | Flag.OUT_HALF, Flag.GATE | Flag.SHARED, Flag.LEAKY | Flag.OUT_HALF,
    Flag.SHARED | Flag.OUT_HALF, Flag.PER_QP | Flag.SHARED | Flag.OUT_HALF, Flag.PER_QP | Flag.SHARED | Flag.CLIPPED | Flag.OUT_FLOAT,
    Flag.ROUND | Flag.KEEP | Flag.SHARED | Flag.OUT_INTEGER, Flag.OUT_FLOAT, Flag.OUT_FLOAT | Flag.BASE, Flag.SHUFFLE})
"""Combinations, but for EXACT, that kernels/network.h is compiled for."""


@dataclass(frozen=True, slots=True)
class Area:
    """Columns of a tile in shared memory: `start` halves of every row before it, rows `stride` halves apart."""

    start: int
    offset: int
    stride: int
    width: int

    def at(self, column: int, width: int) -> Area:
        """Some of its columns."""
        return Area(self.start, self.offset + column, self.stride, width)


@dataclass(frozen=True, slots=True)
class Layer:
    """Arrays of a layer on the device. `inputs` counts columns that are gone through again; `wrap` those that there are."""

    weights: Buffer
    bias: Buffer
    inputs: int
    outputs: int
    wrap: int
    exact: bool = False
    kernel: int = 1
    stride: int = 1
    pad: int = 0


@dataclass(slots=True)
class Program:
    """Stages of one launch over a grid of positions, `scale` times coarser than blocks. Tensors are named; `bind` says where they are."""

    name: str
    scale: int = 1
    stages: list[dict[str, object]] = field(default_factory=list)
    width: int = 0       # of a tile's row in shared memory, in halves

    def area(self, width: int) -> Area:
        area = Area(self.width, 0, width + _PADDING, width)
        self.width += width + _PADDING
        return area

    def load(self, to: Area, tensor: str, operation: Operation = Operation.LOAD, **more: object) -> None:
        """A tensor's channels into `to`. more: other tensors by field, buffers in `table`."""
        channels = to.width // 2 if operation == Operation.LATENTS else to.width
        self.stages.append({"operation": operation, "to": to, "outputs": channels, "in": tensor, **more})

    def depthwise(self, to: Area, tensor: str, layer: Layer) -> None:
        self.stages.append({"operation": Operation.DEPTHWISE, "to": to, "outputs": layer.outputs, "in": tensor, "layer": layer})

    def pointwise(self, source: Area, layer: Layer, flags: Flag = Flag(0), to: Area | None = None, residual: Area | None = None, out: str | None = None,
                  **more: object) -> None:
        """to: where in shared memory the outputs go; out: the tensor that they go to."""
        flags |= (Flag.RESIDUAL if residual else Flag(0)) | (Flag.SHARED if to else Flag(0))
        if flags not in FINISHES:
            raise ValueError(f"no kernel is compiled for {flags!r}")
        flags |= Flag.EXACT if layer.exact else Flag(0)
        self.stages.append({"operation": Operation.POINTWISE, "flags": flags, "from": source, "to": to, "residual": residual, "inputs": layer.inputs,
                            "outputs": layer.outputs, "wrap": layer.wrap, "layer": layer, "out": out, **more})

    def bind(self, device: Device, rows: int, columns: int, tensors: Mapping[str, Buffer], shared_limit: int, half_sums: bool) -> Bound:
        """For pictures of rows x columns blocks. shared_limit: bytes that a block of threads may have."""
        # Two blocks a processor hide each other's barriers.
        fitting = [n for n in TILES if RINGS + 2 * n * self.width <= shared_limit // 2] or TILES[-1:]
        tile = next((n for n in fitting if self.tiles(rows, columns, n) >= device.processors), fitting[-1])
        if RINGS + 2 * tile * self.width > shared_limit:
            raise BackendError(f"{self.name} of this model needs {RINGS + 2 * tile * self.width} bytes of shared memory, this GPU has {shared_limit}")

        def place(area: Area | None) -> tuple[int, int]:
            return (-1, 0) if area is None else (tile * area.start + area.offset, area.stride)

        def address(value: object) -> int:
            return 0 if value is None else device.address(tensors[value] if isinstance(value, str) else value)

        bound = np.zeros(len(self.stages), STAGE)
        for stage, out in zip(self.stages, bound):
            layer = stage.get("layer")
            for name in ("operation", "flags", "inputs", "outputs", "wrap", "skip_below"):
                out[name] = stage.get(name, 0)
            out["source"], out["source_stride"] = place(stage.get("from"))
            out["target"], out["target_stride"] = place(stage.get("to"))
            out["residual"], out["residual_stride"] = place(stage.get("residual"))
            out["rows"], out["columns"] = rows // self.scale, columns // self.scale
            if layer is not None:
                out["kernel"], out["stride"], out["pad"] = layer.kernel, layer.stride, layer.pad
                out["weights"], out["bias"] = device.address(layer.weights), device.address(layer.bias)
                out["rows"], out["columns"] = out["rows"] * layer.stride, out["columns"] * layer.stride
            for name in _ADDRESSES[2:]:
                out[name] = address(stage.get(name))
        kernel = f"tile_program_{'half_' if half_sums else ''}{tile}"
        stages = device.upload(bound.view(np.uint8).reshape(len(bound), STAGE.itemsize))
        arguments = [stages, len(bound), rows // self.scale, columns // self.scale]
        return Bound(self.name, kernel, self.tiles(rows, columns, tile), arguments, RINGS + 2 * tile * self.width)

    def tiles(self, rows: int, columns: int, size: int) -> int:
        """How many of `size` positions a picture of rows x columns blocks has."""
        return blocks_of(rows // self.scale, size // 8) * blocks_of(columns // self.scale, 8)

    def work(self, positions: int) -> tuple[int, int]:
        """Multiplications, and bytes to and from memory if everything is moved once, for so many blocks of a picture."""
        positions //= self.scale ** 2
        multiplied, moved = 0, 0
        for stage in self.stages:
            operation, layer, flags = stage["operation"], stage.get("layer"), stage.get("flags", 0)
            channels = stage["outputs"] // (2 if flags & Flag.GATE else 1)
            if operation == Operation.POINTWISE:
                multiplied += layer.inputs * layer.outputs
                moved += channels * (2 * bool(flags & (Flag.OUT_HALF | Flag.SHUFFLE | Flag.OUT_INTEGER)) + 4 * bool(flags & Flag.OUT_FLOAT)
                                     + 4 * bool(flags & Flag.BASE))
            elif operation == Operation.DEPTHWISE:
                multiplied += channels * layer.kernel ** 2
                moved += 2 * channels * layer.stride ** 2
            else:
                moved += channels * _MOVED[operation]
        return multiplied * positions, moved * positions


@dataclass(frozen=True, slots=True)
class Bound:
    """A program that can be launched."""

    name: str
    kernel: str
    grid: int
    arguments: list[object]
    shared: int

    def launch(self, device: Device, qp: Buffer, blend: Buffer) -> None:
        """qp (1,) int32, blend (1,) float32."""
        device.launch(self.kernel, [self.grid], [256], [*self.arguments, qp, blend], shared=self.shared)


def fragments(weight: NDArray[np.float32]) -> NDArray[np.uint32]:
    """(outputs, inputs) in the order of the tensor core's registers, (outputs / 16, inputs / 16, 32, 4); multiples of 16 both. Sixteens of outputs are
    sorted by the warp that takes them, n % 8, but for those at the end of which there are fewer than warps; behind them is room for what is copied in
    vain: as many more as a warp is ahead.

    Lane l has outputs l / 4 and 8 + l / 4 in two registers each; the first has inputs 2 (l % 4) and the next, the second those 8 behind.
    """
    outputs, inputs = weight.shape
    halves = np.ascontiguousarray(weight.astype(np.float16)).view(np.uint16).reshape(outputs // 16, 2, 8, inputs // 16, 2, 4, 2)
    ordered = np.ascontiguousarray(halves.transpose(0, 3, 2, 5, 1, 4, 6))      # chunk, step, output, pair, eight of outputs, register, element
    steps = ordered.view(np.uint32).reshape(outputs // 16, inputs // 16, 32, 4)[_by_warp(outputs // 16)].reshape(-1, 32, 4)
    return np.concatenate([steps, np.zeros((_AHEAD, 32, 4), np.uint32)])


def _by_warp(chunks: int) -> list[int]:
    whole = chunks // _WARPS * _WARPS
    return sorted(range(whole), key=lambda n: n % _WARPS) + list(range(whole, chunks))
