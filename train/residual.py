"""What conditional coding gains over coding the difference to the prediction, as classical codecs do.

    python -m train.residual start --resume models/lite --out runs/start.npz
    python -m train.residual run --resume runs/start.npz --data CLIPS --model residual --steps 400 --out runs/residual      # and --model lite
    python -m train.residual compare --clips CLIPS --result OUT.json runs/residual/checkpoint.pt runs/lite/checkpoint.pt

Both networks begin as one codec: frames without references as the model codes them, others by the same transforms applied to the difference. The
residual network (`ModelConfig.conditional` False) stays such a codec, the other one learns to use picture, slots and context.
"""
from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from zvc69.core import motion
from zvc69.metrics import bd_rate

from .checkpoint import load_network, save_weights
from .config import CHANNELS, SKIP_BELOW
from .data import load_clip, media_files
from .layers import pack
from .network import Network
from .rate import lagrangian
from .search import fields
from .steps import PHASES
from .temporal import frame_qp
from .trainer import Trainer
from .warp import fetch_state, warp_packed

QPS = (20, 30, 40, 50)
OFFSETS = (0, -4, 2, 0, 2)      # of QP, by frame number
FRAMES = len(OFFSETS)
SIZE = 256
PHASE = replace(PHASES["U1"], crop=128, batch=2, frames=3, rate=1e-3)     # small steps: many in little time
DECAY = 0.98                    # of the average over steps: there are few
MOST_MINUTES = 600


@torch.no_grad()
def without_context(network: Network) -> None:
    """Fold away what a network sees beside the difference: it then codes frames with references alike whether its configuration is conditional or
    not, and frames without as before. Nothing is dead: the weights that are zero here have gradients."""
    width = network.config.width
    for conv, context_at in ((network.analysis_in, 2 * CHANNELS), (network.hyper_in, CHANNELS), (network.mean1_in, 48), (network.mean2_in, 48),
                             (network.synthesis_in, 2 * CHANNELS)):
        context = slice(context_at, context_at + width)
        conv.bias += conv.weight[:, context, 0, 0] @ network.blank
        conv.weight[:, context] = 0
    network.blank.zero_()
    picture, difference = slice(CHANNELS), slice(CHANNELS, 2 * CHANNELS)
    network.analysis_in.weight[:, difference] += network.analysis_in.weight[:, picture]      # equal without references
    network.analysis_in.weight[:, picture] = 0
    network.synthesis_in.weight[:, difference] = 0                                           # slot A


def read_clip(path: Path) -> torch.Tensor:
    """The first frames of a clip, cut in the middle to SIZE x SIZE: (1, FRAMES, 96, SIZE / 8, SIZE / 8)."""
    def cut(a: np.ndarray, size: int) -> np.ndarray:
        top, left = ((n - size) // 2 // 8 * 8 for n in a.shape)
        return a[top:top + size, left:left + size]

    pictures = load_clip(path, frames=FRAMES)
    planes = [torch.from_numpy(np.stack([cut(getattr(p, name), size) for p in pictures])).float()[:, None]
              for name, size in (("y", SIZE), ("u", SIZE // 2), ("v", SIZE // 2))]
    return pack(*planes)[None]


@torch.no_grad()
def point(network: Network, clip: torch.Tensor, qp: int) -> tuple[float, float]:
    """Bits per pixel (estimated for symbols, real for vectors) and PSNR 6:1:1 of the P frames of I P P P P; no copy blocks."""
    how = dict(rate="coded", rd=True, skip_below=SKIP_BELOW, half=False)
    shown, state, bits, error = None, None, [], []
    for t, offset in enumerate(OFFSETS):
        picture, q = clip[:, t], frame_qp(torch.tensor([qp]), offset)
        if shown is None:
            out = network(picture, q, **how)
        else:
            field = fields(picture, shown, q)
            out = network(picture, q, warp_packed(shown, field), None, fetch_state(state, field), **how)
            vectors = motion.MotionField.from_vectors(field[0].permute(1, 2, 0).numpy().astype(np.int16))
            _, bpp, luma, chroma = lagrangian(out, picture, q)
            bits.append(bpp.item() + 8 * len(motion.encode(vectors)) / SIZE ** 2)
            error.append(psnr(luma.item(), chroma.item()))
        shown, state = out.picture.round().clamp(0, 255), out.state
    return sum(bits) / len(bits), sum(error) / len(error)


def psnr(luma: float, chroma: float) -> float:
    """6:1:1, of mean squared errors; the chroma planes have one together."""
    return sum(w * 10 * math.log10(255 ** 2 / max(e, 1e-9)) for w, e in ((0.75, luma), (0.25, chroma)))


@click.group()
def main() -> None:
    """Conditional against residual coding."""


@main.command()
@click.option("--resume", type=click.Path(exists=True, path_type=Path), required=True, help="Checkpoint (.pt), packed weights (.npz) or released model folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Packed weights to write, for `python -m train run --resume`.")
def start(resume, out) -> None:
    """Write the weights from which both networks begin."""
    network, progress = load_network(resume)
    without_context(network)
    save_weights(out, network.config, network.state_dict(), progress)


@main.command()
@click.option("--resume", type=click.Path(exists=True, path_type=Path), required=True, help="What `start` wrote.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True, help="Folder of clips (repeatable).")
@click.option("--model", type=click.Choice(["lite", "residual", "tiny", "tiny_residual"]), required=True)
@click.option("--steps", type=int, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for checkpoint and log.")
def run(resume, data, model, steps, out) -> None:
    """Train one of the two, as long as the other."""
    trainer = Trainer(model, out, decay=DECAY)
    trainer.resume(resume)
    trainer.run(PHASE, list(data), minutes=MOST_MINUTES, max_steps=steps)


@main.command()
@click.argument("residual", type=click.Path(exists=True, path_type=Path))
@click.argument("conditional", type=click.Path(exists=True, path_type=Path))
@click.option("--clips", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of clips to code.")
@click.option("--result", type=click.Path(path_type=Path), required=True, help="JSON file to write.")
def compare(residual, conditional, clips, result) -> None:
    """Rate and distortion of two checkpoints, and what the second one saves."""
    networks = {name: load_network(path) for name, path in (("residual", residual), ("conditional", conditional))}
    if networks["residual"][0].config.conditional or not networks["conditional"][0].config.conditional:
        raise click.UsageError("give the residual checkpoint first, then the conditional one")
    pictures = {path.stem: read_clip(path) for path in media_files(clips)}
    curves = {clip: {name: [point(network, p, qp) for qp in QPS] for name, (network, _) in networks.items()} for clip, p in pictures.items()}
    gains = {clip: round(bd_rate(*curve.values()), 2) for clip, curve in curves.items()}
    trained = {name: progress["history"][-1] for name, (_, progress) in networks.items()}
    mean = round(sum(gains.values()) / len(gains), 2)
    result.write_text(json.dumps(dict(qps=QPS, size=SIZE, frames=FRAMES, trained=trained, curves=curves, bd_rate=gains, mean=mean), indent=1) + "\n")
    click.echo("\n".join(f"{clip}: {gain:+.1f} %" for clip, gain in gains.items()) + f"\nconditional against residual: {mean:+.1f} %")


if __name__ == "__main__":
    main()
