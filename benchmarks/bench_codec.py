"""The codec's own work against the networks' of the same frames: what encoder and decoder spend outside inference.

    python -m benchmarks.bench_codec

With the small model of the tests, which never changes, so that figures of different days compare; one thread, 640x384.
Its networks are a tenth of lite's: benchmarks.speed has the shares that users see.
"""
from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from zvc69 import Decoder, Encoder, Frame, Packet, Profiler

MODEL = str(Path(__file__).parents[1] / "tests" / "golden" / "models" / "tiny")
WIDTH, HEIGHT, QP = 640, 384, 32
NETWORKS = {"networks", "analysis", "refine"}
ROUNDS = 25


def picture() -> Frame:
    """Waves with noise of a camera's size: about as many coded symbols as a photograph has."""
    rng = np.random.default_rng(69)
    i, j = np.mgrid[:HEIGHT, :WIDTH]
    luma = 120 + 60 * np.sin(j / 31 + i / 57) * np.cos(i / 23) + 4 * rng.standard_normal((HEIGHT, WIDTH))
    chroma = [128 + 30 * np.sin(j[::2, ::2] / (40 + 9 * k)) for k in range(2)]
    return Frame(*(np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in (luma, *chroma)))


class Side:
    """Encoder or decoder, timed stage by stage."""

    def __init__(self) -> None:
        self.profiler = Profiler()
        self._before: dict[str, float] = {}
        self.ratios: list[float] = []

    def note(self) -> None:
        """Add the ratio of the frame just done: inference over all else."""
        now = {name: time.seconds for name, time in self.profiler.times().items()}
        spent = {name: seconds - self._before.get(name, 0.0) for name, seconds in now.items()}
        self._before = now
        inference = sum(seconds for name, seconds in spent.items() if name in NETWORKS)
        self.ratios.append(inference / (sum(spent.values()) - inference))


def ratios() -> dict[str, float]:
    """Time of the networks over the time of all else, for benchmarks.check: medians of rounds that take turns."""
    frame, encoding, decoding = picture(), Side(), Side()
    encoder = Encoder(WIDTH, HEIGHT, qp=QP, model=MODEL, backend="cpu", threads=1, profiler=encoding.profiler)
    decoder = Decoder(encoder.header, model=MODEL, backend="cpu", threads=1, profiler=decoding.profiler)
    for _ in range(ROUNDS + 1):
        packet: Packet
        packet, = encoder.encode(frame)
        encoding.note()
        decoder.decode(packet)
        decoding.note()
    # the first round loads the graphs
    return {f"{name}, networks over the rest": statistics.median(side.ratios[1:]) for name, side in (("encode", encoding), ("decode", decoding))}


if __name__ == "__main__":
    print("\n".join(f"{name:<32}{ratio:6.2f}" for name, ratio in ratios().items()))
