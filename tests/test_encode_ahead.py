"""Encoding with threads beside each other gives the stream that one thread gives."""
from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from zvc69 import Encoder
from zvc69.errors import ConfigError

from .inter_samples import HEIGHT, MODEL, WIDTH, picture

CUT = 5
OPTIONS = [dict(qp=30), dict(qp=34, b_frames=3), dict(qp=34, b_frames="auto"), dict(bitrate=200), dict(qp=30, sigma_reset=2, reference_frames=4),
           dict(qp=34, b_frames=3, lookahead=4), dict(crf=34, b_frames=0, lookahead=4)]


def clip() -> list[np.ndarray]:
    return [picture(n) if n < CUT else 255 - picture(n) for n in range(10)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_packets_do_not_depend_on_threads(options):
    alone = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, **options)
    one_by_one = [packet for frame in clip() for packet in alone.encode(frame)] + alone.flush()
    ahead = list(Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=2, **options).encode_all(clip()))
    assert list(map(bytes, one_by_one)) == list(map(bytes, ahead)) and len(ahead) == 10
    assert sum(packet.keyframe for packet in ahead) == 2


def test_frames_are_taken_ahead_but_not_far():
    taken, coded = 0, 0

    def frames():
        nonlocal taken
        for n in range(30):
            assert taken <= coded + 6
            taken += 1
            yield picture(n)

    for _ in Encoder(WIDTH, HEIGHT, 25, model=MODEL, qp=40, b_frames=0).encode_all(frames()):
        coded += 1
    assert coded == 30


def test_frame_that_does_not_fit_is_told_where_it_comes():
    frames, packets = [picture(0), picture(1), np.zeros((8, 8, 3), np.uint8)], []
    with pytest.raises(ConfigError, match="frame 2"):
        for packet in Encoder(WIDTH, HEIGHT, 25, model=MODEL, qp=40, b_frames=0).encode_all(frames):
            packets.append(packet)
    assert len(packets) == 2


def test_runs_that_are_whole_are_coded_when_frames_end_in_an_error():
    def frames():
        yield from (picture(n) for n in range(9))
        raise OSError("cable")

    packets = []
    with pytest.raises(OSError, match="cable"):
        for packet in Encoder(WIDTH, HEIGHT, 25, model=MODEL, qp=40, preset="ultrafast").encode_all(frames()):
            packets.append(packet)
    assert sorted(packet.pts for packet in packets) == list(range(9))


def test_threads_end_with_the_encoder():
    before = set(threading.enumerate())
    encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, qp=40, b_frames=0)
    list(encoder.encode_all(picture(n) for n in range(3)))
    del encoder
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
