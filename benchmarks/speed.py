"""Where the time of a frame goes, and the memory it takes.

    python -m benchmarks.speed CLIP [--frames 16] [--qp 32] [--threads 0] [--json benchmarks/results/speed.json]

Encoding and decoding run in a process each, so that both have a peak of their own (`peak_rss_mb`: Python, FFmpeg's decoder of the clip,
runtime and models included). The first frame warms up and is not counted. Stages are the Profiler's, in milliseconds a frame; `networks`,
`analysis` and `refine` are inference. `outside` is the share of what is left: of the sum of stages, and of wall-clock time, where
conversions and Python between the stages count too. `fps` of decoding is that of `decode_all`, which parses ahead on a second thread;
its stages come from a run that does one thing at a time. Reading the clip is not counted, nor is anything written.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from benchmarks.environment import environment
from zvc69 import Decoder, Encoder, FileHeader, Packet, Profiler
from zvc69.bitstream import PacketParser
from zvc69.media import open_source

NETWORKS = {"networks", "analysis", "refine"}


class Timed:
    """Sums the wall-clock time of calls, and the stages in them; the first call warms up."""

    def __init__(self) -> None:
        self.profiler, self.calls, self.wall = Profiler(), -1, 0.0

    def __call__(self, work: Callable[[], object]):
        start = time.perf_counter()
        result = work()
        self.calls += 1
        if self.calls:
            self.wall += time.perf_counter() - start
        else:
            self._before = {name: stage.seconds for name, stage in self.profiler.times().items()}
        return result

    def figures(self) -> dict:
        stages = {name: 1e3 * (stage.seconds - self._before[name]) / self.calls for name, stage in self.profiler.times().items()}
        wall, inference = 1e3 * self.wall / self.calls, sum(ms for name, ms in stages.items() if name in NETWORKS)
        return dict(ms_per_frame=round(wall, 2), stages_ms={name: round(ms, 2) for name, ms in stages.items()},
                    outside=dict(of_stages=round(1 - inference / sum(stages.values()), 4), of_wall=round(1 - inference / wall, 4)))


def encode(clip: Path, frames: int, options: dict) -> tuple[dict, bytes, list[bytes]]:
    """Figures, file header, packets."""
    timed, packets, encoder = Timed(), [], None
    with open_source(clip) as source:
        for frame in islice(source, frames + 1):
            encoder = encoder or Encoder(source.width, source.height, source.fps, depth=source.depth, profiler=timed.profiler, **options)
            packets += timed(lambda: [bytes(packet) for packet in encoder.encode(frame)])
    figures = timed.figures() | dict(fps=round(timed.calls / timed.wall, 2), kb_per_frame=round(sum(map(len, packets)) / len(packets) / 1e3, 1),
                                     peak_rss_mb=peak_rss_mb())
    return figures, encoder.header.pack(), packets


def decode(header: bytes, packets: list[bytes], options: dict) -> dict:
    timed = Timed()
    decoder = Decoder(header, profiler=timed.profiler, **options)
    for packet in packets:
        timed(lambda: decoder.decode(packet))
    return timed.figures() | dict(fps=round(pipelined_fps(header, packets, options), 2), peak_rss_mb=peak_rss_mb())


def pipelined_fps(header: bytes, packets: list[bytes], options: dict) -> float:
    decoder = Decoder(header, **options)
    frames = decoder.decode_all(parsed(header, packets))
    next(frames)
    start = time.perf_counter()
    return sum(1 for _ in frames) / (time.perf_counter() - start)


def parsed(header: bytes, packets: list[bytes]) -> Iterator[Packet]:
    parser = PacketParser(FileHeader.unpack(header))
    return (parser.parse(packet) for packet in packets)


def peak_rss_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)   # kilobytes on Linux


def alone(work: Callable, *arguments):
    """`work` in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--qp", type=int, default=32)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    options = dict(model=args.model, backend=args.backend, threads=args.threads)
    encoding, header, packets = alone(encode, args.clip, args.frames, options | dict(qp=args.qp))
    decoding = alone(decode, header, packets, options)
    arguments = [args.clip.name if argument == str(args.clip) else argument for argument in sys.argv[1:]]
    stream = FileHeader.unpack(header)
    record = environment("python -m benchmarks.speed " + shlex.join(arguments)) | dict(
        cores=multiprocessing.cpu_count(), model=f"{args.model} {stream.model_hash.hex()}", size=f"{stream.width}x{stream.height}",
        frames=args.frames, encode=encoding, decode=decoding)
    text = json.dumps(record, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
