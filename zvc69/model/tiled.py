"""P and B frames stage by stage on parts of the picture, where the rest is copied.

The same pictures as those of whole graphs, but for the order in which floats are summed: a stage is given as much around its part as it can
see at all (`reach`), and takes what is beyond the picture's border to be zero as ever. Where the networks' output is not used, there is anything.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.pool import Empty
from .onnx_wire import OnnxGraph
from .reach import Reach
from .store import Model
from .tiles import BLOCK, Rectangle, plan

Array = NDArray[np.float32]
Run = Callable[[str, dict[str, NDArray]], list[Array]]

GRAPHS = ("context", "analysis", "hyper_analysis", "mean_1", "refine_inter", "synthesise_inter")
TIME = {"context": 1.9, "analysis": 2.3, "hyper_analysis": 0.2, "mean_1": 0.7, "refine_inter": 0.8, "synthesise_inter": 3.1}
"""Of the stages, for the same area."""
CALLS, CALLS_BESIDE = 7.0, 15.0
"""Blocks of the picture that take as long as what a part takes besides its area: by one thread, and for each of more threads. Lite, AVX-512."""
APART = 1.15
"""Time of the stages one by one, of the same area at once."""
LEAST_COPIED = 0.3
"""Of the blocks: below, nothing is planned; nor where all that is within a block of coded ones, about what stages see, would take too long."""
WORTH = 0.9
"""Parts are run if they take less than this share of the time of the whole picture."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An array (channels, rows, columns) of the rectangle that it holds."""

    array: Array
    held: Rectangle

    def on(self, rectangle: Rectangle) -> Array:
        """Of `rectangle`; zero where it is not held."""
        both = self.held.overlap(rectangle)
        if both == rectangle:
            return rectangle.of(self.array, self.held)
        out = np.zeros((len(self.array), *rectangle.shape), np.float32)
        both.of(out, rectangle)[...] = both.of(self.array, self.held)
        return out


@dataclass(slots=True)
class Part:
    """A rectangle that is run, in positions, and what stages have made around it so far."""

    wanted: Rectangle
    tiles: dict[str, Rectangle]
    context: Piece
    mean_1: Piece | None = None
    mean_2: Piece | None = None


