"""What an option is: its range, default and meaning, declared once as a dataclass field. The check of values, the command line and
the documentation follow from that."""
from __future__ import annotations

import difflib
import operator
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from typing import Any

from ..errors import ConfigError

_KEY = "option"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Option:
    """An option: `kind` int, float, bool, str or an Enum; `low`..`high` (None: no bound) or `choices`; `by_preset`: the default None
    stands for what the preset says."""

    meaning: str
    kind: type
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    by_preset: bool = False

    @property
    def limits(self) -> str:
        """The range, for people: "0..63", "0 up", "1, 3, 7"."""
        if self.choices:
            return ", ".join(self.words)
        if self.kind is bool:
            return "yes or no"
        if self.kind is str:
            return "a name"
        return f"{self.low} up" if self.high is None else f"{self.low}..{self.high}"

    @property
    def words(self) -> list[str]:
        """The choices as a user writes them."""
        return [written(choice) for choice in self.choices]

    def checked(self, name: str, value: Any) -> Any:
        """`value` in the option's own type. Raises ConfigError if it is out of range, TypeError if it is of another type."""
        if issubclass(self.kind, Enum):
            return self._chosen(name, value, value)
        if self.choices and isinstance(value, str):
            return self._chosen(name, value, value)
        value = self._typed(name, value)
        if self.choices:
            return self._chosen(name, value, value)
        # not (a <= b) rather than a > b: NaN is no number within a range
        if self.low is not None and not self.low <= value or self.high is not None and not value <= self.high:
            raise ConfigError(f"{name} {value} is not {f'{self.low} or more' if self.high is None else 'within ' + self.limits}")
        if self.kind is str and not value:
            raise ConfigError(f"{name} is empty")
        return value

    def parsed(self, name: str, text: str) -> Any:
        """The value that a user wrote. Raises ConfigError."""
        word = text.strip().lower()
        if self.choices:
            return self._chosen(name, dict(zip(self.words, self.choices)).get(word), text)
        if self.kind is bool:
            if word not in _TRUE + _FALSE:
                raise ConfigError(f"{name} {text!r} is not yes or no")
            return word in _TRUE
        try:
            value = self.kind(text.strip())
        except ValueError:
            raise ConfigError(f"{name} {text!r} is not a {'whole ' if self.kind is int else ''}number") from None
        return self.checked(name, value)

    def _chosen(self, name: str, value: Any, given: Any) -> Any:
        for choice in self.choices:
            if choice == value:
                return choice
        raise ConfigError(f"{name} {given!r} is not one of {', '.join(self.words)}")

    def _typed(self, name: str, value: Any) -> Any:
        try:
            if self.kind in (bool, str) and isinstance(value, self.kind):
                return value
            if self.kind in (bool, str) or isinstance(value, bool):
                raise TypeError
            return operator.index(value) if self.kind is int else float(value)
        except (TypeError, ValueError):
            what = {int: "a whole number", float: "a number", bool: "True or False", str: "a string"}[self.kind]
            raise TypeError(f"{name} is {value!r}, not {what}") from None


def whole(default: int | None, low: int, high: int | None, meaning: str, **more: Any) -> Any:
    """A field that holds a whole number of low..high (None: no bound)."""
    return _declared(default, Option(meaning, int, low, high, **more))


def number(default: float | None, low: float, high: float | None, meaning: str, **more: Any) -> Any:
    """A field that holds a number of low..high (None: no bound)."""
    return _declared(default, Option(meaning, float, low, high, **more))


def choice(default: Any, choices: Sequence[Any] | type[Enum], meaning: str, **more: Any) -> Any:
    """A field that holds one of some values."""
    values = tuple(choices)
    kind = choices if isinstance(choices, type) else type(values[0])
    return _declared(default, Option(meaning, kind, choices=values, **more))


def flag(default: bool | None, meaning: str, **more: Any) -> Any:
    """A field that is true or false; meaning: a noun phrase, which may stand after "no"."""
    return _declared(default, Option(meaning, bool, **more))


def text(default: str | None, meaning: str) -> Any:
    """A field that holds a name or path."""
    return _declared(default, Option(meaning, str))


def options_of(config: type) -> dict[str, Option]:
    """The options that a dataclass declares, by name."""
    return {f.name: f.metadata[_KEY] for f in fields(config)}


def option_named(config: type, name: str) -> Option:
    """One of them. Raises ConfigError if there is none, with the name that may have been meant."""
    options = options_of(config)
    if name not in options:
        near = difflib.get_close_matches(name, options, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(options)}"
        raise ConfigError(f"{name} is not an option of the encoder ({hint})")
    return options[name]


def documented(config: type) -> type:
    """A dataclass with its fields' range, default and meaning in its docstring."""
    lines = [f"    {f.name:<18}{f.metadata[_KEY].limits}; default {_default(f)}. {f.metadata[_KEY].meaning}" for f in fields(config)]
    config.__doc__ = (config.__doc__ or "").rstrip() + "\n\n" + "\n".join(lines) + "\n"
    return config


def _declared(default: Any, option: Option) -> Any:
    return field(default=default, metadata={_KEY: option})


def _default(f: Field) -> str:
    if f.default is None:
        return "by preset" if f.metadata[_KEY].by_preset else "none"
    return written(f.default)


def written(value: Any) -> str:
    """As `Option.parsed` reads it."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
