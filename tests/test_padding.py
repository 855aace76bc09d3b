"""What lies outside of the picture is not coded: nobody sees it."""
from __future__ import annotations

import numpy as np

from zvc69 import Encoder
from zvc69.codec.temporal import take_padding

from .inter_samples import MODEL, picture


def test_padding_takes_the_predictions_samples_and_nothing_else():
    packed, prediction = np.zeros((96, 8, 8), np.float32), np.ones((96, 8, 8), np.float32)
    take_padding(packed, prediction, 41, 32)
    assert not packed[:, :4, :6].any() and packed[:, 4:].all() and packed[:, :, 6:].all()


def size(frames: int) -> int:
    """Bytes of P frames whose lower border moves, in a picture of five rows of blocks in the place of eight."""
    encoder = Encoder(72, 40, 25, model=MODEL, qp=10, b_frames=0, threads=1)
    packets = [packet for n in range(frames) for packet in encoder.encode(picture(n, 72, 96)[24:64])]
    return sum(len(packet) for packet in packets[1:])


def test_padding_that_moves_costs_no_bits(monkeypatch):
    without = size(4)
    monkeypatch.setattr("zvc69.codec.frame_coder.take_padding", lambda *arguments: None)
    assert without < 0.8 * size(4)
