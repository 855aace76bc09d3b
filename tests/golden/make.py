"""Makes the golden streams of format versions that have none yet, once: what is there is never overwritten.

    python -m tests.golden.make

Models: `tiny` was trained for four minutes; `tiny_inter` is what the fixture of tests/train/test_inter_codec.py exports, the network's start
with a few weights moved. Beside the streams: `digests.json`, what each frame's bytes say (tests/parse_digest.py), and `pictures.npz`, the planes that they
decoded to. Streams stay as they are for ever; every later release must read them.
"""
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import cycle, product
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.parse_digest import GOLDEN, INTER_MODEL, MODEL, digests, model_of
from zvc69 import Encoder, StreamWriter, VideoReader
from zvc69.bitstream import FilterSet, LoopFilter, Payload
from zvc69.bitstream.packet import PacketMaker
from zvc69.codec import frame_coder, latents
from zvc69.codec.slots import Slot
from zvc69.core.motion import KERNELS
from zvc69.media import Frame
from zvc69.media.frame import plane_dtype, plane_shapes


@dataclass(frozen=True)
class Stills:
    """A stream of keyframes: a qp for each, frame headers in the compact form or not."""

    width: int
    height: int
    depth: int
    qps: tuple[int, ...]
    compact: bool = True
    noise: bool = False
    substream_bytes: int = latents.SUBSTREAM_BYTES

    def picture(self, number: int) -> Frame:
        """Waves and an edge that move from frame to frame; or noise."""
        rng, planes = np.random.default_rng(number), []
        for scale, (rows, columns) in zip((1, 2, 2), plane_shapes(self.width, self.height)):
            i, j = np.mgrid[:rows, :columns] * scale
            wave = 118 + 55 * np.sin((j + 3 * number) / 9) * np.cos(i / 13) + 40 * (i + j > 60 + 5 * number) + 6 * rng.standard_normal(i.shape)
            planes.append(rng.integers(16, 236, i.shape) if self.noise else wave)
        return _frame(planes, self.depth)

    def write(self, path: Path) -> None:
        coded = []
        for number, qp in enumerate(self.qps):
            encoder = Encoder(self.width, self.height, 25, qp=qp, depth=self.depth, model=str(MODEL))
            packet, = encoder.encode(self.picture(number))
            coded.append((replace(packet.header, pts=number, dts=number), bytes(packet.payload)))
        _write(path, replace(encoder.header, quality=self.qps[0], compact=self.compact), coded)


