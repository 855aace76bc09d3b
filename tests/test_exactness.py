"""What one implementation codes, all others read: the same symbols, pictures nearly so; and memory stays what it is."""
from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.endurance import run
from benchmarks.exactness import exactness, looped
from zvc69 import Encoder
from zvc69.core import cpu
from zvc69.media import Frame, open_sink
from zvc69.model import available_backends

from .inter_samples import HEIGHT, MODEL, WIDTH, picture

FRAMES = 300
BOUND_DB = 0.05


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clouds.y4m"
    with open_sink(path, WIDTH, HEIGHT, Fraction(25)) as sink:
        for n in range(20):
            sink.write(Frame.from_rgb24(picture(n)))
    return path


@pytest.mark.parametrize("backend", ["cpu", "openvino"])
def test_every_implementation_reads_what_one_has_coded(backend, clip):
    if available_backends()[backend]:
        pytest.skip(available_backends()[backend])
    found = exactness(clip, argparse.Namespace(model=MODEL, encode=[backend], qp=32, gop=60, frames=FRAMES))[backend]
    assert found["symbols"] == {level: FRAMES for level in cpu.available()} and found["frames"] == FRAMES
    for other, drift in found["drift"].items():
        assert other == "openvino-bf16" or abs(drift["mean"]) < BOUND_DB, other


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_clip():
    """After warming up: less than a frame of 64x64 for every frame coded, of which each takes hundreds of kilobytes on its way. What comes and goes by a few
    megabytes is the allocator's."""
    frames, count = [Frame.from_rgb24(picture(n)) for n in range(12)], 400
    sizes = run(Encoder(WIDTH, HEIGHT, 25, model=MODEL, qp=36, gop=60, preset="fast"), looped(frames, count), count)
    assert len(sizes) == 10 and min(sizes[-3:]) - sizes[1] < 4.0 and max(sizes[2:]) - sizes[1] < 16.0
