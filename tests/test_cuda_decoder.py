"""Streams decoded whole on the (emulated) GPU: what the CPU decodes, with the same errors and the same marks."""
from __future__ import annotations

import gc
from collections import deque
from itertools import islice

import numpy as np
import pytest

from zvc69 import Decoder, Encoder
from zvc69.bitstream import FileHeader, FrameType, LoopFilter, Packet, PacketMaker, PacketParser, Payload, StreamReader
from zvc69.codec.decoder import AHEAD
from zvc69.codec.reconstructor import Reconstructor
from zvc69.cuda.entropy import FAILURES
from zvc69.cuda.latents import symbol_arrays
from zvc69.cuda.memory import places_of
from zvc69.cuda.pictures import PictureShape
from zvc69.errors import CorruptStreamError, StreamError
from zvc69.media import Frame, Integrity

from .codec_samples import picture as any_picture
from .emulator import COMPILER, EmulatedDevice
from .emulator.late import LateDevice
from .inter_samples import HEIGHT, MODEL, WIDTH, Coded, coded, symbols
from .parse_digest import model_of, streams

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

OPTIONS = dict(preset="slow", gop=8, b_frames=3, loop_filter=True, qp=20)


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setattr("zvc69.model.cuda_backend.CupyDevice", EmulatedDevice)
    monkeypatch.setattr("zvc69.model.backend._missing", lambda name, module: None)


@pytest.fixture(scope="module")
def clip():
    return coded(10, **OPTIONS)


def decoder(header: FileHeader, backend: str = "cuda", **options) -> Decoder:
    return Decoder(header, backend=backend, threads=1, **options)


