"""How fast frames are coded to a file and decoded from one, and where the time goes.

    python -m benchmarks.speed CLIP... [--backend cpu --backend openvino --backend openvino-bf16] [--preset fast] [--qp 32]
                               [--frames 32] [--runs 2] [--json benchmarks/results/speed.json]

Frames are in memory before, and nothing is written but the stream; start (model, first two frames) is not counted. Each run has a process of its
own. `fps` is that of the fastest of the runs; `cpu_ms`, processor time of a frame on all cores, depends less on what else the machine does. `networks` is
the time in inference as a share of wall-clock time, `stages` the Profiler's, in milliseconds a frame: some run beside each other. `tiles` compares, with ONNX
Runtime, running the networks on the parts of a frame that are not copied with running them on all of it, runs of both taking turns. With --json,
clips that are there already are replaced, others kept.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

import zvc69
from benchmarks.environment import cpu_model, environment
from zvc69 import Decoder, Profiler
from zvc69.bitstream import StreamReader
from zvc69.codec.files import encode_frames
from zvc69.media import open_source
from zvc69.model import available_backends, load_model
from zvc69.model.backend import Backend

NETWORKS = {"networks", "analysis", "refine", "reconstruct"}
WARM_UP = 2
STATIC = 0.3     # share of copied blocks from which tiles are compared


class Clock:
    """Wall-clock and processor time from the end of the warm-up to the last frame."""

    def __init__(self, profiler: Profiler):
        self._profiler, self._frames, self._start, self._before = profiler, 0, (0.0, 0.0), {}

    def frame(self, *_) -> None:
        """A frame is done."""
        self._frames += 1
        now = time.perf_counter(), time.process_time()
        if self._frames == WARM_UP:
            self._start, self._before = now, {name: stage.seconds for name, stage in self._profiler.times().items()}
        self._end = now

    def figures(self) -> dict:
        frames = self._frames - WARM_UP
        wall, cpu = (1e3 * (end - start) / frames for start, end in zip(self._start, self._end))
        stages = {name: 1e3 * (stage.seconds - self._before.get(name, 0.0)) / frames for name, stage in self._profiler.times().items()}
        return dict(fps=round(1e3 / wall, 2), cpu_ms=round(cpu, 2), networks=round(sum(ms for name, ms in stages.items() if name in NETWORKS) / wall, 3),
                    stages={name: round(ms, 2) for name, ms in stages.items()},
                    peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1))   # kilobytes on Linux


def encode(clip: Path, frames: int, stream: Path, tiles: bool, options: dict) -> dict:
    Backend.tiles = tiles
    profiler = Profiler()
    clock = Clock(profiler)
    with open_source(clip) as source:
        encode_frames(list(islice(source, frames)), stream, width=source.width, height=source.height, fps=source.fps, depth=source.depth,
                      colour=source.colour, progress=clock.frame, profiler=profiler, **options)
    return clock.figures()


def decode(stream: Path, tiles: bool, options: dict) -> dict:
    Backend.tiles = tiles
    profiler = Profiler()
    clock = Clock(profiler)
    with zvc69.open(stream, profiler=profiler, **options) as video:
        for _ in video:
            clock.frame()
    return clock.figures()


def copied(stream: Path, model: str) -> float:
    """Share of copied blocks in frames that have any reference."""
    with StreamReader(stream) as reader:
        decoder = Decoder(reader.header, model=model)
        parsed = [decoder.parse(packet) for packet in reader]
    return float(np.mean([0.0 if p.copy is None else p.copy.mean() for p in parsed if p.field is not None] or [0.0]))


def alone(work: Callable, *arguments):
    """`work` in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def best(runs: list[dict]) -> dict:
    """The fastest run, with the least processor time of any."""
    return max(runs, key=lambda run: run["fps"]) | dict(cpu_ms=min(run["cpu_ms"] for run in runs))


def measured(clip: Path, args: argparse.Namespace, folder: Path) -> dict:
    with open_source(clip) as source:
        found: dict = dict(size=f"{source.width}x{source.height}", frames=args.frames, backends={})
    stream = folder / "clip.zvc"
    encoding = dict(model=args.model, preset=args.preset, qp=args.qp, threads=args.threads)
    decoding = dict(model=args.model, threads=args.threads)
    for backend in args.backend:
        on = dict(backend=backend)
        found["backends"][backend] = dict(
            encode=best([alone(encode, clip, args.frames, stream, True, encoding | on) for _ in range(args.runs)]),
            decode=best([alone(decode, stream, True, decoding | on) for _ in range(args.runs)]))
    found["copied"] = round(alone(copied, stream, args.model), 3)
    if found["copied"] >= STATIC and "cpu" in args.backend:
        runs = [(alone(encode, clip, args.frames, stream, tiles, encoding | dict(backend="cpu")), alone(decode, stream, tiles, decoding | dict(backend="cpu")))
                for _ in range(args.runs) for tiles in (True, False)]
        found["tiles"] = {}
        for i, what in enumerate(("encode", "decode")):
            inside, whole = (best([run[i] for run in runs[first::2]]) for first in (0, 1))
            found["tiles"][what] = dict(fps=round(inside["fps"] / whole["fps"], 3), cpu=round(whole["cpu_ms"] / inside["cpu_ms"], 3))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--backend", action="append", help="repeatable; all that are here unless given")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--qp", type=int, default=32)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.backend = args.backend or [name for name, reason in available_backends().items() if reason is None]
    words = [Path(word).name if Path(word) in (*args.clips, Path(args.model)) else word for word in sys.argv[1:]]
    known = json.loads(args.json.read_text()).get("clips", {}) if args.json and args.json.exists() else {}
    manifest = load_model(args.model).manifest
    record = environment("python -m benchmarks.speed " + shlex.join(words)) | dict(
        cpu=cpu_model(), cores=multiprocessing.cpu_count(), model=f"{manifest.name} {manifest.short_hash.hex()}", preset=args.preset, qp=args.qp, clips=known)
    for clip in args.clips:
        with tempfile.TemporaryDirectory() as folder:
            record["clips"][clip.stem] = measured(clip, args, Path(folder))
        print(json.dumps({clip.stem: record["clips"][clip.stem]}, indent=1), flush=True)
        if args.json:
            args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
