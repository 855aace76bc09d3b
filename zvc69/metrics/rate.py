"""Rates from sizes."""
from __future__ import annotations

from fractions import Fraction


def bits_per_pixel(size: int, width: int, height: int, frames: int) -> float:
    """Bits per luma sample of `size` bytes that hold `frames` pictures; 0 for no frames."""
    pixels = width * height * frames
    return 8 * size / pixels if pixels else 0.0


def kilobits_per_second(size: int, frames: int, fps: Fraction | float) -> float:
    """1000 bits a second of `size` bytes played at `fps` frames a second; 0 for no frames."""
    return 8 * size * float(fps) / frames / 1000 if frames else 0.0
