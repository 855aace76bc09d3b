"""A small optical flow network: two luma pictures in, one vector for every 8x8 block out.

It begins as a classical search: pictures of 1/16, 1/8 and 1/4 of the size are compared block by block at the places around what the level
before found, and the soft minimum of their absolute differences is taken. Trained are the window, the sharpness of the minimum, and corrections that
see the differences at all places and those of the neighbours. Coarse to fine by warping as in PWC-Net (Sun et al. 2018).
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import Depthwise, conv1

SCALE = 64.0          # 8-bit levels in one network unit
HIDDEN = 32
SHARPNESS = 50.0      # of the soft minimum, at the start
WINDOW_PAD = 2        # samples on each side of a block that are compared too
FLOW_SCALE = 8.0      # of vectors as the corrections see them


@dataclass(frozen=True)
class Level:
    """Pictures of 1/shrink of the size, a vector for every block x block luma samples, places within `radius` samples of that picture."""

    shrink: int
    block: int
    radius: int

    @property
    def stride(self) -> int:
        return self.block // self.shrink

    @property
    def window(self) -> int:
        """Side of what is compared, in samples of the picture: the block and some of its neighbours."""
        return self.stride + 2 * WINDOW_PAD

    @property
    def places(self) -> list[tuple[int, int]]:
        """dy, dx."""
        return [(dy, dx) for dy in range(-self.radius, self.radius + 1) for dx in range(-self.radius, self.radius + 1)]

    def offsets(self) -> torch.Tensor:
        """dx, dy of every place, as the weights of a convolution: (2, places, 1, 1)."""
        return torch.tensor([(dx, dy) for dy, dx in self.places], dtype=torch.float32).t()[:, :, None, None]

    def shifts(self) -> torch.Tensor:
        """Weights of the convolution that puts the samples of all places side by side: (places, 1, 2 radius + 1, 2 radius + 1)."""
        side = 2 * self.radius + 1
        return torch.eye(side ** 2).view(side ** 2, 1, side, side)


LEVELS = (Level(16, 32, 3), Level(8, 16, 2), Level(4, 8, 1))


class Matcher(nn.Module):
    """One level: vectors that improve on those of the level before."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.level, places = level, len(level.places)
        self.window = nn.Parameter(torch.full((1, 1, level.window, level.window), 1 / level.window ** 2))
        self.sharpness = nn.Parameter(torch.full((1,), SHARPNESS))
        self.first = conv1(2 * places + 4, HIDDEN)
        self.spatial, self.mix = Depthwise(HIDDEN), conv1(HIDDEN, HIDDEN)
        self.spatial2, self.mix2 = Depthwise(HIDDEN), conv1(HIDDEN, HIDDEN)
        self.out = nn.Conv2d(HIDDEN, 2, 3, 1, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def costs(self, current: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Absolute differences over each block's window, at every place: (N, places, h, w)."""
        level, count = self.level, len(self.level.places)
        near = F.conv2d(F.pad(reference, [level.radius] * 4, mode="replicate"), level.shifts())
        return F.conv2d((current - near).abs(), self.window.expand(count, -1, -1, -1), stride=level.stride, padding=WINDOW_PAD, groups=count)

    def correct(self, *parts: torch.Tensor) -> torch.Tensor:
        f = F.leaky_relu(self.first(torch.cat(parts, 1)), 0.1)
        f = F.leaky_relu(self.mix(self.spatial(f)), 0.1)
        return self.out(F.leaky_relu(self.mix2(self.spatial2(f)), 0.1))

    def forward(self, current: torch.Tensor, reference: torch.Tensor, flow: torch.Tensor | None) -> torch.Tensor:
        """flow and result: in samples of this level's pictures, one a block."""
        if flow is not None:
            reference = warp(reference, F.interpolate(flow, scale_factor=self.level.stride, mode="bilinear", align_corners=False))
        costs = self.costs(current, reference)
        near = F.softmax(-self.sharpness * costs, 1)
        step = F.conv2d(near, self.level.offsets())
        if flow is None:
            flow = torch.zeros_like(step)
        return flow + step + self.correct(near, costs, flow / FLOW_SCALE, step)


class FlowNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matchers = nn.ModuleList([Matcher(level) for level in LEVELS])

    def forward(self, current: torch.Tensor, reference: torch.Tensor) -> list[torch.Tensor]:
        """Luma (N, 1, H, W) in 8-bit levels, multiples of 32. The vectors of every level, coarse to fine: (N, 2, H / block, W / block), dx before
        dy, in luma samples. The last one is the result."""
        flow, before, out = None, None, []
        for matcher in self.matchers:
            level = matcher.level
            now, then = (F.avg_pool2d(picture / SCALE, level.shrink) for picture in (current, reference))
            if flow is not None:
                flow = flow * (before.shrink / level.shrink)
                if before.block != level.block:
                    flow = F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)
            flow, before = matcher(now, then, flow), level
            out.append(flow * level.shrink)
        return out


def warp(x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """x (N, C, h, w) at every position plus flow (N, 2, h, w); bilinear, edges replicated."""
    h, w = x.shape[2:]
    at_x = (flow[:, 0] + torch.arange(w)) * (2 / max(w - 1, 1)) - 1
    at_y = (flow[:, 1] + torch.arange(h)[:, None]) * (2 / max(h - 1, 1)) - 1
    return F.grid_sample(x, torch.stack([at_x, at_y], -1), mode="bilinear", padding_mode="border", align_corners=True)
