"""Motion beside x264's and x265's: bits of the vectors and PSNR of the prediction, on the same frames and from the same references.

    python -m benchmarks.motion_quality CLIPS [--frames 8] [--output benchmarks/results/motion_quality.json]

x264 and x265 code each clip as I P P P ... at preset medium with a constant quantiser and one reference. Our search then predicts the same source
frames from the pictures that the peer decoded, at the QP whose step is the peer's. What can be had of them:

x264    its vectors (FFmpeg's decoder exports them), so that our compensation warps by both fields; blocks that it coded as intra are left out of the
        errors of both. Bits: of its vectors coded by our coder, and what its own log counts as motion: vectors, partitions and modes.
x265    FFmpeg's HEVC decoder exports no vectors. Its log has bits of motion, and the energy of the difference to the prediction, intra blocks
        included, with its own interpolation; ours beside it is over the whole frame.

The same pairs then measure what candidates of the flow network gain (`--motion flow`), at every effort, with CPU times of one thread.
"""
from __future__ import annotations

import argparse
import csv
import json
import math
import re
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import thread_time

import av
import numpy as np
from numpy.typing import NDArray

from zvc69.core import motion
from zvc69.core.motion import EFFORTS, RATE_WEIGHT, MotionField
from zvc69.core.warp import LARGEST_VECTOR
from zvc69.model.flow import load_flow

from .bench_motion import DEPTH, Planes, frames
from .environment import environment

PEER_QPS = (22, 28, 34)
_COMMON = "scenecut=0:bframes=0:ref=1:weightp=0:aq-mode=0:ipratio=1"
PARAMS = {"x264": f"{_COMMON}:keyint=infinite:mbtree=0:qp={{qp}}:pass=1:stats={{stats}}",
          "x265": f"{_COMMON}:keyint=-1:cutree=0:qp={{qp}}:pass=1:slow-firstpass=1:stats={{stats}}:csv={{csv}}:csv-log-level=2:pools=none:frame-threads=1"
                  ":log-level=none"}
FORMATS = {"x264": "h264", "x265": "hevc"}
CTU = 64


def our_qp(peer_qp: int) -> int:
    """QP of the same step: 2 * 2^(qp / 10.5) here, 2^((qp - 4) / 6) there."""
    return round(10.5 * ((peer_qp - 4) / 6 - 1))


def cost_of_a_bit(qp: int) -> float:
    return RATE_WEIGHT * 2 * 2 ** (qp / 10.5)


@dataclass
class Predicted:
    """What a peer coded: its pictures, and of every P frame bits of motion; x264: vectors by block and where there are any; x265: PSNR."""

    pictures: list[Planes]
    bits: list[int]
    intra_share: float
    fields: list[tuple[NDArray[np.int16], NDArray[np.bool_]]] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)


