"""BD-rates of curves, clip by clip and on average, and what P frames save."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..errors import ConfigError
from ..metrics import bd_rate
from .point import Point

Average = dict[str, Any]
"""mean: over the clips that have a figure (None: none has), clips: figure by clip, None where there is none."""

QUALITIES = {"psnr": "PSNR 6:1:1", "ms_ssim": "MS-SSIM"}
"""By the name in points; MS-SSIM is compared in decibels, -10 log10(1 - MS-SSIM)."""


def summarise(data: dict[str, Any]) -> dict[str, Any]:
    """`bd_rate` by quality, variant and what it is compared with, percent, negative where the variant needs fewer bits; `savings`: what groups of
    pictures save of the bits of keyframes alone at equal PSNR, percent, ours and x264's."""
    coders = data["coders"]
    ours = [name for name, figures in coders.items() if figures["zvc69"]]
    present = [quality for quality in QUALITIES if any(point[quality] is not None for point in _every_point(data))]
    rates = {quality: {test: {anchor: _average(data, quality, anchor, test) for anchor in coders if anchor != test} for test in ours}
             for quality in present}
    return dict(bd_rate=rates, savings=_savings(data, ours))


def quality_of(point: Point, quality: str) -> float:
    """A point's quality in decibels."""
    return point["psnr"] if quality == "psnr" else decibels(point[quality])


def decibels(similarity: float) -> float:
    """MS-SSIM on a logarithmic scale; 100 for equal pictures.

    >>> round(decibels(0.99), 6), decibels(1.0)
    (20.0, 100.0)
    """
    return min(100.0, -10 * math.log10(1 - similarity)) if similarity < 1 else 100.0


def keyframes_alone(coder: dict[str, Any]) -> bool:
    """Whether a coder, as a result file has it, codes no P frames."""
    return coder["options"].get("gop", 1) == 1 if coder["zvc69"] else coder["options"].get("g") == "1"


def _savings(data: dict[str, Any], ours: list[str]) -> list[dict[str, Any]]:
    coders = data["coders"]
    keyframes = next((name for name in ours if keyframes_alone(coders[name])), None)
    pairs = [(name, keyframes) for name in ours if keyframes and not keyframes_alone(coders[name])]
    pairs += [(name, "x264-intra") for name in ("x264-ld", "x264") if name in coders and "x264-intra" in coders]
    return [dict(coder=coder, against=against) | _negated(_average(data, "psnr", against, coder)) for coder, against in pairs]


def _average(data: dict[str, Any], quality: str, anchor: str, test: str) -> Average:
    figures = {clip: _bd_rate(curves, quality, anchor, test) for clip, curves in data["curves"].items()}
    valid = [figure for figure in figures.values() if figure is not None]
    return dict(mean=sum(valid) / len(valid) if valid else None, clips=figures)


def _bd_rate(curves: dict[str, list[Point]], quality: str, anchor: str, test: str) -> float | None:
    """None where a curve or the measure is missing, the two share no quality, or quality does not rise with rate."""
    if anchor not in curves or test not in curves or any(point[quality] is None for name in (anchor, test) for point in curves[name]):
        return None
    try:
        return bd_rate(*([(point["bpp"], quality_of(point, quality)) for point in curves[name]] for name in (anchor, test)))
    except ConfigError:
        return None


def _negated(average: Average) -> Average:
    def minus(figure: float | None) -> float | None:
        return None if figure is None else -figure

    return dict(mean=minus(average["mean"]), clips={clip: minus(figure) for clip, figure in average["clips"].items()})


def _every_point(data: dict[str, Any]) -> Iterable[Point]:
    return (point for curves in data["curves"].values() for points in curves.values() for point in points)
