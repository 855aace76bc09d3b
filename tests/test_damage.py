"""Lost, damaged and hostile packets of P and B frames: what is concealed, what is marked, and where all is right again."""
from __future__ import annotations

import gc
import random
import tracemalloc

import numpy as np
import pytest

import zvc69
from zvc69 import Decoder, Encoder, Frame, Integrity
from zvc69.bitstream import FrameHeader, PacketMaker, PacketParser, Payload, StreamReader, reference_flags
from zvc69.codec.recovery import MOST_LOST
from zvc69.errors import ConfigError, CorruptStreamError, MissingReferenceError, StreamError
from zvc69.metrics import frame_psnr

from .inter_samples import MODEL, Coded, coded, picture, symbols

CLIPS = {
    "P": dict(frames=20, gop=6, reference_frames=1),
    "P with resets": dict(frames=20, gop=0, sigma_reset=3),
    "P, many references, resets": dict(frames=20, gop=14, sigma_reset=2, reference_frames=8),
    "B": dict(frames=20, gop=6, b_frames=3),
    "B with resets": dict(frames=29, gop=0, b_frames=3, sigma_reset=2),
    "B in pairs with resets": dict(frames=21, gop=9, b_frames=1, sigma_reset=1),
    "deep B with resets": dict(frames=33, gop=24, b_frames=7, sigma_reset=2),
    "I": dict(frames=6, gop=1),
}
every_clip = pytest.mark.parametrize("clip", CLIPS)


def same(a: Frame, b: Frame) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def losses(clip: Coded, seed: int, first: int = 1) -> set[int]:
    """Packets from number `first` on that are lost: here and there, in runs, or nearly all; never the last."""
    rng = random.Random(seed)
    share, run = rng.choice(((0.05, 1), (0.1, 4), (0.5, 1)))
    starts = [n for n in range(first, len(clip.packets)) if rng.random() < share]
    return {n for start in starts for n in range(start, start + rng.randint(1, run)) if n < len(clip.packets) - 1}


def parseable(clip: Coded, lost: set[int]) -> list[bool]:
    """Whether a packet has arrived and does not need the state of one that did not, or could not be parsed."""
    able: list[bool] = []
    for n, (packet, slots, no_state) in enumerate(zip(clip.packets, clip.slots(), clip.no_state)):
        able.append(n not in lost and (not slots or no_state or able[slots[0]]))
    return able


def marks(clip: Coded, lost: set[int]) -> dict[int, Integrity]:
    """What each frame is to be marked as, by its time."""
    found: list[Integrity] = []
    for able, slots in zip(parseable(clip, lost), clip.slots()):
        whole = all(found[slot] is Integrity.WHOLE for slot in slots)
        found.append(Integrity.CONCEALED if not able else Integrity.WHOLE if whole else Integrity.AFFECTED)
    return {packet.pts: mark for packet, mark in zip(clip.packets, found)}


def received(clip: Coded, lost: set[int]) -> list[zvc69.Packet]:
    """What comes out of a network that loses packets."""
    parser = PacketParser(clip.header)
    return [parser.parse(bytes(packet)) for packet in clip.packets if packet.number not in lost]


def first_group(clip: Coded) -> int:
    """Number of the packet from which on the distance of P frames has been seen."""
    return next((n for n, packet in enumerate(clip.packets) if n and packet.type.name == "P"), 0) + 1


@every_clip
@pytest.mark.parametrize("seed", range(8))
def test_every_frame_comes_and_is_marked_as_what_it_is(clip, seed):
    clip = coded(**CLIPS[clip])
    lost = losses(clip, seed, first_group(clip))
    decoder = Decoder(clip.header, conceal=True, threads=1)
    frames = [frame for n, packet in enumerate(clip.packets) if n not in lost for frame in decoder.decode(bytes(packet))] + decoder.flush()
    assert [frame.pts for frame in frames] == list(range(len(clip.frames)))
    assert {frame.pts: frame.integrity for frame in frames} == marks(clip, lost)
    for frame in frames:
        assert frame.integrity is not Integrity.WHOLE or same(frame, clip.frames[frame.pts])


