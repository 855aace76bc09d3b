"""`zvc69 decode`."""
from __future__ import annotations

import click

from ..bitstream.limits import MAX_LAYER
from ..codec import decode_file
from ..media.av_sink import DEFAULT_CRF, MAX_CRF
from . import options
from .progress import FrameProgress


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--model", metavar="NAME", help="Model to take instead of searching; it must be the stream's.")
@click.option("--crf", type=click.IntRange(0, MAX_CRF), metavar="N",
              help=f"Quality of .mp4, .mkv and .mov: 0 is lossless, higher is smaller; {DEFAULT_CRF} unless given.")
@click.option("--tolerant", is_flag=True, help="Conceal lost and damaged frames instead of stopping at them.")
@click.option("--max-layer", type=click.IntRange(0, MAX_LAYER), default=MAX_LAYER, show_default=True, metavar="N",
              help="Leave out frames of higher temporal layers.")
@options.backend
@options.frames
def decode(source: str, target: str, model: str | None, crf: int | None, tolerant: bool, max_layer: int, backend: str, frames: int | None) -> None:
    """Decode the stream IN to OUT.

    IN is a path, or - for standard input. OUT ends in .y4m, .yuv or .raw (planes without header), .mp4, .mkv or .mov
    (H.264; HEVC for 12 bits) or .png (one frame); or is a folder ("out/") or a pattern ("out/%06d.png") for a PNG of
    every frame; or - for y4m on standard output. A file that is there is replaced.
    """
    with FrameProgress("decoding") as progress:
        summary = decode_file(source, target, model=model, backend=backend, frames=frames, crf=crf, strict=not tolerant, max_layer=max_layer,
                              progress=progress)
    if summary.damaged or summary.concealed or summary.affected:
        click.echo(f"zvc69: note: places with damage: {summary.damaged}; frames concealed: {summary.concealed}, "
                   f"predicted from concealed ones: {summary.affected}", err=True)
    click.echo(f"decoded {summary.frames} frames in {summary.seconds:.2f}s ({summary.fps:.2f} fps)", err=True)
