"""Presets: how much time the encoder takes for better compression. Decoding costs the same whatever the preset, but for the loop filter, some percent."""
from __future__ import annotations

from enum import Enum
from typing import Any


class Preset(str, Enum):
    """From the fastest encoder to the best compression."""

    ULTRAFAST = "ultrafast"
    FAST = "fast"
    MEDIUM = "medium"
    SLOW = "slow"
    VERYSLOW = "veryslow"


_COLUMNS = ("gop", "b_frames", "b_trials", "lookahead", "reference_frames", "motion_effort", "temporal_filter", "refinement", "key_refinement", "max_reencodes",
            "loop_filter")
_ROWS = {
    Preset.ULTRAFAST: (60, 7, 1, 0, 1, 0, 0.0, 0, 0, 1, False),
    Preset.FAST: (60, "auto", 1, 5, 1, 0, 1.0, 0, 1, 1, True),
    Preset.MEDIUM: (60, "auto", 2, 20, 2, 1, 1.0, 0, 6, 2, True),
    Preset.SLOW: (60, "auto", 2, 40, 4, 2, 1.0, 2, 10, 3, True),
    Preset.VERYSLOW: (60, "auto", 2, 60, 8, 2, 1.0, 12, 16, 4, True),
}
PRESETS: dict[Preset, dict[str, Any]] = {preset: dict(zip(_COLUMNS, row, strict=True)) for preset, row in _ROWS.items()}
"""What a preset says of every option that it decides unless the user does: the fields of `EncoderConfig` that are declared `by_preset`."""