@every_clip
@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_parsed_is_exact_and_parsing_resumes_at_resets(clip, seed):
    clip = coded(**CLIPS[clip])
    lost = losses(clip, 100 + seed, first_group(clip))
    decoder = Decoder(clip.header, conceal=True, threads=1)
    able = parseable(clip, lost)
    for packet in received(clip, lost):
        if able[packet.number]:
            assert symbols(decoder.parse(packet)) == clip.symbols[packet.number], packet.number
        else:
            with pytest.raises(MissingReferenceError) as raised:
                decoder.parse(packet)
            assert raised.value.frame == packet.number


@pytest.mark.parametrize("clip", [name for name in CLIPS if "resets" in name])
def test_from_a_reset_on_every_frame_is_parsed(clip):
    """What `parseable` says of each frame is so by the headers; that a reset is one, is the encoder's doing."""
    every = CLIPS[clip]["sigma_reset"]
    clip = coded(**CLIPS[clip])
    resets, count = [], 0
    for packet in clip.packets:
        count = 0 if packet.keyframe else count + (packet.type.name == "P")
        if packet.type.name == "P" and count % every == 0:
            resets.append(packet.number)
    assert resets
    for reset in resets:
        before = {n for n in range(1, reset) if not clip.packets[n].keyframe}
        assert all(parseable(clip, before)[reset:])


@every_clip
def test_losses_anywhere_end_at_the_next_keyframe(clip):
    """Also where nothing has been seen yet of how the stream is made."""
    clip = coded(**CLIPS[clip])
    keys = [packet.number for packet in clip.packets if packet.keyframe]
    for seed in range(6):
        lost = losses(clip, 200 + seed)
        decoder = Decoder(clip.header, conceal=True, threads=1)
        frames = [frame for packet in received(clip, lost) for frame in decoder.decode(packet)] + decoder.flush()
        times = [frame.pts for frame in frames]
        assert times == sorted(set(times)) and len(frames) == len(clip.frames)
        for key, end in zip(keys, [*keys[1:], len(clip.packets)]):
            whole = [n for n in range(key, end) if not any(m in lost for m in range(key, n + 1))]
            for pts in (clip.packets[n].pts for n in whole):
                assert frames[pts].integrity is Integrity.WHOLE and same(frames[pts], clip.frames[pts])


@pytest.mark.parametrize("clip", ["P", "P with resets", "B", "I"])
def test_flipped_bits_in_a_file_cost_no_frame(clip):
    clip = coded(**CLIPS[clip])
    data, keys = clip.file(), [packet.number for packet in clip.packets if packet.keyframe]
    with StreamReader(data) as reader:
        spans = [(packet.offset, packet.offset + len(packet)) for packet in reader]
    for seed in range(8):
        rng, bad = random.Random(seed), bytearray(data)
        places = [rng.randrange(spans[0][0], spans[-1][1]) for _ in range(rng.choice((1, 3, 8)))]
        for place in places:
            bad[place] ^= 1 << rng.randrange(8)
        hit = {n for n, (start, end) in enumerate(spans) if any(start <= place < end for place in places)}
        with zvc69.open(bytes(bad), strict=False, threads=1) as video:
            frames = list(video)
            assert not hit or video.damage
        if hit >= set(keys):
            assert not frames
            continue
        assert [frame.pts for frame in frames] == list(range(len(clip.frames)))
        for key, end in zip(keys, [*keys[1:], len(spans)]):
            if not hit & set(range(key, end)):
                assert all(frame.integrity is Integrity.WHOLE and same(frame, clip.frames[frame.pts]) for frame in frames[key:end])
        with zvc69.open(bytes(bad), threads=1) as video, pytest.raises(CorruptStreamError) as raised:
            list(video)
        assert raised.value.frame == min(hit) and raised.value.offset == spans[min(hit)][0]


def test_strict_decoder_says_what_is_wrong_and_goes_on_at_the_next_keyframe():
    clip = coded(**CLIPS["P with resets"] | dict(gop=6))
    decoder = Decoder(clip.header, threads=1)
    decoder.decode(bytes(clip.packets[0]))
    for packet in clip.packets[2:6]:      # a reset is no place to go on at: its picture would be wrong
        with pytest.raises(MissingReferenceError, match="refers to is missing") as raised:
            decoder.decode(bytes(packet))
        assert raised.value.frame == packet.number
    for packet in clip.packets[6:9]:
        frame, = decoder.decode(bytes(packet))
        assert frame.integrity is Integrity.WHOLE and same(frame, clip.frames[frame.pts])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("clip", ["P with resets", "B with resets"])
