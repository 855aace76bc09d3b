"""Figures of merit: PSNR, MS-SSIM, bits per pixel, Bjontegaard delta rate."""
from .bdrate import bd_rate
from .ms_ssim import MsSsimMeter, ms_ssim
from .psnr import Psnr, PsnrMeter, frame_psnr
from .rate import bits_per_pixel, kilobits_per_second

__all__ = ["MsSsimMeter", "Psnr", "PsnrMeter", "bd_rate", "bits_per_pixel", "frame_psnr", "kilobits_per_second", "ms_ssim"]
