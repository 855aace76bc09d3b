"""Rate control on real streams: what packets take out of a decoder's buffer, frame by frame."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69 import Decoder, Encoder
from zvc69.errors import ConfigError

from .inter_samples import HEIGHT, MODEL, WIDTH, picture
from .test_ratecontrol import vbv_trace


def video(frames: int):
    """Clouds that slide; then others that stand still; then nothing but noise; then the clouds again. All a little noisy."""
    rng = np.random.default_rng(1)
    for n in range(frames):
        part = 4 * n // frames
        if part == 2:
            yield rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        else:
            yield np.clip(picture(40 if part == 1 else n) + rng.integers(-8, 9, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)


def coded(frames: int = 120, **options):
    encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, **options)
    packets = [packet for frame in video(frames) for packet in encoder.encode(frame)] + encoder.flush()
    return encoder, packets


@pytest.mark.parametrize("options", [dict(gop=30), dict(gop=30, b_frames=3), dict(gop=60, b_frames=7, preset="fast"),
                                     dict(b_frames="auto", preset="fast", lookahead=12), dict(gop=0, preset="ultrafast", b_frames=0),
                                     dict(gop=40, sigma_reset=4)], ids=str)
def test_buffer_of_a_constant_rate_never_runs_empty_nor_over(options):
    encoder, packets = coded(bitrate=200, vbv_bufsize=100, **options)
    sizes = [8 * len(packet) for packet in packets]
    trace = vbv_trace(sizes, 200_000 / 25, 100_000)
    assert min(trace) >= 0 and max(trace) + 200_000 / 25 <= 100_000 + 1e-3
    assert sum(sizes[50:]) / (len(sizes) - 50) == pytest.approx(8000, rel=0.08)
    decoder = Decoder(encoder.header, threads=1)
    assert len([frame for packet in packets for frame in decoder.decode(bytes(packet))] + decoder.flush()) == 120


def test_capped_quality_keeps_to_its_buffer():
    _, packets = coded(60, crf=20, vbv_maxrate=150, vbv_bufsize=80, gop=20)
    assert min(vbv_trace([8 * len(packet) for packet in packets], 150_000 / 25, 80_000)) >= 0
    assert min(packet.header.qp for packet in packets) >= 20 - 13 - 4 and max(packet.header.qp for packet in packets) > 40


def test_frames_coded_again_leave_no_trace():
    """What a decoder makes of the stream is what the encoder goes on from: pictures stay those of the QPs in the headers."""
    encoder, packets = coded(40, bitrate=60, gop=0, max_reencodes=3)
    assert encoder.reencodes > 0
    decoder = Decoder(encoder.header, threads=1)
    shown = [frame for packet in packets for frame in decoder.decode(packet)]
    source = list(video(40))
    error = [np.abs(frame.y.astype(int) - source[n][:, :, 1]).mean() for n, frame in enumerate(shown)]
    assert max(error[:10]) < 15


@pytest.mark.parametrize("options, message", [
    (dict(bitrate=100, qp=30), "qp or bitrate, not both"), (dict(bitrate=100, crf=30, qp=3), "one of qp, crf, bitrate"),
    (dict(qp=30, vbv_bufsize=100), "needs bitrate or crf"),
    (dict(bitrate=100, vbv_maxrate=200), "needs vbv_bufsize"), (dict(bitrate=100, vbv_maxrate=50, vbv_bufsize=100), "below the bitrate"),
    (dict(crf=30, vbv_bufsize=100), "needs vbv_maxrate"), (dict(bitrate=500, vbv_bufsize=10), "less than one frame"),
])
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Encoder(WIDTH, HEIGHT, 25, model=MODEL, **options)
