"""The fluent form of an encoder's configuration."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..config import EncoderConfig
from ..config.encoder import replacing
from ..config.option import option_named

if TYPE_CHECKING:
    from .encoder import Encoder


class EncoderBuilder:
    """One method for every field of `EncoderConfig`, which takes its value and gives the builder back.

    >>> EncoderBuilder().preset("slow").b_frames(7).config().to_params()
    'preset=slow:b_frames=7'

    Methods raise ConfigError and TypeError for values that cannot be, AttributeError where there is no such field; options that exclude each
    other or need one another are told when the encoder is built.
    """

    def __init__(self, make: Callable[..., Encoder] | None = None) -> None:
        self._make = make
        self._given: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[[Any], EncoderBuilder]:
        if name not in EncoderConfig.__dataclass_fields__:
            raise AttributeError(f"{name} is not an option of the encoder")

        option = option_named(EncoderConfig, name)

        def put(value: Any) -> EncoderBuilder:
            self._given = replacing(self._given, {name: value if value is None else option.checked(name, value)})
            return self

        put.__name__, put.__doc__ = name, option.meaning
        return put

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *EncoderConfig.__dataclass_fields__]

    def config(self) -> EncoderConfig:
        """What has been chosen so far. Raises ConfigError."""
        return EncoderConfig(**self._given)

    def build(self, width: int, height: int, fps: Any = 30, **stream: Any) -> Encoder:
        """The encoder; arguments but the options as for `Encoder`."""
        return self._make(width, height, fps, self.config(), **stream)
