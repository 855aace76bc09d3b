"""`python -m train run|export`: see docs/TRAINING.md."""
from __future__ import annotations

from pathlib import Path

import click
import torch

from .config import MODELS
from .trainer import PHASES, Trainer


@click.group()
def main() -> None:
    """Train and export ZVC69's models."""


@main.command()
@click.option("--model", type=click.Choice(sorted(MODELS)), default="lite", show_default=True)
@click.option("--phase", type=click.Choice(sorted(PHASES)), default="U0", show_default=True)
@click.option("--minutes", type=float, required=True, help="Length of this run; the schedule ends with it.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), multiple=True, required=True, help="Folder of stills or clips (repeatable).")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/lite"), show_default=True, help="Folder for checkpoint and log.")
@click.option("--resume", type=click.Path(exists=True, path_type=Path), help="Checkpoint (.pt) or released model folder to start from; without it, the DCT.")
@click.option("--threads", type=int, default=0, help="Threads of the run; 0 = all cores.")
@click.option("--max-steps", type=int, help="Stop after this many steps.")
def run(model, phase, minutes, data, out, resume, threads, max_steps) -> None:
    """Train one phase for a fixed time, resumable, saving every few minutes."""
    if threads:
        torch.set_num_threads(threads)
    trainer = Trainer(model, out)
    if resume:
        trainer.resume(resume)
    trainer.run(PHASES[phase], list(data), minutes, max_steps=max_steps)


if __name__ == "__main__":
    main()
