"""Pictures in and out of the codec: frames, sources that read video, sinks that write it."""
from .accept import coded_frame, colour_of
from .atomic import AtomicFile
from .coded import from_coded
from .colour import SPACES, Colour
from .frame import Frame
from .integrity import Integrity
from .reader import RawGeometry, Source, open_source
from .sink import Sink
from .writer import open_sink

__all__ = [
    "SPACES", "AtomicFile", "Colour", "Frame", "Integrity", "RawGeometry", "Sink", "Source", "coded_frame", "colour_of", "from_coded", "open_sink",
    "open_source",
]
