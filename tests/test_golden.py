"""Streams of every format version decode for ever, to the same symbols on every implementation."""
from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import zvc69
from zvc69.bitstream import FrameType, LoopFilter, Payload, StreamReader
from zvc69.codec.parser import FrameParser
from zvc69.core import cpu
from zvc69.media import Frame
from zvc69.metrics import frame_psnr

from .parse_digest import GOLDEN, digests, model_of, streams

NAMES = [str(path.relative_to(GOLDEN)) for path in streams()]


def stored_pictures(path: Path, depth: int) -> list[Frame]:
    """What the stream decoded to when it was made."""
    with np.load(path.parent / "pictures.npz") as archive:
        count = sum(name.startswith(f"{path.stem}.") for name in archive.files) // 3
        return [Frame(*(archive[f"{path.stem}.{n}.{plane}"] for plane in "yuv"), depth) for n in range(count)]


def test_golden_streams_are_all_there():
    assert Counter(name.split("/")[0] for name in NAMES) == {"v1_0": 7, "v1_1": 4, "v1_2": 3, "v1_3": 2, "v1_4": 3}


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("name", NAMES)
def test_every_implementation_reads_the_recorded_symbols_and_sigma_indices(name, level):
    recorded = json.loads((GOLDEN / name).with_name("digests.json").read_text())
    with cpu.force(level):
        assert digests(GOLDEN / name) == recorded[Path(name).name]


def test_golden_streams_of_version_1_1_have_all_that_it_brought():
    """P and B frames, both header forms, every payload flag, both slots of a P frame, state and its reset, an older reference, substreams."""
    found = set()
    for path in streams("1_1"):
        with StreamReader(path) as reader:
            assert reader.header.minor == 1 and not reader.header.filters
            for packet in reader:
                payload = Payload.unpack(packet.payload, packet.type)
                facts = {"compact": reader.header.compact, "full": not reader.header.compact, "state": not payload.no_state, "copy": payload.copy,
                         "reset": packet.type != FrameType.I and payload.no_state, "motion": payload.motion is not None,
                         "motion_b": payload.motion_b is not None, "two slots": packet.type == FrameType.P and packet.header.slot_b is not None,
                         "older": (packet.header.slot_a or 0) > 1, "not stored": not packet.header.stored, "substreams": len(payload.substreams) > 1}
                found |= {packet.type.name, *(name for name, holds in facts.items() if holds)}
    assert found == {"I", "P", "B", *facts}


def test_golden_streams_of_version_1_2_predict_in_every_way():
    found = set()
    for path in streams("1_2"):
        with StreamReader(path) as reader:
            assert reader.header.minor == 2 and reader.header.filters
            parser = FrameParser(model_of(path), reader.header)
            for packet in reader:
                parsed = parser.parse(packet)
                found |= {(packet.type.name, slot, field.kernel, field.overlap) for slot, field in enumerate((parsed.field, parsed.field_b))
                          if field is not None}
    ways = {(kernel, overlap) for kernel in ("bicubic", "sharp") for overlap in (False, True)}
    assert {way[2:] for way in found} == ways
    assert {way[:2] for way in found} == {("P", 0), ("P", 1), ("B", 0), ("B", 1)}


def test_golden_streams_of_version_1_3_have_filler_in_every_type_of_frame():
    found = set()
    for path in streams("1_3"):
        with StreamReader(path) as reader:
            assert reader.header.minor == 3 and reader.header.filters and reader.header.filler
            found |= {(packet.type.name, Payload.unpack(packet.payload, packet.type, filler=True).filler) for packet in reader}
    assert {kind for kind, size in found if size} == {"I", "P", "B"}
    assert {size for _, size in found} == {None, 0, 1, 2, 20, 127, 128, 300}


def test_golden_streams_of_version_1_4_are_filtered_in_every_way():
    found, depths = set(), set()
    for path in streams("1_4"):
        with StreamReader(path) as reader:
            assert reader.header.minor == 4 and reader.header.loop_filter
            depths.add(reader.header.bit_depth)
            found |= {(packet.type.name, Payload.unpack(packet.payload, packet.type, loop_filter=True).loop_filter) for packet in reader}
    assert depths == {8, 10, 12}
    assert {("I", LoopFilter.NEW), ("P", LoopFilter.NONE), ("P", LoopFilter.NEW), ("P", LoopFilter.SLOT_A), ("B", LoopFilter.NEW), ("B", LoopFilter.SLOT_A),
            ("B", LoopFilter.SLOT_B)} <= found


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
