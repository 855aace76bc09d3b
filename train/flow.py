"""Trains the flow network without labels, on what the motion search minimises: absolute error + 0.45 step bits.

    python -m train.flow --data CLIPS --minutes 15 --out runs/flow [--resume runs/flow/flow.pt]
    python -m train.export_motion --resume runs/flow/flow.pt --out models/motion
"""
from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F

from zvc69.core.motion import RATE_WEIGHT

from .data import ALIGN, load_clip, media_files
from .flow_network import LEVELS, FlowNetwork, warp
from .layers import step_size

FRAMES = 10                              # of each clip
FARTHEST = 3                             # frames between the two pictures
QP = 32
BLOCK = 8                                # luma samples a side, of the field that is searched for
BITS = 0.5 * 28 / 16                     # of log2(1 + difference), as csrc/motion/rate.h has it; half of the blocks are merged
LEVEL_WEIGHTS = (0.1, 0.3, 1.0)          # coarse to fine
RATE, BATCH, SIZE = 2e-3, 6, 256
SAVE_SECONDS, LOG_SECONDS = 60, 30


class Pairs:
    """Crops of two pictures of a clip, up to FARTHEST frames apart, in either order."""

    def __init__(self, folders: list[Path], size: int, seed: int) -> None:
        self.size, self.rng = size, np.random.default_rng(seed)
        self.clips: list[list[np.ndarray]] = []
        for path in (path for folder in folders for path in media_files(folder)):
            luma = [picture.y for picture in load_clip(path, frames=FRAMES)]
            if len(luma) > 1 and min(luma[0].shape) >= size:
                self.clips.append(luma)
        if not self.clips:
            raise FileNotFoundError(f"no clip of two frames of at least {size}x{size}")

    def _one(self) -> np.ndarray:
        clip = self.clips[self.rng.integers(len(self.clips))]
        distance = int(self.rng.integers(1, min(FARTHEST, len(clip) - 1) + 1))
        first = int(self.rng.integers(len(clip) - distance))
        top, left = (int(self.rng.integers((n - self.size) // ALIGN + 1)) * ALIGN for n in clip[0].shape)
        pair = np.stack([clip[t][top:top + self.size, left:left + self.size] for t in (first, first + distance)])
        for axis in range(3):
            if self.rng.integers(2):
                pair = np.flip(pair, axis)
        return pair.swapaxes(1, 2) if self.rng.integers(2) else pair

    def batch(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Current and reference luma, (n, 1, size, size) each, in 8-bit levels."""
        pairs = torch.from_numpy(np.stack([self._one() for _ in range(n)])).float()
        return pairs[:, :1], pairs[:, 1:]


def vector_bits(flow: torch.Tensor) -> torch.Tensor:
    """Mean bits of a block's vector, by the differences to its neighbours at the left and above; flow in luma samples."""
    quarters = 4 * flow
    differences = [(quarters[:, :, :, 1:] - quarters[:, :, :, :-1]), (quarters[:, :, 1:] - quarters[:, :, :-1])]
    return BITS / 2 * sum(torch.log2(1 + d.abs()).sum(1).mean() for d in differences)


def loss(network: FlowNetwork, current: torch.Tensor, reference: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss, absolute error a sample and bits a vector of the finest level. Levels of larger blocks predict smaller pictures, in blocks of 8 as well."""
    total, step = torch.zeros(()), float(step_size(torch.tensor(QP)))
    for level, weight, flow in zip(LEVELS, LEVEL_WEIGHTS, network(current, reference), strict=True):
        shrink = level.block // BLOCK
        now, before = (F.avg_pool2d(picture, shrink) for picture in (current, reference))
        error = (warp(before, F.interpolate(flow / shrink, scale_factor=BLOCK, mode="nearest")) - now).abs().mean()
        bits = vector_bits(flow)
        total = total + weight * (error + RATE_WEIGHT * step / BLOCK ** 2 * bits)
    return total, error.detach(), bits.detach()


def save(path: Path, network: FlowNetwork, optimiser: torch.optim.Optimizer, progress: dict) -> None:
    """A killed process leaves the previous file whole."""
    torch.save(dict(network=network.state_dict(), optimiser=optimiser.state_dict(), progress=progress), path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def load(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)


def run(folders: list[Path], out: Path, minutes: float, *, resume: Path | None = None, size: int = SIZE, batch: int = BATCH, rate: float = RATE,
        max_steps: int | None = None, seed: int = 0) -> dict:
    """Train for `minutes` (or `max_steps`), the step size falling to zero over that time; `out` keeps flow.pt and log.jsonl. Returns the progress."""
    torch.manual_seed(seed)
    network, progress = FlowNetwork(), dict(steps=0, seconds=0.0, error=0.0, bits=0.0)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.9, 0.99))
    if resume:
        checkpoint = load(resume)
        network.load_state_dict(checkpoint["network"])
        optimiser.load_state_dict(checkpoint["optimiser"])
        progress = checkpoint["progress"]
    pairs = Pairs(folders, size, seed + progress["steps"])
    out.mkdir(parents=True, exist_ok=True)
    start = saved = logged = time.monotonic()
    before, steps = progress["seconds"], 0
    while True:
        now = time.monotonic()
        done = max((now - start) / (60 * minutes), steps / max_steps if max_steps else 0)
        progress["seconds"] = round(before + now - start, 1)
        if now - saved > SAVE_SECONDS or done >= 1:
            save(out / "flow.pt", network, optimiser, progress)
            saved = now
        if done >= 1:
            return progress
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (steps + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        optimiser.zero_grad(set_to_none=True)
        total, error, bits = loss(network, *pairs.batch(batch))
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        if torch.isfinite(norm):
            optimiser.step()
        steps += 1
        progress["steps"] += 1
        share = max(0.01, 1 / steps)
        progress["error"] += share * (error.item() - progress["error"])
        progress["bits"] += share * (bits.item() - progress["bits"])
        if now - logged > LOG_SECONDS:
            line = progress | dict(norm=round(norm.item(), 3), error=round(progress["error"], 3), bits=round(progress["bits"], 3))
            with open(out / "log.jsonl", "a") as f:
                f.write(json.dumps(line) + "\n")
            print(" ".join(f"{k}={v}" for k, v in line.items()), flush=True)
            logged = now


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True, help="Folder of clips (repeatable).")
@click.option("--minutes", type=float, required=True, help="Length of this run; the schedule ends with it.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/flow"), show_default=True, help="Folder for checkpoint and log.")
@click.option("--resume", type=click.Path(exists=True, path_type=Path), help="flow.pt to go on from.")
@click.option("--threads", type=int, default=0, help="Threads of the run; 0 = all cores.")
@click.option("--max-steps", type=int, help="Stop after this many steps.")
def main(data, minutes, out, resume, threads, max_steps) -> None:
    """Train the flow network for a fixed time."""
    if threads:
        torch.set_num_threads(threads)
    run(list(data), out, minutes, resume=resume, max_steps=max_steps)


if __name__ == "__main__":
    main()
