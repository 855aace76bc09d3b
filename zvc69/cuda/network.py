"""The float stages of a model on the device: which programs make up `analyse`, `refine`, `decode` and `synthesise` (train/onnx_graph.py)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..model.store import Model
from .device import Buffer, Device
from .program import Area, Bound, Flag, Layer, Operation, Program
from .weights import Weights

LATENT, HYPER, FEATURES = 96, 48, 48


@dataclass(frozen=True, slots=True)
class BlockLayers:
    """Layers of a network block: x + out(spatial(leaky(inp x))), then x + mix(u * gate(v)) with u, v = gate x."""

    inp: Layer
    spatial: Layer
    out: Layer
    gate: Layer
    mix: Layer

    @classmethod
    def of(cls, w: Weights, name: str, channels: int) -> BlockLayers:
        x, last = [("x", channels)], f"{name}.gated"
        return cls(w.pointwise(w.input(f"{name}.leaky"), x, values={"x": w.input(f"{name}.first")}), w.depthwise(f"{name}.spatial"),
                   w.pointwise(w.input(f"{name}.first", 1), x, values={"x": f"{name}.spatial"}),
                   w.pointwise(w.input(last), x, values={"x": f"{name}.first"}, gate=w.input(w.input(last, 1))),
                   w.pointwise(w.input(f"{name}.second", 1), x, values={"x": last}))

    @property
    def width(self) -> int:
        return self.mix.outputs


class StageLayers:
    """Layers of all stages, with slots or without."""

    def __init__(self, analyse: Weights, decode: Weights, slots: bool) -> None:
        """From the graphs `analyse_inter` and `decode_inter`, or `analyse_intra` and `decode_intra`. Raises BackendError."""
        w = analyse
        self.slots = slots
        self.width = w.per_qp("analysis.modulated").shape[1]
        count = w.blocks("context.block") if slots else 0
        context, base = [("context", self.width)] if slots else [], [("base", LATENT)] if slots else []
        values = {"context": f"context.block{count - 1}.second", "clip": "hyper.clip", "features": "means.features", "known": "group.y1", "y": "synthesis.y"}
        if slots:
            self._context(w, count)
        picture = [("picture", LATENT), *base]
        self.analysis_in = w.pointwise(w.input("analysis.modulated"), [*picture, *context], values=values)
        self.analysis_modulation = w.per_qp("analysis.modulated")
        self.analysis = self._blocks(w, "analysis", self.width)
        last = {"x": f"analysis.block{len(self.analysis) - 1}.second"}
        self.analysis_out = w.pointwise(w.input("analysis.y"), [*picture, ("x", self.width)], values=last, exact=True)
        self.gain = w.per_qp("analysis.y")
        self.hyper_in = w.pointwise(w.input("hyper.leaky1"), [("clip", LATENT), *context], values=values)
        self.hyper_down = [w.depthwise("hyper.down1"), w.depthwise("hyper.down2")]
        self.hyper_mix = w.pointwise(w.input("hyper.leaky2"), [("x", self.hyper_down[0].outputs)], values={"x": "hyper.down1"})
        self.hyper_out = w.pointwise(w.input("hyper.round"), [("x", self.hyper_down[1].outputs)], values={"x": "hyper.down2"})
        self._means(w, context, values, "hyper.kept" if slots else "hyper.z")
        w.finish()

        w = decode
        if slots:
            self._context(w, count)
        self._means(w, context, values, "z")
        self.mean2_in = w.pointwise(w.input("mean2.block.first"), [("features", FEATURES), *context, ("known", LATENT)], values=values)
        self.mean2 = self._mean_blocks(w, "mean2", self.mean2_in.outputs)
        self.mean2_out = w.pointwise("mean2.out", [("x", self.mean2_in.outputs)], values={"x": w.input("mean2.out")})
        latents = [("y", LATENT), ("y.rest", LATENT)]
        self.synthesis_in = w.pointwise(w.input("synthesis.modulated"), [*latents, *base, *context], values=values)
        self.synthesis_modulation, self.ungain = w.per_qp("synthesis.modulated"), w.per_qp("synthesis.y")
        self.synthesis = self._blocks(w, "synthesis", self.width)
        last = values | {"x": f"synthesis.block{len(self.synthesis) - 1}.second"}
        self.synthesis_out = w.pointwise("picture", [*latents, ("x", self.width)], values=last, exact=True, plus_base=slots)
        w.finish()

    @classmethod
    def of(cls, device: Device, model: Model, slots: bool) -> StageLayers:
        kind = "inter" if slots else "intra"
        return cls(Weights(device, model.graph(f"analyse_{kind}")), Weights(device, model.graph(f"decode_{kind}")), slots)

    def _context(self, w: Weights, count: int) -> None:
        slots = [("slot_a", LATENT), ("slot_b", LATENT)]
        self.context_in = w.pointwise(w.input("context.block0.first"), slots)
        self.context = [BlockLayers.of(w, f"context.block{n}", self.width) for n in range(count)]

    def _blocks(self, w: Weights, name: str, width: int) -> list[BlockLayers]:
        w.same(w.input(f"{name}.block0.first"), f"{name}.modulated", width)
        return [BlockLayers.of(w, f"{name}.block{n}", width) for n in range(w.blocks(f"{name}.block"))]

    @staticmethod
    def _mean_blocks(w: Weights, name: str, width: int) -> list[BlockLayers]:
        return [BlockLayers.of(w, f"{name}.{block}", width) for block in ("block", *(f"more{n}" for n in range(w.blocks(f"{name}.more"))))]

    def _means(self, w: Weights, context: list[tuple[str, int]], values: Mapping[str, str], z: str) -> None:
        self.means_in = w.pointwise(w.input("means.leaky"), [("z", HYPER)], values={"z": z})
        self.means_spatial = w.depthwise("means.spatial")
        self.means_out = w.pointwise(w.input("means.features"), [("x", self.means_in.outputs)], values={"x": "means.spatial"}, shuffled=True)
        self.mean1_in = w.pointwise(w.input("mean1.block.first"), [("features", FEATURES), *context], values=values)
        self.mean1 = self._mean_blocks(w, "mean1", self.mean1_in.outputs)
        self.mean1_out = w.pointwise("mean1.out", [("x", self.mean1_in.outputs)], values={"x": w.input("mean1.out")})


class _Builder:
    """Programs one after another. Between blocks, features are in the tensors "x0" and "f0", or "x1" and "f1", by turns: other tiles may not have read
    yet what a program began with."""

    def __init__(self, layers: StageLayers) -> None:
        self.layers, self.programs = layers, []
        self._turn = 0

    @property
    def x(self) -> str:
        """The tensor that the next block's input goes to."""
        return f"x{self._turn}"

    def begin(self, name: str, scale: int = 1) -> Program:
        self.programs.append(Program(name, scale))
        return self.programs[-1]

    def into_block(self, p: Program, x: Area, block: BlockLayers) -> None:
        """The first layer of a block whose input is `x` (which has gone to the tensor `self.x`)."""
        p.pointwise(x, block.inp, Flag.LEAKY | Flag.OUT_HALF, out=f"f{self._turn}")

    def tail(self, name: str, block: BlockLayers, before: int = 0, out: str | bool | None = None, free: int = 0) -> tuple[Program, Area, Area]:
        """A program that begins with the rest of a block: the program, the area that its result is in, behind `before` columns that are free, and one
        of the block's width, or `free` if that is more, that is free. out: the tensor that the result goes to; True: the next block's input."""
        p = self.begin(name)
        spare, joint = p.area(max(block.width, free)), p.area(before + block.width)
        x = joint.at(before, block.width)
        own = spare.at(0, block.width)
        p.depthwise(own, f"f{self._turn}", block.spatial)
        p.load(x, self.x)
        self._turn ^= 1
        p.pointwise(own, block.out, to=x, residual=x)
        p.pointwise(x, block.gate, Flag.GATE, to=own)
        p.pointwise(own, block.mix, Flag.OUT_HALF if out else Flag(0), to=x, residual=x, out=self.x if out is True else out)
        return p, joint, spare

    def blocks(self, name: str, blocks: list[BlockLayers], before: int = 0, out: str | None = None, free: int = 0) -> tuple[Program, Area, Area]:
        """All of `blocks`, the last one's program left open, as `tail` does."""
        for n, (block, following) in enumerate(zip(blocks, blocks[1:])):
            p, joint, _ = self.tail(f"{name}{n}", block, out=True)
            self.into_block(p, joint, following)
        return self.tail(f"{name}{len(blocks) - 1}", blocks[-1], before, out, free)


