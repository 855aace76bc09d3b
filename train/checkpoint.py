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
INTRA_WEIGHTS = "training_intra.npz"     # the same of a network that codes keyframes alone, packed


def rounded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state as released: everything as fp16 holds it."""
    return {k: v.half().float() for k, v in state.items()}


def fitted(state: dict[str, torch.Tensor], network: Network) -> dict[str, torch.Tensor]:
    """Weights of a network that is as deep as `network` or less so, for `network`: blocks that are not there yet begin as identity."""
    own = network.state_dict()
    more = {k: v.clone() for k, v in own.items() if k not in state}
    for name, weights in more.items():
        if name.split(".")[-2] in ("out", "mix"):      # what a block adds (layers.Block)
            weights.zero_()
    return state | more


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


def load_intra(folder: Path) -> tuple[Network, dict] | None:
    """The network of a released folder that codes its keyframes, with its history; None where one network codes all frames."""
    path = Path(folder) / INTRA_WEIGHTS
    return load_network(path) if path.is_file() else None


def load_network(path: Path) -> tuple[Network, dict]:
    """Network and training history of a checkpoint (.pt: averaged weights, full precision), of packed weights (.npz) or of a
    released folder (of all frames, or of P and B frames: `load_intra` has the other)."""
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
    network.load_state_dict(fitted(state, network))     # the model may have grown since
    return network.eval(), progress
