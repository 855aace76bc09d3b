"""Versions of the encoder libraries inside PyAV, from what they write themselves."""
from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from functools import lru_cache

import av
import numpy as np
from av import library_versions

FILTERS = {"libx264": "filter_units=remove_types=6", "libx265": "filter_units=remove_types=39|40"}
"""Taken out of the stream: SEI messages, half a kilobyte and more of text about the encoder that no decoder needs."""

_TEXTS = {"libx264": rb"x264 - core [\w. ]+", "libx265": rb"x265 \(build \d+\) - [\w.+-]+", "libsvtav1": rb"SVT-AV1 Encoder Lib v[\w.-]+"}


@lru_cache(maxsize=8)
def encoder_version(codec: str) -> str:
    """As "x264 core 165 r3223", with libavcodec's version, which sets defaults of its own."""
    try:
        written = _spoken(codec) if codec == "libsvtav1" else code_gray(codec)
    except (av.FFmpegError, OSError, subprocess.SubprocessError):
        written = b""
    found = re.search(_TEXTS[codec], written)
    name = found[0].decode().strip().replace(" - ", " ") if found else codec
    return f"{name}, libavcodec {'.'.join(map(str, library_versions['libavcodec']))}"


def code_gray(codec: str) -> bytes:
    """The stream of one gray picture."""
    file = io.BytesIO()
    with av.open(file, "w", format="ivf" if "av1" in codec else "h264" if "264" in codec else "hevc") as container:
        stream = container.add_stream(codec, rate=25, options={"x265-params": "log-level=none"} if codec == "libx265" else {})
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((192, 128), 128, np.uint8), format="yuv420p")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return file.getvalue()


def _spoken(codec: str) -> bytes:
    """What coding prints, in a process of its own; SVT-AV1 states its version there alone."""
    environment = os.environ | {"SVT_LOG": "3"}
    run = subprocess.run([sys.executable, __file__, codec], env=environment, capture_output=True, timeout=60, check=False)
    return run.stderr + run.stdout


if __name__ == "__main__":
    code_gray(sys.argv[1])
