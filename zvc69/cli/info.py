"""`zvc69 info`."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from . import stream_info, system


@click.command()
@click.argument("source", metavar="[IN]", required=False)
@click.option("--frames", is_flag=True, help="List every frame: number, type, layer, qp, pts, bytes, offset.")
@click.option("--system", "about_system", is_flag=True, help="Say what this installation can do, instead of reading IN.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(source: str | None, frames: bool, about_system: bool, as_json: bool) -> None:
    """Describe a stream, or this installation.

    IN is a stream's path, or - for standard input. Nothing is decoded. A damaged stream is read as far as it goes, and where it is damaged is said.
    """
    if about_system == (source is not None):
        raise click.UsageError("give a stream, or --system")
    if about_system and frames:
        raise click.UsageError("--frames needs a stream")
    if source is None:
        _show(system.describe(), system.text, as_json)
    else:
        _show(stream_info.describe(source, frames=frames), stream_info.text, as_json)


def _show(figures: dict[str, Any], text: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    click.echo(json.dumps(figures, indent=2) if as_json else text(figures))
