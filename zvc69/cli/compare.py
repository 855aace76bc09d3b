"""`zvc69 compare`."""
from __future__ import annotations

import json
import os
from contextlib import ExitStack
from itertools import zip_longest
from typing import Any

import click

from ..codec import VideoReader
from ..errors import ConfigError
from ..media import open_source
from ..metrics import MsSsimMeter, PsnrMeter, bits_per_pixel, kilobits_per_second
from ..metrics.ms_ssim import SMALLEST_SIDE
from ..metrics.psnr import alike
from .streams import is_stream


@click.command()
@click.argument("reference", metavar="REF")
@click.argument("distorted", metavar="DIST")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(reference: str, distorted: str, as_json: bool) -> None:
    """Measure DIST against REF.

    Prints PSNR of each plane and 6:1:1, MS-SSIM of luma (pictures of at least 161x161), and bits per pixel if DIST
    is a stream. Both are whatever encode reads, or streams. PSNR and MS-SSIM are the means over frames of each frame's.
    Of videos of different length the frames that both have are compared.
    """
    if reference == distorted == "-":
        raise click.UsageError("standard input is one video")
    figures, notes = measure(reference, distorted)
    for note in notes:
        click.echo(f"zvc69: note: {note}", err=True)
    click.echo(json.dumps(figures, indent=2) if as_json else _text(figures))


def measure(reference: str, distorted: str) -> tuple[dict[str, Any], list[str]]:
    """Figures, and remarks for the user. Raises ConfigError when the pictures do not fit together."""
    meter, similarity, notes, decoded = PsnrMeter(), MsSsimMeter(), [], 0
    with ExitStack() as stack:
        originals, _ = _open(reference, stack)
        copies, rate = _open(distorted, stack)
        extra = None
        for original, copy in zip_longest(originals, copies):
            decoded += copy is not None
            if original is None or copy is None:
                extra = reference if copy is None else distorted
                if copy is None:
                    break
                continue
            original, copy = alike(original, copy)
            meter.add(original, copy)
            if min(original.width, original.height) >= SMALLEST_SIDE:
                similarity.add(original.y, copy.y, original.depth)
    if not meter.frames:
        raise ConfigError(f"{reference} and {distorted} have no frame in common")
    if extra is not None:
        notes.append(f"{extra} is longer: the first {meter.frames} frames are compared")
    mean = meter.mean
    figures: dict[str, Any] = {
        "frames": meter.frames,
        "psnr": {"y": mean.y, "u": mean.u, "v": mean.v, "weighted": mean.weighted},
        "ms_ssim": similarity.mean if similarity.frames else None,
    }
    if is_stream(distorted):
        size = os.path.getsize(distorted)
        figures |= {
            "bytes": size,
            "bpp": bits_per_pixel(size, copies.header.width, copies.header.height, decoded),
            "kbps": kilobits_per_second(size, decoded, rate),
        }
    return figures, notes


def _open(name: str, stack: ExitStack) -> tuple[Any, Any]:
    """Frames of a video or a stream, and their rate."""
    if is_stream(name):
        video = stack.enter_context(VideoReader(name))
        return video, video.header.fps
    source = stack.enter_context(open_source(name))
    return source, source.fps


def _text(figures: dict[str, Any]) -> str:
    psnr = figures["psnr"]
    lines = [
        f"frames  {figures['frames']}",
        f"PSNR    {_decibels(psnr)} dB",
    ]
    if figures["ms_ssim"] is not None:
        lines.append(f"MS-SSIM Y {figures['ms_ssim']:.6f}")
    if "bpp" in figures:
        lines.append(f"rate    {figures['bpp']:.4f} bpp, {figures['kbps']:.2f} kb/s, {figures['bytes']} bytes")
    return "\n".join(lines)


def _decibels(psnr: dict[str, Any]) -> str:
    if psnr["u"] is None:
        return f"Y {psnr['y']:.3f}"
    return f"Y {psnr['y']:.3f}  U {psnr['u']:.3f}  V {psnr['v']:.3f}  6:1:1 {psnr['weighted']:.3f}"
