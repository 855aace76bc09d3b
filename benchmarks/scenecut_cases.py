"""Short luma sequences with and without scene cuts, made from shots that have none.

Every kind has a maker: rng and two shots (first, second) of one size to a `Case`. What is not to be found is what a scene
change detector is known to fall for: fades, dissolves, flashes, noise, pans, overlays, changes of exposure.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

BLACK, WHITE = 16, 235
SIDE = 8
"""Frames before and after an event."""

Shot = NDArray[np.uint8]
"""Luma of consecutive frames, (frames, height, width)."""


@dataclass(frozen=True)
class Case:
    """Frames, the numbers of those that begin a new scene, and of those that may be called one without harm."""

    kind: str
    frames: Shot
    cuts: tuple[int, ...] = ()
    tolerated: tuple[int, ...] = ()


def load_shot(path: Path) -> Shot:
    with av.open(str(path)) as container:
        return np.stack([frame.reformat(format="yuv420p").to_ndarray()[: frame.height] for frame in container.decode(video=0)])


def samples(levels: NDArray) -> Shot:
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)


def gained(frames: Shot, gain: float | NDArray) -> Shot:
    """Levels above black times `gain`, limited to white as a camera's are."""
    return samples(np.minimum(BLACK + (frames.astype(np.float32) - BLACK) * gain, WHITE))


def noisy(rng: Generator, frames: Shot, sigma: float) -> Shot:
    return samples(frames + rng.normal(0, sigma, frames.shape).astype(np.float32))


def still(rng: Generator, picture: NDArray[np.uint8], count: int) -> Shot:
    """A static camera: one picture and its sensor's noise."""
    return noisy(rng, np.repeat(picture[None], count, axis=0), 1.0)


