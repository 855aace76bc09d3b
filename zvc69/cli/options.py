"""Options that several commands share."""
from __future__ import annotations

import click

from ..model import BACKENDS

backend = click.option(
    "--backend", type=click.Choice(("auto", *BACKENDS)), default="auto", show_default=True,
    help="What runs the networks: ONNX Runtime (cpu) or OpenVINO; auto takes the best one here.")
frames = click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Stop after N frames.")
