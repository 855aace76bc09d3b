"""The rate control that a configuration asks for."""
from __future__ import annotations

from fractions import Fraction

from ...config import EncoderConfig
from .bitrate import AverageBitrate, Band
from .controller import RateController
from .model import RateModel
from .quality import ConstantQp
from .vbv import FULLNESS, VbvBuffer
from .window import RateWindow

USED = 0.8
"""Of what the excess may move by in a window, or of the buffer, that keyframes are planned into."""
REACTION = 40.0
"""Seconds in which a departure from the plan is made up for, at a tolerance of 1; half of the buffer, if that is less."""


def rate_controller(config: EncoderConfig, qp: int, pixels: int, fps: Fraction) -> RateController:
    """config: resolved. qp: base QP of modes that hold no bitrate. pixels: of a picture. Raises ConfigError."""
    model, vbv = RateModel(pixels), _vbv(config, fps)
    tries = config.max_reencodes or 0
    if config.bitrate is None:
        return RateController(ConstantQp(qp if config.crf is None else config.crf), model, (), vbv, tries)
    rate = 1000 * config.bitrate / float(fps)
    window = RateWindow(rate, fps, config.rate_tolerance)
    band, reaction = Band(-USED * window.span / 2, USED * window.span / 2), REACTION * config.rate_tolerance * float(fps)
    if vbv is not None:
        # At the begin the buffer lacks but 10 % of being full; a constant rate may fall behind by no more.
        low = max(band.low, -USED * (1 - FULLNESS) * vbv.size)
        band = Band(low, min(low + band.span, USED * FULLNESS * vbv.size))
        reaction = min(reaction, vbv.size / vbv.rate / 2)
    return RateController(AverageBitrate(model, rate, fps, band, reaction), model, [window], vbv, tries)


def _vbv(config: EncoderConfig, fps: Fraction) -> VbvBuffer | None:
    if config.vbv_bufsize is None:
        return None
    rate = config.vbv_maxrate or config.bitrate
    return VbvBuffer(1000 * rate / float(fps), 1000 * config.vbv_bufsize, constant=rate == config.bitrate)
