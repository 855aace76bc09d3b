"""Coding structures of short sequences: which frame refers to which, in which order and at which QP."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

I_OFFSETS = -14, -4          # encoders take -13 for long groups of pictures; less where little is predicted from the keyframe
OFFSETS = (-2, 1, 0, 1)      # hierarchical QP of P frames, by frame number modulo 4, as in zvc69.codec.gop; half of the sequences double it
OLDER_SHARE = 0.5            # of the P frames that could have an older picture in slot B do


@dataclass(frozen=True)
class Coding:
    """One frame of a structure: number, QP offset, frames in slots A and B (None: blank; B blank repeats A)."""

    t: int
    offset: int
    a: int | None = None
    b: int | None = None
    between: bool = False     # a B frame: predicted from the mean of both slots


def low_delay(frames: int, rng: np.random.Generator) -> list[Coding]:
    """I, then P frames on the one before; slot B now and then an older picture, mostly the best one."""
    phase, swing = int(rng.integers(4)), int(rng.integers(1, 3))
    out = [Coding(0, int(rng.integers(*I_OFFSETS)))]
    for t in range(1, frames):
        older = None
        if t > 1 and rng.random() < OLDER_SHARE:
            best = min(range(t - 1), key=lambda s: (out[s].offset, -s))
            older = best if rng.random() < 0.7 else int(rng.integers(t - 1))
        out.append(Coding(t, swing * OFFSETS[(t + phase) % 4], t - 1, older))
    return out


def random_access(frames: int, rng: np.random.Generator) -> list[Coding]:
    """I, a P frame at the end, and B frames halfway between, level by level."""
    last = frames - 1
    out = [Coding(0, int(rng.integers(*I_OFFSETS))), Coding(last, int(rng.integers(-5, -1)), 0)]
    per_level = rng.uniform(1.0, 3.0)

    def halve(first: int, end: int, level: int) -> None:
        if end - first < 2:
            return
        middle = (first + end) // 2
        out.append(Coding(middle, round(per_level * level) - 2, first, end, between=True))
        halve(first, middle, level + 1)
        halve(middle, end, level + 1)

    halve(0, last, 1)
    return out
