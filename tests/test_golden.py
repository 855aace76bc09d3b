"""Streams of every format version decode for ever, to the same symbols on every implementation."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zvc69
from zvc69.core import cpu
from zvc69.media import Frame
from zvc69.metrics import frame_psnr
from zvc69.model import Model

from .parse_digest import GOLDEN, MODEL, digests, streams

NAMES = [str(path.relative_to(GOLDEN)) for path in streams()]


def stored_pictures(path: Path, depth: int) -> list[Frame]:
    """What the stream decoded to when it was made."""
    with np.load(path.parent / "pictures.npz") as archive:
        count = sum(name.startswith(f"{path.stem}.") for name in archive.files) // 3
        return [Frame(*(archive[f"{path.stem}.{n}.{plane}"] for plane in "yuv"), depth) for n in range(count)]


def test_golden_streams_are_all_there():
    assert {name.split("/")[0] for name in NAMES} == {"v1_0"} and len(NAMES) == 7


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("name", NAMES)
def test_every_implementation_reads_the_recorded_symbols_and_sigma_indices(name, level):
    recorded = json.loads((GOLDEN / name).with_name("digests.json").read_text())
    with cpu.force(level):
        assert digests(GOLDEN / name, Model(MODEL)) == recorded[Path(name).name]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_the_recorded_ones_but_for_roundings(name):
    with zvc69.open(GOLDEN / name) as video:
        decoded, stored = list(video), stored_pictures(GOLDEN / name, video.header.bit_depth)
    assert len(decoded) == len(stored) > 0
    for ours, theirs in zip(decoded, stored):
        psnr = frame_psnr(theirs, ours)
        assert min(psnr.y, psnr.u, psnr.v) > 50


def test_parsing_needs_no_network_runtime():
    done = subprocess.run([sys.executable, "-m", "tests.parse_digest"], cwd=Path(__file__).parents[1], capture_output=True, check=True)
    assert json.loads(done.stdout)["networks"] == []


def test_golden_streams_are_never_made_again():
    before = {path: path.read_bytes() for path in streams()}
    done = subprocess.run([sys.executable, "-m", "tests.golden.make"], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 1 and "never made again" in done.stderr
    assert {path: path.read_bytes() for path in streams()} == before
