"""Peers of the intra comparison, coding single pictures through PyAV at their own quality scales."""
from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from zvc69.media import Frame

# name -> (codec, pixel format, settings from best to worst)
INTRA_PEERS: dict[str, tuple[str, str, list[dict[str, str]]]] = {
    "jpeg": ("mjpeg", "yuvj420p", [{"qmin": str(q), "qmax": str(q), "huffman": "optimal"} for q in (2, 4, 6, 9, 14, 20, 28)]),
    "webp": ("libwebp", "yuv420p", [{"quality": str(q), "compression_level": "6"} for q in (95, 85, 70, 50, 30, 12, 3)]),
    "x264": ("libx264", "yuv420p", [{"preset": "medium", "qp": str(q)} for q in (14, 19, 24, 29, 34, 39, 44)]),
    "x265": ("libx265", "yuv420p", [{"preset": "medium", "x265-params": f"qp={q}:log-level=none"} for q in (14, 19, 24, 29, 34, 39, 44)]),
}


def code_still(codec: str, pixel_format: str, options: dict[str, str], frame: Frame) -> tuple[int, Frame]:
    """Bytes of the picture as coded (parameter sets that a container keeps apart not counted), and the decoded picture.

    Samples go in as they are: for JPEG, limited-range samples under a full-range label, so that no conversion costs it anything.
    Sides must be even.
    """
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pixel_format
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.flags |= 1 << 22                     # AV_CODEC_FLAG_GLOBAL_HEADER
    context.thread_count = 1
    context.options = dict(options)
    planes = np.concatenate([p.reshape(-1) for p in frame.planes]).reshape(-1, frame.width)
    picture = av.VideoFrame.from_ndarray(planes, format=pixel_format)
    picture.pts = 0
    packets = [*context.encode(picture), *context.encode(None)]
    decoder = av.CodecContext.create({"libx264": "h264", "libx265": "hevc", "libwebp": "webp"}.get(codec, codec), "r")
    if context.extradata:
        decoder.extradata = context.extradata
    decoded = [f for p in [*packets, None] for f in decoder.decode(p)]
    if len(decoded) != 1:
        raise RuntimeError(f"{codec} gave {len(decoded)} pictures of one")
    out = decoded[0].to_ndarray(format=decoded[0].format.name)
    return sum(p.size for p in packets), Frame.from_yuv420p(out)