def test_payloads_of_noise_behind_valid_checksums_are_concealed(clip, seed):
    """Nothing is lost, but some packets say what cannot be, or something else than they should."""
    clip, rng = coded(**CLIPS[clip]), random.Random(seed)
    maker, packets = PacketMaker(clip.header), []
    for packet in clip.packets:
        payload = bytearray(packet.payload)
        if packet.number and rng.random() < 0.2:
            for _ in range(rng.randint(1, 4)):
                payload[rng.randrange(len(payload))] = rng.randrange(256)
        packets.append(maker.make(packet.header, bytes(payload)))
    decoder, told = Decoder(clip.header, conceal=True, threads=1), []
    frames = list(decoder.decode_all(packets, on_error=lambda packet, error: told.append(packet.number)))
    assert [frame.pts for frame in frames] == list(range(len(clip.frames)))
    concealed = {frame.pts for frame in frames if frame.integrity is Integrity.CONCEALED}
    assert concealed == {clip.packets[n].pts for n in told}


def test_hostile_counters_cost_a_bounded_number_of_frames_and_pictures():
    """Packets of ten bytes that claim that 254 frames are missing before each of them."""
    clip = coded(**CLIPS["P"])
    key, repeat = clip.packets[0], Payload(copy=True).pack()
    headers = [FrameHeader(zvc69.FrameType.P, 30, pts=255 * n, dts=255 * n, references=reference_flags(0), counter=255 * n & 255) for n in range(1, 9)]
    packets = [key]
    for n, header in enumerate(headers, 1):
        packets.append(zvc69.Packet(bytes(repeat), header, 0, number=255 * n, lost=254))
    decoder = Decoder(clip.header, conceal=True, threads=1)
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    assert len(frames) <= 8 * MOST_LOST + 1 and len({id(frame.y) for frame in frames}) <= 8 * 10
    stated = Decoder(zvc69.FileHeader.unpack(_with_total(clip.header, 300)), conceal=True, threads=1)
    assert len([frame for packet in packets for frame in stated.decode(packet)] + stated.flush()) <= 300 + len(packets)


def _with_total(header: zvc69.FileHeader, frames: int) -> bytes:
    from dataclasses import replace
    return replace(header, total_frames=frames).pack()


def test_encoder_answers_a_loss_with_a_keyframe():
    encoder = Encoder(64, 64, 25, qp=30, gop=0, b_frames=0, reference_frames=1, model=MODEL, threads=1)
    decoder = Decoder(encoder.header, conceal=True, keyframe_needed=encoder.request_keyframe, threads=1)
    frames, kinds = [], []
    for n in range(12):
        packet, = encoder.encode(picture(n))
        kinds.append(packet.type.name)
        if n not in (3, 4, 8):
            frames += decoder.decode(bytes(packet))
    assert "".join(kinds) == "IPPPPPIPPPIP"       # of the loss of 3 and 4 the decoder knows with 5
    assert [frame.pts for frame in frames] == list(range(12))
    assert "".join(frame.integrity.name[0] for frame in frames) == "WWWCCCWWCCWW"


def test_decoder_that_comes_late_asks_for_a_keyframe():
    encoder = Encoder(64, 64, 25, qp=30, gop=0, b_frames=0, model=MODEL, threads=1)
    decoder = Decoder(encoder.header, conceal=True, keyframe_needed=encoder.request_keyframe, threads=1)
    packets = [packet for n in range(6) for packet in encoder.encode(picture(n))]
    assert decoder.decode(bytes(packets[3])) == []
    packet, = encoder.encode(picture(6))
    frame, = decoder.decode(bytes(packet))
    assert packet.keyframe and frame.pts == 6 and frame.integrity is Integrity.WHOLE


