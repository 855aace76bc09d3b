"""Rate and distortion of single pictures beside JPEG, WebP, x264 and x265 intra.

    python -m benchmarks.rd_intra PATH... [--json benchmarks/results/rd_intra.json] [--model lite] [--plot rd.png]

PATH: stills, clips (their first frame is taken) or folders of them. ZVC69's rate is the packet's bytes; peers' likewise without
the parameter sets that a container stores once. PSNR is 6:1:1 over 4:2:0 planes. BD-rate: mean over pictures of each picture's own.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.environment import environment
from benchmarks.peers import INTRA_PEERS, code_still
from zvc69 import Decoder, Encoder
from zvc69.media import Frame, open_source
from zvc69.metrics import bd_rate, frame_psnr

QPS = (8, 18, 28, 38, 48, 58)
SUFFIXES = {".png", ".jpg", ".mp4", ".mkv", ".webm", ".y4m", ".mov"}


def pictures(paths: list[Path]) -> dict[str, Frame]:
    """First frame of every file, with even sides."""
    files = [f for p in paths for f in (sorted(p.rglob("*")) if p.is_dir() else [p]) if f.suffix.lower() in SUFFIXES]
    out = {}
    for file in files:
        with open_source(file) as source:
            frame = next(iter(source)).convert("yuv420")
        w, h = frame.width // 2 * 2, frame.height // 2 * 2
        out[file.stem] = Frame(frame.y[:h, :w], frame.u[:h // 2, :w // 2], frame.v[:h // 2, :w // 2], frame.depth)
    return out


def zvc_curve(frame: Frame, qps, model: str, backend: str = "auto") -> list[dict]:
    points = []
    for qp in qps:
        encoder = Encoder(frame.width, frame.height, qp=qp, gop=1, depth=frame.depth, model=model, backend=backend)
        packet, = encoder.encode(frame)
        decoded, = Decoder(encoder.header, model=model, backend=backend).decode(packet)
        points.append(point(frame, len(packet), decoded, qp=qp))
    return points


def point(frame: Frame, size: int, decoded: Frame, **setting) -> dict:
    psnr = frame_psnr(frame, decoded)
    return dict(**setting, bytes=size, bpp=8 * size / (frame.width * frame.height), psnr=psnr.weighted, psnr_y=psnr.y, psnr_u=psnr.u, psnr_v=psnr.v)


def curve(points: list[dict]) -> list[tuple[float, float]]:
    return [(p["bpp"], p["psnr"]) for p in points]


def mean_curve(curves: list[list[dict]]) -> list[dict]:
    """Setting by setting, the mean over pictures."""
    return [dict(bpp=sum(p["bpp"] for p in ps) / len(ps), psnr=sum(p["psnr"] for p in ps) / len(ps)) for ps in zip(*curves)]


def measure(frames: dict[str, Frame], model: str, backend: str) -> dict:
    curves = {name: {"zvc69": zvc_curve(frame, QPS, model, backend)} for name, frame in frames.items()}
    for name, frame in frames.items():
        for peer, (codec, pixel_format, settings) in INTRA_PEERS.items():
            curves[name][peer] = [point(frame, *code_still(codec, pixel_format, s, frame), setting=s) for s in settings]
    rates = {peer: {name: bd_rate(curve(c[peer]), curve(c["zvc69"])) for name, c in curves.items()} for peer in INTRA_PEERS}
    means = {codec: mean_curve([c[codec] for c in curves.values()]) for codec in ("zvc69", *INTRA_PEERS)}
    return dict(bd_rate={peer: dict(mean=sum(r.values()) / len(r), pictures=r) for peer, r in rates.items()}, mean=means, curves=curves)


def plot(result: dict, path: Path) -> None:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    for codec, points in result["mean"].items():
        pyplot.plot([p["bpp"] for p in points], [p["psnr"] for p in points], "o-", label=codec)
    pyplot.xscale("log")
    pyplot.xlabel("bits per pixel")
    pyplot.ylabel("PSNR 6:1:1, dB")
    pyplot.legend()
    pyplot.grid(alpha=0.3)
    pyplot.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--backend", default="auto")
    args = parser.parse_args()
    result = measure(pictures(args.paths), args.model, args.backend)
    for qp, p in zip(QPS, result["mean"]["zvc69"]):
        print(f"qp {qp:2}  {p['bpp']:.4f} bpp  {p['psnr']:.2f} dB")
    for peer, r in result["bd_rate"].items():
        print(f"BD-rate against {peer:5} {r['mean']:+7.2f} %   " + " ".join(f"{n.split('_')[0]} {v:+.0f}" for n, v in r["pictures"].items()))
    if args.json:
        args.json.write_text(json.dumps(environment("python -m benchmarks.rd_intra " + " ".join(Path(a).name for a in sys.argv[1:])) | result, indent=1) + "\n")
    if args.plot:
        plot(result, args.plot)


if __name__ == "__main__":
    main()
