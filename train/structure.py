"""Coding structures of short sequences: which frame refers to which, in which order and at which QP."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

I_OFFSETS = -14, -4          # encoders take -13 for long groups of pictures; less where little is predicted from the keyframe
ANCHOR_OFFSETS = -7, -2      # of P frames at the end of runs of B frames
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


def random_access(levels: int, rng: np.random.Generator) -> list[Coding]:
    """I, a P frame 2 ** `levels` frames on, and a B frame of each level, each halfway between two others: one way down a run of B frames.

    Slot A of a B frame is the reference of the higher QP, as in the encoder.
    """
    last = 2 ** levels
    key, anchor = Coding(0, int(rng.integers(*I_OFFSETS))), Coding(last, int(rng.integers(*ANCHOR_OFFSETS)), 0)
    out, ends, per_level = [key, anchor], [key, anchor], rng.uniform(2.0, 4.5)
    for level in range(levels):
        past, future = ends
        a, b = (past, future) if past.offset >= future.offset else (future, past)
        between = Coding((past.t + future.t) // 2, round(per_level * level) - 2, a.t, b.t, between=True)
        out.append(between)
        ends = [past, between] if rng.random() < 0.5 else [between, future]
    return out
