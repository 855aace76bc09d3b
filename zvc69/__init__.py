"""ZVC69: a neural video codec.

    import zvc69
    zvc69.encode_file("in.mp4", "out.zvc", quality=zvc69.Quality.HIGH)
    with zvc69.open("out.zvc") as video:
        for frame in video:
            rgb = frame.to_rgb()
"""
from . import errors
from .bitstream import ColourSpace, FileHeader, FrameType, Packet, StreamReader, StreamWriter
from .codec import Decoder, DecodeSummary, Encoder, EncodeSummary, Statistics, VideoReader, decode_file, encode_file, encode_frames
from .codec import open_video as open
from .config import EncoderConfig, Preset, Quality, Tune
from .errors import Zvc69Error
from .media import Colour, Frame, Integrity
from .profiler import Profiler

__version__ = "0.1.0"

__all__ = [
    "Colour", "ColourSpace", "DecodeSummary", "Decoder", "EncodeSummary", "Encoder", "EncoderConfig", "FileHeader", "Frame", "FrameType", "Integrity",
    "Packet", "Preset", "Profiler", "Statistics", "Quality", "StreamReader", "StreamWriter", "Tune", "VideoReader", "Zvc69Error", "decode_file",
    "encode_file", "encode_frames", "errors", "open",
]
