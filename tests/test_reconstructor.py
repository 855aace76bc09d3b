"""Frames that do not refer to each other are reconstructed at the same time, and come out as they do one after the other."""
from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zvc69 import Decoder
from zvc69.bitstream import FrameType
from zvc69.codec import decoder as decoding
from zvc69.errors import CorruptStreamError

from .inter_samples import coded

FRAMES = 21


@pytest.fixture(scope="module")
def between():
    """With runs of 3 B frames."""
    return coded(FRAMES, gop=16, b_frames=3)


def decoder_of(clip, at_once: int, shared=None) -> Decoder:
    """shared: the backend that runs frames beside each other; None: the decoder's own, and it is there from the beginning."""
    decoder = Decoder(clip.header, threads=at_once)
    assert decoder._at_once == at_once
    decoder._shared = Future()
    decoder._shared.set_result(shared or decoder._load_shared())
    return decoder


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_frames_are_those_of_one_after_the_other(between, at_once):
    frames = list(decoder_of(between, at_once).decode_all(between.packets))
    assert [frame.pts for frame in frames] == list(range(FRAMES))
    for ours, expected in zip(frames, between.frames):
        assert all(np.abs(a.astype(int) - b.astype(int)).max() <= 1 for a, b in zip(ours.planes, expected.planes))      # sums of floats in another order


class Meeting:
    """A backend whose calls wait until two are there."""

    def __init__(self, backend):
        self._backend, self._barrier = backend, threading.Barrier(2, timeout=20)
        self.calls = 0

    def decode(self, *arguments, **options):
        self._barrier.wait()
        self.calls += 1
        return self._backend.decode(*arguments, **options)


def test_b_frames_are_run_two_at_a_time(between):
    meeting = Meeting(Decoder(between.header, threads=1)._backend)
    decoder = decoder_of(between, 2, meeting)
    assert len(list(decoder.decode_all(between.packets))) == FRAMES
    assert meeting.calls >= sum(packet.type == FrameType.B for packet in between.packets) / 2


def test_frames_at_once_go_by_threads_and_backend(between):
    counts = {threads: Decoder(between.header, threads=threads)._at_once for threads in (1, 2, 3, 16)}
    assert counts == {1: 1, 2: 2, 3: 3, 16: decoding.MOST_AT_ONCE}
    backend = SimpleNamespace(name="openvino", several=True)
    assert [decoding._frames_at_once(backend, threads) for threads in (1, 2, 4, 16)] == [1, 1, 2, 4]


def test_p_frames_have_all_threads_and_are_not_waited_for(monkeypatch):
    clip = coded(6)
    decoder = Decoder(clip.header, threads=2)
    monkeypatch.setattr(decoding, "create_backend", None)       # not called
    taken = []

    def packets():
        for packet in clip.packets:
            taken.append(packet.number)
            yield packet

    frames = decoder.decode_all(packets())
    assert next(frames).pts == 0 and len(taken) <= decoding.AHEAD + 1
    assert [frame.pts for frame in frames] == list(range(1, 6))


def test_frames_run_alone_until_what_runs_them_beside_each_other_is_loaded(between):
    decoder = Decoder(between.header, threads=2)
    decoder._shared = Future()      # never done
    assert [frame.pts for frame in decoder.decode_all(between.packets)] == list(range(FRAMES))


def test_what_runs_frames_beside_each_other_is_loaded_when_it_is_wanted(between):
    decoder = Decoder(between.header, threads=2)
    assert decoder._shared is None
    list(decoder.decode_all(between.packets))
    assert decoder._shared.result(timeout=30).name == decoder.backend


def test_all_frames_before_a_damaged_one_are_given(between):
    bad = next(n for n, packet in enumerate(between.packets) if packet.number > 9 and packet.type == FrameType.B and packet.header.stored)
    packet = between.packets[bad]
    damaged = replace(packet, data=packet.data[:packet.header_size] + b"\xff" * 40)
    there = {packet.pts for packet in between.packets[:bad]}
    given = []
    with pytest.raises(CorruptStreamError, match=f"frame {bad}"):
        for frame in decoder_of(between, 2).decode_all([*between.packets[:bad], damaged]):
            given.append(frame.pts)
    assert given == [pts for pts in range(FRAMES) if there.issuperset(range(pts + 1))]
