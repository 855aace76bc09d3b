"""The file header: the 64 bytes that a stream begins with, and that a pipe repeats at keyframes."""
from __future__ import annotations

import operator
import struct
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from fractions import Fraction

from ..core.checksum import crc32c
from ..errors import ConfigError, CorruptStreamError, NotAStreamError, TruncatedStreamError, UnsupportedVersionError
from .limits import MAX_CHANNELS, MAX_QP, MAX_SIDE, MAX_UINT32, MIN_SIDE

MAGIC = b"ZVC69\0"
MAJOR = 1
MINOR = 0

FIELDS = (
    ("magic", "6s"), ("major", "B"), ("minor", "B"), ("flags", "I"), ("width", "H"), ("height", "H"),
    ("fps_num", "H"), ("fps_den", "H"), ("total_frames", "I"), ("gop", "B"), ("quality", "B"),
    ("colour_space", "B"), ("bit_depth", "B"), ("model_hash", "4s"), ("index_offset", "Q"),
    ("latent_channels", "I"), ("hyper_channels", "I"), ("long_gop", "I"), ("matrix", "B"), ("primaries", "B"),
    ("transfer", "B"), ("full_range", "B"), ("reserved", "4s"), ("checksum", "I"),
)
"""Name and `struct` code of every field in order, without gaps; docs/FORMAT.md is tested against it."""

_LAYOUT = struct.Struct("<" + "".join(code for _, code in FIELDS))
SIZE = _LAYOUT.size


class ColourSpace(IntEnum):
    """How the planes of the source were arranged."""

    YUV420 = 0
    YUV444 = 1
    RGB = 2
    GRAY = 3


class HeaderFlag(IntFlag):
    """Bits of `flags`. A decoder must know every set bit of 0..15 and may ignore 16..31."""

    COMPACT = 1 << 0
    """Frame headers are in the compact form."""

    REPEATED = 1 << 1
    """This header stands inside a stream, before a keyframe."""

    FILTERS = 1 << 2
    """Motion sections begin with the filter and overlap that compensation takes (format 1.2)."""

    FILLER = 1 << 3
    """Payloads may have a filler section (format 1.3)."""

    LOOP_FILTER = 1 << 4
    """Payloads say how pictures are filtered (format 1.4)."""