def frames_of(decoder: Decoder, packets) -> list[Frame]:
    return [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()


def alike(mine: list[Frame], theirs: list[Frame]) -> bool:
    """Within a rounding, but for samples of another class of the loop filter."""
    assert [(frame.pts, frame.integrity) for frame in mine] == [(frame.pts, frame.integrity) for frame in theirs]
    for a, b in zip(mine, theirs):
        for one, other in zip(a.planes, b.planes):
            assert one.dtype == other.dtype and one.shape == other.shape
            assert np.mean(np.abs(one.astype(int) - other) > 1) < 0.01, f"frame {a.pts}"
    return True


def test_the_clip_has_all_that_there_is(clip):
    payloads = [Payload.unpack(packet.payload, packet.type, loop_filter=True) for packet in clip.packets]
    assert {packet.type for packet in clip.packets} == set(FrameType)
    assert any(payload.copy for payload in payloads) and {payload.loop_filter for payload in payloads} == set(LoopFilter)
    assert not all(packet.header.stored for packet in clip.packets) and len({packet.header.slot_b for packet in clip.packets}) > 2


def test_symbols_and_pictures_are_the_cpus(clip):
    parser = decoder(clip.header)
    assert [symbols(parser.parse(packet)) for packet in clip.packets] == list(clip.symbols)
    assert alike(frames_of(decoder(clip.header), clip.packets), list(clip.frames))


def test_frames_parsed_ahead_are_the_same(clip):
    one_by_one = frames_of(decoder(clip.header), clip.packets)
    ahead = list(decoder(clip.header).decode_all(clip.packets))
    assert all(np.array_equal(a, b) for one, other in zip(one_by_one, ahead, strict=True) for a, b in zip(one.planes, other.planes))


@pytest.mark.parametrize(("ahead", "seed"), [(0, 1), (0, 2), (2, 3)])
def test_queues_of_symbols_and_pictures_wait_for_each_other_as_they_must(clip, monkeypatch, ahead, seed):
    """However late each does what it must; symbols are read so many frames ahead."""
    monkeypatch.setattr("zvc69.model.cuda_backend.CupyDevice", lambda: LateDevice(seed))
    chain = decoder(clip.header)._chain
    waiting, shown = deque(), []
    for packet in clip.packets:
        waiting += chain.parse(packet)
        if len(waiting) > ahead:
            shown += chain.show(waiting.popleft())
    shown += [frame for step in waiting for frame in chain.show(step)] + chain.rest()
    assert alike(shown, list(clip.frames))


def test_a_picture_comes_to_the_host_while_the_next_one_is_made(clip, monkeypatch):
    device = LateDevice(4)
    monkeypatch.setattr("zvc69.model.cuda_backend.CupyDevice", lambda: device)
    reader = decoder(clip.header)
    chain = reader._chain
    frames = Reconstructor(chain, reader._backend, lambda: None, 1).frames(step for packet in clip.packets for step in chain.parse(packet))
    assert alike([*frames, *chain.rest()], list(clip.frames))
    reading, drawing, down = 1, 2, 3      # in the order in which queues were made
    assert any({drawing, down} <= set(busy) for busy in device.overlaps) and any({reading, drawing} <= set(busy) for busy in device.overlaps)


@pytest.mark.parametrize("depth", [10, 12])
def test_more_bits_and_odd_sizes(depth):
    encoder = Encoder(61, 47, 25, qp=20, depth=depth, model=MODEL, preset="medium", b_frames=0, threads=1)
    packets = [packet for n in range(3) for packet in encoder.encode(any_picture(61, 47, depth, n))] + encoder.flush()
    assert alike(frames_of(decoder(encoder.header), packets), frames_of(decoder(encoder.header, "cpu"), packets))


def test_frames_of_higher_layers_are_left_out(clip):
    mine, theirs = (frames_of(decoder(clip.header, backend, max_layer=0), clip.packets) for backend in ("cuda", "cpu"))
    assert len(mine) < len(clip.frames) and alike(mine, theirs)


def received(clip: Coded, payloads: list[bytes], lost: set[int] = frozenset()) -> list[Packet]:
    """Packets with these payloads, behind checksums that hold, as they come where some are lost."""
    maker, parser = PacketMaker(clip.header), PacketParser(clip.header)
    sent = [bytes(maker.make(packet.header, payload)) for packet, payload in zip(clip.packets, payloads)]
    return [parser.parse(data) for n, data in enumerate(sent) if n not in lost]


def noise(clip: Coded, seed: int) -> list[bytes]:
    """Payloads, some with bytes that are others or missing."""
    rng, out = np.random.default_rng(seed), []
    for packet in clip.packets:
        payload = bytearray(packet.payload)
        if rng.random() < 0.3:
            for at in rng.integers(0, len(payload), 3):
                payload[at] ^= int(rng.integers(1, 256))
        elif rng.random() < 0.1:
            del payload[len(payload) * 2 // 3:]
        out.append(bytes(payload))
    return out


def outcome(decoder: Decoder, packets) -> list[str]:
    """What each packet gives: how many frames, or the error, without which of an entropy decoder's several reasons it met first."""
    found = []
    for packet in packets:
        try:
            found.append(str(len(decoder.decode(packet))))
        except StreamError as error:
            reason = "entropy" if error.message in FAILURES.values() else error.message
            found.append(f"{type(error).__name__} in frame {error.frame} at {error.offset}: {reason}")
    return found


@pytest.mark.parametrize("seed", range(5))
def test_errors_of_damage_are_the_cpus(clip, seed):
    packets = received(clip, noise(clip, seed))
    mine, theirs = (outcome(decoder(clip.header, backend), packets) for backend in ("cuda", "cpu"))
    assert mine == theirs and any("Error" in said for said in mine)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_lost_is_concealed_and_marked_as_by_the_cpu(clip, seed):
    packets = received(clip, noise(clip, seed), {2 + seed})
    mine, theirs = (list(decoder(clip.header, backend, conceal=True).decode_all(packets, total=len(clip.packets))) for backend in ("cuda", "cpu"))
    assert Integrity.CONCEALED in {frame.integrity for frame in mine} and alike(mine, theirs)


def test_parsing_goes_on_behind_concealed_pictures():
    """At a sigma-reset, from a picture that the host has made."""
    clip = coded(8, preset="fast", gop=16, b_frames=0, sigma_reset=3)
    lost = received(clip, [packet.payload for packet in clip.packets], {2})
    mine, theirs = (list(decoder(clip.header, backend, conceal=True).decode_all(lost, total=8)) for backend in ("cuda", "cpu"))
    assert {frame.integrity for frame in mine} == set(Integrity) and alike(mine, theirs)


def test_strict_decoding_gives_the_frames_before_the_damage(clip):
    payloads = [packet.payload for packet in clip.packets]
    payloads[4] = payloads[4][:-5]
    frames = decoder(clip.header).decode_all(received(clip, payloads))
    shown = []
    with pytest.raises(CorruptStreamError):
        for frame in frames:
            shown.append(frame)
    assert alike(shown, list(clip.frames[:len(shown)])) and shown


def test_memory_is_asked_for_once(clip):
    """By the first group of frames; other runs through the stream take what the first one leaves, but for symbols, which may be read further ahead."""
    reader = decoder(clip.header)
    device = reader._backend.device_model.device

    def all_frames() -> int:
        return len(list(reader.decode_all(clip.packets)))

    all_frames()
    gc.collect()
    sizes, empty = [], device.empty
    device.empty = lambda shape, dtype: sizes.append(shape) or empty(shape, dtype)
    assert all_frames() == all_frames() == len(clip.frames)
    of_symbols = places_of(symbol_arrays(PictureShape(WIDTH, HEIGHT, 8)))[1]
    assert set(sizes) <= {of_symbols} and len(sizes) <= AHEAD


@pytest.mark.parametrize("path", streams(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_streams_are_read(path):
    """Of every version, by the models that they were made with: the first three frames."""
    with StreamReader(path) as reader:
        model, packets = model_of(path), list(islice(reader, 3))
        mine, theirs = (Decoder(reader.header, backend=backend, model=str(model.folder), threads=1) for backend in ("cuda", "cpu"))
        assert [symbols(mine.parse(packet)) for packet in packets] == [symbols(theirs.parse(packet)) for packet in packets]