def test_frames_that_none_refers_to_are_lost_alone_and_no_keyframe_is_asked_for():
    clip, asked = coded(**CLIPS["B with resets"]), []
    leaves = [packet.number for packet in clip.packets if packet.number > 5 and not packet.header.stored]
    decoder = Decoder(clip.header, conceal=True, keyframe_needed=lambda: asked.append(1), threads=1)
    frames = [frame for packet in received(clip, set(leaves)) for frame in decoder.decode(packet)]
    assert leaves and not asked
    for frame in frames:
        lost = clip.packets[leaves[0]].pts <= frame.pts and frame.pts in {clip.packets[n].pts for n in leaves}
        assert frame.integrity is (Integrity.CONCEALED if lost else Integrity.WHOLE)


def test_motion_goes_on_where_frames_are_lost():
    clip = coded(**CLIPS["P with resets"])
    decoder = Decoder(clip.header, conceal=True, threads=1)
    frames = [frame for packet in received(clip, {7, 8}) for frame in decoder.decode(packet)]
    for n in (7, 8):
        moved, still = (frame_psnr(clip.frames[n], shown).y for shown in (frames[n], frames[6]))
        assert frames[n].integrity is Integrity.CONCEALED
        assert moved > still + 3
    assert same(frames[9], frames[7]) is False


def test_lost_frames_behind_a_keyframe_repeat_it():
    clip = coded(**CLIPS["P"])
    decoder = Decoder(clip.header, conceal=True, threads=1)
    frames = [frame for packet in received(clip, {7, 8}) for frame in decoder.decode(packet)]
    assert same(frames[7], frames[6]) and same(frames[8], frames[6]) and not frames[7].y.flags.writeable


def test_tolerant_reader_seeks_and_gives_damaged_frames_by_iteration_alone():
    clip = coded(**CLIPS["P"])
    data = bytearray(clip.file())
    with StreamReader(bytes(data)) as reader:
        at = [packet.offset for packet in reader]
    for n in (8, 19):
        data[at[n] + 20] ^= 1
    with zvc69.open(bytes(data), strict=False, threads=1) as video:
        video.seek(7)
        rest = list(video)
        assert [(frame.pts, frame.integrity.name[0]) for frame in rest] == list(zip(range(7, 20), "WCCCCWWWWWWWC"))
        assert same(video[13], clip.frames[13])
        for n in (8, 9, 19):
            with pytest.raises(CorruptStreamError, match="damaged or missing"):
                video[n]


def test_first_frames_show_the_first_keyframe_that_is_whole():
    clip = coded(**CLIPS["B"])
    data = bytearray(clip.file())
    data[90] ^= 1
    with zvc69.open(bytes(data), strict=False, threads=1) as video:
        frames = list(video)
    assert [frame.pts for frame in frames] == list(range(20))
    assert all(frame.integrity is Integrity.CONCEALED and same(frame, clip.frames[6]) for frame in frames[:6])


def test_options_that_cannot_be_are_refused():
    for options in (dict(sigma_reset=-1), dict(sigma_reset=2, gop=1)):
        with pytest.raises(ConfigError, match="sigma_reset"):
            Encoder(64, 64, model=MODEL, **options)


@pytest.mark.parametrize("size", [0, 1, 3, 60])
def test_bytes_that_are_no_packet_count_as_lost(size):
    clip = coded(**CLIPS["P"])
    decoder = Decoder(clip.header, conceal=True, threads=1)
    frames = []
    for packet in clip.packets:
        frames += decoder.decode(bytes(packet)[:size] if packet.number == 3 else bytes(packet))
    assert [frame.pts for frame in frames] == list(range(20))
    with pytest.raises(StreamError):
        Decoder(clip.header, threads=1).decode(bytes(clip.packets[0])[:size])


def test_a_thousand_frames_take_no_more_memory_than_two_hundred():
    """Both sides, P and B frames, one packet in fifty lost; NumPy's arrays are traced too, what the networks' runtime holds is not."""
    encoder = Encoder(32, 32, 25, qp=40, gop=24, b_frames=3, sigma_reset=2, model=MODEL, threads=1)
    decoder = Decoder(encoder.header, conceal=True, threads=1)
    decoded, held = 0, []
    tracemalloc.start()
    for n in range(1001):
        for packet in encoder.encode(picture(n, 32, 32)):
            if packet.number % 50 != 17:
                decoded += len(decoder.decode(bytes(packet)))
        if n % 100 == 99:
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert decoded > 980
    assert max(held[2:]) - held[1] < 256 << 10, held      # a picture and a state of each frame would be 5 MB
