"""The training loop: phases, schedule, checkpoints, weight averaging."""
from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from .checkpoint import fitted, load_network, save_network
from .config import MODELS
from .network import Network
from .steps import Phase, Steps

SAVE_SECONDS = 180
LOG_SECONDS = 30


@dataclass
class Progress:
    """What a checkpoint knows about its history."""

    steps: int = 0
    seconds: float = 0.0
    history: list[dict] = field(default_factory=list)
    origin: str = ""         # of weights that were trained before this history


class Trainer:
    """Trains one model in time-boxed runs; `folder` keeps `checkpoint.pt` (weights, average, moments) and `log.jsonl`."""

    def __init__(self, model: str, folder: Path, *, seed: int = 0, decay: float = 0.998, device: torch.device | str = "cpu"):
        """decay: of the weights' average, a step. device: where all is computed but the motion search."""
        self.device = torch.device(device)
        self.network = self._placed(Network(MODELS[model]))
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.folder, self.decay, self.seed = Path(folder), decay, seed
        self.progress = Progress()
        self.folder.mkdir(parents=True, exist_ok=True)

    def _placed(self, network: Network) -> Network:
        """On the device; beyond a CPU, whose kernels take weights as they are, in the order that its convolutions are fast with."""
        return network if self.device.type == "cpu" else network.to(self.device, memory_format=torch.channels_last)

    # ---- weights in and out -------------------------------------------------------------------------------------

    def resume(self, path: Path) -> None:
        """Weights and history of a checkpoint (.pt) or of a released model folder; of a model that is less deep too."""
        network, progress = load_network(path)
        state = fitted(network.state_dict(), self.network)
        self.network.load_state_dict(state)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.progress = Progress(**progress)

    def save(self) -> None:
        save_network(self.folder / "checkpoint.pt", self.network.config, {k: v.cpu() for k, v in self.average.items()}, asdict(self.progress))

    # ---- the loop -----------------------------------------------------------------------------------------------

    def run(self, phase: Phase, folders: list[Path], minutes: float, *, max_steps: int | None = None, intra: Network | None = None) -> None:
        """Train `phase` for `minutes` (or `max_steps`), cosine schedule over that time, saving as it goes. intra: codes keyframes."""
        steps = Steps(phase, folders, self.seed + self.progress.steps, intra and self._placed(intra), self.device)
        optimiser = torch.optim.Adam(self.network.parameters(), lr=phase.rate, betas=(0.9, 0.99), fused=True)
        self.network.train()
        start = saved = logged = time.monotonic()
        entry = dict(phase=phase.name, minutes=0.0, steps=0, crops=0, crop=phase.crop, rate=phase.rate)
        self.progress.history.append(entry)
        sums, count, seen, step = torch.zeros(4), 0, 0, 0
        while True:
            now = time.monotonic()
            done = max((now - start) / (60 * minutes), step / max_steps if max_steps else 0)
            if done >= 1:
                break
            warm = min(1.0, (step + 1) / 100)
            for group in optimiser.param_groups:
                group["lr"] = phase.rate * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done)))
            optimiser.zero_grad(set_to_none=True)
            stats, crops = steps.gradients(self.network, step)
            norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            if torch.isfinite(norm):
                optimiser.step()
                self._average(step)
            step += 1
            self.progress.steps += 1
            entry["steps"] += 1
            entry["crops"] += crops
            seen += crops
            sums += torch.cat([stats, norm.detach()[None]]).cpu()
            count += 1
            if now - logged > LOG_SECONDS:
                self._log(phase, now - start, sums / count, seen / (now - logged))
                sums, count, seen, logged = torch.zeros(4), 0, 0, now
            if now - saved > SAVE_SECONDS:
                self._checkpoint(entry, now - saved)
                saved = now
        self._checkpoint(entry, time.monotonic() - saved)

    def _checkpoint(self, entry: dict, seconds: float) -> None:
        """Save, with `seconds` more of training."""
        self.progress.seconds += seconds
        entry["minutes"] = round(entry["minutes"] + seconds / 60, 2)
        self.save()

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.decay, (step + 1) / (step + 10))
        for k, v in self.network.state_dict().items():
            self.average[k].lerp_(v, 1 - decay)

    def _log(self, phase: Phase, seconds: float, means, rate: float) -> None:
        line = dict(phase=phase.name, t=round(seconds), step=self.progress.steps, j=round(means[0].item(), 4),
                    bpp=round(means[1].item(), 4), mse=round(means[2].item(), 3), norm=round(means[3].item(), 3),
                    crops_per_s=round(rate, 1))
        with open(self.folder / "log.jsonl", "a") as f:
            f.write(json.dumps(line) + "\n")
        print(" ".join(f"{k}={v}" for k, v in line.items()), flush=True)
