"""Streams and Hypothesis strategies that the bitstream tests share. Payloads are arbitrary bytes."""
from __future__ import annotations

import io
import random

from hypothesis import strategies as st

from zvc69.bitstream import KEYFRAME, USUAL, ColourSpace, FileHeader, FrameHeader, FrameType, StreamWriter, reference_flags

STREAM = FileHeader(width=640, height=360, fps_num=30, quality=32, gop=10, model_hash=b"test")


def frame_header(number: int, gop: int = 10) -> FrameHeader:
    """Low delay: a keyframe every `gop` frames, P frames with a QP pattern between."""
    key = number % gop == 0
    return FrameHeader(FrameType.I if key else FrameType.P, 30 + number % 4, number, number,
                       KEYFRAME if key else USUAL[FrameType.P])


def make_stream(frames: int = 40, *, gop: int = 10, header: FileHeader = STREAM, key_bytes: int = 3000,
                seed: int = 1, **options) -> bytes:
    """A stream of `frames` frames; P frames are of 1 to 600 bytes."""
    rng, file = random.Random(seed), io.BytesIO()
    with StreamWriter(file, header, **options) as writer:
        for number in range(frames):
            size = key_bytes if number % gop == 0 else rng.choice((1, 20, 90, 250, 600))
            writer.write(frame_header(number, gop), rng.randbytes(size))
    return file.getvalue()


byte = st.integers(0, 255)
u16, u32, u64 = (st.integers(0, (1 << bits) - 1) for bits in (16, 32, 64))

file_headers = st.builds(
    FileHeader, width=st.integers(16, 16384), height=st.integers(16, 16384), fps_num=st.integers(1, 65535),
    fps_den=st.integers(1, 65535), quality=st.integers(0, 63), gop=st.one_of(byte, u32),
    model_hash=st.binary(min_size=4, max_size=4), colour_space=st.sampled_from(ColourSpace),
    bit_depth=st.sampled_from((8, 10, 12)), latent_channels=st.integers(1, 1024), hyper_channels=st.integers(1, 1024),
    matrix=byte, primaries=byte, transfer=byte, full_range=st.booleans(), total_frames=u32,
    index_offset=st.one_of(st.just(0), st.integers(65, 1 << 62)), compact=st.booleans(), repeated=st.booleans(), minor=byte,
    filters=st.booleans(), filler=st.booleans(), loop_filter=st.booleans())

entries = st.integers(0, 15)


@st.composite
def frames(draw: st.DrawFn, count: int = 6) -> list[tuple[FrameHeader, bytes]]:
    """Frames of a stream in coding order: a keyframe first, dts rising, anything else."""
    out, dts = [], draw(st.integers(0, 1 << 62))
    for number in range(draw(st.integers(1, count))):
        kind = draw(st.sampled_from(FrameType)) if number else FrameType.I
        stored = draw(st.booleans())
        flags = reference_flags(
            draw(entries) if kind != FrameType.I else None,
            draw(entries) if kind == FrameType.B or kind == FrameType.P and draw(st.booleans()) else None,
            stored=stored, key=number == 0 or kind == FrameType.I and draw(st.booleans()),
            long_term=stored and draw(st.booleans()))
        pts = max(0, dts + draw(st.one_of(st.just(0), st.integers(-20, 20), st.integers(-(1 << 62), 1 << 62))))
        head = FrameHeader(kind, draw(st.integers(0, 63)), pts, dts, flags, draw(st.integers(0, 7)))
        out.append((head, draw(st.binary(min_size=1, max_size=300))))
        dts += draw(st.one_of(st.just(1), st.integers(1, 1 << 40)))
    return out
