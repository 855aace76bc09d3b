"""How the samples of a picture stand for colours."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import av

from ..bitstream import ColourSpace, FileHeader
from ..errors import ConfigError

MATRICES = {"bt601": 6, "bt709": 1, "bt2020": 9}
"""Names of the matrices that RGB can be converted by, and their code points in ITU-T H.273."""
SPACES = {space.name.lower(): space for space in ColourSpace}
"""Colour spaces by name: yuv420, yuv444, rgb, gray."""

_UNSPECIFIED = 2
_LARGEST = 255


@dataclass(frozen=True)
class Colour:
    """Layout and meaning of a picture's planes, as the header of a stream states them.

    space       YUV420: chroma of half width and height. YUV444: of full size. GRAY: luma alone. RGB: planes like
                YUV420, but made from RGB, which is what they are shown and written as
    matrix, primaries, transfer   code points of ITU-T H.273, 0 where not stated; the matrix counts for conversions
                from and to RGB, BT.601 where it is not stated
    full_range  samples use 0..2^depth - 1, else the limited range ("video levels")

    >>> Colour.of("gray")
    Colour(space=<ColourSpace.GRAY: 3>, matrix=0, primaries=0, transfer=0, full_range=True)
    """

    space: ColourSpace = ColourSpace.YUV420
    matrix: int = 0
    primaries: int = 0
    transfer: int = 0
    full_range: bool = False

    @classmethod
    def of(cls, colour: Colour | ColourSpace | str) -> Colour:
        """A `Colour` as it is; of a space, or its name, what arrays of that kind are: RGB by BT.601, gray of full range.

        Raises ConfigError for another name.
        """
        if isinstance(colour, Colour):
            return colour
        if isinstance(colour, str):
            if colour not in SPACES:
                raise ConfigError(f"colour space {colour!r} is not one of {', '.join(SPACES)}")
            colour = SPACES[colour]
        return cls(ColourSpace(colour), matrix=MATRICES["bt601"] if colour == ColourSpace.RGB else 0, full_range=colour == ColourSpace.GRAY)

    @classmethod
    def of_header(cls, header: FileHeader) -> Colour:
        """What a stream's header states."""
        return cls(header.colour_space, header.matrix, header.primaries, header.transfer, bool(header.full_range))

    @classmethod
    def of_av(cls, frame: av.VideoFrame, space: ColourSpace, *, full_range: bool = False) -> Colour:
        """What a PyAV frame states of itself. RGB states none of the matrix that it is then converted by: BT.601."""
        stated = [_stated(getattr(frame, name, 0)) for name in ("colorspace", "color_primaries", "color_trc")]
        return cls(space, MATRICES["bt601"] if space == ColourSpace.RGB else stated[0], *stated[1:], full_range=full_range)

    def header_fields(self) -> dict[str, Any]:
        """The fields of a `FileHeader` that say the same."""
        return {"colour_space": self.space, "matrix": self.matrix, "primaries": self.primaries, "transfer": self.transfer,
                "full_range": self.full_range}

    def put(self, target: Any) -> None:
        """State it in a PyAV frame or codec context."""
        target.color_range = 2 if self.full_range else 1
        for name, value in (("colorspace", self.matrix), ("color_primaries", self.primaries), ("color_trc", self.transfer)):
            if value:
                setattr(target, name, value)

    def in_space(self, space: ColourSpace) -> Colour:
        """The same colours in a space, where only gray may be of full range."""
        return replace(self, space=space, full_range=self.full_range and space == ColourSpace.GRAY)


def matrix_code(name: str) -> int:
    """Code point of a matrix by name. Raises ConfigError for another."""
    if name not in MATRICES:
        raise ConfigError(f"colour matrix {name!r} is not one of {', '.join(MATRICES)}")
    return MATRICES[name]


def _stated(value: int | None) -> int:
    """A code point of FFmpeg's, which are H.273's; 0 for unspecified ones and those of FFmpeg alone."""
    code = int(value or 0)
    return code if 0 < code <= _LARGEST and code != _UNSPECIFIED else 0