class TiledFrames:
    """The stages of one model, run by so many threads. Arrays are as for `Backend`, without batch axis."""

    def __init__(self, model: Model, run: Run, threads: int = 1):
        self._model, self._run_graph, self._threads = model, run, threads

    @cached_property
    def _reach(self) -> dict[str, Reach]:
        return {name: Reach(OnnxGraph(self._model.graph(name))) for name in GRAPHS}

    # ---- what is run --------------------------------------------------------------------------------------------

    def plan(self, copy: NDArray[np.bool_] | None, encode: bool) -> list[Rectangle] | None:
        """Rectangles in blocks of a copy map (h/4, w/4), to be encoded or decoded; None where the whole picture is to be run."""
        if copy is None or copy.mean() < LEAST_COPIED or APART * _surrounded(~copy).mean() > WORTH:
            return None
        halos, (rows, columns) = self._halos[encode], copy.shape
        calls = CALLS if self._threads == 1 else CALLS_BESIDE * self._threads

        def cost(top: NDArray, left: NDArray, bottom: NDArray, right: NDArray) -> NDArray:
            total = calls + np.zeros(len(top))
            for share, halo in halos:
                height = np.minimum(bottom + halo, rows) - np.maximum(top - halo, 0)
                total += APART * share * height * (np.minimum(right + halo, columns) - np.maximum(left - halo, 0))
            return total

        parts = plan(~copy, cost)
        edges = np.array([(p.top, p.left, p.bottom, p.right) for p in parts]).reshape(-1, 4).T
        return parts if cost(*edges).sum() < WORTH * copy.size else None

    @cached_property
    def _halos(self) -> dict[bool, list[tuple[float, float]]]:
        """For decoding (False) and encoding: share of each stage in the time of a frame, blocks around a part that it runs on."""
        far = Rectangle(1024, 1024, 1024 + BLOCK, 1024 + BLOCK)      # from any border
        room = Rectangle(0, 0, 4096, 4096)
        found = {}
        for encode in (False, True):
            tiles = self._decoding_tiles(far, room) | (self._encoding_tiles(far, room) if encode else {})
            total = sum(TIME[name] for name in tiles)
            found[encode] = [(TIME[name] / total, (far.top - tile.top) / BLOCK) for name, tile in tiles.items()]
        return found

    def _before(self, graph: str, part: Rectangle, room: Rectangle, inputs: tuple[str, ...] = ("context",)) -> Rectangle:
        """What a part of a stage's output needs of its inputs, within the picture."""
        rows, columns = (self._reach[graph].of(*span) for span in ((part.top, part.bottom), (part.left, part.right)))
        return Rectangle(min(rows[i][0] for i in inputs), min(columns[i][0] for i in inputs),
                         max(rows[i][1] for i in inputs), max(columns[i][1] for i in inputs)).overlap(room)

    def _decoding_tiles(self, part: Rectangle, room: Rectangle) -> dict[str, Rectangle]:
        """What each stage of decoding is run on for a part of the picture."""
        synthesis = self._before("synthesise_inter", part, room)
        refine = self._before("refine_inter", synthesis, room)
        mean_1 = self._before("mean_1", refine, room)
        # Groups of symbols go by the parity of their place: those stages begin and end at even ones.
        return {"synthesise_inter": synthesis.aligned(2, room), "refine_inter": refine.aligned(2, room), "mean_1": mean_1,
                "context": self._before("context", mean_1, room, ("slot_a", "slot_b"))}

    def _encoding_tiles(self, part: Rectangle, room: Rectangle) -> dict[str, Rectangle]:
        """What is run on for a part's latents, and the context for all."""
        hyper = self._before("hyper_analysis", part.divided(BLOCK), room).aligned(BLOCK, room)
        analysis = self._before("analysis", hyper, room)
        context = self._before("mean_1", self._before("refine_inter", self._before("synthesise_inter", part, room), room), room).around(analysis)
        return {"hyper_analysis": hyper, "analysis": analysis, "context": self._before("context", context, room, ("slot_a", "slot_b"))}

    # ---- decoding -----------------------------------------------------------------------------------------------

    def decode(self, z: Array, r: Array, qp: Array, a: Array, b: Array, base: Array, parts: list[Rectangle], empty: Empty = np.empty) -> Array:
        """The packed picture (96, h, w) in the parts; `empty` makes it."""
        room, out = _room(r), empty(r.shape, np.float32)
        features = self._on("hyper_synthesis", z=z) if parts else None
        for block in parts:
            part = self._part(block, self._decoding_tiles(block.scaled(BLOCK), room), a, b)
            self._first_means(part, features)
            self._second_means(part, features, r)
            part.wanted.of(out)[...] = self._picture(part, r, qp, base)
        return out

    # ---- encoding -----------------------------------------------------------------------------------------------

    def latents(self, picture: Array, qp: Array, a: Array, b: Array, blend: Array, keep: Array, parts: list[Rectangle]) -> tuple[list[Part], Array, Array]:
        """The parts, y and z; these are zero elsewhere."""
        room, y, z, made = _room(picture), np.zeros_like(picture), np.zeros_like(keep), []
        for block in parts:
            wanted = block.scaled(BLOCK)
            tiles = self._decoding_tiles(wanted, room) | self._encoding_tiles(wanted, room)
            part = self._part(block, tiles, a, b)
            at, within = tiles["analysis"], tiles["hyper_analysis"]
            here = {name: at.of(array) for name, array in (("picture", picture), ("slot_a", a), ("slot_b", b))}
            latents = Piece(self._on("analysis", blend=blend, qp=qp, context=part.context.on(at), **here), at)
            coarse = within.divided(BLOCK)
            hyper = Piece(self._on("hyper_analysis", y=latents.on(within), context=part.context.on(within), keep=coarse.of(keep)), coarse)
            wanted.of(y)[...], block.of(z)[...] = latents.on(wanted), hyper.on(block)
            made.append(part)
        return made, y, z

    def first_means(self, parts: list[Part], z: Array, like: Array) -> tuple[Array, Array | None]:
        """mean_1, zero outside of the parts, and features."""
        features, out = self._on("hyper_synthesis", z=z) if parts else None, np.zeros_like(like)
        for part in parts:
            self._first_means(part, features)
            part.wanted.of(out)[...] = part.mean_1.on(part.wanted)
        return out, features

    def second_means(self, parts: list[Part], features: Array, r: Array) -> Array:
        """mean_2, zero outside of the parts."""
        out = np.zeros_like(r)
        for part in parts:
            self._second_means(part, features, r)
            part.wanted.of(out)[...] = part.mean_2.on(part.wanted)
        return out

    def picture(self, parts: list[Part], r: Array, qp: Array, base: Array) -> Array:
        """The packed picture in the parts."""
        out = np.empty_like(r)
        for part in parts:
            part.wanted.of(out)[...] = self._picture(part, r, qp, base)
        return out

    # ---- stages on a part ---------------------------------------------------------------------------------------

    def _part(self, block: Rectangle, tiles: dict[str, Rectangle], a: Array, b: Array) -> Part:
        at = tiles["context"]
        made = self._on("context", slot_a=at.of(a), slot_b=at.of(b))
        return Part(block.scaled(BLOCK), tiles, Piece(made, at))

    def _first_means(self, part: Part, features: Array) -> None:
        at = part.tiles["mean_1"]
        part.mean_1 = Piece(self._on("mean_1", features=at.of(features), context=part.context.on(at)), at)

    def _second_means(self, part: Part, features: Array, r: Array) -> None:
        at = part.tiles["refine_inter"]
        part.mean_2 = Piece(self._on("refine_inter", features=at.of(features), context=part.context.on(at), r=at.of(r),
                                     mean_1=part.mean_1.on(at)), at)

    def _picture(self, part: Part, r: Array, qp: Array, base: Array) -> Array:
        at = part.tiles["synthesise_inter"]
        made = self._on("synthesise_inter", r=at.of(r), mean_1=part.mean_1.on(at), mean_2=part.mean_2.on(at), base=at.of(base),
                        context=part.context.on(at), qp=qp)
        return Piece(made, at).on(part.wanted)

    def _on(self, graph: str, **inputs: NDArray) -> Array:
        return self._run_graph(graph, {name: np.ascontiguousarray(array)[None] if array.ndim == 3 else array for name, array in inputs.items()})[0]


def _surrounded(wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is wanted, and the blocks next to it."""
    for _ in range(2):      # rows, then columns
        wide = wanted.copy()
        wide[1:] |= wanted[:-1]
        wide[:-1] |= wanted[1:]
        wanted = wide.T
    return wanted


def _room(array: Array) -> Rectangle:
    """All of a picture."""
    return Rectangle(0, 0, *array.shape[1:])
