"""What QPs of blocks would bring, beside tune visual, which has the thresholds of rounding alone.

    python -m benchmarks.block_qp PATH... [--json benchmarks/results/block_qp.json]

PATH: stills, clips (their first frame is taken) or folders. Pictures are coded as I frames at even QPs; then each 32x32 block is taken, bits and
samples, from the one whose QP is the picture's plus strength * (log2 of its activity - the picture's mean), within 8. That is what a map of QP
offsets in the stream would give if coding a block did not depend on its neighbours' QPs and the map cost nothing. BD-rates are against one QP for all
blocks.
"""
from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.environment import environment
from benchmarks.rd_intra import pictures
from zvc69.codec.activity import Rounding, log_activity
from zvc69.codec.latents import STEPS, Conditions, LatentOrder, begin_sigma
from zvc69.config import Tune
from zvc69.core.pack import pack, unpack
from zvc69.core.quantise import quantise
from zvc69.media import Frame
from zvc69.metrics import bd_rate, frame_psnr, ms_ssim
from zvc69.model import create_backend, load_model

QPS = tuple(range(14, 53, 2))
BASES = (24, 30, 36, 42)
STRENGTHS = (0.5, 1.0, 1.5, 2.0)
MOST = 8


class IntraCoder:
    """I frames with the bits of every block."""

    def __init__(self, name: str) -> None:
        self.model = load_model(name)
        self._backend = create_backend("auto", self.model, 1)

    def code(self, frame: Frame, qp: int, tune: Tune = Tune.PSNR) -> tuple[NDArray[np.float64], Frame]:
        """(h/4, w/4) bits of 32x32 blocks, and what is decoded."""
        model, rounding = self.model, Rounding(self.model, "rd", tune)
        packed = pack(*frame.planes, frame.depth)
        _, h, w = packed.shape
        conditions = Conditions(qp)
        order = LatentOrder(model, h // 4, w // 4, conditions)
        analysis = self._backend.analyse(packed, qp)
        z = np.ascontiguousarray(analysis.z.transpose(1, 2, 0).astype(np.int16))
        sigma, mean, bits = begin_sigma(model, conditions, z), analysis.mean_1, np.zeros((h, w))
        for k in range(STEPS):
            if k == 2:
                mean = self._backend.refine(analysis, sigma.residual())
            index = sigma.indices(k)
            r = quantise(analysis.y, mean, index, k, rounding.thresholds, model.manifest.skip_below, rounding.classes(packed))
            sigma.put(k, r)
            bits += np.where(index >= order.y_skip, order.y_tables.bits(index, r), 0).sum(-1)
        decoded = unpack(self._backend.synthesise(analysis, mean, sigma.residual(), qp), frame.width, frame.height, frame.depth)
        return bits.reshape(h // 4, 4, w // 4, 4).sum((1, 3)) + order.z_tables.bits(order.z_index, z).sum(-1), Frame(*decoded, frame.depth)


def composed(coded: dict[int, tuple[NDArray[np.float64], Frame]], qp: NDArray[np.int_]) -> tuple[float, Frame]:
    """Bits and picture with each block at its own QP."""
    first = next(iter(coded.values()))[1]
    planes, bits = [np.empty_like(plane) for plane in first.planes], 0.0
    for value in np.unique(qp):
        part_bits, picture = coded[int(value)]
        bits += part_bits[qp == value].sum()
        for plane, source, side in zip(planes, picture.planes, (32, 16, 16)):
            chosen = np.kron(qp == value, np.ones((side, side), bool))[:plane.shape[0], :plane.shape[1]]
            plane[chosen] = source[chosen]
    return bits, Frame(*planes, first.depth)


def point(frame: Frame, bits: float, decoded: Frame) -> tuple[float, float, float]:
    return float(bits), frame_psnr(frame, decoded).weighted, -10 * math.log10(1 - ms_ssim(frame.y, decoded.y))


def rates(uniform: list[tuple], other: list[tuple]) -> dict[str, float]:
    return {quality: bd_rate([(p[0], p[k]) for p in uniform], [(p[0], p[k]) for p in other]) for k, quality in ((1, "psnr"), (2, "ms_ssim"))}


def measure(coder: IntraCoder, frame: Frame) -> dict[str, dict[str, float]]:
    coded = {qp: coder.code(frame, qp) for qp in QPS}
    blocks = log_activity(pack(*frame.planes, frame.depth))
    h, w = blocks.shape
    activity = np.log2(np.exp2(blocks).reshape(h // 4, 4, w // 4, 4).mean((1, 3)))
    uniform = [point(frame, coded[qp][0].sum(), coded[qp][1]) for qp in BASES]
    visual = [point(frame, bits.sum(), decoded) for bits, decoded in (coder.code(frame, qp, Tune.VISUAL) for qp in BASES)]
    result = {"tune visual": rates(uniform, visual)}
    for strength in STRENGTHS:
        offset = np.clip(np.rint(strength * (activity - activity.mean()) / 2) * 2, -MOST, MOST).astype(int)
        curve = [point(frame, *composed(coded, np.clip(qp + offset, QPS[0], QPS[-1]))) for qp in BASES]
        result[f"block QPs, {strength} an octave"] = rates(uniform, curve)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    coder = IntraCoder(args.model)
    by_picture = {name: measure(coder, frame) for name, frame in pictures(args.paths).items()}
    ways = list(next(iter(by_picture.values())))
    mean = {way: {q: sum(r[way][q] for r in by_picture.values()) / len(by_picture) for q in ("psnr", "ms_ssim")} for way in ways}
    for way, figures in mean.items():
        print(f"{way:28} PSNR {figures['psnr']:+.2f} %  MS-SSIM {figures['ms_ssim']:+.2f} %")
    if args.json:
        words = [Path(word).name if Path(word).is_dir() else word for word in sys.argv[1:]]
        result = environment("python -m benchmarks.block_qp " + shlex.join(words)) | dict(pictures=by_picture, mean=mean)
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