_MUST_UNDERSTAND = 0xFFFF
_KNOWN = sum(HeaderFlag)   # an int: ~ of an IntFlag inverts known bits only


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What holds for a whole stream. One tick of pts and dts is `fps_den / fps_num` seconds.

    `quality` is the base qp (0..63) that the qp of frames is stated against; `gop` the largest distance of
    keyframes in frames (0: only the first frame is one); `model_hash` the first 4 bytes of the SHA-256 of the
    model's manifest. `matrix`, `primaries`, `transfer` are code points of ITU-T H.273, 0 where unknown.
    `total_frames` and `index_offset` (bytes from the header's start) are 0 while unknown, as in a pipe.

    Raises ConfigError if a field is out of range, TypeError if a number is not an integer.

    >>> header = FileHeader(width=640, height=360, fps_num=30, quality=32, model_hash=b"lite")
    >>> FileHeader.unpack(header.pack()) == header
    True
    """

    width: int
    height: int
    fps_num: int
    fps_den: int = 1
    quality: int = 32
    gop: int = 0
    model_hash: bytes = bytes(4)
    colour_space: ColourSpace = ColourSpace.YUV420
    bit_depth: int = 8
    latent_channels: int = 96
    hyper_channels: int = 48
    matrix: int = 0
    primaries: int = 0
    transfer: int = 0
    full_range: bool = False
    total_frames: int = 0
    index_offset: int = 0
    compact: bool = True
    repeated: bool = False
    minor: int = MINOR
    filters: bool = False
    filler: bool = False
    loop_filter: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("width", MIN_SIDE, MAX_SIDE), ("height", MIN_SIDE, MAX_SIDE), ("fps_num", 1, 65535),
            ("fps_den", 1, 65535), ("quality", 0, MAX_QP), ("gop", 0, MAX_UINT32), ("latent_channels", 1, MAX_CHANNELS),
            ("hyper_channels", 1, MAX_CHANNELS), ("matrix", 0, 255), ("primaries", 0, 255), ("transfer", 0, 255),
            ("full_range", 0, 1), ("total_frames", 0, MAX_UINT32), ("minor", 0, 255),
        ):
            value = operator.index(getattr(self, name))   # TypeError for a size that came out of a division
            if not low <= value <= high:
                raise ConfigError(f"header: {name} is {value}, not within {low}..{high}")
        if self.colour_space not in ColourSpace.__members__.values():
            raise ConfigError(f"header: colour_space is {self.colour_space}, not one of 0..{max(ColourSpace):d}")
        if self.bit_depth not in (8, 10, 12):
            raise ConfigError(f"header: bit_depth is {self.bit_depth}, not 8, 10 or 12")
        if self.index_offset and not SIZE < self.index_offset < 1 << 63:
            raise ConfigError(f"header: index_offset is {self.index_offset}, inside the header or beyond any file")
        if len(self.model_hash) != 4:
            raise ConfigError(f"header: model_hash has {len(self.model_hash)} bytes, not 4")

    @property
    def fps(self) -> Fraction:
        """Frames (ticks) a second."""
        return Fraction(self.fps_num, self.fps_den)

    def repeat(self) -> FileHeader:
        """The header as it stands again before a keyframe: marked, and without figures that only the first has."""
        return replace(self, repeated=True, total_frames=0, index_offset=0)

    def pack(self) -> bytes:
        """The 64 bytes."""
        flags = (HeaderFlag.COMPACT * self.compact | HeaderFlag.REPEATED * self.repeated | HeaderFlag.FILTERS * self.filters
                 | HeaderFlag.FILLER * self.filler | HeaderFlag.LOOP_FILTER * self.loop_filter)
        body = _LAYOUT.pack(
            MAGIC, MAJOR, self.minor, flags, self.width, self.height, self.fps_num, self.fps_den, self.total_frames,
            min(self.gop, 255), self.quality, self.colour_space, self.bit_depth, self.model_hash, self.index_offset,
            self.latent_channels, self.hyper_channels, self.gop if self.gop > 255 else 0, self.matrix, self.primaries,
            self.transfer, self.full_range, bytes(4), 0)[:-4]
        return body + crc32c(body).to_bytes(4, "little")

    @classmethod
    def unpack(cls, data: bytes, *, offset: int = 0) -> FileHeader:
        """Read the header at the start of `data`; `offset` says where that is in the stream, for messages.

        Raises NotAStreamError, UnsupportedVersionError (a newer major version, or a flag that this version does
        not know), TruncatedStreamError, or CorruptStreamError.
        """
        if data[:len(MAGIC)] != MAGIC[:len(data)] or not data:
            raise NotAStreamError("not a ZVC69 stream: the magic number is missing", offset=offset)
        if len(data) > len(MAGIC) and data[len(MAGIC)] != MAJOR:
            raise UnsupportedVersionError(f"format version {data[len(MAGIC)]}, this decoder reads {MAJOR}", offset=offset)
        if len(data) < SIZE:
            raise TruncatedStreamError("the stream ends inside the file header", offset=offset)
        (_, _, minor, flags, width, height, fps_num, fps_den, total_frames, gop, quality, colour_space, bit_depth,
         model_hash, index_offset, latent_channels, hyper_channels, long_gop, matrix, primaries, transfer,
         full_range, _, checksum) = _LAYOUT.unpack_from(data)
        if crc32c(data[:SIZE - 4]) != checksum:
            raise CorruptStreamError("the file header is damaged: its checksum does not hold", offset=offset)
        if unknown := flags & _MUST_UNDERSTAND & ~_KNOWN:
            raise UnsupportedVersionError(f"the file header has unknown flags {unknown:#x}", offset=offset)
        if long_gop and not (gop == 255 and long_gop > 255):
            raise CorruptStreamError(f"header: gop is {gop} and also {long_gop}", offset=offset)
        try:
            return cls(
                width=width, height=height, fps_num=fps_num, fps_den=fps_den, quality=quality, gop=long_gop or gop,
                model_hash=model_hash, colour_space=ColourSpace(colour_space), bit_depth=bit_depth,
                latent_channels=latent_channels, hyper_channels=hyper_channels, matrix=matrix, primaries=primaries,
                transfer=transfer, full_range=full_range, total_frames=total_frames, index_offset=index_offset,
                compact=bool(flags & HeaderFlag.COMPACT), repeated=bool(flags & HeaderFlag.REPEATED), minor=minor,
                filters=bool(flags & HeaderFlag.FILTERS), filler=bool(flags & HeaderFlag.FILLER),
                loop_filter=bool(flags & HeaderFlag.LOOP_FILTER))
        except ValueError as error:   # ConfigError is one too
            raise CorruptStreamError(str(error), offset=offset) from None
