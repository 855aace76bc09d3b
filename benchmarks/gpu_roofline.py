"""Floors: the least time that arithmetic and memory allow, for the networks on cards by their data sheets."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from zvc69.cuda.network import Plan
from zvc69.cuda.pictures import PictureShape

from .gpu_models import SIZES, Size, random_layers

LAUNCH = 2e-6
"""Seconds from one launch of a replayed graph to the next."""


@dataclass(frozen=True, slots=True)
class Card:
    """Dense tensor-core rates: of halves in FLOP/s with sums in floats and in halves, of bytes in operations a second; memory in bytes a second."""

    name: str
    float_sums: float
    half_sums: float
    bytes: float
    memory: float


CARDS = (
    Card("H200", 989e12, 989e12, 1979e12, 4800e9), Card("H100", 989e12, 989e12, 1979e12, 3350e9), Card("A100", 312e12, 312e12, 624e12, 1555e9),
    Card("RTX 4090", 165e12, 330e12, 661e12, 1008e9), Card("RTX 3080", 59.5e12, 119e12, 238e12, 760e9), Card("RTX 3060", 25.5e12, 51e12, 102e12, 360e9))
"""NVIDIA's data sheets and the whitepapers of GA102, AD102 and GH100."""


def card_named(device: str) -> Card | None:
    """The card of a device's name, if it is a known one."""
    return next((card for card in CARDS if card.name in device), None)


def floor_seconds(card: Card, multiplied: int, moved: int, half_sums: bool) -> float:
    """Of one launch."""
    return max(2 * multiplied / (card.half_sums if half_sums else card.float_sums), moved / card.memory)


def sigma_multiplications(size: Size, positions: int) -> int:
    """Of the integer network for a frame with state: the four steps at 1/8, what sees z at 1/32."""
    step = sum((240 + 96 * (k > 0)) * size.sigma + 9 * size.sigma + size.sigma ** 2 + 24 * size.sigma for k in range(4))
    return positions * step + positions // 16 * (48 * 96 + 9 * 96 + 96 * 768 + 192 * 48)


def codec_bytes(shape: PictureShape) -> int:
    """Moved outside of the networks for a P frame: planes, packed pictures, symbols, indices, states, each written and read once."""
    samples, positions = shape.width * shape.height * 3 // 2, shape.positions
    packed, symbols = 2 * 2 * 96 * positions, 96 * positions
    return 6 * samples + 2 * packed + symbols * (2 * 2 + 2 * 1 + 2 * 4 + 2 * 4) + symbols * 2 * 4


class _NoMemory:
    """Stands for a device where only sizes count."""

    name, shared_limit, processors = "none", 0, 1

    def upload(self, array, into=None):
        return array

    def zeros(self, shape, dtype):
        return None


def floors(card: Card, size: Size, shape: PictureShape) -> tuple[float, float, float, float]:
    """Seconds of a P frame: the networks when encoding and when decoding, the sigma network, what is moved besides."""
    plan = Plan(random_layers(_NoMemory(), size, True))

    def networks(programs) -> float:
        return sum(floor_seconds(card, *program.work(shape.positions), True) + LAUNCH for program in programs)

    return (networks([*plan.analyse, *plan.refine, *plan.synthesise]), networks(plan.decode),
            2 * sigma_multiplications(size, shape.positions) / card.bytes + 10 * LAUNCH, codec_bytes(shape) / card.memory + 25 * LAUNCH)


def measured(results: Path) -> tuple[str, dict[tuple[str, str], tuple[float, float]]]:
    """A report's card, and by model and size how many times its floor encoding and decoding take there, vectors given, from and to the host."""
    report, times = json.loads(results.read_text()), {}
    card = card_named(report["device"])
    for title, figures in report["streams"].items():
        name, size = title.split(", ")
        speed = figures.get("unfiltered")
        if card is None or speed is None:
            continue
        encode, decode, sigma, rest = floors(card, SIZES[name], PictureShape(*map(int, size.split("x")), 8))
        times[name, size] = (1 / speed["encode, host to packets, frames/s"] / (encode + sigma + rest),
                             1 / speed["decode, packets to host, frames/s"] / (decode + sigma + rest))
    return report["device"], times


def projection(results: Path) -> str:
    """Tables in Markdown: floors, which no card reaches, and frames a second if other cards are as far from theirs as the one of `results` is, at that
    size or, where that was not measured, at 1920x1080."""
    device, times = measured(results)
    rows = [f"| model, picture | card | networks, encode | networks, decode | sigma | rest | encode, floor | as on {device} | decode, floor | as there |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for name, size in SIZES.items():
        for width, height in ((1920, 1080), (3840, 2160)):
            for card in CARDS:
                if card.name == "A100":
                    continue
                parts = floors(card, size, PictureShape(width, height, 8))
                cells = [f"{1e3 * seconds:.2f} ms" for seconds in parts]
                for direction, far in zip((0, 1), times.get((name, f"{width}x{height}"), times[name, "1920x1080"])):
                    least = parts[direction] + sum(parts[2:])
                    cells += [f"{1e3 * least:.2f} ms", f"x {far:.1f}: {1 / (far * least):.0f} frames/s"]
                rows.append(f"| {name}, {width}x{height} | {card.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