def run_peer(name: str, pictures: list[Planes], qp: int) -> Predicted:
    height, width = pictures[0][0].shape
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: str(Path(folder) / kind) for kind in ("stats", "csv", "stream")}
        options = {"preset": "medium", f"{name}-params": PARAMS[name].format(qp=qp, **files)} | ({"fastfirstpass": "0"} if name == "x264" else {})
        _write(files["stream"], name, options, pictures)
        decoded = list(_decoded(files["stream"], name))
        lines = [line for line in Path(files["stats"]).read_text().splitlines() if " type:P" in line]
        bits = [int(re.search(r" mv:(\d+)", line)[1]) for line in lines]
        if name == "x264":
            fields = [_field(frame, height, width) for frame in decoded[1:]]
            counted = [int(re.search(r" imb:(\d+)", line)[1]) for line in lines]
            share = sum(counted) / len(lines) / (-(-height // 16) * -(-width // 16))
            return Predicted([_planes(f) for f in decoded], bits, share, fields)
        share = sum(float(re.search(r" icu:([\d.]+)", line)[1]) for line in lines) / len(lines) / (-(-height // 8) * -(-width // 8) / 4)
        return Predicted([_planes(f) for f in decoded], bits, share, psnr=_logged_psnr(files["csv"], height, width))


def _write(path: str, name: str, options: dict[str, str], pictures: list[Planes]) -> None:
    """The log is whole when the encoder is gone, and that is when no one holds its stream."""
    with av.open(path, "w", format=FORMATS[name]) as container:
        height, width = pictures[0][0].shape
        stream = container.add_stream(f"lib{name}", rate=Fraction(25), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for planes in pictures:
            frame = av.VideoFrame.from_ndarray(np.concatenate([plane.reshape(-1, width) for plane in planes]), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _decoded(path: str, name: str) -> Iterator[av.VideoFrame]:
    with av.open(path, format=FORMATS[name]) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"flags2": "+export_mvs"}
        yield from container.decode(stream)


def _planes(frame: av.VideoFrame) -> Planes:
    i420, height = frame.to_ndarray(format="yuv420p"), frame.height
    u, v = i420[height:].reshape(2, height // 2, frame.width // 2)
    return i420[:height], u, v


def _field(frame: av.VideoFrame, height: int, width: int) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Quarter-pel vectors by 8x8 block, (h, w, 2), and which blocks have one; the others repeat their left neighbour, which costs least."""
    vectors = np.zeros((-(-height // 32) * 4, -(-width // 32) * 4, 2), np.int16)
    known = np.zeros(vectors.shape[:2], bool)
    side = frame.side_data.get("MOTION_VECTORS")
    for v in ([] if side is None else side.to_ndarray()):
        if v["motion_scale"] != 4 or min(v["w"], v["h"]) < 8:
            raise ValueError("a vector is not one of quarter pixels for at least 8x8 samples")
        top, left = (int(v["dst_y"]) - int(v["h"]) // 2) // 8, (int(v["dst_x"]) - int(v["w"]) // 2) // 8
        area = slice(top, top + int(v["h"]) // 8), slice(left, left + int(v["w"]) // 8)
        vectors[area], known[area] = (v["motion_x"], v["motion_y"]), True
    for j in range(1, vectors.shape[1]):
        missing = ~known[:, j]
        vectors[missing, j] = vectors[missing, j - 1]
    return vectors.clip(-LARGEST_VECTOR, LARGEST_VECTOR), known


def _logged_psnr(path: str, height: int, width: int) -> list[float]:
    with open(path, newline="") as file:
        rows = [{key.strip(): value.strip() for key, value in row.items() if key and value} for row in csv.DictReader(file)]
    ctus = -(-height // CTU) * -(-width // CTU)
    energies = [float(row["Avg Residual Energy"]) * ctus / (height * width) for row in rows if row.get("Type", "").startswith("P")]
    return [10 * math.log10(255 ** 2 / max(energy, 1e-9)) for energy in energies]


@dataclass
class Tally:
    """Errors and bits of one kind of field over a clip's frames."""

    squares: list[float] = field(default_factory=list)
    absolute: list[float] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, current: NDArray, reference: Planes, vectors: MotionField, bits: int, where: NDArray[np.bool_] | None = None) -> None:
        error = vectors.warp(reference, DEPTH)[0].astype(np.int32) - current
        if where is not None:
            error = error[where]
        self.squares.append(float(np.square(error).mean()))
        self.absolute.append(float(np.abs(error).mean()))
        self.bits.append(bits)

    @property
    def psnr(self) -> float:
        return statistics.mean(10 * math.log10(255 ** 2 / max(square, 1e-9)) for square in self.squares)

    def figures(self) -> dict[str, float]:
        return dict(psnr=round(self.psnr, 2), bits=round(statistics.mean(self.bits)))

    def cost(self, samples: int, qp: int) -> float:
        """Absolute error + bits at what the search takes them to cost, a frame."""
        return statistics.mean(self.absolute) * samples + cost_of_a_bit(qp) * statistics.mean(self.bits)


def against_x264(pictures: list[Planes], peer_qp: int) -> dict:
    peer, qp = run_peer("x264", pictures, peer_qp), our_qp(peer_qp)
    height, width = pictures[0][0].shape
    ours, theirs, before, before_theirs = Tally(), Tally(), None, None
    for (current, *_), reference, (vectors, known) in zip(pictures[1:], peer.pictures, peer.fields, strict=False):
        where = known.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
        found = motion.search(current, reference[0], qp, depth=DEPTH, previous=before)
        coarsest = MotionField.from_vectors(vectors)
        ours.add(current, reference, found, 8 * len(motion.encode(found, previous=before)), where)
        theirs.add(current, reference, coarsest, 8 * len(motion.encode(coarsest, previous=before_theirs)), where)
        before, before_theirs = found, coarsest
    return dict(qp=qp, ours=ours.figures(), x264=theirs.figures() | dict(own_bits=round(statistics.mean(peer.bits))), intra=round(peer.intra_share, 3),
                cost=round(100 * (ours.cost(height * width, qp) / theirs.cost(height * width, qp) - 1), 2))


def against_x265(pictures: list[Planes], peer_qp: int) -> dict:
    peer, qp = run_peer("x265", pictures, peer_qp), our_qp(peer_qp)
    ours, before = Tally(), None
    for (current, *_), reference in zip(pictures[1:], peer.pictures, strict=False):
        found = motion.search(current, reference[0], qp, depth=DEPTH, previous=before)
        ours.add(current, reference, found, 8 * len(motion.encode(found, previous=before)))
        before = found
    return dict(qp=qp, ours=ours.figures(), intra=round(peer.intra_share, 3),
                x265=dict(psnr=round(statistics.mean(peer.psnr), 2), own_bits=round(statistics.mean(peer.bits))))


def with_flow(pictures: list[Planes], qp: int) -> dict:
    """The search at every effort, with and without the network's candidates; from source frames, in turns, CPU time of a frame on one thread."""
    flow, (height, width) = load_flow(1), pictures[0][0].shape
    ways = [f"effort {effort}{more}" for effort in EFFORTS for more in ("", " with flow")]
    tallies = {way: Tally() for way in ways}
    before: dict[str, MotionField | None] = dict.fromkeys(ways)
    for number, ((current, *_), reference) in enumerate(zip(pictures[1:], pictures, strict=False)):
        for way, tally in tallies.items():
            start = thread_time()
            candidates = flow.vectors(current, reference[0], DEPTH) if way.endswith("flow") else None
            found = motion.search(current, reference[0], qp, depth=DEPTH, previous=before[way], candidates=candidates, effort=int(way.split()[1]))
            if number:                      # the network's first run prepares it
                tally.seconds.append(thread_time() - start)
            tally.add(current, reference, found, 8 * len(motion.encode(found, previous=before[way])))
            before[way] = found
    base = tallies["effort 1"].cost(height * width, qp)
    return {way: tally.figures() | dict(cost=round(100 * (tally.cost(height * width, qp) / base - 1), 2), ms=round(1000 * statistics.median(tally.seconds), 2))
            for way, tally in tallies.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/motion_quality.json"))
    arguments = parser.parse_args()
    result = environment(f"python -m benchmarks.motion_quality CLIPS --frames {arguments.frames}")
    result |= dict(frames=arguments.frames, peer_qps=list(PEER_QPS), params=PARAMS, clips={})
    for path in sorted(arguments.clips.glob("*")):
        pictures = frames(path, arguments.frames)
        clip = result["clips"][path.stem] = {
            "x264": {str(qp): against_x264(pictures, qp) for qp in PEER_QPS}, "x265": {str(qp): against_x265(pictures, qp) for qp in PEER_QPS},
            "flow": with_flow(pictures, our_qp(PEER_QPS[1]))}
        print(path.stem, json.dumps(clip))
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
