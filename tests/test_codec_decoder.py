"""The decoder on damaged, hostile and foreign packets: specific errors, bounded, and the same on every implementation."""
from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zvc69
from zvc69 import Decoder, Encoder, FrameType, StreamReader
from zvc69.bitstream import KEYFRAME, FileHeader, FrameHeader, PacketMaker, Payload
from zvc69.codec.latents import Conditions, LatentOrder, code_latents
from zvc69.core import cpu
from zvc69.errors import CorruptStreamError, ModelError, StreamError, TruncatedStreamError, UnsupportedVersionError, WrongModelError
from zvc69.model import load_model

from .codec_samples import MODEL, picture, stream

WIDTH, HEIGHT = 64, 96
FRAMES = 5


@pytest.fixture(scope="module")
def encoded() -> tuple[FileHeader, list[zvc69.Packet]]:
    encoder = Encoder(WIDTH, HEIGHT, qp=25, model=MODEL)
    return encoder.header, [p for n in range(FRAMES) for p in encoder.encode(picture(WIDTH, HEIGHT, number=n))]


@pytest.fixture(scope="module")
def decoder(encoded) -> Decoder:
    return Decoder(encoded[0])


def with_payload(header: FileHeader, payload: bytes, qp: int = 25) -> zvc69.Packet:
    """A packet whose checksum holds, whatever its payload."""
    return PacketMaker(header).make(FrameHeader(FrameType.I, qp=qp, pts=0, dts=0, references=KEYFRAME), payload)


def outcome(decoder: Decoder, packet: zvc69.Packet) -> tuple:
    """What parsing gives: the symbols, or the error. Any other exception fails the test."""
    try:
        symbols = decoder.parse(packet).symbols
    except StreamError as error:
        assert error.frame == packet.number
        return type(error), str(error)
    return symbols.z.tobytes(), symbols.r.tobytes()


def same_at_every_level(decoder: Decoder, packet: zvc69.Packet) -> tuple:
    found = set()
    for level in cpu.available():
        with cpu.force(level):
            found.add(outcome(decoder, packet))
    assert len(found) == 1
    return found.pop()


def test_packets_decode_as_objects_and_as_bytes(encoded):
    header, packets = encoded
    as_objects, as_bytes = Decoder(header), Decoder(header.pack())
    for packet in packets:
        (a,), (b,) = as_objects.decode(packet), as_bytes.decode(bytes(packet))
        assert a.pts == b.pts == packet.pts and all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes))


def test_damaged_packet_names_its_frame_and_the_decoder_goes_on(encoded):
    header, packets = encoded
    decoder = Decoder(header)
    decoder.decode(bytes(packets[0]))
    damaged = bytearray(bytes(packets[1]))
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(CorruptStreamError, match="checksum does not hold") as raised:
        decoder.decode(bytes(damaged))
    assert raised.value.frame == 1
    frame, = decoder.decode(bytes(packets[2]))
    assert frame.pts == 2


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1])
def test_truncated_packet_is_said_to_be_truncated(encoded, keep):
    header, packets = encoded
    with pytest.raises(TruncatedStreamError) as raised:
        Decoder(header).decode(bytes(packets[0])[:keep])
    assert raised.value.frame == 0


def test_packet_with_bytes_behind_it_is_refused(encoded):
    header, packets = encoded
    with pytest.raises(CorruptStreamError, match="longer than its frame"):
        Decoder(header).decode(bytes(packets[0]) + b"x")


def test_frame_types_of_later_versions_are_not_taken_for_damage(encoded, decoder):
    header, packets = encoded
    for kind in (FrameType.P, FrameType.B):
        packet = replace(packets[1], header=replace(packets[1].header, type=kind))
        with pytest.raises(UnsupportedVersionError, match=f"{kind.name} frames") as raised:
            decoder.parse(packet)
        assert raised.value.frame == 1


@pytest.mark.parametrize("payload, error", [
    (b"\x01", "without latents"),
    (b"\x00", "payload flags 0x0 in an I frame"),
    (b"\x02", "payload flags"),
    (b"\x81", "reserved bits"),
    (Payload(no_state=True, lanes=1, substreams=(b"",)).pack(), "entropy-coded data"),
    (Payload(no_state=True, lanes=32, substreams=(b"x" * 127,)).pack(), "entropy"),
    (Payload(no_state=True, lanes=1, substreams=(b"x" * 8,) * 4).pack(), "4 substreams for 3 rows"),
    (bytes((1, 1 << 2, 100)), "substreams of 100 bytes in 0"),
])
def test_payload_that_cannot_be_is_told_apart(encoded, decoder, payload, error):
    kind, message = same_at_every_level(decoder, with_payload(encoded[0], payload))
    assert issubclass(kind, CorruptStreamError) and error in message


@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), lanes=st.sampled_from([1, 4, 8, 32]), parts=st.integers(1, 3), qp=st.integers(0, 63))
def test_random_payload_ends_in_one_of_the_errors(encoded, decoder, body, lanes, parts, qp):
    size = len(body) // parts
    substreams = tuple(body[i * size:(i + 1) * size] for i in range(parts))
    packet = with_payload(encoded[0], Payload(no_state=True, lanes=lanes, substreams=substreams).pack(), qp)
    same_at_every_level(decoder, packet)


