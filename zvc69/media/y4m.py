"""YUV4MPEG2, the uncompressed video of pipes: header, reader, writer's part.

Our own parser because pipes cannot be rewound and samples of 8, 10 and 12 bits must come through untouched.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from ..bitstream import ColourSpace
from ..errors import MediaError
from .colour import Colour
from .frame import Frame, frame_bytes

MAGIC = b"YUV4MPEG2"
_RANGE = "XCOLORRANGE="
_YUV420 = {8: "420jpeg", 10: "420p10", 12: "420p12"}
_NAMES = {
    ColourSpace.YUV420: _YUV420, ColourSpace.RGB: _YUV420,
    ColourSpace.YUV444: {8: "444", 10: "444p10", 12: "444p12"}, ColourSpace.GRAY: {8: "mono", 10: "mono10", 12: "mono12"},
}
_CHROMA = {name: (space, depth) for space, names in _NAMES.items() if space != ColourSpace.RGB for depth, name in names.items()}
_CHROMA |= {name: (ColourSpace.YUV420, 8) for name in ("420", "420mpeg2", "420paldv")}
# mjpegtools' limit is 255; FFmpeg adds XCOLORRANGE and the like.
_LONGEST_LINE = 1024
_LARGEST_SIDE = 65535
# A header may promise more than follows: memory grows with what comes, not with what is promised.
_LARGEST_READ = 1 << 24


@dataclass(frozen=True)
class Y4mHeader:
    """What the first line says. `full_range`: samples use 0..2^depth-1 (FFmpeg's XCOLORRANGE)."""

    width: int
    height: int
    fps: Fraction = Fraction(25)
    depth: int = 8
    full_range: bool = False
    space: ColourSpace = ColourSpace.YUV420

    @property
    def frame_bytes(self) -> int:
        """Size of a frame without its FRAME line."""
        return frame_bytes(self.width, self.height, self.depth, self.space)

    @property
    def colour(self) -> Colour:
        """Of the samples."""
        return Colour(self.space, full_range=self.full_range)

    @property
    def frame_colour(self) -> Colour:
        """Of the frames that are made of them: only gray stays of full range."""
        return self.colour.in_space(self.space)

    def line(self) -> bytes:
        """The header as the first line of a file."""
        name = _NAMES[self.space][self.depth]
        # The range is stated where readers would not expect it: FFmpeg takes gray to be of full range.
        gray = self.space == ColourSpace.GRAY
        range_ = f" XCOLORRANGE={'FULL' if self.full_range else 'LIMITED'}" if self.full_range or gray else ""
        return (
            f"YUV4MPEG2 W{self.width} H{self.height} F{self.fps.numerator}:{self.fps.denominator} "
            f"Ip A1:1 C{name} XYSCSS={name.upper()}{range_}\n"
        ).encode()


def parse_header(line: bytes) -> Y4mHeader:
    """Read the first line (without its newline). Raises MediaError on anything but 4:2:0, 4:4:4 and gray of 8, 10, 12 bits."""
    words = line.decode("ascii", "replace").split(" ")
    if words[0] != MAGIC.decode():
        raise MediaError("not y4m: it does not begin with YUV4MPEG2 and a space")
    width = height = 0
    fps, space, depth, range_ = Fraction(25), ColourSpace.YUV420, 8, ""
    for word in words[1:]:
        key, value = word[:1], word[1:]
        if key == "W":
            width = _side(value)
        elif key == "H":
            height = _side(value)
        elif key == "F":
            fps = _rate(value)
        elif key == "C":
            if value not in _CHROMA:
                raise MediaError(f"y4m with chroma {value[:20]!r} cannot be read: only 4:2:0, 4:4:4 and mono of 8, 10 or 12 bits")
            space, depth = _CHROMA[value]
        elif word.startswith(_RANGE):
            range_ = word[len(_RANGE):]
    if not width or not height:
        raise MediaError("y4m header without width or height")
    full_range = range_ == "FULL" or range_ != "LIMITED" and space == ColourSpace.GRAY
    return Y4mHeader(width, height, fps, depth, full_range, space)


def read_header(stream: BinaryIO) -> Y4mHeader:
    """Read the first line of `stream`."""
    start = read_exactly(stream, len(MAGIC))
    if start != MAGIC:
        raise MediaError("not y4m: it does not begin with YUV4MPEG2" if start else "input is empty")
    return parse_header(MAGIC + (_read_line(stream) or b""))


def read_frames(stream: BinaryIO, header: Y4mHeader) -> Iterator[Frame]:
    """The frames that follow the header, full range converted to limited except of gray. Raises MediaError on a partial one."""
    number = 0
    while (line := _read_line(stream, frame=number)) is not None:
        if line != b"FRAME" and not line.startswith(b"FRAME "):
            raise MediaError("y4m frame does not begin with FRAME", frame=number)
        data = read_exactly(stream, header.frame_bytes)
        if len(data) < header.frame_bytes:
            raise MediaError("y4m input ends inside a frame", frame=number)
        frame = Frame.from_bytes(data, header.width, header.height, header.depth, pts=number, colour=header.colour)
        yield frame.convert(header.space)
        number += 1


def write_frame(write: Callable[[bytes], object], frame: Frame) -> None:
    """Hand a frame and its FRAME line to `write`."""
    write(b"FRAME\n")
    write(frame.to_bytes())


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes, or fewer at the end of `stream` only: a pipe gives what it has."""
    parts, missing = [], size
    while missing and (part := stream.read(min(missing, _LARGEST_READ))):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_line(stream: BinaryIO, *, frame: int | None = None) -> bytes | None:
    """A line without its newline; None at the end of the stream."""
    line = bytearray()
    while len(line) < _LONGEST_LINE:
        byte = stream.read(1)
        if not byte and not line:
            return None
        if not byte:
            raise MediaError("y4m input ends inside a line", frame=frame)
        if byte == b"\n":
            return bytes(line)
        line += byte
    raise MediaError(f"y4m line is longer than {_LONGEST_LINE} bytes", frame=frame)


def _side(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value[:9]) <= _LARGEST_SIDE:
        raise MediaError(f"y4m size {value[:20]!r} is not between 1 and {_LARGEST_SIDE}")
    return int(value)


def _rate(value: str) -> Fraction:
    numerator, _, denominator = value.partition(":")
    if not (numerator.isdecimal() and denominator.isdecimal()) or len(value) > 40:
        raise MediaError(f"y4m frame rate {value[:20]!r} is not like 30000:1001")
    if not int(numerator) or not int(denominator):
        # 0:0 stands for unknown.
        return Fraction(25)
    return Fraction(int(numerator), int(denominator))