class Plan:
    """Programs of a model's stages, in the order in which they run. `encode`: those of the encoder, else of the decoder."""

    def __init__(self, layers: StageLayers) -> None:
        self.layers = layers
        self.analyse, self.refine = self._analyse(), self._refine()
        self.synthesise, self.decode = self._synthesise(), self._decode()

    def _context(self, b: _Builder, before: int) -> tuple[Program, Area, Area]:
        """Leaves the context in the tensor "context" and in the area."""
        layers, p = self.layers, b.begin("context in")
        slots, x = p.area(2 * LATENT), p.area(layers.width)
        p.load(slots.at(0, LATENT), "slot_a")
        p.load(slots.at(LATENT, LATENT), "slot_b")
        p.pointwise(slots, layers.context_in, Flag.OUT_HALF, to=x, out=b.x)
        b.into_block(p, x, layers.context[0])
        return b.blocks("context ", layers.context, before, "context")

    def _base(self, p: Program, to: Area) -> None:
        if self.layers.slots:
            p.load(to, "slot_a", Operation.BASE, in_b="slot_b")

    def _analyse(self) -> list[Program]:
        layers, b = self.layers, _Builder(self.layers)
        seen = 2 * LATENT if layers.slots else LATENT      # picture and base
        if layers.slots:
            p, joint, spare = self._context(b, seen)
        else:
            p = b.begin("analysis in")
            joint, spare = p.area(seen), p.area(layers.width)
        self._picture(p, joint)
        p.pointwise(joint, layers.analysis_in, Flag.PER_QP | Flag.OUT_HALF, to=spare, out=b.x, table=layers.analysis_modulation)
        b.into_block(p, spare, layers.analysis[0])
        p, joint, hyper = b.blocks("analysis ", layers.analysis, seen, free=LATENT + (layers.width if layers.slots else 0))
        self._picture(p, joint)
        p.pointwise(joint, layers.analysis_out, Flag.PER_QP | Flag.OUT_FLOAT | Flag.CLIPPED, to=hyper.at(0, LATENT), out="y", table=layers.gain)
        if layers.slots:
            p.load(hyper.at(LATENT, layers.width), "context")
        p.pointwise(hyper if layers.slots else hyper.at(0, LATENT), layers.hyper_in, Flag.LEAKY | Flag.OUT_HALF, out="down0")
        p = b.begin("hyper down", 2)
        a = p.area(layers.hyper_down[0].outputs)
        p.depthwise(a, "down0", layers.hyper_down[0])
        p.pointwise(a, layers.hyper_mix, Flag.LEAKY | Flag.OUT_HALF, out="down1")
        p = b.begin("hyper z", 4)
        a, z = p.area(layers.hyper_down[1].outputs), p.area(HYPER)
        p.depthwise(a, "down1", layers.hyper_down[1])
        kept = {"index": "z_index", "copy": "copy", "skip_below": "z_skip"} if layers.slots else {}
        p.pointwise(a, layers.hyper_out, Flag.ROUND | Flag.OUT_INTEGER | Flag.KEEP, to=z, out="z", **kept)
        p.pointwise(z, layers.means_in, Flag.LEAKY | Flag.OUT_HALF, out="means")
        self._features(b)
        self._mean_1_in(b)
        self._mean_1(b)
        return b.programs

    def _picture(self, p: Program, joint: Area) -> None:
        p.load(joint.at(0, LATENT), "picture")
        self._base(p, joint.at(LATENT, LATENT))

    def _features(self, b: _Builder) -> None:
        p = b.begin("means", 4)
        a = p.area(self.layers.means_spatial.outputs)
        p.depthwise(a, "means", self.layers.means_spatial)
        p.pointwise(a, self.layers.means_out, Flag.SHUFFLE, out="features")

    def _mean_1_in(self, b: _Builder) -> None:
        layers, p = self.layers, b.begin("mean 1 in")
        seen, x = p.area(FEATURES + (layers.width if layers.slots else 0)), p.area(layers.mean1_in.outputs)
        self._features_and_context(p, seen)
        p.pointwise(seen, layers.mean1_in, Flag.OUT_HALF, to=x, out=b.x)
        b.into_block(p, x, layers.mean1[0])

    def _features_and_context(self, p: Program, to: Area) -> None:
        p.load(to.at(0, FEATURES), "features")
        if self.layers.slots:
            p.load(to.at(FEATURES, self.layers.width), "context")

    def _mean_1(self, b: _Builder) -> None:
        p, x, _ = b.blocks("mean 1 ", self.layers.mean1)
        p.pointwise(x, self.layers.mean1_out, Flag.OUT_FLOAT, out="mean_1")

    def _mean_2_in(self, b: _Builder) -> None:
        layers, p, width = self.layers, b.begin("mean 2 in"), FEATURES + (self.layers.width if self.layers.slots else 0)
        seen, x = p.area(width + LATENT), p.area(layers.mean2_in.outputs)
        self._features_and_context(p, seen)
        p.load(seen.at(width, LATENT), "r", Operation.KNOWN, in_b="mean_1")
        p.pointwise(seen, layers.mean2_in, Flag.OUT_HALF, to=x, out=b.x)
        b.into_block(p, x, layers.mean2[0])

    def _mean_2(self, b: _Builder) -> None:
        p, x, _ = b.blocks("mean 2 ", self.layers.mean2)
        p.pointwise(x, self.layers.mean2_out, Flag.OUT_FLOAT, out="mean_2")

    def _latents(self, p: Program, to: Area) -> None:
        p.load(to, "r", Operation.LATENTS, in_b="mean_1", in_c="mean_2", table=self.layers.ungain)

    def _picture_of(self, b: _Builder) -> None:
        """From latents to the tensor "levels"."""
        layers, p = self.layers, b.begin("synthesis in")
        seen = p.area(2 * LATENT + (LATENT + layers.width if layers.slots else 0))
        x = p.area(layers.width)
        self._latents(p, seen.at(0, 2 * LATENT))
        if layers.slots:
            self._base(p, seen.at(2 * LATENT, LATENT))
            p.load(seen.at(3 * LATENT, layers.width), "context")
        p.pointwise(seen, layers.synthesis_in, Flag.PER_QP | Flag.OUT_HALF, to=x, out=b.x, table=layers.synthesis_modulation)
        b.into_block(p, x, layers.synthesis[0])
        p, joint, _ = b.blocks("synthesis ", layers.synthesis, 2 * LATENT)
        self._latents(p, joint.at(0, 2 * LATENT))
        slots = {"in": "slot_a", "in_b": "slot_b"} if layers.slots else {}
        p.pointwise(joint, layers.synthesis_out, Flag.OUT_FLOAT | (Flag.BASE if layers.slots else Flag(0)), out="levels", **slots)

    def _refine(self) -> list[Program]:
        b = _Builder(self.layers)
        self._mean_2_in(b)
        self._mean_2(b)
        return b.programs

    def _synthesise(self) -> list[Program]:
        b = _Builder(self.layers)
        self._picture_of(b)
        return b.programs

    def _decode(self) -> list[Program]:
        layers, b = self.layers, _Builder(self.layers)
        if layers.slots:
            self._context(b, 0)
        p = b.begin("z", 4)
        z = p.area(HYPER)
        p.load(z, "z", Operation.Z)
        p.pointwise(z, layers.means_in, Flag.LEAKY | Flag.OUT_HALF, out="means")
        self._features(b)
        self._mean_1_in(b)
        self._mean_1(b)
        return b.programs + self._refine() + self._synthesise()     # joined they need so much shared memory that they take longer


