"""Frames coded at the same time: the stream is the same, byte by byte, and QPs are foreseen only where they can be."""
from __future__ import annotations

import threading
from fractions import Fraction

import pytest

from zvc69 import Encoder
from zvc69.bitstream import FrameType
from zvc69.codec import at_once, frame_coder
from zvc69.codec.ratecontrol import AverageBitrate, Band, Complexity, ConstantQp, PlannedFrame, RateController, RateModel, RateWindow, VbvBuffer
from zvc69.codec.ratecontrol.quality import ConstantQuality

from .inter_samples import HEIGHT, MODEL, WIDTH, picture

FRAMES = 21


def encoder_of(count: int, **options) -> Encoder:
    encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=count, **options)
    assert encoder._at_once._count == count
    return encoder


def stream(count: int, **options) -> list[bytes]:
    encoder = encoder_of(count, **options)
    return [bytes(packet) for packet in encoder.encode_all(picture(n) for n in range(FRAMES))]


@pytest.mark.parametrize("options", [
    dict(qp=30, b_frames=7), dict(qp=30, b_frames=3, gop=10, sigma_reset=2), dict(crf=33.5, b_frames=7), dict(qp=28), dict(bitrate=60, b_frames=3),
    dict(qp=30, b_frames=3, preset="veryslow"), dict(qp=30, preset="ultrafast"), dict(qp=30, preset="ultrafast", sigma_reset=2, gop=15),
], ids=str)
def test_the_stream_is_the_same(options):
    assert stream(2, **options) == stream(1, **options)


def test_b_frames_are_coded_two_at_a_time(monkeypatch):
    inside, most, lock = 0, 0, threading.Lock()
    meeting = threading.Barrier(2, timeout=20)
    real = frame_coder.FrameCoder.inter

    def inter(self, *arguments, between=False, **options):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        if threading.current_thread() is not threading.main_thread():
            meeting.wait()
        try:
            return real(self, *arguments, between=between, **options)
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr(frame_coder.FrameCoder, "inter", inter)
    encoder = encoder_of(2, qp=30, b_frames=7, lookahead=0)
    packets = [packet for n in range(9) for packet in encoder.encode(picture(n))]
    assert [packet.type for packet in packets].count(FrameType.B) == 7 and most == 2


def test_the_next_p_frame_is_coded_beside_b_frames_where_it_needs_none_of_them(monkeypatch):
    chosen = []
    choose = at_once.FramesAtOnce.choose
    monkeypatch.setattr(at_once.FramesAtOnce, "choose", lambda self, plan, *rest: chosen.append((plan.number, choose(self, plan, *rest))) or chosen[-1][1])
    list(encoder_of(2, qp=30, preset="ultrafast").encode_all(picture(n) for n in range(17)))
    beside = {number: [other.number for other in others] for number, others in chosen if others}
    assert beside == {4: [16], 2: [6], 1: [3], 5: [7], 10: [14], 9: [11], 13: [15]}
    chosen.clear()
    list(encoder_of(2, qp=30, preset="ultrafast", reference_frames=2).encode_all(picture(n) for n in range(17)))
    assert all(other.type == FrameType.B for _, others in chosen for other in others)


def planned(number: int, type: FrameType = FrameType.B, offset: int = 2) -> PlannedFrame:
    return PlannedFrame(number, type, 1, offset, Complexity(1.0 + number % 3, 8.0), 0, False, None)


@pytest.mark.parametrize("base", [ConstantQp(30), ConstantQuality(30.4)], ids=["qp", "crf"])
def test_qps_are_foreseen_as_they_come(base):
    rate = RateController(base, RateModel(64 * 64))
    frames = [planned(n, offset=n % 4) for n in range(8)]
    rate.begin(frames[0])
    foreseen = rate.foreseen(frames[1:])
    given = []
    for frame in frames[1:]:
        rate.judge(900)
        rate.finish(900)
        given.append(rate.begin(frame))
    assert foreseen == given


def test_qps_that_go_by_bits_are_not_foreseen():
    model = RateModel(64 * 64)
    held = RateController(AverageBitrate(model, 1000, Fraction(25), Band(-100, 100), 50), model, [RateWindow(1000, Fraction(25), 0.05)])
    buffered = RateController(ConstantQp(30), model, vbv=VbvBuffer(1000, 8000))
    for rate in (held, buffered):
        rate.begin(planned(0))
        assert rate.foreseen([planned(1)]) is None
