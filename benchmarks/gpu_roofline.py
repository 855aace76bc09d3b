"""Floors: the least time that arithmetic and memory allow, for the networks on cards by their data sheets."""
from __future__ import annotations

from dataclasses import dataclass

from zvc69.cuda.network import Plan
from zvc69.cuda.pictures import PictureShape

from .gpu_models import SIZES, Size, random_layers

LAUNCH = 2e-6
"""Seconds from one launch of a replayed graph to the next."""


@dataclass(frozen=True, slots=True)
class Card:
    """Dense tensor-core rates of halves in FLOP/s with sums in floats and in halves, dp4a in operations a second, memory in bytes a second."""

    name: str
    float_sums: float
    half_sums: float
    dp4a: float
    memory: float


CARDS = (
    Card("H200", 989e12, 989e12, 134e12, 4800e9), Card("H100", 989e12, 989e12, 134e12, 3350e9), Card("A100", 312e12, 312e12, 78e12, 1555e9),
    Card("RTX 4090", 165e12, 330e12, 165e12, 1008e9), Card("RTX 3080", 59.5e12, 119e12, 59.5e12, 760e9), Card("RTX 3060", 25.5e12, 51e12, 25.5e12, 360e9))
"""NVIDIA's data sheets and the whitepapers of GA102, AD102 and GH100; dp4a: 64 integer lanes a multiprocessor, 8 operations each, at boost clock."""


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

    name, shared_limit = "none", 0

    def upload(self, array, into=None):
        return array

    def zeros(self, shape, dtype):
        return None


def projection() -> str:
    """A table in Markdown. Figures are floors: no card reaches them; twice the floor is what the kernels aim at."""
    rows = ["| model, picture | card | networks, encode | networks, decode | sigma | rest | encode, floor | frames/s at 2x | decode, floor | frames/s at 2x |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for name, size in SIZES.items():
        plan = Plan(random_layers(_NoMemory(), size, True))
        for width, height in ((1920, 1080), (3840, 2160)):
            shape = PictureShape(width, height, 8)
            for card in CARDS:
                if card.name == "A100":
                    continue

                def floor(programs) -> float:
                    return sum(floor_seconds(card, *program.work(shape.positions), True) + LAUNCH for program in programs)

                encode, decode = floor([*plan.analyse, *plan.refine, *plan.synthesise]), floor(plan.decode)
                sigma, rest = 2 * sigma_multiplications(size, shape.positions) / card.dp4a + 10 * LAUNCH, codec_bytes(shape) / card.memory + 25 * LAUNCH
                both = encode + sigma + rest, decode + sigma + rest
                rows.append(f"| {name}, {width}x{height} | {card.name} | " + " | ".join(f"{1e3 * t:.2f} ms" for t in (encode, decode, sigma, rest)) + " | "
                            + " | ".join(f"{1e3 * t:.2f} ms | {0.5 / t:.0f}" for t in both) + " |")
    return "\n".join(rows)
