"""`zvc69 encode`."""
from __future__ import annotations

import click

from ..bitstream.references import MAX_ENTRIES
from ..codec import EncodeSummary, encode_file
from ..codec.gop import B_FRAMES
from ..config import MAX_QP, Quality
from ..media import SPACES
from . import options
from .progress import FrameProgress


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--quality", type=click.Choice([quality.value for quality in Quality]),
              help=f"Quality by name; {Quality.MEDIUM.value} unless --qp is given.")
@click.option("--qp", type=click.IntRange(0, MAX_QP), help="Quantiser instead of a name: higher is smaller.")
@click.option("--gop", type=click.IntRange(min=0), metavar="N",
              help="Largest distance of keyframes, 0 = the first frame only; 60, or 1 with a model of keyframes alone.")
@click.option("--b-frames", type=click.Choice([str(n) for n in B_FRAMES]), default="0", show_default=True,
              help="B frames before each P frame.")
@click.option("--reference-frames", type=click.IntRange(1, MAX_ENTRIES), default=2, show_default=True, metavar="N",
              help="Pictures that a P frame may be predicted from.")
@click.option("--sigma-reset", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Every N-th P frame of a group can be parsed without the frames before it; 0 = none.")
@click.option("--no-scene-cut", is_flag=True, help="No keyframe where a new scene begins.")
@click.option("--colour-space", type=click.Choice(("auto", *SPACES)), default="auto", show_default=True,
              help="Colour space to convert frames to and to give them back in; auto is the source's. Coded is 4:2:0.")
@click.option("--model", default="lite", show_default=True, metavar="NAME", help="Installed model, or a model's folder.")
@options.backend
@options.frames
def encode(source: str, target: str, quality: str | None, qp: int | None, gop: int | None, b_frames: str, reference_frames: int,
           sigma_reset: int, no_scene_cut: bool, colour_space: str, model: str, backend: str, frames: int | None) -> None:
    """Encode IN to the stream OUT.

    IN is a video or still that FFmpeg reads, y4m, or - for standard input; OUT is a path, or - for standard output.
    """
    if quality is not None and qp is not None:
        raise click.UsageError("give --quality or --qp, not both")
    with FrameProgress("encoding") as progress:
        summary = encode_file(source, target, quality=quality, qp=qp, gop=gop, b_frames=int(b_frames), reference_frames=reference_frames,
                              sigma_reset=sigma_reset, scene_cut=not no_scene_cut, model=model, backend=backend, frames=frames,
                              colour=None if colour_space == "auto" else colour_space, progress=progress)
    for note in summary.notes:
        click.echo(f"zvc69: note: {note}", err=True)
    click.echo(summary_line(summary), err=True)


def summary_line(summary: EncodeSummary) -> str:
    """What x265 says at the end."""
    return (f"encoded {summary.frames} frames in {summary.seconds:.2f}s ({summary.fps:.2f} fps), {summary.kbps:.2f} kb/s, "
            f"{summary.bpp:.3f} bpp, Avg QP {summary.average_qp:.2f}")
