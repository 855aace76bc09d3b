"""Makes the golden streams of the present format version, once: what is there is never overwritten.

    python -m tests.golden.make

Beside the streams: `digests.json`, what each frame's bytes say (tests/parse_digest.py), and `pictures.npz`, the planes that they
decoded to. Streams stay as they are for ever; every later release must read them.
"""
from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.parse_digest import MODEL, digests
from zvc69 import Encoder, StreamWriter, VideoReader
from zvc69.bitstream.header import MAJOR, MINOR, FileHeader
from zvc69.bitstream.packet import PacketMaker
from zvc69.codec import latents
from zvc69.media import Frame
from zvc69.media.frame import plane_dtype, plane_shapes
from zvc69.model import load_model

FOLDER = Path(__file__).parent / f"v{MAJOR}_{MINOR}"


@dataclass(frozen=True)
class Golden:
    """How one stream is made: a qp for each frame, frame headers in the compact form or not."""

    width: int
    height: int
    depth: int
    qps: tuple[int, ...]
    compact: bool = True
    noise: bool = False
    substream_bytes: int = latents.SUBSTREAM_BYTES


STREAMS = {
    "even_8bit": Golden(96, 64, 8, (33,)),
    "odd_10bit_full_headers": Golden(65, 47, 10, (12,), compact=False),
    "smallest_12bit": Golden(16, 16, 12, (0,)),
    "three_frames": Golden(64, 48, 8, (20, 45, 63)),
    "three_frames_full_headers": Golden(64, 48, 8, (30, 18, 55), compact=False),
    "four_substreams": Golden(96, 128, 8, (10,), substream_bytes=1 << 10),
    "32_lanes": Golden(192, 160, 8, (0,), noise=True),
}


def picture(golden: Golden, number: int) -> Frame:
    """Waves and an edge that move from frame to frame; or noise."""
    rng, planes = np.random.default_rng(number), []
    for scale, (rows, columns) in zip((1, 2, 2), plane_shapes(golden.width, golden.height)):
        i, j = np.mgrid[:rows, :columns] * scale
        wave = 118 + 55 * np.sin((j + 3 * number) / 9) * np.cos(i / 13) + 40 * (i + j > 60 + 5 * number) + 6 * rng.standard_normal(i.shape)
        level = rng.integers(16, 236, i.shape) if golden.noise else wave
        planes.append(np.clip(np.round(level * 2 ** (golden.depth - 8)), 0, 2 ** golden.depth - 1).astype(plane_dtype(golden.depth)))
    return Frame(*planes, golden.depth)


def write(path: Path, golden: Golden) -> None:
    with patch.object(latents, "SUBSTREAM_BYTES", golden.substream_bytes):
        coded = []
        for number, qp in enumerate(golden.qps):
            encoder = Encoder(golden.width, golden.height, 25, qp=qp, depth=golden.depth, model=str(MODEL))
            packet, = encoder.encode(picture(golden, number))
            coded.append((replace(packet.header, pts=number, dts=number), bytes(packet.payload)))
    header: FileHeader = replace(encoder.header, quality=golden.qps[0], compact=golden.compact)
    maker = PacketMaker(header)
    with StreamWriter(path, header) as writer:
        for frame, payload in coded:
            writer.write_packet(maker.make(frame, payload))


def main() -> None:
    if FOLDER.exists():
        sys.exit(f"{FOLDER} exists: golden streams are never made again")
    FOLDER.mkdir()
    said, pictures = {}, {}
    for name, golden in STREAMS.items():
        path = FOLDER / f"{name}.zvc"
        write(path, golden)
        said[path.name] = digests(path, load_model(str(MODEL)))
        with VideoReader(path, model=str(MODEL)) as video:
            for number, frame in enumerate(video):
                pictures |= {f"{name}.{number}.{plane}": samples for plane, samples in zip("yuv", frame.planes)}
    (FOLDER / "digests.json").write_text(json.dumps(said, indent=1) + "\n")
    np.savez_compressed(FOLDER / "pictures.npz", **pictures)


if __name__ == "__main__":
    main()
