"""From a checkpoint of the flow network to models/motion: the ONNX graph, proof that it agrees with PyTorch, and the card.

    python -m train.export_motion --resume runs/flow/flow.pt --out models/motion
"""
from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import onnx
import torch
from onnx import TensorProto

from zvc69.model.flow import FILE, FlowModel

from .flow import FARTHEST, QP, load
from .flow_network import FLOW_SCALE, SCALE, WINDOW_PAD, FlowNetwork, Matcher
from .onnx_graph import Graph

TOLERANCE = 0.05      # quarter pixels, ONNX Runtime against PyTorch


class FlowGraph:
    """Writes the network's stages into a `Graph`; tensors are named by level."""

    def __init__(self, network: FlowNetwork) -> None:
        self.g, self.n = Graph("flow"), network

    def build(self) -> onnx.ModelProto:
        g = self.g
        current, reference = self.pyramid("current"), self.pyramid("reference")
        flow, before = None, None
        for matcher in self.n.matchers:
            level = matcher.level
            at = f"level{level.shrink}"
            if flow is not None:
                flow = self.times(flow, before.shrink / level.shrink)
                if level.block != before.block:
                    flow = self.larger(flow, 2, at)
            flow, before = self.match(matcher, at, current[level.shrink], reference[level.shrink], flow), level
        g.output(self.times(flow, 4 * before.shrink), "flow", 2)
        return g.build()

    def pyramid(self, name: str) -> dict[int, str]:
        """An input at the size of every level, by how much smaller it is."""
        g = self.g
        pictures = {1: g.node("Mul", [g.input(name, 1, "_luma"), g.constant(np.float32([1 / SCALE]), "unit")], f"{name}.scaled")}
        for shrink in (2, 4, 8, 16):
            pictures[shrink] = g.node("AveragePool", [pictures[shrink // 2]], f"{name}.half{shrink}", kernel_shape=[2, 2], strides=[2, 2])
        return pictures

    def match(self, matcher: Matcher, at: str, now: str, then: str, flow: str | None) -> str:
        g, level, count = self.g, matcher.level, len(matcher.level.places)
        if flow is not None:
            then = self.warp(then, self.larger(flow, level.stride, at), at)
        border = g.constant(np.int64([0, 0, level.radius, level.radius] * 2), f"{at}.border")
        near = g.conv(g.node("Pad", [then, border], f"{at}.padded", mode="edge"), level.shifts(), None, f"{at}.places", half=False)
        difference = g.node("Abs", [g.node("Sub", [now, near], f"{at}.difference")], f"{at}.error")
        window = matcher.window.detach().expand(count, -1, -1, -1)
        costs = g.conv(difference, window, None, f"{at}.costs", half=False, groups=count, stride=level.stride, pad=WINDOW_PAD)
        sharpness = g.constant(-matcher.sharpness.detach(), f"{at}.sharpness")
        near = g.node("Softmax", [g.node("Mul", [costs, sharpness], f"{at}.scores")], f"{at}.near", axis=1)
        step = g.conv(near, level.offsets(), None, f"{at}.step", half=False)
        weight = matcher.first.weight.detach()
        if flow is None:
            parts, weight = [near, costs, step], torch.cat([weight[:, :2 * count], weight[:, 2 * count + 2:]], 1)      # no flow yet: its two columns go
        else:
            parts = [near, costs, self.times(flow, 1 / FLOW_SCALE), step]
        x = g.leaky(g.conv(g.node("Concat", parts, f"{at}.parts", axis=1), weight, matcher.first.bias, f"{at}.first"), f"{at}.leaky1")
        x = g.leaky(g.layer(g.layer(x, matcher.spatial, f"{at}.spatial"), matcher.mix, f"{at}.mix"), f"{at}.leaky2")
        x = g.leaky(g.layer(g.layer(x, matcher.spatial2, f"{at}.spatial2"), matcher.mix2, f"{at}.mix2"), f"{at}.leaky3")
        step = g.node("Add", [step, g.layer(x, matcher.out, f"{at}.out")], f"{at}.corrected")
        return step if flow is None else g.node("Add", [flow, step], f"{at}.flow")

    def times(self, x: str, factor: float) -> str:
        return x if factor == 1 else self.g.node("Mul", [x, self.g.constant(np.float32([factor]), f"times{factor:g}")], f"{x}.times{factor:g}")

    def larger(self, x: str, factor: int, at: str) -> str:
        scales = self.g.constant(np.float32([1, 1, factor, factor]), f"larger{factor}")
        return self.g.node("Resize", [x, "", scales], f"{at}.larger", mode="linear", coordinate_transformation_mode="half_pixel")

    def warp(self, x: str, flow: str, at: str) -> str:
        g = self.g
        shape = g.node("Shape", [x], f"{at}.shape")
        zero, one, two = (g.constant(np.float32(n), f"scalar{n}") for n in (0, 1, 2))
        coordinates = []
        for c, (axis, of) in enumerate(((3, "x"), (2, "y"))):
            name = f"{at}.{of}"
            size = g.node("Gather", [shape, g.constant(np.int64(axis), f"axis_{of}")], f"{name}.size")
            size = g.node("Cast", [size], f"{name}.width", to=TensorProto.FLOAT)
            grid = g.node("Range", [zero, size, one], f"{name}.range")
            if of == "y":
                grid = g.node("Unsqueeze", [grid, g.constant(np.int64([1]), "axis1")], f"{name}.rows")
            last = g.node("Max", [g.node("Sub", [size, one], f"{name}.last"), one], f"{name}.last_or_one")
            moved = g.node("Add", [g.node("Gather", [flow, g.constant(np.int64(c), f"component{c}")], f"{name}.flow", axis=1), grid], f"{name}.moved")
            scaled = g.node("Mul", [moved, g.node("Div", [two, last], f"{name}.unit")], f"{name}.scaled")
            coordinates.append(g.node("Unsqueeze", [g.node("Sub", [scaled, one], f"{name}.normal"), g.constant(np.int64([3]), "axis3")], f"{name}.plane"))
        grid = g.node("Concat", coordinates, f"{at}.grid", axis=3)
        return g.node("GridSample", [x, grid], f"{at}.warped", mode="bilinear", padding_mode="border", align_corners=1)


def rounded(network: FlowNetwork) -> FlowNetwork:
    """The weights as the file holds them: those of the corrections in fp16."""
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("weight"):
                p.copy_(p.half().float())
    return network.eval()


@torch.no_grad()
def check_export(network: FlowNetwork, folder: Path, size: tuple[int, int] = (96, 160)) -> float:
    """Largest difference of ONNX Runtime's vectors to PyTorch's, in quarter pixels, on a texture that moved; raises AssertionError beyond TOLERANCE."""
    g = torch.Generator().manual_seed(0)
    texture = torch.nn.functional.interpolate(torch.rand(1, 1, 30, 30, generator=g), size=(256, 256), mode="bicubic").mul(255).clamp(0, 255)
    current, reference = (texture[:, :, y:y + size[0], x:x + size[1]].contiguous() for y, x in ((20, 30), (26, 41)))
    ours = 4 * network(current, reference)[-1][0]
    theirs = FlowModel(folder).flow(current[0, 0].numpy(), reference[0, 0].numpy())
    worst = float(np.abs(theirs - ours.permute(1, 2, 0).numpy()).max())
    if worst > TOLERANCE:
        raise AssertionError(f"ONNX Runtime's vectors differ from PyTorch's by {worst:.3f} quarter pixels")
    return worst


def card(network: FlowNetwork, progress: dict) -> str:
    parameters = sum(p.numel() for p in network.parameters())
    return "\n".join([
        "# Model motion", "",
        "A small optical flow network: two luma pictures in, a quarter-pel vector for every 8x8 block out. `--motion flow` gives its vectors to the "
        "encoder's search as candidates. Streams do not depend on it: a decoder never runs it.", "",
        f"- `{FILE}`: {parameters} parameters; inputs `current`, `reference` (1, 1, H, W) float32 luma in 8-bit levels, multiples of 32; output "
        "`flow` (1, 2, H / 8, W / 8) in quarter luma pixels, dx before dy",
        f"- trained without labels (`python -m train.flow`) on absolute error + rate of the vectors at QP {QP}, pictures 1 to {FARTHEST} frames apart, "
        f"on the clips of model lite's training: {progress['steps']} steps in {progress['seconds'] / 60:.0f} minutes on one shared core",
        f"- at its end: absolute error {progress['error']:.2f} levels a sample, {progress['bits']:.2f} bits a vector, running means over training crops",
        "- what it gains: docs/BENCHMARKS.md", ""])


@click.command()
@click.option("--resume", type=click.Path(exists=True, path_type=Path), required=True, help="flow.pt of a run.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write, e.g. models/motion.")
def main(resume, out) -> None:
    """Export the flow network."""
    checkpoint = load(resume)
    network = FlowNetwork()
    network.load_state_dict(checkpoint["network"])
    write(network, out, checkpoint["progress"])
    click.echo(f"{out}: vectors within {check_export(network, out):.4f} quarter pixels")


def write(network: FlowNetwork, folder: Path, progress: dict) -> None:
    """Graph and card; `network` gets the weights as they are stored."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(FlowGraph(rounded(network)).build().SerializeToString())
    (folder / "CARD.md").write_text(card(network, progress))


if __name__ == "__main__":
    main()