@dataclass(frozen=True)
class Sequence:
    """A stream with P and B frames; `options` of the encoder."""

    width: int
    height: int
    depth: int
    frames: int
    options: dict
    compact: bool = True
    substream_bytes: int = latents.SUBSTREAM_BYTES
    ways: bool = False      # slots predict in all ways in turn, not in the best one
    filler: tuple[int | None, ...] = ()      # bytes of filler that frames get in turn, None: no section
    filters: tuple[LoopFilter, ...] = ()     # how stored frames are filtered, in turn, as far as they can be; others as the encoder has it

    def picture(self, number: int) -> Frame:
        """Waves that slide, above a band that stands still. In every fifth picture the right half is that of the third before it."""
        planes = []
        for scale, (rows, columns) in zip((1, 2, 2), plane_shapes(self.width, self.height)):
            i, j = np.mgrid[:rows, :columns] * scale
            time = np.where((j >= self.width // 2) & (number % 5 == 4), number - 3, number)
            x = j + 3 * time
            waves = 118 + 45 * np.sin(x / 9) * np.cos(i / 13) + 35 * np.sin(x / 3.7 + i / 5)
            planes.append(np.where(i < 2 * self.height // 3, waves, 90 + 60 * np.sin(j / 4)))
        return _frame(planes, self.depth)

    def write(self, path: Path) -> None:
        encoder = Encoder(self.width, self.height, 25, depth=self.depth, model=str(INTER_MODEL), scene_cut=False, **self.options)
        with (patch.object(frame_coder, "find_slot", _in_turn()) if self.ways else nullcontext(),
              patch.object(frame_coder, "choose", _filters_in_turn(self.filters)) if self.filters else nullcontext()):
            packets = [packet for number in range(self.frames) for packet in encoder.encode(self.picture(number))] + encoder.flush()
        header, coded = replace(encoder.header, compact=self.compact), [(packet.header, bytes(packet.payload)) for packet in packets]
        if self.filler:
            header = replace(header, minor=3, filler=True)
            coded = [(frame, replace(Payload.unpack(payload, frame.type, loop_filter=header.loop_filter), filler=size).pack())
                     for (frame, payload), size in zip(coded, cycle(self.filler))]
        _write(path, header, coded)


STREAMS = {
    "v1_0": {
        "even_8bit": Stills(96, 64, 8, (33,)),
        "odd_10bit_full_headers": Stills(65, 47, 10, (12,), compact=False),
        "smallest_12bit": Stills(16, 16, 12, (0,)),
        "three_frames": Stills(64, 48, 8, (20, 45, 63)),
        "three_frames_full_headers": Stills(64, 48, 8, (30, 18, 55), compact=False),
        "four_substreams": Stills(96, 128, 8, (10,), substream_bytes=1 << 10),
        "32_lanes": Stills(192, 160, 8, (0,), noise=True),
    },
    "v1_1": {
        "p_frames": Sequence(96, 64, 8, 8, dict(qp=28, gop=7, reference_frames=6)),
        "p_resets_12bit_full_headers": Sequence(65, 47, 12, 6, dict(qp=20, gop=0, sigma_reset=2), compact=False),
        "b_frames_10bit": Sequence(64, 48, 10, 10, dict(qp=24, gop=9, b_frames=3, sigma_reset=2)),
        "b_frames_substreams": Sequence(96, 128, 8, 5, dict(qp=12, gop=0, b_frames=1), substream_bytes=1 << 8),
    },
    "v1_2": {
        "p_frames": Sequence(96, 64, 8, 8, dict(qp=22, gop=7, reference_frames=6)),
        "p_resets_12bit_full_headers": Sequence(65, 47, 12, 6, dict(qp=16, gop=0, sigma_reset=2, threads=1), compact=False, ways=True),
        "b_frames_10bit": Sequence(72, 56, 10, 10, dict(qp=20, gop=9, b_frames=3, threads=1), ways=True),
    },
    "v1_3": {
        "filler": Sequence(48, 32, 8, 9, dict(qp=30, gop=8, b_frames=3, threads=1), filler=(1, None, 0, 127, 128)),
        "filler_full_headers": Sequence(32, 32, 8, 3, dict(qp=40, gop=0, b_frames=1, threads=1), compact=False, filler=(300, 2, 20)),
    },
    "v1_4": {
        "loop_filter": Sequence(72, 56, 8, 17, dict(qp=26, gop=16, b_frames=3, threads=1), filters=tuple(LoopFilter)),
        "loop_filter_10bit_full_headers": Sequence(65, 47, 10, 9, dict(qp=20, gop=0, b_frames=7, threads=1), compact=False,
                                                   filters=(LoopFilter.NEW, LoopFilter.SLOT_B, LoopFilter.SLOT_A)),
        "loop_filter_12bit": Sequence(64, 64, 12, 3, dict(qp=30, gop=2, threads=1)),
    },
}


def _in_turn() -> Callable[..., Slot]:
    ways, find = cycle(product(KERNELS, (True, False))), frame_coder.find_slot

    def slot(estimator, frame, qp, pts, reference, stage) -> Slot:
        found = find(estimator, frame, qp, pts, reference, stage)
        field = found.field.using(*next(ways))
        return replace(found, field=field, planes=field.warp(reference.planes, frame.depth))
    return slot


def _filters_in_turn(modes: tuple[LoopFilter, ...]) -> Callable[..., tuple[LoopFilter, FilterSet | None]]:
    turn, rng = cycle(modes), np.random.default_rng(4)

    def choose(picture, target, qp, known) -> tuple[LoopFilter, FilterSet | None]:
        mode = next(turn)
        if mode == LoopFilter.NEW:
            luma = np.concatenate([np.zeros((1, 12)), rng.integers(-9, 10, (4, 12))]).astype(np.int8)[rng.integers(0, 5, 25)]
            return mode, FilterSet(luma, rng.integers(-9, 10, (2, 12)).astype(np.int8))
        return next(((name, filters) for name, filters in known if name == mode), (LoopFilter.NONE, None))
    return choose


def _frame(levels: list[np.ndarray], depth: int) -> Frame:
    return Frame(*(np.clip(np.round(level * 2 ** (depth - 8)), 0, 2 ** depth - 1).astype(plane_dtype(depth)) for level in levels), depth)


def _write(path: Path, header, coded: list) -> None:
    maker = PacketMaker(header)
    with StreamWriter(path, header) as writer:
        for frame, payload in coded:
            writer.write_packet(maker.make(frame, payload))


def make(folder: Path) -> None:
    """Streams, digests and pictures of one version."""
    folder.mkdir()
    said, pictures = {}, {}
    for name, golden in STREAMS[folder.name].items():
        path = folder / f"{name}.zvc"
        with patch.object(latents, "SUBSTREAM_BYTES", golden.substream_bytes):
            golden.write(path)
        said[path.name] = digests(path)
        with VideoReader(path, model=str(model_of(path).folder)) as video:
            for number, frame in enumerate(video):
                pictures |= {f"{name}.{number}.{plane}": samples for plane, samples in zip("yuv", frame.planes)}
    (folder / "digests.json").write_text(json.dumps(said, indent=1) + "\n")
    np.savez_compressed(folder / "pictures.npz", **pictures)


def main() -> None:
    missing = [folder for folder in (GOLDEN / version for version in STREAMS) if not folder.exists()]
    if not missing:
        sys.exit(f"all versions of {', '.join(STREAMS)} exist: golden streams are never made again")
    for folder in missing:
        make(folder)


if __name__ == "__main__":
    main()
