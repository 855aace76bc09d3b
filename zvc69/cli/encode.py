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
@options.frames
def encode(source: str, target: str, colour_space: str, frames: int | None, **values: Any) -> None:
    """Encode IN to the stream OUT.

    IN is a video or still that FFmpeg reads, y4m, or - for standard input; OUT is a path, or - for standard output.
    """
    config = config_of(values)
    with FrameProgress("encoding") as progress:
        summary = encode_file(source, target, config=config, frames=frames, colour=None if colour_space == "auto" else colour_space, progress=progress)
    for note in summary.notes:
        click.echo(f"zvc69: note: {note}", err=True)
    click.echo(summary_line(summary), err=True)


def summary_line(summary: EncodeSummary) -> str:
    """What x265 says at the end."""
    return (f"encoded {summary.frames} frames in {summary.seconds:.2f}s ({summary.fps:.2f} fps), {summary.kbps:.2f} kb/s, "
            f"{summary.bpp:.3f} bpp, Avg QP {summary.average_qp:.2f}")
