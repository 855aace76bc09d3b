"""Networks of any width with weights of no meaning: how fast `main` is can be measured before it is trained."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zvc69.cuda.device import Buffer, Device
from zvc69.cuda.latents import DeviceIntegers
from zvc69.cuda.network import Plan, StageLayers
from zvc69.cuda.pipeline import DeviceModel
from zvc69.cuda.program import Layer, fragments
from zvc69.cuda.sigma import SigmaNetwork
from zvc69.model import Model


@dataclass(frozen=True)
class Size:
    """As train/config.py has them."""

    width: int
    context: int
    analysis: int
    synthesis: int
    mean: int
    sigma: int


SMALL = {"lite": Size(64, 1, 1, 1, 64, 32), "main": Size(96, 1, 1, 1, 64, 32)}
"""For a rehearsal."""

SIZES = {"lite": Size(128, 2, 2, 4, 96, 64), "main": Size(288, 3, 3, 6, 192, 96)}

_OUTPUTS = {"analysis.y": 96, "hyper.leaky1": 64, "hyper.leaky2": 96, "hyper.round": 48, "means.leaky": 96, "means.features": 768, "mean1.out": 96,
            "mean2.out": 96, "picture": 96, "synthesis.y": 96, "hyper.down1": 64, "hyper.down2": 96, "means.spatial": 96}


class RandomWeights:
    """Stands for `zvc69.cuda.weights.Weights`: any value has a layer of the right size."""

    def __init__(self, device: Device, size: Size) -> None:
        self._device, self._size, self._rng = device, size, np.random.default_rng(0)

    def blocks(self, name: str) -> int:
        part = name.removesuffix(".block")
        return getattr(self._size, part) if part != name else 0      # else blocks of the mean networks beyond the first

    def input(self, output: str, number: int = 0) -> str:
        return output

    def pointwise(self, value: str, columns: Sequence[tuple[str, int]], *, values: Mapping[str, str] | None = None, exact: bool = False,
                  gate: str | None = None, plus_base: bool = False, shuffled: bool = False) -> Layer:
        total = sum(width for _, width in columns)
        inputs = total + (sum(width for name, width in columns if name not in ("x", "y.rest")) if exact else 0)
        outputs = self._outputs(value) * (1 if gate is None else 2)
        # Small means and z, so that what is coded is as small as a trained model's.
        scale = inputs ** -0.5 * (0.0003 if value in ("mean1.out", "mean2.out", "hyper.round") else 1.0)
        weight = self._rng.normal(0, scale, (outputs, inputs)).astype(np.float32)
        return Layer(self._device.upload(fragments(weight)), self._device.zeros(outputs, np.float32), inputs, outputs, total, exact)

    def depthwise(self, value: str) -> Layer:
        channels, kernel = self._outputs(value), 4 if value.startswith("hyper") else 3
        taps = self._rng.normal(0, 0.3, (kernel ** 2, channels)).astype(np.float16)
        return Layer(self._device.upload(taps), self._device.zeros(channels, np.float32), channels, channels, channels, kernel=kernel,
                     stride=2 if kernel == 4 else 1, pad=1)

    def per_qp(self, product: str) -> Buffer:
        """Small, so that values stay in a half's range and latents are a few steps, as those of a trained model."""
        return self._device.upload(np.full((64, self._outputs(product)), 0.004 if product == "analysis.y" else 0.02, np.float32))

    def same(self, value: str, of: str, channels: int) -> None:
        pass

    def finish(self) -> None:
        pass

    def _outputs(self, value: str) -> int:
        return self._size.mean if value.startswith("mean") and "block" in value else _OUTPUTS.get(value, self._size.width)


def random_layers(device: Device, size: Size, slots: bool) -> StageLayers:
    return StageLayers(RandomWeights(device, size), RandomWeights(device, size), slots)


def random_sigma_arrays(size: Size) -> dict[str, np.ndarray]:
    """Arrays of an integer network that is valid: small weights, shifts that keep sums in range."""
    rng, arrays = np.random.default_rng(0), {}

    def layer(name: str, shape: tuple[int, ...], per_qp: bool = False) -> None:
        arrays[f"{name}.weight"] = rng.integers(-32, 33, shape, dtype=np.int8)
        arrays[f"{name}.bias"] = rng.integers(0, 1 << 12, (8, shape[0]) if per_qp else shape[0]).astype(np.int32)
        arrays[f"{name}.shift"] = np.full(shape[0], 8, np.uint8)

    layer("hyper_in", (96, 48))
    layer("hyper_spatial", (96, 3, 3))
    layer("hyper_out", (768, 96))
    layer("z_index", (48, 192), True)
    for k in range(4):
        layer(f"step{k}_in", (size.sigma, 240 + 96 * (k > 0)), True)
        arrays[f"step{k}_in.blank"] = np.zeros(size.sigma, np.int32)
        layer(f"step{k}_spatial", (size.sigma, 3, 3))
        layer(f"step{k}_mix", (size.sigma, size.sigma))
        layer(f"step{k}_out", (96, size.sigma), True)
        # Every second channel is coded, with a sigma of 0.3, the others are below any index: about as many symbols and bytes as of a trained model.
        arrays[f"step{k}_out.weight"] = rng.integers(-1, 2, (96, size.sigma), dtype=np.int8)
        arrays[f"step{k}_out.bias"] = np.tile(np.where(np.arange(96) % 2 == 0, 10 << 8, -(64 << 8)).astype(np.int32), (8, 1))
    return arrays


class RandomDeviceModel(DeviceModel):
    """A model of any size on a device, with weights of no meaning; tables are `model`'s. What it codes it decodes."""

    def __init__(self, device: Device, model: Model, size: Size) -> None:
        super().__init__(device, model)
        self._sigma = SigmaNetwork(device, random_sigma_arrays(size))
        self._of_size = {slots: Plan(random_layers(device, size, slots)) for slots in (False, True)}
        device.synchronise()

    def integers(self, inter: bool) -> DeviceIntegers:
        integers = super().integers(inter)
        integers.sigma = self._sigma
        return integers

    def plan(self, slots: bool) -> Plan:
        return self._of_size[slots]
