"""Options of `EncoderConfig` on the command line: one each, and --params for any of them."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from ..config import EncoderConfig, Option, options_of, parse_params
from ..errors import ConfigError
from . import options


class ParamsType(click.ParamType):
    """name=value:name=value."""

    name = "params"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            return parse_params(value)
        except ConfigError as error:
            self.fail(str(error), param, context)


def encoder_options(command: Callable) -> Callable:
    """A command with all options of the encoder; what users give is put together by `config_of`."""
    command = click.option("--params", type=ParamsType(), default={}, metavar="K=V:K=V", help="Any of the encoder's options, by the names of the API.")(command)
    for f in reversed(fields(EncoderConfig)):
        command = options.backend(command) if f.name == "backend" else _option(f.name, options_of(EncoderConfig)[f.name], f.default)(command)
    return command


def config_of(values: dict[str, Any]) -> EncoderConfig:
    """What the user said. values: the command's arguments; those of the encoder are taken out of them.

    Raises UsageError for options given twice, and for those that exclude each other.
    """
    params, given = values.pop("params"), {}
    for name, option in options_of(EncoderConfig).items():
        value = values.pop(name)
        if value is not None:
            given[name] = option.parsed(name, str(value))
    given = {name: value for name, value in given.items() if name != "backend" or value != "auto"}
    for name in given.keys() & params.keys():
        raise click.UsageError(f"{name} is given by --params too")
    try:
        return EncoderConfig(**given, **params)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _option(name: str, option: Option, default: Any) -> Callable:
    flag = f"--{name.replace('_', '-')}"
    if option.kind is bool and option.by_preset:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=option.meaning)
    if option.kind is bool:
        return (click.option(f"--no-{flag[2:]}", name, flag_value="no", help=f"No {option.meaning[0].lower()}{option.meaning[1:]}") if default
                else click.option(flag, name, flag_value="yes", help=option.meaning))
    shown = "by preset" if option.by_preset else False if default is None else str(getattr(default, "value", default))
    if option.choices:
        return click.option(flag, name, type=click.Choice(option.words), show_default=shown, help=option.meaning)
    if option.kind is str:
        return click.option(flag, name, metavar="NAME", show_default=shown, help=option.meaning)
    kind = click.IntRange(option.low, option.high) if option.kind is int else click.FloatRange(option.low, option.high)
    return click.option(flag, name, type=kind, metavar="N", show_default=shown, help=option.meaning)
