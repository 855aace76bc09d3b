"""The arrays of a sigma network: names, shapes, types, and the bounds that make its arithmetic exact."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

STEPS = 4
KNOTS = 8
KNOT_SPACING = 9
LARGEST_QP = 63
LARGEST_WEIGHT = 64
LARGEST_SHIFT = 24
ACCUMULATOR_LIMIT = 1 << 24
"""No accumulator may reach this: int32 then cannot overflow, and float32 would be exact too."""

Arrays = dict[str, np.ndarray]


def at_qp(knots: NDArray[np.int32], qp: int) -> NDArray[np.int32]:
    """Row of a per-QP table (8 knots, n) at `qp` 0..63, (n,) int32: between knots linear, rounded half up."""
    i = min(qp // KNOT_SPACING, KNOTS - 2)
    f = qp - KNOT_SPACING * i
    low, high = knots[i].astype(np.int64), knots[i + 1].astype(np.int64)
    return ((low * (KNOT_SPACING - f) + high * f + 4) // KNOT_SPACING).astype(np.int32)


def _shape(arrays: Mapping[str, np.ndarray], name: str, dimensions: int) -> tuple[int, ...]:
    if name not in arrays:
        raise ValueError(f"sigma network without {name}")
    shape = np.shape(arrays[name])
    if len(shape) != dimensions or 0 in shape:
        raise ValueError(f"{name} must have {dimensions} dimensions, none empty, not shape {shape}")
    return shape


def expected(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[tuple[int, ...], type]]:
    """Shape and dtype of every array, widths taken from `arrays`. Raises ValueError for widths that cannot be."""
    hyper_width, hyper = _shape(arrays, "hyper_in.weight", 2)
    latent = _shape(arrays, "step0_out.weight", 2)[0]
    wanted: dict[str, tuple[tuple[int, ...], type]] = {}

    def layer(name: str, weight: tuple[int, ...], per_qp: bool = False) -> None:
        outputs = weight[:1]
        wanted[f"{name}.weight"] = weight, np.int8
        wanted[f"{name}.bias"] = (KNOTS, *outputs) if per_qp else outputs, np.int32
        wanted[f"{name}.shift"] = outputs, np.uint8

    layer("hyper_in", (hyper_width, hyper))
    layer("hyper_spatial", (hyper_width, 3, 3))
    layer("hyper_out", (16 * hyper, hyper_width))
    layer("z_index", (hyper, 2 * latent), per_qp=True)
    widths = {"hyper latent": hyper, "hyper_in": hyper_width}
    for k in range(STEPS):
        width, mix = _shape(arrays, f"step{k}_in.weight", 2)[0], _shape(arrays, f"step{k}_mix.weight", 2)[0]
        widths |= {f"step{k}_in": width, f"step{k}_mix": mix}
        layer(f"step{k}_in", (width, hyper + 2 * latent + (latent if k else 0)), per_qp=True)
        wanted[f"step{k}_in.blank"] = (width,), np.int32
        layer(f"step{k}_spatial", (width, 3, 3))
        layer(f"step{k}_mix", (mix, width))
        layer(f"step{k}_out", (latent, mix), per_qp=True)
    for name, width in widths.items():
        if width % 4:
            raise ValueError(f"width {width} of {name} is not a multiple of 4")
    if latent % 16:
        raise ValueError(f"{latent} latent channels are not a multiple of 16")
    return wanted


def _check_accumulators(arrays: Arrays, name: str) -> None:
    weight = np.abs(arrays[f"{name}.weight"].astype(np.int64)).reshape(len(arrays[f"{name}.shift"]), -1)
    bias = np.abs(np.atleast_2d(arrays[f"{name}.bias"]).astype(np.int64)).max(axis=0)
    blank = np.abs(arrays.get(f"{name}.blank", np.int32(0)).astype(np.int64))
    largest = int((weight.sum(axis=1) * 255 + bias + blank).max())
    if weight.max() > LARGEST_WEIGHT:
        raise ValueError(f"{name}.weight {weight.max()} is larger than {LARGEST_WEIGHT}")
    if largest >= ACCUMULATOR_LIMIT:
        raise ValueError(f"an accumulator of {name} can reach {largest}, the limit is {ACCUMULATOR_LIMIT}")
    if arrays[f"{name}.shift"].max() > LARGEST_SHIFT:
        raise ValueError(f"{name}.shift {arrays[f'{name}.shift'].max()} is larger than {LARGEST_SHIFT}")


def checked(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Read-only C-contiguous copies of a network's arrays. Raises ValueError if they cannot be one.

    Names, shapes and dtypes are those of docs/INTERNALS.md; other names are left out. Weights must be within
    -64..64, shifts 0..24, and no accumulator may reach 2^24: the sum of a row's magnitudes times 255, plus its
    largest bias, plus that of a blank state.
    """
    result: Arrays = {}
    for name, (shape, dtype) in expected(arrays).items():
        _shape(arrays, name, len(shape))
        array = np.asarray(arrays[name])
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{name} must be {np.dtype(dtype)} of shape {shape}, "
                             f"not {array.dtype} of shape {array.shape}")
        result[name] = np.array(array, order="C")
        result[name].flags.writeable = False
    for name in result:
        if name.endswith(".weight"):
            _check_accumulators(result, name.removesuffix(".weight"))
    return result
