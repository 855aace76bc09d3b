"""Which of several weights codes clips best: BD-rate of whole chains, minutes instead of the hours of an export and of real streams."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from zvc69.codec.gop import GopPlanner
from zvc69.metrics import bd_rate

from .config import SKIP_BELOW
from .data import load_clip, media_files
from .layers import pack
from .network import Network
from .structure import Coding
from .temporal import ENCODER, code_sequence

SIZE = 224           # of the crop in the middle
QPS = (16, 27, 38, 49)
WEIGHTS = 6, 1, 1    # of PSNR of Y, U, V


@dataclass(frozen=True)
class Curve:
    """Bits per pixel and PSNR of the planes at each of QPS, means over frames. Bits are those of symbols, estimated; vectors cost none."""

    bits: list[float]
    psnr: list[tuple[float, float, float]]

    @property
    def points(self) -> list[tuple[float, float]]:
        """(rate, PSNR 6:1:1) pairs."""
        return [(b, float(np.dot(p, WEIGHTS)) / sum(WEIGHTS)) for b, p in zip(self.bits, self.psnr)]


def middle(path: Path, frames: int) -> torch.Tensor:
    """The first frames of a clip, cut in the middle to SIZE x SIZE: (1, frames, 96, SIZE / 8, SIZE / 8). Raises ValueError if it is smaller or shorter."""
    pictures = load_clip(path, frames=frames)
    if len(pictures) < frames or min(pictures[0].y.shape) < SIZE:
        raise ValueError(f"{path.name} has no {frames} frames of {SIZE}x{SIZE}")

    def cut(name: str, size: int) -> torch.Tensor:
        planes = np.stack([getattr(p, name) for p in pictures])
        top, left = ((n - size) // 2 // 8 * 8 for n in planes.shape[1:])
        return torch.from_numpy(planes[:, top:top + size, left:left + size]).float()[:, None]

    return pack(cut("y", SIZE), cut("u", SIZE // 2), cut("v", SIZE // 2))[None]


def structure(frames: int, b_frames: int) -> list[Coding]:
    """One I frame and then what the encoder plans, at its QP offsets, without trials."""
    planner = GopPlanner(0, b_frames)
    plans = [plan for n in range(frames) for plan in planner.push(n)] + planner.flush()
    codings: dict[int, Coding] = {}
    shown: list[int] = []                  # I and P frames
    for plan in plans:
        if plan.past is None:
            codings[plan.number] = Coding(plan.number, plan.offset, shown[-1] if shown else None)
            shown.append(plan.number)
        else:
            a, b = (plan.past, plan.future) if codings[plan.past].offset >= codings[plan.future].offset else (plan.future, plan.past)
            codings[plan.number] = Coding(plan.number, plan.offset, a, b, between=True)
    return list(codings.values())


@torch.no_grad()
def curve(network: Network, intra: Network, clip: torch.Tensor, b_frames: int = 0) -> Curve:
    """Frames coded as `structure` says, with the encoder's rounding and copy blocks; all of QPS beside each other."""
    frames = clip.shape[1]
    bits, psnr = torch.zeros(len(QPS)), torch.zeros(len(QPS), 3)
    coded = code_sequence(network, clip.repeat(len(QPS), 1, 1, 1, 1), structure(frames, b_frames), torch.tensor(QPS),
                          torch.Generator().manual_seed(0), chances=ENCODER, rate="coded", rd=True, skip_below=SKIP_BELOW, half_sigma=False,
                          intra=None if intra is network else intra)
    for _, picture, _, out in coded:
        bits += (out.y_bits + out.z_bits) / SIZE ** 2 / frames
        error = (out.picture.round().clamp(0, 255) - picture) ** 2
        mse = torch.stack([error[:, a:b].mean((1, 2, 3)) for a, b in ((0, 64), (64, 80), (80, 96))], 1)
        psnr += 20 * math.log10(255) - 10 * torch.log10(mse.clamp(min=1e-3))
    return Curve(bits.tolist(), [tuple(p) for p in (psnr / frames).tolist()])


def compare(networks: Sequence[tuple[Network, Network]], clips: Path, frames: int, b_frames: int = 0) -> tuple[list[float], list[Curve]]:
    """Of each pair of networks, of P and B frames and of keyframes: mean BD-rate against the first over the clips of a folder, in per cent, and its
    curve, a mean over clips."""
    curves = []
    for path in media_files(clips):
        clip = middle(path, frames)
        curves.append([curve(network.eval(), intra.eval(), clip, b_frames) for network, intra in networks])
    rates = [float(np.mean([bd_rate(of_clip[0].points, of_clip[n].points) for of_clip in curves])) for n in range(len(networks))]
    means = [Curve(np.mean([c[n].bits for c in curves], axis=0).tolist(), [tuple(p) for p in np.mean([c[n].psnr for c in curves], axis=0).tolist()])
             for n in range(len(networks))]
    return rates, means
