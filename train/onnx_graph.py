"""The network's float stages as ONNX graphs, written node by node so that names and shapes are ours.

Linear maps next to each other are folded, so that no graph has a DCT of its own: pictures go into the layers that see them as
they are, and the prediction is added as it is. Parts that are constant with blank slots become biases. Weights of features are
stored in fp16 (a runtime folds the cast away once, when it loads the graph); arithmetic is float32.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .config import CHANNELS, HYPER, LEVELS, MAX_QP
from .layers import at_qp
from .network import Network

OPSET = 17
QPS = torch.arange(MAX_QP + 1)


class Graph:
    """A graph under construction; methods add nodes and return the name of their output."""

    def __init__(self, name: str):
        self.name, self.nodes, self.initialisers, self.inputs, self.outputs = name, [], [], [], []
        self._count: dict[str, int] = {}

    def input(self, name: str, channels: int | None, scale: str = "") -> str:
        """(1, channels, h, w) float32, or (1,) int64 where channels is None."""
        if channels is None:
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, [1]))
        else:
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"h{scale}", f"w{scale}"]))
        return name

    def scalar(self, name: str) -> str:
        """(1,) float32."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]))
        return name

    def output(self, value: str, name: str, channels: int, scale: str = "") -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"{name}/output"))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"h{scale}", f"w{scale}"]))

    def node(self, op: str, inputs: list[str], name: str, **attributes) -> str:
        n = self._count[name] = self._count.get(name, 0) + 1
        out = name if n == 1 else f"{name}.{n}"
        self.nodes.append(helper.make_node(op, inputs, [out], name=f"{out}/{op}", **attributes))
        return out

    def constant(self, array, name: str, half: bool = False) -> str:
        a = array.detach().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
        if half:
            stored = self.constant(a.astype(np.float16), f"{name}.fp16")
            return self.node("Cast", [stored], name, to=TensorProto.FLOAT)
        if a.dtype == np.float64:
            a = a.astype(np.float32)
        if all(t.name != name for t in self.initialisers):
            self.initialisers.append(numpy_helper.from_array(np.asarray(a, order="C"), name))
        return name

    def conv(self, x: str, weight, bias, name: str, *, half: bool = True, groups: int = 1, stride: int = 1, pad: int = 0) -> str:
        inputs = [x, self.constant(weight, f"{name}.weight", half)]
        if bias is not None:
            inputs.append(self.constant(bias.detach().float(), f"{name}.bias"))
        k = weight.shape[-1]
        return self.node("Conv", inputs, name, kernel_shape=[k, k], group=groups, strides=[stride, stride], pads=[pad] * 4)

    def layer(self, x: str, m: torch.nn.Conv2d, name: str) -> str:
        return self.conv(x, m.weight, m.bias, name, groups=m.groups, stride=m.stride[0], pad=m.padding[0])

    def leaky(self, x: str, name: str) -> str:
        return self.node("LeakyRelu", [x], name, alpha=0.1)

    def clip(self, x: str, low: float, high: float, name: str) -> str:
        return self.node("Clip", [x, *(self.constant(np.float32(limit), f"limit{limit}") for limit in (low, high))], name)

    def block(self, x: str, b, name: str) -> str:
        f = self.leaky(self.layer(x, b.inp, f"{name}.inp"), f"{name}.leaky")
        f = self.layer(self.layer(f, b.spatial, f"{name}.spatial"), b.out, f"{name}.out")
        x = self.node("Add", [x, f], f"{name}.first")
        c = b.mix.weight.shape[1]
        u = self.conv(x, b.gate.weight[:c], b.gate.bias[:c], f"{name}.value")
        # A clip of scaled weights, not a HardSigmoid: runtimes fuse it into the convolution.
        v = self.conv(x, b.gate.weight[c:] / 4, b.gate.bias[c:] / 4 + 0.5, f"{name}.gate")
        g = self.clip(v, 0, 1, f"{name}.hard")
        f = self.layer(self.node("Mul", [u, g], f"{name}.gated"), b.mix, f"{name}.mix")
        return self.node("Add", [x, f], f"{name}.second")

    def blocks(self, x: str, modules, name: str) -> str:
        for i, b in enumerate(modules):
            x = self.block(x, b, f"{name}{i}")
        return x

    def per_qp(self, table: torch.Tensor, qp: str, name: str) -> str:
        """(64, C) float32 at `qp` -> (1, C, 1, 1)."""
        t = self.constant(table.detach().float().reshape(MAX_QP + 1, -1, 1, 1), f"{name}.table")
        return self.node("Gather", [t, qp], name, axis=0)

    def shuffle(self, x: str, name: str) -> str:
        return self.node("DepthToSpace", [x], name, blocksize=4, mode="CRD")

    def build(self) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initialisers)
        model = helper.make_model(graph, producer_name="zvc69", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model


@dataclass(frozen=True)
class Levels:
    """A value in 8-bit levels, which layers are to see as the DCT of (value - offset) / LEVELS."""

    value: str
    offset: float = 128


class Stages:
    """Adds the network's stages to graphs. With `slots` False, everything of blank slots is folded away."""

    def __init__(self, network: Network, slots: bool):
        self.n, self.slots = network, slots

    def joint(self, g: Graph, m, parts: list[tuple[str | torch.Tensor | Levels | None, int]], name: str) -> str:
        """`Network.joint`: a 1x1 convolution over concatenated parts, as a sum of convolutions, which runtimes add up in place where they would
        copy for a concatenation; vectors go to the bias, None is zeros."""
        at, bias, terms = 0, m.bias.detach().clone(), {}
        for p, width in parts:
            w = m.weight.detach()[:, at:at + width, 0, 0]
            at += width
            if p is None:
                continue
            if isinstance(p, torch.Tensor):
                bias = bias + w @ p.detach()
                continue
            own, half = torch.zeros(len(bias)), True
            if isinstance(p, Levels):
                w, half = w @ self.n.dct / LEVELS, False       # levels are large beside features, and so would the error be
                p, own = p.value, -p.offset * w.sum(1)         # with the part that it makes small, so that no sum on the way is large
            if p in terms:
                w, own, half = terms[p][0] + w, terms[p][1] + own, terms[p][2] and half
            terms[p] = w, own, half
        out = None
        for p, (w, own, half) in terms.items():
            f = g.conv(p, w[:, :, None, None], own if out else own + bias, f"{name}.{p}", half=half)
            out = g.node("Add", [out, f], f"{name}.sum") if out else f
        return out

    def context(self, g: Graph):
        """-> (base of the prediction, in levels, or None; context features or the blank vector)."""
        if not self.slots:
            return None, self.n.blank
        a, b = g.input("slot_a", CHANNELS), g.input("slot_b", CHANNELS)
        f = self.joint(g, self.n.context_in, [(Levels(a), 96), (Levels(b), 96)], "context.in")
        other = g.node("Mul", [g.node("Sub", [b, a], "base.difference"), g.scalar("blend")], "base.blend")
        return g.node("Add", [a, other], "base"), g.blocks(f, self.n.context, "context.block")

    def modulate(self, g: Graph, x: str, qp: str, part: int, name: str) -> str:
        table = 1 + at_qp(self.n.modulation, QPS).chunk(2, 1)[part]
        x = g.node("Mul", [x, g.per_qp(table, qp, f"{name}.modulation")], f"{name}.modulated")
        # Changes nothing. ONNX Runtime has a faster layout of its own for convolutions, which a product with a vector leaves, and would then
        # leave again at each sum and product of the blocks that follow, since one of their inputs were not in it.
        return g.conv(x, torch.ones(table.shape[1], 1, 1, 1), None, f"{name}.blocked", half=False, groups=table.shape[1])

    def gain(self, g: Graph, qp: str, part: int) -> str:
        return g.per_qp(self.n.gains(QPS)[part], qp, ("gain", "ungain")[part])

    def analyse(self, g: Graph, picture: str, a, ctx, qp: str) -> str:
        n, c = self.n, self.n.config.width
        d = Levels(picture) if a is None else Levels(g.node("Sub", [picture, a], "picture.difference"), offset=0)
        f = self.joint(g, n.analysis_in, [(Levels(picture), 96), (d, 96), (ctx, c)], "analysis.in")
        linear = n.analysis_linear.detach() @ n.dct / LEVELS
        straight = g.conv(d.value, linear[:, :, None, None], -d.offset * linear.sum(1), "analysis.linear", half=False)
        f = g.layer(g.blocks(self.modulate(g, f, qp, 0, "analysis"), n.analysis, "analysis.block"), n.analysis_out, "analysis.out")
        return g.node("Mul", [g.node("Add", [straight, f], "analysis.sum"), self.gain(g, qp, 0)], "analysis.y")

    def hyper_analyse(self, g: Graph, y: str, ctx) -> str:
        n = self.n
        f = g.leaky(self.joint(g, n.hyper_in, [(g.clip(y, -64, 64, "hyper.clip"), 96), (ctx, n.config.width)], "hyper.in"), "hyper.leaky1")
        f = g.leaky(g.layer(g.layer(f, n.hyper_down1, "hyper.down1"), n.hyper_mix1, "hyper.mix1"), "hyper.leaky2")
        z = g.node("Round", [g.layer(g.layer(f, n.hyper_down2, "hyper.down2"), n.hyper_out, "hyper.out")], "hyper.round")
        return g.clip(z, -127, 127, "hyper.z")

    def hyper_synthesise(self, g: Graph, z: str) -> str:
        m = self.n.hyper_mean
        f = g.leaky(g.layer(z, m[0], "means.in"), "means.leaky")
        return g.shuffle(g.layer(g.layer(f, m[2], "means.spatial"), m[3], "means.out"), "means.features")

    def mean_1(self, g: Graph, hm: str, ctx) -> str:
        n = self.n
        f = g.block(self.joint(g, n.mean1_in, [(hm, 48), (ctx, n.config.width)], "mean1.in"), n.mean1, "mean1.block")
        return g.layer(g.blocks(f, n.mean1_more, "mean1.more"), n.mean1_out, "mean1.out")

    def mean_2(self, g: Graph, hm: str, ctx, y1: str) -> str:
        n = self.n
        f = self.joint(g, n.mean2_in, [(hm, 48), (ctx, n.config.width), (y1, 96)], "mean2.in")
        return g.layer(g.blocks(g.block(f, n.mean2, "mean2.block"), n.mean2_more, "mean2.more"), n.mean2_out, "mean2.out")

    def groups(self, g: Graph, like: str) -> tuple[str, str]:
        """(1, 96, h, w) each: 1 at the symbols of the first group, (c + i + j) even, else 0; and the reverse.

        Made by convolutions of the parity of i + j, itself a convolution that sees nothing but its bias, and used as factors: Shape, Range and Where
        cost more, and runtimes that know the size of pictures in advance fold the former wrongly.
        """
        odd = g.conv(like, torch.zeros(4, CHANNELS, 2, 2), torch.tensor([0, 1, 1, 0]), "group.quad", half=False, stride=2)
        parity = g.node("DepthToSpace", [odd], "group.odd", blocksize=2, mode="CRD")
        even = 1.0 - torch.arange(CHANNELS) % 2
        return tuple(g.conv(parity, (1 - 2 * e)[:, None, None, None], e, f"group.{name}", half=False)
                     for name, e in (("first", even), ("second", 1 - even)))

    def synthesise(self, g: Graph, y: str, a, ctx, qp: str) -> str:
        n = self.n
        back = (n.dct.t() * LEVELS).contiguous()
        yd = g.node("Mul", [y, self.gain(g, qp, 1)], "synthesis.y")
        f = self.joint(g, n.synthesis_in, [(yd, 96), (None if a is None else Levels(a), 96), (ctx, n.config.width)], "synthesis.in")
        f = g.blocks(self.modulate(g, f, qp, 1, "synthesis"), n.synthesis, "synthesis.block")
        out = n.synthesis_out
        f = g.conv(f, (back @ out.weight.detach()[:, :, 0, 0])[:, :, None, None], back @ out.bias.detach(), "synthesis.out")
        straight = g.conv(yd, (back @ n.synthesis_linear.detach())[:, :, None, None], None, "synthesis.linear", half=False)
        # Level and prediction come last: a runtime that computes in fewer bits does so no more after the last convolution.
        return g.node("Add", [g.node("Add", [straight, f], "synthesis.sum"), g.constant(np.float32(128), "level") if a is None else a], "synthesis.predicted")


def analysis_graph(network: Network, slots: bool) -> onnx.ModelProto:
    """picture [, slot_a, slot_b, blend, keep], qp -> y, z (rounded), mean_1, features [, context].

    keep: 1 where z is coded, 0 in copied blocks and where its index says skip.
    """
    g, s = Graph("analyse_inter" if slots else "analyse_intra"), Stages(network, slots)
    picture, qp = g.input("picture", CHANNELS), g.input("qp", None)
    a, ctx = s.context(g)
    y = s.analyse(g, picture, a, ctx, qp)
    z = s.hyper_analyse(g, y, ctx)
    if slots:
        z = g.node("Mul", [z, g.input("keep", HYPER, "z")], "hyper.kept")
    hm = s.hyper_synthesise(g, z)
    g.output(y, "y", CHANNELS)
    g.output(z, "z", HYPER, "z")
    g.output(s.mean_1(g, hm, ctx), "mean_1", CHANNELS)
    g.output(hm, "features", 48)
    if slots:
        g.output(ctx, "context", network.config.width)
    return g.build()


def refine_graph(network: Network, slots: bool) -> onnx.ModelProto:
    """features [, context], r (group 1), mean_1 -> mean_2."""
    g, s = Graph("refine_inter" if slots else "refine_intra"), Stages(network, slots)
    hm = g.input("features", 48)
    ctx = g.input("context", network.config.width) if slots else network.blank
    r, mean_1 = g.input("r", CHANNELS), g.input("mean_1", CHANNELS)
    y1 = g.node("Mul", [g.node("Add", [r, mean_1], "group.y"), s.groups(g, r)[0]], "group.y1")
    g.output(s.mean_2(g, hm, ctx, y1), "mean_2", CHANNELS)
    return g.build()


def decode_graph(network: Network, slots: bool) -> onnx.ModelProto:
    """z, r [, slot_a, slot_b, blend], qp -> picture: a decoder's whole reconstruction of a frame."""
    g, s = Graph("decode_inter" if slots else "decode_intra"), Stages(network, slots)
    z, r, qp = g.input("z", HYPER, "z"), g.input("r", CHANNELS), g.input("qp", None)
    a, ctx = s.context(g)
    hm = s.hyper_synthesise(g, z)
    first, second = s.groups(g, r)
    y1 = g.node("Mul", [g.node("Add", [r, s.mean_1(g, hm, ctx)], "group.sum1"), first], "group.y1")
    y2 = g.node("Mul", [g.node("Add", [r, s.mean_2(g, hm, ctx, y1)], "group.sum2"), second], "group.y2")
    g.output(s.synthesise(g, g.node("Add", [y1, y2], "y"), a, ctx, qp), "picture", CHANNELS)
    return g.build()


def synthesis_graph(network: Network, slots: bool) -> onnx.ModelProto:
    """r, mean_1, mean_2 [, base, context], qp -> picture: an encoder's reconstruction, the means being known."""
    g, s = Graph("synthesise_inter" if slots else "synthesise_intra"), Stages(network, slots)
    r, m1, m2, qp = g.input("r", CHANNELS), g.input("mean_1", CHANNELS), g.input("mean_2", CHANNELS), g.input("qp", None)
    a, ctx = None, network.blank
    if slots:
        a, ctx = g.input("base", CHANNELS), g.input("context", network.config.width)
    first, second = s.groups(g, r)
    mean = g.node("Add", [g.node("Mul", [m1, first], "mean.first"), g.node("Mul", [m2, second], "mean.second")], "mean")
    g.output(s.synthesise(g, g.node("Add", [r, mean], "y"), a, ctx, qp), "picture", CHANNELS)
    return g.build()
