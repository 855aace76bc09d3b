"""Frames whose activations are computed again on the way back instead of kept: for long sequences with gradients through time.

T. Chen et al., "Training deep nets with sublinear memory cost" (2016). What is kept of a frame is its inputs and outputs.

    python -m train.checkpoint_training     # peak memory of one step with and without
"""
from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import fields

import torch
from torch.utils.checkpoint import checkpoint

from .network import Network, Output

_FIELDS = [f.name for f in fields(Output)]


def forward(network: Network, *frame, **how) -> Output:
    """`network(*frame, **how)`, computed once more when its gradients are asked for, with the same random numbers."""
    def run(*inputs):
        out = network(*inputs, **how)
        return tuple(getattr(out, name) for name in _FIELDS)

    return Output(*checkpoint(run, *frame, use_reentrant=False))


def peak_memory(checkpointed: bool, frames: int, batch: int = 2, crop: int = 224) -> int:
    """KiB resident at most during one step over a sequence of P frames with gradients through time, in this process."""
    import numpy as np

    from .config import LITE
    from .structure import low_delay
    from .temporal import sequence_step
    network = Network(LITE)
    pictures = (torch.rand(batch, frames, 96, crop // 8, crop // 8) * 255)
    sequence_step(network, pictures, low_delay(frames, np.random.default_rng(0)), torch.full((batch,), 30), torch.Generator().manual_seed(0),
                  through_time=True, checkpointed=checkpointed, half_sigma=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Each way in a process of its own, since peaks last."""
    if len(sys.argv) == 3:
        print(peak_memory(sys.argv[1] == "checkpointed", int(sys.argv[2])))
        return
    for frames in (4, 8, 16):
        kept, again = (int(subprocess.run([sys.executable, "-m", __spec__.name, how, str(frames)], stdout=subprocess.PIPE, check=True).stdout)
                       for how in ("kept", "checkpointed"))
        print(f"{frames} frames: {kept / 1024:.0f} MiB, checkpointed {again / 1024:.0f} MiB ({again / kept - 1:+.0%})")


if __name__ == "__main__":
    main()
