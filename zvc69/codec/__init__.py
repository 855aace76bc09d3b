"""Encoder and decoder: pictures to packets and back."""
from .decoder import Decoder
from .encoder import Encoder
from .files import DecodeSummary, EncodeSummary, decode_file, encode_frames
from .passes import encode_file
from .ratecontrol import Statistics
from .video import VideoReader, open_video

__all__ = ["DecodeSummary", "Decoder", "EncodeSummary", "Encoder", "Statistics", "VideoReader", "decode_file", "encode_file", "encode_frames", "open_video"]