@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bit_flips_behind_a_valid_checksum_never_crash_and_never_differ(encoded, decoder, data):
    header, packets = encoded
    payload = bytearray(packets[0].payload)
    for bit in data.draw(st.lists(st.integers(0, 8 * len(payload) - 1), min_size=1, max_size=6)):
        payload[bit // 8] ^= 1 << bit % 8
    same_at_every_level(decoder, with_payload(header, bytes(payload)))


def test_largest_symbols_that_can_be_coded_decode_to_a_picture(encoded, decoder):
    """What a hostile encoder can say: the networks get it, and give samples within the depth."""
    model, rng = load_model(MODEL), np.random.default_rng(0)
    z = rng.choice(np.array([-32768, 0, 32767], np.int16), (HEIGHT // 32, WIDTH // 32, 48))
    sigma = model.integers.sigma.frame(z, 25)
    indices, residuals = [], []
    for k in range(4):
        indices.append(sigma.indices(k))
        r = rng.choice(np.array([-32768, 32767], np.int16), indices[-1].shape)
        residuals.append(np.where(indices[-1] < model.manifest.skip_below, 0, r).astype(np.int16))
        sigma.put(k, residuals[-1])
    lanes, substreams = code_latents(LatentOrder(model, *z.shape[:2], Conditions(25)), z, indices, residuals)
    packet = with_payload(encoded[0], Payload(no_state=True, lanes=lanes, substreams=substreams).pack())
    assert same_at_every_level(decoder, packet)[0] == np.ascontiguousarray(z.transpose(2, 0, 1), np.float32).tobytes()
    frame, = decoder.decode(packet)
    assert frame.y.shape == (HEIGHT, WIDTH)


def test_stream_of_a_model_that_is_not_here_is_refused(encoded):
    with pytest.raises(WrongModelError, match="model 01020304, which is not here .have: .*tiny"):
        Decoder(replace(encoded[0], model_hash=bytes((1, 2, 3, 4))))


def test_named_model_must_be_the_streams(encoded):
    with pytest.raises(WrongModelError, match="have: tiny"):
        Decoder(replace(encoded[0], model_hash=bytes(4)), model=MODEL)
    with pytest.raises(ModelError, match="'missing' is not installed"):
        Decoder(encoded[0], model="missing")


def test_channel_counts_that_are_not_the_models_are_refused(encoded):
    with pytest.raises(WrongModelError, match="channel counts"):
        Decoder(replace(encoded[0], latent_channels=192))


def test_pictures_beyond_max_pixels_are_refused_before_anything_is_made_for_them(encoded):
    with pytest.raises(StreamError, match="16384x16384 are larger than max_pixels"):
        Decoder(replace(encoded[0], width=16384, height=16384))
    with pytest.raises(StreamError, match="larger than max_pixels = 6143"):
        Decoder(encoded[0], max_pixels=WIDTH * HEIGHT - 1)
    assert Decoder(encoded[0], max_pixels=WIDTH * HEIGHT).header.width == WIDTH


def test_header_that_is_none_is_refused():
    with pytest.raises(StreamError, match="not a ZVC69 stream"):
        Decoder(b"RIFF" + bytes(60))


def test_decode_all_gives_the_frames_before_an_error(encoded):
    header, packets = encoded
    bad = with_payload(header, b"\x01" + bytes(20))
    frames = Decoder(header).decode_all([*packets[:3], bad, packets[4]])
    assert [next(frames).pts for _ in range(3)] == [0, 1, 2]
    with pytest.raises(CorruptStreamError):
        next(frames)


def test_decode_all_tells_of_what_it_leaves_out(encoded):
    header, packets = encoded
    bad, told = with_payload(header, b"\x01" + bytes(20)), []
    frames = Decoder(header).decode_all([packets[0], bad, packets[2]], on_error=lambda packet, error: told.append((packet, type(error))))
    assert [frame.pts for frame in frames] == [0, 2] and told == [(bad, CorruptStreamError)]


def test_decode_all_gives_the_frames_before_the_stream_breaks():
    data = bytearray(stream(6))
    with StreamReader(bytes(data)) as reader:
        header, packets = reader.header, list(reader)
    data[packets[4].offset + 40] ^= 1
    frames = []
    with StreamReader(bytes(data)) as reader, pytest.raises(CorruptStreamError) as raised:
        frames += (frame.pts for frame in Decoder(header).decode_all(reader))
    assert raised.value.frame == 4


def test_leaving_decode_all_early_ends_its_thread(encoded):
    header, packets = encoded
    before = set(threading.enumerate())      # those of earlier tests may end meanwhile
    frames = Decoder(header).decode_all(packets)
    next(frames)
    started = set(threading.enumerate()) - before
    assert started
    frames.close()
    assert not any(thread.is_alive() for thread in started)
