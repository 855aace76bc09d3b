"""The rate control that a configuration asks for."""
from __future__ import annotations

from fractions import Fraction

from ...config import PRESETS, EncoderConfig, Preset, options_of
from ...errors import ConfigError
from .bitrate import AverageBitrate, Band
from .controller import RateController
from .model import RateModel
from .quality import ConstantQp, ConstantQuality
from .second_pass import SecondPass
from .statistics import STRUCTURE, Statistics
from .vbv import FULLNESS, VbvBuffer
from .window import RateWindow

USED = 0.8
"""Of what the excess may move by in a window, or of the buffer, that keyframes are planned into."""
REACTION = 40.0
"""Seconds in which a departure from the plan is made up for, at a tolerance of 1; half of the buffer, if that is less."""


def rate_controller(config: EncoderConfig, qp: int, pixels: int, fps: Fraction, statistics: Statistics | None = None) -> RateController:
    """config: resolved. qp: base QP of modes that hold no bitrate. pixels: of a picture. statistics: of a first pass, if there was one;
    with `crf` only the types of frames are taken from it.

    Raises ConfigError.
    """
    model, vbv = RateModel(pixels), _vbv(config, fps)
    tries = config.max_reencodes or 0
    if statistics is not None and config.crf is None:
        if config.bitrate is None:
            raise ConfigError("a second pass needs a bitrate: it spends bits by what the first has found out")
        bits = 1000 * config.bitrate / float(fps) * len(statistics.frames)
        return RateController(SecondPass(statistics.frames, bits), model, (), vbv, tries)
    if config.bitrate is None:
        return RateController(ConstantQp(qp) if config.crf is None else ConstantQuality(config.crf), model, (), vbv, tries)
    rate = 1000 * config.bitrate / float(fps)
    window = RateWindow(rate, fps, config.rate_tolerance)
    band, reaction = Band(-USED * window.span / 2, USED * window.span / 2), REACTION * config.rate_tolerance * float(fps)
    if vbv is not None:
        # At the begin the buffer lacks but 10 % of being full; a constant rate may fall behind by no more.
        low = max(band.low, -USED * (1 - FULLNESS) * vbv.size)
        band = Band(low, min(low + band.span, USED * FULLNESS * vbv.size))
        reaction = min(reaction, vbv.size / vbv.rate / 2)
    return RateController(AverageBitrate(model, rate, fps, band, reaction), model, [window], vbv, tries)


def first_pass(config: EncoderConfig) -> EncoderConfig:
    """What a first pass runs with for this second one (resolved): the same structure at the least effort, but for the lookahead, since keyframes of the second
    are those of the first, and QPs that hardly vary."""
    cheap = {name: PRESETS[Preset.ULTRAFAST][name] for name, option in options_of(EncoderConfig).items() if option.by_preset and name not in STRUCTURE}
    lookahead = 0 if config.gop == 1 else PRESETS[Preset.VERYSLOW]["lookahead"]
    return config.replaced(**{**cheap, "lookahead": lookahead, "max_reencodes": 0, "vbv_bufsize": None, "vbv_maxrate": None, "rate_tolerance": 1.0})


def _vbv(config: EncoderConfig, fps: Fraction) -> VbvBuffer | None:
    if config.vbv_bufsize is None:
        return None
    rate = config.vbv_maxrate or config.bitrate
    return VbvBuffer(1000 * rate / float(fps), 1000 * config.vbv_bufsize, constant=config.constant_rate)
