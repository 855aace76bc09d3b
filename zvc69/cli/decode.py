"""`zvc69 decode`."""
from __future__ import annotations

import click

from ..codec import decode_file
from . import options
from .progress import FrameProgress


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--model", metavar="NAME", help="Model to take instead of searching; it must be the stream's.")
@options.backend
@options.frames
def decode(source: str, target: str, model: str | None, backend: str, frames: int | None) -> None:
    """Decode the stream IN to OUT.

    IN is a path, or - for standard input. OUT ends in .y4m, .yuv or .raw (planes without header) or .png (one
    frame), or is - for y4m on standard output.
    """
    with FrameProgress("decoding") as progress:
        summary = decode_file(source, target, model=model, backend=backend, frames=frames, progress=progress)
    click.echo(f"decoded {summary.frames} frames in {summary.seconds:.2f}s ({summary.fps:.2f} fps)", err=True)
