"""Choices that a user makes."""
from .encoder import EncoderConfig, parse_params
from .limits import AUTO, B_FRAMES, MAX_PIXELS, MAX_QP
from .option import Option, options_of
from .presets import PRESETS, Preset
from .quality import Quality
from .tune import Tune

__all__ = ["AUTO", "B_FRAMES", "MAX_PIXELS", "MAX_QP", "PRESETS", "EncoderConfig", "Option", "Preset", "Quality", "Tune", "options_of", "parse_params"]
