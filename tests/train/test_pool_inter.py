"""Decoding of P frames takes no frame-sized memory anew."""
from __future__ import annotations

from functools import partial

import numpy as np

import zvc69
from tests.test_pool import most_memory_asked_for
from tests.train.test_inter_codec import model  # noqa: F401


def test_p_frames_take_no_new_blocks_in_their_stride(model):  # noqa: F811
    width, height = 320, 192
    i, j = np.mgrid[:height, :width]
    clip = [np.stack([100 + 60 * np.sin((j + 3 * n) / 9) * np.cos(i / 13)] * 3, -1).astype(np.uint8) for n in range(112)]
    encoder = zvc69.Encoder(width, height, 25, qp=40, gop=0, b_frames=0, model=model)
    packets = [packet for picture in clip for packet in encoder.encode(picture)] + encoder.flush()
    decoder = zvc69.Decoder(encoder.header, model=model)
    decoder._chain._backend.tiles = False      # parts of a frame that are run alone are copied for the networks, which is not of the pool
    for packet in packets[:40]:      # a full picture buffer
        decoder.decode(packet)
    pool = decoder._chain._pool
    warm = pool.allocated
    assert most_memory_asked_for(partial(decoder.decode, packet) for packet in packets[40:]) < 2 * width * height
    assert pool.allocated == warm
