"""What one implementation codes, all others read: the same symbols, pictures nearly so; and memory stays what it is."""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.exactness import exactness
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
def test_memory_does_not_grow_with_the_clip(clip, tmp_path):
    """After warming up: less than two frames of 64x64 for every frame coded, of which each takes hundreds of kilobytes on its way."""
    command = [sys.executable, "-m", "benchmarks.endurance", clip, "--frames", "400", "--model", MODEL, "--json", tmp_path / "found.json"]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parent.parent)
    sizes = json.loads((tmp_path / "found.json").read_text())["rss_mb"]
    assert len(sizes) == 10 and max(sizes[2:]) - sizes[1] < 3.0
