"""The ZVC69 bitstream: headers, packets, payload layout, index, reader and writer. Specified in docs/FORMAT.md."""
from .filter_set import FilterSet
from .frame import FrameHeader
from .header import ColourSpace, FileHeader
from .index import IndexEntry, IndexFlag
from .packet import Packet, PacketMaker, PacketParser
from .payload import LoopFilter, Payload, bands
from .reader import StreamReader
from .references import KEYFRAME, USUAL, FrameType, ReferenceFlag, reference_flags
from .walk import Damage
from .writer import StreamWriter

__all__ = [
    "KEYFRAME", "USUAL", "ColourSpace", "Damage", "FileHeader", "FilterSet", "FrameHeader", "FrameType", "IndexEntry", "IndexFlag",
    "LoopFilter", "Packet", "PacketMaker", "PacketParser", "Payload", "ReferenceFlag", "StreamReader", "StreamWriter", "bands",
    "reference_flags",
]