def panned(shot: Shot, step: tuple[float, float], count: int) -> Shot:
    """A window of two thirds of the picture that moves by `step` of its size a frame, turning back at the edges."""
    height, width = (size * 2 // 3 for size in shot.shape[1:])
    frames = []
    for n in range(count):
        y, x = (_bounce(round(n * part * size), size // 2) for part, size in zip(step, (height, width), strict=True))
        frames.append(shot[min(n, len(shot) - 1), y : y + height, x : x + width])
    return np.stack(frames)


def _bounce(distance: int, room: int) -> int:
    return room - abs(distance % (2 * room) - room)


def joined(kind: str, *parts: Shot) -> Case:
    starts = np.cumsum([len(part) for part in parts[:-1]])
    return Case(kind, np.concatenate(parts), tuple(int(n) for n in starts))


def cut(rng: Generator, a: Shot, b: Shot) -> Case:
    return joined("cut", a[-SIDE:], b[:SIDE])


def cut_alike(rng: Generator, a: Shot, b: Shot) -> Case:
    """The second scene has the histogram of the first."""
    source, target = np.sort(b[0], axis=None), np.sort(a[-1], axis=None)
    levels = target[np.minimum(np.searchsorted(source, np.arange(256)), source.size - 1)]
    return joined("cut_alike", a[-SIDE:], levels[b[:SIDE]])


def cut_dark(rng: Generator, a: Shot, b: Shot) -> Case:
    """Into, out of or between dark scenes."""
    gains = [(0.15, 1.0), (1.0, 0.15), (0.2, 0.2)][rng.integers(3)]
    return joined("cut_dark", *(noisy(rng, gained(part, gain), 1.0) for part, gain in zip((a[-SIDE:], b[:SIDE]), gains, strict=True)))


def cut_static(rng: Generator, a: Shot, b: Shot) -> Case:
    return joined("cut_static", still(rng, a[-1], SIDE), still(rng, b[0], SIDE))


def cut_moving(rng: Generator, a: Shot, b: Shot) -> Case:
    return joined("cut_moving", *(panned(shot, tuple(rng.uniform(0.02, 0.08, 2)), SIDE) for shot in (a, b)))


def cut_black(rng: Generator, a: Shot, b: Shot) -> Case:
    """To black and to the next scene."""
    return joined("cut_black", a[-SIDE:], still(rng, np.full_like(a[0], BLACK), SIDE - 2), b[:SIDE])


def cut_noisy(rng: Generator, a: Shot, b: Shot) -> Case:
    return replace(cut(rng, noisy(rng, a, 8), noisy(rng, b, 8)), kind="cut_noisy")


def shot(rng: Generator, a: Shot, b: Shot) -> Case:
    return Case("shot", a)


def fade(rng: Generator, a: Shot, b: Shot) -> Case:
    """In or out, from or to black or white, within 8 to 14 frames."""
    length, level = int(rng.integers(8, 15)), (BLACK, BLACK, WHITE)[rng.integers(3)]
    weight = np.concatenate([np.zeros(3), np.arange(1, length) / length, np.ones(len(a))])[: len(a), None, None]
    faded = samples(level + (a[::-1].astype(np.float32) - level) * weight)
    return Case("fade", faded if rng.integers(2) else faded[::-1])


def dissolve(rng: Generator, a: Shot, b: Shot) -> Case:
    """One scene into the other within 8 to 12 frames."""
    length = int(rng.integers(8, 13))
    count = min(len(a), len(b))
    weight = np.clip((np.arange(count) - 2) / length, 0, 1)[:, None, None]
    return Case("dissolve", samples(a[:count] * (1 - weight) + b[:count] * weight))


def _flashing(rng: Generator) -> slice:
    start = int(rng.integers(4, 9))
    return slice(start, start + int(rng.integers(1, 4)))


def flash(rng: Generator, a: Shot, b: Shot) -> Case:
    frames = a.copy()
    when = _flashing(rng)
    frames[when] = gained(a[when], rng.uniform(2, 3))
    return Case("flash", frames)


def flash_part(rng: Generator, a: Shot, b: Shot) -> Case:
    """A flash over an ellipse or one side of the picture, 30 to 70 % of it."""
    frames, when = a.copy(), _flashing(rng)
    y, x = (np.linspace(-1, 1, size) for size in a.shape[1:])
    share = rng.uniform(0.3, 0.7)
    if rng.integers(2):
        lit = (x < 2 * share - 1) & (y[:, None] < 2)
    else:
        lit = (x - rng.uniform(-0.3, 0.3)) ** 2 + (y[:, None] - rng.uniform(-0.3, 0.3)) ** 2 < 4 * share / np.pi
    frames[when] = gained(a[when], np.where(lit, rng.uniform(2, 3), 1))
    return Case("flash_part", frames)


def flash_white(rng: Generator, a: Shot, b: Shot) -> Case:
    """All white: nothing of the scene is left, so its first frame may be a keyframe; the scene's return may not."""
    frames, when = a.copy(), _flashing(rng)
    frames[when] = WHITE
    return Case("flash_white", frames, tolerated=(when.start,))


def insert(rng: Generator, a: Shot, b: Shot) -> Case:
    """1 to 3 frames of another scene, then the first again."""
    frames, when = a.copy(), _flashing(rng)
    frames[when] = b[: when.stop - when.start]
    return Case("insert", frames, tolerated=(when.start,))


def noise(rng: Generator, a: Shot, b: Shot) -> Case:
    """A noisy camera, half of them static; the noise may set in at once."""
    frames = np.repeat(a[:1], len(a), axis=0) if rng.integers(2) else a.copy()
    start = int(rng.integers(0, 8))
    frames[start:] = noisy(rng, frames[start:], rng.uniform(4, 12))
    return Case("noise", frames)


def pan(rng: Generator, a: Shot, b: Shot) -> Case:
    """2 to 10 % of the picture a frame."""
    return Case("pan", panned(a, tuple(rng.uniform(0.02, 0.1) * rng.permutation([1, rng.uniform(0, 1)])), 16))


def zoom(rng: Generator, a: Shot, b: Shot) -> Case:
    """2 to 5 % a frame, into the picture."""
    rate, (height, width) = rng.uniform(1.02, 1.05), a.shape[1:]
    frames = []
    for n, picture in enumerate(a[:14]):
        rows, columns = (((np.arange(size) - size / 2) / rate**n + size / 2).astype(int) for size in (height, width))
        frames.append(picture[rows[:, None], columns])
    return Case("zoom", np.stack(frames))


def overlay(rng: Generator, a: Shot, b: Shot) -> Case:
    """Graphics over 15 to 35 % of the picture, shown for 5 frames."""
    frames, (height, width) = a.copy(), a.shape[1:]
    share = rng.uniform(0.15, 0.35)
    if rng.integers(2):
        box = (slice(None), slice(round(height * (1 - share)), None))
    else:
        h, w = round(height * share**0.5), round(width * share**0.5)
        y, x = int(rng.integers(height - h)), int(rng.integers(width - w))
        box = (slice(None), slice(y, y + h), slice(x, x + w))
    for n in range(5, 10):
        frames[n][box[1:]] = b[0][box[1:]]
    return Case("overlay", frames)


def exposure(rng: Generator, a: Shot, b: Shot) -> Case:
    """A camera that sets another exposure: within one frame, to stay."""
    frames = a.copy()
    frames[7:] = gained(a[7:], rng.choice([rng.uniform(0.5, 0.8), rng.uniform(1.2, 1.8)]))
    return Case("exposure", frames)


CUTS: tuple[Callable[[Generator, Shot, Shot], Case], ...] = (cut, cut_alike, cut_dark, cut_static, cut_moving, cut_black, cut_noisy)
OTHERS: tuple[Callable[[Generator, Shot, Shot], Case], ...] = (
    fade, dissolve, flash, flash_part, flash_white, insert, noise, pan, zoom, overlay, exposure)


def cases(folder: Path, each: int, seed: int = 0) -> Iterator[Case]:
    """`each` cases of every kind from the shots of a folder, all whole shots, and the cuts between shots of one source.

    Shots whose names begin alike up to the "_" are of one source: `cut_same_source` joins all pairs of them.
    """
    paths = sorted(folder.iterdir())
    shots = {path.stem: load_shot(path) for path in paths}
    rng = np.random.default_rng(seed)
    for name in shots:
        yield shot(rng, shots[name], shots[name])
    pairs = [(a, b) for a in shots for b in shots if a != b and shots[a].shape[1:] == shots[b].shape[1:]]
    same = [pair for pair in pairs if pair[0].split("_")[0] == pair[1].split("_")[0]]
    others = [pair for pair in pairs if pair[0].split("_")[0] != pair[1].split("_")[0]]
    for a, b in same:
        yield replace(cut(rng, shots[a], shots[b]), kind="cut_same_source")
    for maker in CUTS + OTHERS:
        for index in rng.choice(len(others), each, replace=False):
            a, b = others[index]
            yield maker(rng, shots[a], shots[b])
