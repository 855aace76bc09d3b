"""Variants of the encoder beside each other: speed, and rate and distortion.

    python -m benchmarks.lockstep presets CLIP... [--frames 33] [--qp 22,32,42,52] [--widest 640] [--json benchmarks/results/presets.json]
    python -m benchmarks.lockstep tunes CLIP... [--json benchmarks/results/tunes.json]
    python -m benchmarks.lockstep lookahead CLIP... --frames 9 [--json benchmarks/results/lookahead_9.json]
    python -m benchmarks.lockstep others CLIP... --set base= --set b7=b_frames=7,preset=slow

All variants give a packet in turn before any gives the next, so that speeds are to be compared whatever else the machine does; and decode likewise.
Times are the processor's, of all frames, trials and lookahead included; graphs are loaded before. BD-rates and speeds are those against the anchor:
medium, psnr, no lookahead, or the first that is given. A run that was interrupted goes on behind the clips and QPs that stand in the JSON file, if
the encoder is the same.
"""
from __future__ import annotations

import argparse
import importlib
import io
import json
import math
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environment import environment
from zvc69 import Decoder, Encoder, Frame, Packet, StreamWriter
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
    "lookahead": ([f"{length}=lookahead={length}" for length in (0, 5, 60)], "0"),
    "others": ([], None),
}


@dataclass(frozen=True)
class Smaller(Clip):
    """A clip whose sides are a whole number of times smaller: means of so many samples each way, what is beyond cut off."""

    whole: Clip

    @classmethod
    def of(cls, clip: Clip, times: int) -> Smaller:
        size = dict(width=clip.width // times // 2 * 2, height=clip.height // times // 2 * 2)
        return cls(**{f.name: getattr(clip, f.name) for f in fields(clip)} | size, whole=clip)

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.whole:
            y, u, v = (shrunk(plane, self.height // part, self.width // part) for plane, part in zip(frame.planes, (1, 2, 2)))
            yield replace(frame, y=y, u=u, v=v)


def shrunk(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """A plane of at least twice that size, as means of squares."""
    times = plane.shape[1] // width
    squares = plane[:height * times, :width * times].reshape(height, times, width, times)
    return np.rint(squares.mean((1, 3))).astype(plane.dtype)


class Run:
    """One variant's work on a clip, item by item. make: what it makes of a clip, one for each frame."""

    def __init__(self, name: str, make: Iterator[Any]) -> None:
        self.name, self._make = name, make
        self.out: list[Any] = []
        self.seconds = 0.0

    def step(self) -> bool:
        """Make the next one; whether there was one left."""
        start = time.process_time()
        made = list(islice(self._make, 1))
        self.seconds += time.process_time() - start
        self.out += made
        return bool(made)

    @property
    def milliseconds(self) -> float:
        """Of a frame."""
        return 1000 * self.seconds / len(self.out)


def in_turn(runs: list[Run]) -> None:
    """Every run makes its next item before any makes the one after; who begins changes."""
    going = list(runs)
    while going:
        going = [run for run in going[1:] + going[:1] if run.step()]


def load_graphs(variants: dict[str, dict]) -> None:
    """Code a few small frames in every way, on the backends that all clips will be coded on."""
    for options in variants.values():
        encoder = Encoder(64, 64, 25, qp=30, **options)
        packets = list(encoder.encode_all(np.full((64, 64, 3), 20 * n, np.uint8) for n in range(10)))
        list(decoder_of(encoder).decode_all(packets))


def decoder_of(encoder: Encoder) -> Decoder:
    return Decoder(encoder.header, model=encoder.config.model, backend=encoder.config.backend, threads=encoder.config.threads)


def decoded(decoder: Decoder, packets: list[Packet]) -> Iterator[Frame]:
    for packet in packets:
        yield from decoder.decode(packet)
    yield from decoder.flush()


def points(clip: Clip, variants: dict[str, dict], qp: int) -> dict[str, dict]:
    """A point of each variant."""
    frames = list(clip)
    encoders = {name: Encoder(clip.width, clip.height, clip.fps, depth=clip.depth, total_frames=clip.frames, qp=qp, **options)
                for name, options in variants.items()}
    coding = [Run(name, encoder.encode_all(frames)) for name, encoder in encoders.items()]
    in_turn(coding)
    decoding = [Run(run.name, decoded(decoder_of(encoders[run.name]), run.out)) for run in coding]
    in_turn(decoding)
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
    parser.add_argument("--widest", type=int, default=16384, help="clips that are wider are made smaller, a whole number of times")
    parser.add_argument("--qp", default="22,32,42,52")
    parser.add_argument("--threads", type=int, default=0, help="of the networks; 1 on a machine that has other work")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    qps = tuple(map(int, args.qp.split(",")))
    texts, anchor = SETS[args.what]
    variants = {v.name: v.options for v in (parse_variant(text, qps, threads=args.threads) for text in [*texts, *args.set])}
    words = [Path(word).name if Path(word).exists() and not word.startswith("benchmarks") else word for word in sys.argv[1:]]
    head = dict(code=code_digest(), frames=args.frames, widest=args.widest, variants=variants)
    before = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    known = before["points"] if {key: before.get(key) for key in head} == head else {}
    result = environment("python -m benchmarks.lockstep " + shlex.join(words)) | head | dict(points={})
    for module in ("encoder", "decoder"):
        codec = importlib.import_module(f"zvc69.codec.{module}")
        codec.create_backend = cache(codec.create_backend)
    load_graphs(variants)
    for clip in find_clips(args.clips, args.frames):
        if clip.width > args.widest:
            clip = Smaller.of(clip, math.ceil(clip.width / args.widest))
        for qp in qps:
            row = known.get(clip.name, {}).get(str(qp)) or points(clip, variants, qp)
            result["points"].setdefault(clip.name, {})[str(qp)] = row
            print(f"{clip.name} qp {qp}: " + ", ".join(f"{n} {p['bpp']:.4f} bpp {p['psnr']:.3f} dB {p['encode_ms']:.0f} ms" for n, p in row.items()),
                  file=sys.stderr)
            if args.json:
                args.json.write_text(json.dumps(result, indent=1) + "\n")
    result["summary"] = summary(result, anchor or next(iter(variants)))
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
