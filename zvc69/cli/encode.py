"""`zvc69 encode`."""
from __future__ import annotations

from typing import Any

import click

from ..codec import EncodeSummary, encode_file
from ..media import SPACES
from . import options
from .encoder_options import config_of, encoder_options
from .progress import FrameProgress


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@encoder_options
@click.option("--colour-space", type=click.Choice(("auto", *SPACES)), default="auto", show_default=True,
              help="Colour space to convert frames to and to give them back in; auto is the source's. Coded is 4:2:0.")
@click.option("--passes", type=click.IntRange(1, 2), default=1, show_default=True, metavar="N",
              help="2: code twice, to spend the bitrate where it brings most.")
@click.option("--pass", "pass_number", type=click.IntRange(1, 2), metavar="N", help="One of two passes alone; needs --stats.")
@click.option("--stats", metavar="FILE", help="Statistics that --pass 1 writes and --pass 2 reads.")
@click.option("--target-psnr", type=click.FloatRange(10, 80), metavar="DB", help="PSNR (6:1:1) to reach.")
@click.option("--target-size", type=click.FloatRange(min=0, min_open=True), metavar="KB", help="Size of the file to reach, in kB.")
@options.frames
def encode(source: str, target: str, colour_space: str, frames: int | None, passes: int, pass_number: int | None, stats: str | None,
           target_psnr: float | None, target_size: float | None, **values: Any) -> None:
    """Encode IN to the stream OUT.

    IN is a video or still that FFmpeg reads, y4m, or - for standard input; OUT is a path, or - for standard output.
    """
    config = config_of(values)
    with FrameProgress("encoding") as progress:
        summary = encode_file(source, target, config=config, frames=frames, colour=None if colour_space == "auto" else colour_space, progress=progress,
                              passes=passes, pass_number=pass_number, stats=stats, target_psnr=target_psnr, target_size=target_size)
    for note in summary.notes:
        click.echo(f"zvc69: note: {note}", err=True)
    click.echo(summary_line(summary), err=True)


def summary_line(summary: EncodeSummary) -> str:
    """What x265 says at the end."""
    return (f"encoded {summary.frames} frames in {summary.seconds:.2f}s ({summary.fps:.2f} fps), {summary.kbps:.2f} kb/s, "
            f"{summary.bpp:.3f} bpp, Avg QP {summary.average_qp:.2f}")
