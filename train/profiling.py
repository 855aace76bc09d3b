"""Where a training step's time goes: crops a second, shares of data, forward, backward and optimiser, and the matrix products' share."""
from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from . import clips, data, search
from .network import Network
from .steps import Phase, Steps

PRODUCTS = ("aten::mm", "aten::addmm", "aten::mkldnn_convolution", "aten::convolution_backward")


class Clock:
    """CPU seconds of this process by part; what a part does inside another one counts for the inner one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = time.process_time()

    def switch(self) -> None:
        now = time.process_time()
        part = self._open[-1] if self._open else "forward"
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now

    def timed(self, part: str, function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*arguments, **options):
            self.switch()
            self._open.append(part)
            try:
                return function(*arguments, **options)
            finally:
                self.switch()
                self._open.pop()
        return run


def profile_phase(network: Network, phase: Phase, folders: list[Path], steps: int) -> dict[str, float]:
    """Figures of `steps` steps after one that warms up: frames a CPU second, shares of the time, and of the matrix products.

    Times are CPU seconds of the process, so that other work on the machine does not count; with more than one thread they add up.
    """
    source = Steps(phase, folders, 0)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-6, fused=True)
    source.gradients(network, 0)
    clock, crops = Clock(), 0
    with ExitStack() as stack:
        for owner, name, part in ((clips.Clips, "batch", "data"), (data.Crops, "batch", "data"), (search.Search, "fields", "motion search"),
                                  (torch.Tensor, "backward", "backward")):
            stack.enter_context(patch.object(owner, name, clock.timed(part, getattr(owner, name))))
        clock._since = time.process_time()
        for step in range(steps):
            optimiser.zero_grad(set_to_none=True)
            crops += source.gradients(network, step)[1]
            clock.timed("optimiser", optimiser.step)()
        clock.switch()
    total = sum(clock.seconds.values())
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as profiler:
        source.gradients(network, 0)
    events = profiler.key_averages()
    spent = sum(e.self_cpu_time_total for e in events if e.key in PRODUCTS)
    figures = {"crops a CPU second": crops / total} | {f"share of {part}": seconds / total for part, seconds in sorted(clock.seconds.items())}
    figures["share in matrix products"] = spent / sum(e.self_cpu_time_total for e in events)
    counted = [e for e in events if e.key in PRODUCTS and e.flops]
    if counted:      # PyTorch counts those of mm and addmm, not of oneDNN's convolutions
        figures["GFLOP/s of matrix products"] = sum(e.flops for e in counted) / sum(e.self_cpu_time_total for e in counted) / 1e3
    figures["GFLOP/s of a large product alone"] = _alone()
    return figures


def _alone() -> float:
    a = torch.randn(2048, 2048).to(torch.bfloat16)
    a @ a
    start = time.process_time()
    for _ in range(4):
        a @ a
    return 4 * 2 * 2048 ** 3 / (time.process_time() - start) / 1e9
