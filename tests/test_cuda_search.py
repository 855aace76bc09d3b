"""P frames whose motion and copied blocks are chosen on the (emulated) GPU: coded as if the host had given the same."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from zvc69.codec.copying import choose_copies
from zvc69.codec.temporal import take_padding
from zvc69.core import motion
from zvc69.core.pack import pack
from zvc69.core.reference.motion_search import Search
from zvc69.cuda.latents import FrameKind
from zvc69.cuda.motion import search_weights
from zvc69.cuda.pictures import PictureShape
from zvc69.cuda.pipeline import DeviceModel, FrameCodec
from zvc69.cuda.stream import Frame, StreamEncoder
from zvc69.model import load_model

from .emulator import COMPILER, EmulatedDevice
from .emulator.late import LateDevice

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

TINY = str(Path(__file__).parent / "golden" / "models" / "tiny_inter")
SHAPE, QP, FRAMES = PictureShape(96, 64, 8), 22, 3
KEY, SEARCHED, GIVEN = FrameKind(False, False, 1, 4, QP), FrameKind(True, True, 1, 4, searched=True), FrameKind(True, True, 1, 4)


@pytest.fixture(scope="module")
def model():
    return load_model(TINY)


def sliding(shape: PictureShape, number: int) -> tuple[np.ndarray, ...]:
    """The upper half slides, the lower one stands still under a texture that fades."""
    rng, out = np.random.default_rng(5), []
    for height, width in shape.planes:
        texture = rng.normal(0, 30, (height // 4 + 2, width // 4 + 2)).repeat(4, 0).repeat(4, 1)[:height, :width] + 120
        plane = np.concatenate([np.roll(texture[:height // 2], 2 * number * width // shape.width, 1), texture[height // 2:]])
        plane[-height // 4:, -width // 3:] += 6 * number
        out.append(np.clip(plane, 0, 255).astype(np.uint8))
    return tuple(out)


@lru_cache
def coded(model, shape: PictureShape = SHAPE):
    """Of each P frame: what was chosen, substreams, the reference's planes, and what was expected."""
    codec = FrameCodec(DeviceModel(EmulatedDevice(3), model), shape, search=True)
    codec.begin(QP, source=sliding(shape, 0))
    codec.encode(KEY)
    kept, expected, out = [codec.keep()], None, []
    for number in range(1, FRAMES):
        reference = kept[-1].picture.block.download()
        codec.begin(QP, source=sliding(shape, number), a=(kept[-1], None))
        codec.encode(SEARCHED)
        kept.append(codec.keep())
        found = codec.choice.download()
        out.append((found, codec.substreams(SEARCHED), reference, expected))
        expected = found
    return out


@pytest.mark.parametrize("shape", [SHAPE, PictureShape(70, 38, 8)], ids=str)
def test_choices_are_those_of_the_cpu(model, shape):
    copies = []
    for number, (chosen, _, reference, expected) in enumerate(coded(model, shape), 1):
        source = sliding(shape, number)
        before = np.zeros_like(chosen.vectors) if expected is None else expected.vectors
        sharp = expected is not None and expected.way & 1 == 1
        assert np.array_equal(chosen.vectors, Search(source[0], reference[0], 8, int(search_weights()[QP]), sharp, before).vectors())
        packed, base = pack(*source, 8), pack(*chosen.field.warp(reference, 8), 8)
        take_padding(packed, base, shape.width, shape.height)
        want = choose_copies(packed, base, QP)
        assert np.array_equal(chosen.copy, np.zeros_like(chosen.copy) if want is None else want)
        copies.append(chosen.copy)
        field, copy = motion.decode(motion.encode(chosen.field, chosen.copy, None), shape.rows, shape.columns)
        assert field == chosen.field and np.array_equal(copy, chosen.copy)
    assert np.any(copies) and not np.all(copies)


def test_the_same_is_written_as_with_choices_that_are_given(model):
    codec, kept = FrameCodec(DeviceModel(EmulatedDevice(3), model), SHAPE), []
    codec.begin(QP, source=sliding(SHAPE, 0))
    codec.encode(KEY)
    kept.append(codec.keep())
    for number, (chosen, data, *_) in enumerate(coded(model), 1):
        codec.begin(QP, source=sliding(SHAPE, number), a=(kept[-1], chosen.field), copy=chosen.copy)
        codec.encode(GIVEN)
        kept.append(codec.keep())
        assert codec.substreams(GIVEN) == data


@pytest.mark.parametrize("seed", [0, 1])
def test_frames_under_way_are_coded_as_one_after_the_other(model, seed):
    encoder, found = StreamEncoder(DeviceModel(LateDevice(seed), model), SHAPE, search=True), []
    encoder.put(Frame(KEY, QP, sliding(SHAPE, 0)))
    for number in range(1, FRAMES):
        encoder.put(Frame(SEARCHED, QP, sliding(SHAPE, number), a=(encoder.kept, None)))
        found += encoder.ready()
    found += encoder.flush()
    for packet, (chosen, data, *_) in zip(found[1:], coded(model), strict=True):
        assert packet.substreams == data and packet.chosen.field == chosen.field and np.array_equal(packet.chosen.copy, chosen.copy)
    assert found[0].chosen is None


def test_a_frame_in_its_stride_asks_for_no_memory(model):
    device = EmulatedDevice()
    codec = FrameCodec(DeviceModel(device, model), SHAPE, search=True)
    codec.begin(QP, source=sliding(SHAPE, 0))
    codec.encode(KEY)
    kept = codec.keep()
    for number in range(1, FRAMES + 1):
        if number == FRAMES:
            device.empty = None      # what asks for memory now fails
        codec.begin(QP, source=sliding(SHAPE, number), a=(kept, None))
        codec.encode(SEARCHED)
        kept = codec.keep()
