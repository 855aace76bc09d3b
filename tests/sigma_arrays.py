"""Random sigma networks for tests: valid by construction, with outputs that spread over their range."""
from __future__ import annotations

import numpy as np


def _layer(rng, name, weight_shape, bias_shape, ceiling, typical_input):
    """Shift such that sums of random weights and inputs cover 0..ceiling without saturating most of the time."""
    weight = rng.integers(-64, 65, weight_shape, dtype=np.int8)
    terms = int(np.prod(weight_shape[1:]))
    spread = 37 * np.sqrt(terms) * typical_input  # 37: deviation of a weight
    shift = int(np.clip(np.round(np.log2(spread / (ceiling / 2))), 0, 24))
    middle = (ceiling // 3) << shift
    return {
        f"{name}.weight": weight,
        f"{name}.bias": rng.integers(middle // 2, middle + 1, bias_shape).astype(np.int32),
        f"{name}.shift": np.clip(shift + rng.integers(-1, 2, weight_shape[0]), 0, 24).astype(np.uint8),
    }


def random_sigma_arrays(rng, *, latent=96, hyper=48, hyper_width=96, step_width=64, mix_width=64):
    """Arrays of docs/INTERNALS.md for a random network; `latent` a multiple of 16, the others of 4."""
    arrays = {}
    arrays |= _layer(rng, "hyper_in", (hyper_width, hyper), hyper_width, 255, 130)
    arrays |= _layer(rng, "hyper_spatial", (hyper_width, 3, 3), hyper_width, 255, 110)
    arrays |= _layer(rng, "hyper_out", (16 * hyper, hyper_width), 16 * hyper, 255, 110)
    arrays |= _layer(rng, "z_index", (hyper, 2 * latent), (8, hyper), 63, 80)
    for k in range(4):
        inputs = hyper + 2 * latent + (latent if k else 0)
        arrays |= _layer(rng, f"step{k}_in", (step_width, inputs), (8, step_width), 255, 80)
        arrays[f"step{k}_in.blank"] = rng.integers(-20000, 20001, step_width).astype(np.int32)
        arrays |= _layer(rng, f"step{k}_spatial", (step_width, 3, 3), step_width, 255, 110)
        arrays |= _layer(rng, f"step{k}_mix", (mix_width, step_width), mix_width, 255, 110)
        arrays |= _layer(rng, f"step{k}_out", (latent, mix_width), (8, latent), 63, 110)
    return arrays


def bound_sigma_arrays(rng, **widths):
    """As `random_sigma_arrays`, every weight 64 or -64 and every accumulator able to come within 64 of 2^24."""
    arrays = random_sigma_arrays(rng, **widths)
    for name in [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]:
        weight = arrays[f"{name}.weight"]
        outputs = len(weight)
        sign = rng.choice(np.int8([-1, 1]), outputs)
        weight[:] = 64 * sign.reshape(-1, *[1] * (weight.ndim - 1))
        mixed = rng.random(outputs) < 0.5  # half of the rows: both signs, so that sums do not all saturate
        weight[mixed] = rng.choice(np.int8([-64, 64]), weight[mixed].shape)
        blank = arrays.get(f"{name}.blank", np.zeros(outputs, np.int32))
        room = (1 << 24) - 1 - 255 * np.abs(weight.reshape(outputs, -1).astype(np.int64)).sum(1) - np.abs(blank)
        bias = arrays[f"{name}.bias"]
        bias[:] = (sign * (room - rng.integers(0, 64, bias.shape))).astype(np.int32)
        arrays[f"{name}.shift"][:] = rng.choice(np.uint8([0, 15, 17, 18, 24]), outputs)
    return arrays


def random_z(rng, hz, wz, hyper=48):
    """Mostly small values, some of any size."""
    z = np.round(rng.laplace(0, 8, (hz, wz, hyper))).astype(np.int16)
    wild = rng.random(z.shape) < 0.02
    z[wild] = rng.integers(-32768, 32768, int(wild.sum()))
    return z


def random_symbols(rng, shape):
    """Residuals: many zeros, some large, the extremes of int16 among them."""
    r = np.round(rng.laplace(0, 1.5, shape)).astype(np.int16)
    r[rng.random(shape) < 0.01] = -32768
    r[rng.random(shape) < 0.01] = 32767
    return r


def random_state(rng, h, w, latent=96):
    """Any bytes: a state fetched along hostile vectors is still one of codes, but nothing may rely on that."""
    return tuple(rng.integers(0, 256, (h, w, latent), dtype=np.uint8) for _ in range(2))
