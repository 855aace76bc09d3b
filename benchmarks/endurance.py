"""Memory over a long run: codes and decodes a clip that runs on and on.

    python -m benchmarks.endurance CLIP [--frames 1000] [--qp 36] [--model lite] [--json FILE]

Every frame is coded, decoded and forgotten in one process. `rss_mb` is what the process holds of memory after every tenth of the frames; `growth_mb` what
came in addition after the second tenth, when all pools and runtimes have what they need. All threads share one arena of glibc's allocator (MALLOC_ARENA_MAX=1,
unless the environment says otherwise): several come and go by some ten megabytes, which would hide what is lost.
"""
from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.environment import cpu_model, environment
from benchmarks.exactness import looped
from zvc69 import Decoder, Encoder, Frame
from zvc69.media import open_source
from zvc69.model import load_model

SAMPLES = 10
ARENAS = "MALLOC_ARENA_MAX"


def resident_mb() -> float:
    """Of this process. Linux alone."""
    pages = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(pages.split()[1]) / 1024


def run(encoder: Encoder, frames: Iterable[Frame], count: int) -> list[float]:
    """Codes and decodes `count` frames; resident memory after every tenth of them."""
    decoder, sizes, shown = Decoder(encoder.header, model=encoder.config.model), [], 0
    for packet in encoder.encode_all(frames):
        for _ in decoder.decode(packet):
            shown += 1
            if shown % (count // SAMPLES) == 0:
                sizes.append(resident_mb())
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--qp", type=int, default=36)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if ARENAS not in os.environ:      # read when a process begins
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.endurance", *sys.argv[1:]], os.environ | {ARENAS: "1"})
    with open_source(args.clip) as source:
        frames = list(source)
        encoder = Encoder(source.width, source.height, source.fps, depth=source.depth, qp=args.qp, preset=args.preset, model=args.model)
    sizes = run(encoder, looped(frames, args.frames), args.frames)
    words = [Path(word).name if Path(word) in (args.clip, Path(args.model)) else word for word in sys.argv[1:]]
    manifest = load_model(args.model).manifest
    record = environment("python -m benchmarks.endurance " + shlex.join(words)) | dict(
        cpu=cpu_model(), clip=args.clip.stem, model=f"{manifest.name} {manifest.short_hash.hex()}", frames=args.frames,
        rss_mb=[round(size, 1) for size in sizes], growth_mb=round(max(sizes[2:]) - sizes[1], 1))
    text = json.dumps(record, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
