"""Encoding files: in one pass, in two, or for a size or a quality that is to be reached."""
from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, BinaryIO

from ..config import EncoderConfig
from ..errors import ConfigError, StatisticsError
from ..media import Colour
from ..model import load_model
from ..profiler import Profiler
from .encoder import configured
from .files import EncodeSummary, Progress, encode_once
from .ratecontrol import Statistics, first_pass
from .targets import encode_to_target


class _Nowhere:
    """A file object that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None: ...


def encode_file(source: str | os.PathLike[str] | BinaryIO, target: str | os.PathLike[str] | BinaryIO, *, frames: int | None = None,
                colour: Colour | str | None = None, progress: Progress | None = None, config: EncoderConfig | None = None, passes: int = 1,
                pass_number: int | None = None, stats: str | os.PathLike[str] | None = None, target_psnr: float | None = None,
                target_size: float | None = None, profiler: Profiler | None = None, **options: Any) -> EncodeSummary:
    """Encode a video or still that FFmpeg reads, y4m or "-" (standard input) to `target` ("-": standard output).

    frames        only the first so many
    colour        colour space that frames are converted to and given back in; None = the source's, which must not turn from gray to
                  colours then
    config, options, profiler   as for `Encoder`
    passes        2: code twice, to spend the bits of `bitrate` where they bring most. The source is read twice, so that it is no pipe
    pass_number   1: the first of two passes alone, at the least effort whatever the preset; what it finds out goes to the file `stats`.
                  2: the second, which reads that
    target_psnr   PSNR in dB, 6:1:1 and mean of all frames, that is to be reached; instead of a QP, quality or bitrate
    target_size   size of the whole file in kB (1000 bytes), likewise

    An output path appears when the stream is whole; after a failure what was coded stays readable beside it under the name `path + ".part"`.

    Raises MediaError, ConfigError, StatisticsError, ModelError, BackendError, OSError.
    """
    config = configured(config, options)
    more: dict[str, Any] = dict(frames=frames, colour=colour, progress=progress, profiler=profiler)
    if target_psnr is not None or target_size is not None:
        if passes != 1 or pass_number is not None:
            raise ConfigError("target_psnr and target_size search by themselves: they take no passes")
        _need_file(source, "a search")
        return encode_to_target(source, target, config, psnr=target_psnr, size=target_size, **more)
    if passes not in (1, 2) or pass_number not in (None, 1, 2) or passes == 2 and pass_number is not None:
        raise ConfigError("passes is 1 or 2; pass_number 1 or 2 does one of two alone")
    if pass_number is None and stats is not None or pass_number is not None and stats is None:
        raise ConfigError("pass_number and stats, the file of statistics, belong together")
    if pass_number == 2:
        return _second(source, target, config, Statistics.load(stats), **more)
    if pass_number == 1:
        return encode_once(source, target, config=_first(config), collect=lambda found: found.save(stats), **more)
    if passes == 1:
        return encode_once(source, target, config=config, **more)
    _need_bitrate(config)
    _need_file(source, "a second pass")
    kept: list[Statistics] = []
    first = encode_once(source, _Nowhere(), config=_first(config), collect=kept.append, **more)
    second = _second(source, target, config, kept[0], **more)
    return replace(second, seconds=first.seconds + second.seconds)


def _second(source, target, config: EncoderConfig, statistics: Statistics, *, frames: int | None, **more: Any) -> EncodeSummary:
    _need_bitrate(config)
    if frames is not None and frames < len(statistics.frames):
        raise StatisticsError(f"the statistics are of {len(statistics.frames)} frames, {frames} are to be coded")
    return encode_once(source, target, config=config, statistics=statistics, frames=frames, **more)


def _first(config: EncoderConfig) -> EncoderConfig:
    return first_pass(config.resolved(inter=load_model(config.model).manifest.inter))


def _need_bitrate(config: EncoderConfig) -> None:
    if config.bitrate is None:
        raise ConfigError("a second pass needs a bitrate: it spends bits by what the first has found out")


def _need_file(source, what: str) -> None:
    """Raise ConfigError for what can be read once only."""
    path = source if isinstance(source, (str, os.PathLike)) else None
    if path is None or path == "-" or os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise ConfigError(f"{what} reads the input again: it must be a file, not a pipe")
