"""Pictures in and out of the codec: frames, sources that read video, sinks that write it."""
from .atomic import AtomicFile
from .frame import Frame
from .reader import RawGeometry, Source, open_source
from .sink import Sink
from .writer import open_sink

__all__ = ["AtomicFile", "Frame", "RawGeometry", "Sink", "Source", "open_sink", "open_source"]
