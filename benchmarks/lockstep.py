"""Variants of the encoder beside each other: speed, and rate and distortion.

    python -m benchmarks.lockstep presets CLIP... [--frames 33] [--qp 22,32,42,52] [--json benchmarks/results/presets.json]
    python -m benchmarks.lockstep tunes CLIP... [--json benchmarks/results/tunes.json]
    python -m benchmarks.lockstep others CLIP... --set base= --set b7=b_frames=7,preset=slow

All variants code a frame in turn before any codes the next, so that speeds are to be compared whatever else the machine does; and decode likewise. Times count from
the first P or B frame on, by when all graphs are loaded. BD-rates and speeds are those against the anchor: medium, psnr, or the first that is given.
A run that was interrupted goes on behind the clips and QPs that stand in the JSON file, if the encoder is the same.
"""
from __future__ import annotations

import argparse
import io
import json
import math
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.environment import environment
from zvc69 import Decoder, Encoder, Packet, StreamWriter
from zvc69.bench import find_clips
from zvc69.bench.clips import Clip
from zvc69.bench.point import measured
from zvc69.bench.summary import quality_of
from zvc69.bench.variant import code_digest, parse_variant
from zvc69.config import Preset, Tune
from zvc69.errors import ConfigError
from zvc69.metrics import bd_rate

SETS = {
    "presets": ([f"{preset.value}=preset={preset.value}" for preset in Preset], Preset.MEDIUM.value),
    "tunes": ([f"{tune.value}=tune={tune.value}" for tune in Tune], Tune.PSNR.value),
    "others": ([], None),
}


class Run:
    """One variant's work on a clip, frame by frame."""

    def __init__(self, name: str, work: Callable[[Any], list], last: Callable[[], list], inter: Callable[[Any], bool]) -> None:
        self.name, self._work, self._last, self._inter = name, work, last, inter
        self.out: list[Any] = []
        self.seconds, self._frames, self._loaded = 0.0, 0, False

    def step(self, item: Any) -> None:
        self._timed(lambda: self._work(item))

    def end(self) -> None:
        self._timed(self._last)

    @property
    def milliseconds(self) -> float:
        """Of a frame, behind those that load what the others use."""
        return 1000 * self.seconds / self._frames if self._frames else math.nan

    def _timed(self, call: Callable[[], list]) -> None:
        start = time.perf_counter()
        done = call()
        taken = time.perf_counter() - start
        self.out += done
        if self._loaded:
            self.seconds += taken
            self._frames += len(done)
        self._loaded = self._loaded or any(map(self._inter, done))


def in_turn(runs: list[Run], items: list[list[Any]]) -> None:
    """Every run takes its next item before any takes the one after; who begins changes."""
    for n, row in enumerate(zip(*items, strict=True)):
        pairs = list(zip(runs, row))
        for run, item in pairs[n % len(pairs):] + pairs[:n % len(pairs)]:
            run.step(item)
    for run in runs:
        run.end()


def points(clip: Clip, variants: dict[str, dict], qp: int) -> dict[str, dict]:
    """A point of each variant."""
    frames = list(clip)
    encoders = {name: Encoder(clip.width, clip.height, clip.fps, depth=clip.depth, total_frames=clip.frames, qp=qp, **options)
                for name, options in variants.items()}
    coding = [Run(name, e.encode, e.flush, lambda packet: not packet.keyframe) for name, e in encoders.items()]
    in_turn(coding, [frames] * len(coding))
    decoders = [Decoder(encoder.header, model=encoder.config.model, backend=encoder.config.backend, threads=encoder.config.threads) for encoder in encoders.values()]
    # When a decoder has given two frames, it has decoded one that is no keyframe.
    decoding = [Run(run.name, d.decode, d.flush, lambda frame: frame.pts > 0) for run, d in zip(coding, decoders)]
    in_turn(decoding, [run.out for run in coding])
    return {e.name: measured(clip, d.out, stream_size(encoders[e.name], e.out)) | dict(encode_ms=e.milliseconds, decode_ms=d.milliseconds)
            for e, d in zip(coding, decoding)}


def stream_size(encoder: Encoder, packets: list[Packet]) -> int:
    file = io.BytesIO()
    with StreamWriter(file, encoder.header) as writer:
        for packet in packets:
            writer.write_packet(packet)
    return len(file.getvalue())


def summary(result: dict[str, Any], anchor: str) -> dict[str, dict]:
    """Of each variant: BD-rates (percent, mean over clips) and how many times the anchor's time a frame takes (geometric mean over points)."""
    return {name: dict(
        bd_psnr=mean_bd_rate(result["points"], anchor, name, "psnr"), bd_ms_ssim=mean_bd_rate(result["points"], anchor, name, "ms_ssim"),
        encode_time=time_ratio(result["points"], anchor, name, "encode_ms"), decode_time=time_ratio(result["points"], anchor, name, "decode_ms"),
    ) for name in result["variants"]}


def mean_bd_rate(clips: dict[str, dict[str, dict]], anchor: str, name: str, quality: str) -> dict | None:
    rates = {}
    for clip, by_qp in clips.items():
        pairs = [(row[anchor], row[name]) for row in by_qp.values()]
        if any(point[quality] is None for pair in pairs for point in pair):
            continue
        try:
            rates[clip] = bd_rate(*([(pair[k]["bpp"], quality_of(pair[k], quality)) for pair in pairs] for k in (0, 1)))
        except ConfigError:
            continue
    return dict(mean=sum(rates.values()) / len(rates), clips=rates) if rates else None


def time_ratio(clips: dict[str, dict[str, dict]], anchor: str, name: str, key: str) -> float:
    logarithms = [math.log(row[name][key] / row[anchor][key]) for by_qp in clips.values() for row in by_qp.values()]
    return math.exp(sum(logarithms) / len(logarithms))


def show(result: dict[str, Any]) -> None:
    for name, figures in result["summary"].items():
        bd = "  ".join(f"{quality} {figures[key]['mean']:+6.2f} %" for key, quality in (("bd_psnr", "PSNR"), ("bd_ms_ssim", "MS-SSIM")) if figures[key])
        print(f"{name:12} BD-rate {bd}   time x {figures['encode_time']:.2f} to encode, x {figures['decode_time']:.2f} to decode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=SETS)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=K=V,...")
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--qp", default="22,32,42,52")
    parser.add_argument("--threads", type=int, default=0, help="of the networks; 1 on a machine that has other work")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    qps = tuple(map(int, args.qp.split(",")))
    texts, anchor = SETS[args.what]
    variants = {v.name: v.options for v in (parse_variant(text, qps, threads=args.threads) for text in [*texts, *args.set])}
    words = [Path(word).name if Path(word).exists() and not word.startswith("benchmarks") else word for word in sys.argv[1:]]
    head = dict(code=code_digest(), frames=args.frames, variants=variants)
    before = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    known = before["points"] if {key: before.get(key) for key in head} == head else {}
    result = environment("python -m benchmarks.lockstep " + shlex.join(words)) | head | dict(points={})
    for clip in find_clips(args.clips, args.frames):
        for qp in qps:
            row = known.get(clip.name, {}).get(str(qp)) or points(clip, variants, qp)
            result["points"].setdefault(clip.name, {})[str(qp)] = row
            print(f"{clip.name} qp {qp}: " + ", ".join(f"{n} {p['bpp']:.4f} bpp {p['psnr']:.3f} dB {p['encode_ms']:.0f} ms" for n, p in row.items()), file=sys.stderr)
            if args.json:
                args.json.write_text(json.dumps(result, indent=1) + "\n")
    result["summary"] = summary(result, anchor or next(iter(variants)))
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
