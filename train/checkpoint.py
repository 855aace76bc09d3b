"""Weights in and out of files: checkpoints of a run, released folders."""
from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import torch

from .config import MODELS, ModelConfig
from .network import Network

ABOUT = "about"
WEIGHTS = "training.npz"     # fp16 state in a released folder, to resume from; not in the wheel


def rounded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state as released: everything as fp16 holds it."""
    return {k: v.half().float() for k, v in state.items()}


def save_network(path: Path, config: ModelConfig, state: dict[str, torch.Tensor], progress: dict) -> None:
    """Write a checkpoint; a killed process leaves the previous one whole."""
    part = path.with_suffix(".part")
    torch.save(dict(model=config.name, average=state, progress=progress), part)
    os.replace(part, path)


def save_weights(out: Path, config: ModelConfig, state: dict[str, torch.Tensor], progress: dict) -> None:
    """A small file to go on from elsewhere: fp16 weights, model name and history."""
    about = json.dumps(dict(model=config.name, progress=progress)).encode()
    np.savez_compressed(out, **{k: v.half().numpy() for k, v in state.items()}, **{ABOUT: np.frombuffer(about, np.uint8)})


def pack_weights(checkpoint: Path, out: Path) -> None:
    """A checkpoint as such a file."""
    data = torch.load(checkpoint, map_location="cpu", weights_only=True)
    save_weights(out, MODELS[data["model"]], data["average"], data["progress"])


def load_network(path: Path) -> tuple[Network, dict]:
    """Network and training history of a checkpoint (.pt: averaged weights, full precision), of packed weights (.npz) or of a
    released folder."""
    path = Path(path)
    if path.is_dir():
        manifest = json.loads((path / "manifest.json").read_text())
        with np.load(path / WEIGHTS) as archive:
            state = {k: torch.from_numpy(archive[k]).float() for k in archive.files}
        name, progress = manifest["name"], manifest["training"]
    elif path.suffix == ".npz":
        with np.load(path) as archive:
            state = {k: torch.from_numpy(archive[k]).float() for k in archive.files if k != ABOUT}
            about = json.loads(archive[ABOUT].tobytes())
        name, progress = about["model"], about["progress"]
    else:
        data = torch.load(path, map_location="cpu", weights_only=True)
        state, name, progress = data["average"], data["model"], data["progress"]
    network = Network(MODELS[name])
    network.load_state_dict(state)
    return network.eval(), progress
