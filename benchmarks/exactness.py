"""Streams of every implementation read by every other: the same symbols, and pictures how near to each other.

    python -m benchmarks.exactness CLIP [--frames 300] [--qp 32] [--gop 60] [--model lite] [--encode cpu --encode openvino] [--json FILE]

The clip runs forwards and backwards until there are enough frames. Each backend codes it, every instruction set of this processor (ZVC69_ISA's levels) parses
what it coded, and every backend decodes it. `symbols`: frames of which all levels parse the same symbols, vectors and copy maps as the best one. `drift`: dB
(6:1:1 PSNR against the clip) that a decoder on another backend loses over the frames, as a mean and at most in one frame, against one on the encoder's.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from itertools import chain, cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.environment import cpu_model, environment
from zvc69 import Decoder, Encoder, FileHeader, Frame, Packet
from zvc69.codec.parser import Parsed
from zvc69.core import cpu
from zvc69.media import open_source
from zvc69.metrics import frame_psnr
from zvc69.model import available_backends, load_model


def looped(frames: list[Frame], count: int) -> Iterator[Frame]:
    """Forwards and backwards, so that it never jumps."""
    return islice(cycle(chain(frames, frames[-2:0:-1])), count)


def digest(parsed: Parsed) -> str:
    """Of all that parsing a frame gives."""
    fields = (field.vectors for field in (parsed.field, parsed.field_b) if field is not None)
    arrays = (parsed.symbols.z, parsed.symbols.r, *fields, *(() if parsed.copy is None else (parsed.copy,)))
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def parsed_by(level: str, header: FileHeader, packets: list[Packet], model: str) -> list[str]:
    with cpu.force(level):
        decoder = Decoder(header, model=model, threads=1)
        return [digest(decoder.parse(packet)) for packet in packets]


def quality(backend: str, header: FileHeader, packets: list[Packet], frames: list[Frame], count: int, model: str) -> np.ndarray:
    """6:1:1 PSNR of every frame."""
    decoder = Decoder(header, backend=backend, model=model)
    originals = looped(frames, count)
    decoded = decoder.decode_all(packets)
    return np.array([frame_psnr(original, frame).weighted for original, frame in zip(originals, decoded, strict=True)])


def exactness(clip: Path, args: argparse.Namespace) -> dict:
    with open_source(clip) as source:
        frames, size, fps, depth = list(source), (source.width, source.height), source.fps, source.depth
    backends = [name for name, reason in available_backends().items() if reason is None]
    found = {}
    for name in args.encode:
        encoder = Encoder(*size, fps, depth=depth, model=args.model, backend=name, qp=args.qp, gop=args.gop, preset="fast")
        packets = list(encoder.encode_all(looped(frames, args.frames)))
        said = {level: parsed_by(level, encoder.header, packets, args.model) for level in cpu.available()}
        psnr = {other: quality(other, encoder.header, packets, frames, args.frames, args.model) for other in backends}
        found[name] = dict(
            frames=len(packets), symbols={level: sum(a == b for a, b in zip(digests, said[cpu.available()[-1]])) for level, digests in said.items()},
            psnr=round(float(psnr[name].mean()), 3),
            drift={other: dict(mean=round(float((psnr[name] - values).mean()), 4), worst=round(float((psnr[name] - values).max()), 4))
                   for other, values in psnr.items() if other != name})
        print(name, json.dumps(found[name]), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--qp", type=int, default=32)
    parser.add_argument("--gop", type=int, default=60)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--encode", action="append", help="repeatable; cpu unless given")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.encode = args.encode or ["cpu"]
    words = [Path(word).name if Path(word) in (args.clip, Path(args.model)) else word for word in sys.argv[1:]]
    manifest = load_model(args.model).manifest
    record = environment("python -m benchmarks.exactness " + shlex.join(words)) | dict(
        cpu=cpu_model(), clip=args.clip.stem, model=f"{manifest.name} {manifest.short_hash.hex()}", qp=args.qp, gop=args.gop,
        encoders=exactness(args.clip, args))
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