class Networks:
    """The stages of one kind of frame for one picture size: memory of their own, and what is in `tensors` by name.

    Inputs: picture, slot_a, slot_b (positions, 96) float16, packed; r (4, positions, 24) int16; z (positions / 16, 48) int16; of P and B frames
    z_index uint8 like z and copy (positions / 16,) uint8. Outputs: y, mean_1, mean_2, levels (positions, 96) float32; z, when analysed.
    """

    def __init__(self, device: Device, plan: Plan, rows: int, columns: int, tensors: Mapping[str, Buffer], *, z_skip: int = 0, z_sigma: bool = True,
                 half_sums: bool = False) -> None:
        """z_sigma: z is skipped by its index, below `z_skip`."""
        self._device, positions, layers = device, rows * columns, plan.layers
        widest = max(layers.width, layers.mean1_in.outputs, layers.mean2_in.outputs)

        def halves(width: int, share: int = 1) -> Buffer:
            return device.empty((positions // share, width), np.float16)

        self.tensors = {
            "x0": halves(widest), "x1": halves(widest), "f0": halves(widest), "f1": halves(widest), "down0": halves(layers.hyper_in.outputs),
            "down1": halves(layers.hyper_mix.outputs, 4), "means": halves(layers.means_in.outputs, 16), "features": halves(FEATURES),
            "y": device.empty((positions, LATENT), np.float32), "mean_1": device.empty((positions, LATENT), np.float32),
            "mean_2": device.empty((positions, LATENT), np.float32), "levels": device.empty((positions, LATENT), np.float32), **tensors}
        if layers.slots:
            self.tensors["context"] = halves(layers.width)

        def bound(programs: list[Program]) -> list[Bound]:
            skipped = {"skip_below": z_skip, "index": "z_index"} if z_sigma else {"skip_below": 0, "index": None}
            told = [replace(p, stages=[stage | skipped if "skip_below" in stage else stage for stage in p.stages]) for p in programs]
            return [program.bind(device, rows, columns, self.tensors, device.shared_limit, half_sums) for program in told]

        self.analyse, self.refine, self.synthesise, self.decode = (bound(p) for p in (plan.analyse, plan.refine, plan.synthesise, plan.decode))

    def run(self, programs: list[Bound], qp: Buffer, blend: Buffer) -> None:
        """One of `analyse`, `refine`, `synthesise`, `decode`."""
        for program in programs:
            program.launch(self._device, qp, blend)
