"""Weights in and out of files: checkpoints of a run, released folders."""
from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import torch

from .config import MODELS, ModelConfig
from .network import Network

WEIGHTS = "training.npz"     # fp16 state in a released folder, to resume from; not in the wheel


def rounded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state as released: everything as fp16 holds it."""
    return {k: v.half().float() for k, v in state.items()}


def save_network(path: Path, config: ModelConfig, state: dict[str, torch.Tensor], progress: dict) -> None:
    """Write a checkpoint; a killed process leaves the previous one whole."""
    part = path.with_suffix(".part")
    torch.save(dict(model=config.name, average=state, progress=progress), part)
    os.replace(part, path)


def load_network(path: Path) -> tuple[Network, dict]:
    """Network (its averaged weights, full precision) and training history of a checkpoint (.pt) or released folder."""
    path = Path(path)
    if path.is_dir():
        manifest = json.loads((path / "manifest.json").read_text())
        with np.load(path / WEIGHTS) as archive:
            state = {k: torch.from_numpy(archive[k]).float() for k in archive.files}
        name, progress = manifest["name"], manifest["training"]
    else:
        data = torch.load(path, map_location="cpu", weights_only=True)
        state, name, progress = data["average"], data["model"], data["progress"]
    network = Network(MODELS[name])
    network.load_state_dict(state)
    return network.eval(), progress
