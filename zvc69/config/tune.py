"""What quality is measured by."""
from __future__ import annotations

from enum import Enum


class Tune(str, Enum):
    """PSNR: squared error, wherever it is. VISUAL: errors count more where little goes on in the picture, as they do for MS-SSIM."""

    PSNR = "psnr"
    VISUAL = "visual"
