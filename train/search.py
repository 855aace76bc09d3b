"""The encoder's motion search for whole batches, by threads, so that a GPU can do something else meanwhile."""
from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from zvc69.core import motion


def luma(packed: torch.Tensor) -> torch.Tensor:
    """(N, H, W) uint8 of packed pictures, where they are."""
    return F.pixel_shuffle(packed.detach()[:, :64], 8)[:, 0].round().clamp(0, 255).byte()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(torch.get_num_threads())


class Search:
    """From each picture of a batch (N, 96, h, w) into its reference, at QPs (N,): made when the pictures are asked for, `begin` when it is likely that
    they are there, `fields` when vectors are needed."""

    def __init__(self, current: torch.Tensor, reference: torch.Tensor, qp: torch.Tensor) -> None:
        self._device, self._there, self._found = current.device, None, []
        planes = torch.stack([luma(current), luma(reference)])
        if self._device.type == "cpu":
            self._planes, self._qp = planes, qp
            return
        self._planes, self._qp = (torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t, non_blocking=True) for t in (planes, qp))
        self._there = torch.cuda.current_stream(self._device).record_event()

    def begin(self) -> None:
        if self._there:
            self._there.synchronize()
        current, reference = self._planes.numpy()
        self._found: list[Future] = [_threads().submit(motion.search, y, r, q, depth=8) for y, r, q in zip(current, reference, self._qp.tolist())]

    def fields(self) -> torch.Tensor:
        """(N, 2, h, w) quarter-pel vectors."""
        vectors = np.stack([future.result().vectors for future in self._found])
        return torch.from_numpy(vectors).to(self._device).float().permute(0, 3, 1, 2)


def fields(current: torch.Tensor, reference: torch.Tensor, qp: torch.Tensor) -> torch.Tensor:
    """What a `Search` finds, waited for."""
    search = Search(current, reference, qp)
    search.begin()
    return search.fields()
