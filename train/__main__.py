"""`python -m train run|export`: see docs/TRAINING.md."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch

from zvc69.config import Quality

from .card import card
from .checkpoint import load_intra, load_network, pack_weights, rounded
from .clips import Clips
from .config import MODELS
from .data import Crops
from .export import IntraPart, check_export, count_symbols, write_model
from .network import Network
from .steps import PHASES
from .trainer import Trainer


@click.group()
def main() -> None:
    """Train and export ZVC69's models."""


@main.command()
@click.option("--model", type=click.Choice(sorted(MODELS)), default="lite", show_default=True)
@click.option("--phase", type=click.Choice(sorted(PHASES)), default="U0", show_default=True)
@click.option("--minutes", type=float, required=True, help="Length of this run; the schedule ends with it.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True, help="Folder of stills or clips (repeatable).")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/lite"), show_default=True, help="Folder for checkpoint and log.")
@click.option("--resume", type=click.Path(exists=True, path_type=Path),
              help="Checkpoint (.pt), packed weights (.npz) or released model folder to start from; without it, the DCT.")
@click.option("--threads", type=int, default=0, help="Threads of the run; 0 = all cores.")
@click.option("--rate", type=float, help="Top of the step size schedule; default: the phase's.")
@click.option("--intra", type=click.Path(exists=True, path_type=Path), help="Weights that code keyframes, of a model that has them apart; they do not learn.")
@click.option("--max-steps", type=int, help="Stop after this many steps.")
@click.option("--device", default="cpu", show_default=True, help="PyTorch's name of what computes: cpu, cuda.")
@click.option("--batch", type=click.IntRange(1), help="Sequences or crops of a step; default: the phase's, which is for a CPU.")
@click.option("--decay", type=click.FloatRange(0, 1), default=0.998, show_default=True, help="Of the average of weights, a step; less for few large steps.")
def run(model, phase, minutes, data, out, resume, threads, rate, intra, max_steps, device, batch, decay) -> None:
    """Train one phase for a fixed time, resumable, saving every few minutes."""
    if threads:
        torch.set_num_threads(threads)
    trainer = Trainer(model, out, device=device, decay=decay)
    if resume:
        trainer.resume(resume)
    chosen = replace(PHASES[phase], **{name: value for name, value in dict(rate=rate, batch=batch).items() if value is not None})
    trainer.run(chosen, list(data), minutes, max_steps=max_steps, intra=load_network(intra)[0] if intra else None)


@main.command("profile")
@click.option("--model", type=click.Choice(sorted(MODELS)), default="lite", show_default=True)
@click.option("--phase", type=click.Choice(sorted(PHASES)), default="U3", show_default=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True, help="Folder of stills or clips (repeatable).")
@click.option("--steps", type=int, default=4, show_default=True)
@click.option("--threads", type=int, default=1, show_default=True)
def profile_command(model, phase, data, steps, threads) -> None:
    """Where a training step's time goes."""
    from .profiling import profile_phase
    torch.set_num_threads(threads)
    for name, value in profile_phase(Network(MODELS[model]), PHASES[phase], list(data), steps).items():
        click.echo(f"{name:<36}{value:8.1%}" if name.startswith("share") else f"{name:<36}{value:8.1f}")


@main.command("compare")
@click.argument("weights", nargs=-1, required=True)
@click.option("--clips", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of clips to code.")
@click.option("--frames", type=click.IntRange(2), default=14, show_default=True)
@click.option("--b-frames", type=click.Choice(["0", "1", "3", "7", "15"]), default="0", show_default=True, help="Between two P frames.")
@click.option("--threads", type=int, default=1, show_default=True)
def compare_command(weights, clips, frames, b_frames, threads) -> None:
    """How well several weights code chains of P frames, or runs of B frames: BD-rate against the first, and the planes' PSNR.

    PATH,PATH are weights of P frames and those of their keyframes."""
    from .compare import QPS, compare
    torch.set_num_threads(threads)
    rates, means = compare([_pair(path) for path in weights], clips, frames, int(b_frames))
    for path, rate, mean in zip(weights, rates, means):
        click.echo(f"{path}: {rate:+.2f} %")
        for qp, bits, (y, u, v) in zip(QPS, mean.bits, mean.psnr):
            click.echo(f"  QP {qp}: {bits:.4f} bits per pixel, Y {y:.2f} dB, U {u - y:+.2f}, V {v - y:+.2f}")


def _pair(paths: str) -> tuple[Network, Network]:
    """Networks of P frames and of keyframes."""
    inter, *apart = (Path(path) for path in paths.split(","))
    network = load_network(inter)[0]
    if apart:
        return network, load_network(apart[0])[0]
    own = load_intra(inter)
    return network, own[0] if own else network


@main.command()
@click.option("--resume", type=click.Path(exists=True, path_type=Path), required=True, help="Checkpoint (.pt) or released model folder.")
@click.option("--intra", type=click.Path(exists=True, path_type=Path), help="Weights that code the keyframes (--inter). Default: those of --resume.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True,
              help="Folder of training pictures: symbols are counted on them.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model folder to write, e.g. models/lite.")
@click.option("--batches", type=int, default=96, show_default=True, help="Batches of 16 crops to count symbols on.")
@click.option("--quality-qp", nargs=4, type=click.IntRange(0, 63), default=(52, 41, 31, 19), show_default=True, help="QP of low, medium, high, very-high.")
@click.option("--inter", is_flag=True, help="With the graphs of P and B frames.")
def export(resume, intra, data, out, batches, quality_qp, inter) -> None:
    """Write a model folder and prove that PyTorch, ONNX Runtime and the integer network agree."""
    network, progress = load_network(resume)
    network.load_state_dict(rounded(network.state_dict()))
    torch.manual_seed(0)
    crops, clips, part = Crops(list(data), 192, seed=0), Clips(list(data), 224, 9, seed=0) if inter else None, None
    if intra:
        own, of_keys = load_network(intra)
        own.load_state_dict(rounded(own.state_dict()))
        part = IntraPart(own, count_symbols(own, crops, batches), of_keys)
        counts = count_symbols(network, None, batches, clips=clips, intra=own)
    else:
        counts = count_symbols(network, crops, batches, clips=clips)
    names = (q.value for q in Quality)
    write_model(network, counts, out, quality_qp=dict(zip(names, quality_qp)), training=progress, inter=inter, intra=part)
    worst = check_export(part.network if part else network, out, crops.batch(1))
    click.echo(f"{out}: sigma indices equal, pictures within {worst['picture']:.4f} levels, latents within {worst['y']:.4f}")


@main.command()
@click.option("--resume", type=click.Path(exists=True, path_type=Path), required=True, help="Checkpoint (.pt).")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write, e.g. models/lite/next.npz.")
def pack(resume, out) -> None:
    """Weights of a phase that is not released yet, in fp16, to go on from with `run --resume`."""
    pack_weights(resume, out)


@main.command("card")
@click.option("--model", type=click.Path(exists=True, path_type=Path), required=True, help="Released model folder; its CARD.md is written.")
@click.option("--manifest", type=click.Path(exists=True, path_type=Path), multiple=True, help="MANIFEST.tsv of the training data (repeatable).")
@click.option("--rd", type=click.Path(exists=True, path_type=Path), help="Result of benchmarks.rd_intra.")
@click.option("--log", type=click.Path(exists=True, path_type=Path), multiple=True, help="log.jsonl of a run, for the learning curve (repeatable).")
def write_card(model, manifest, rd, log) -> None:
    """Write the model card."""
    (model / "CARD.md").write_text(card(model, list(manifest), rd, log))


if __name__ == "__main__":
    main()
