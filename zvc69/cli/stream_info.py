"""What `zvc69 info IN` says of a stream."""
from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from ..bitstream import FileHeader, FrameType, Packet, Payload, StreamReader
from ..bitstream.header import MAJOR
from ..errors import StreamError
from ..metrics import bits_per_pixel, kilobits_per_second
from ..model import installed_models


def describe(source: str, *, frames: bool) -> dict[str, Any]:
    """Header, frames and damage of the stream `source`, ready for JSON; "-" is standard input.

    frames: with a list of all frames. Raises StreamError and its kinds, OSError.
    """
    with StreamReader(sys.stdin.buffer if source == "-" else source, strict=False) as reader:
        header = reader.header
        packets = [_frame(packet, header) for packet in reader]
        count = len(packets)
        size = sum(packet["bytes"] for packet in packets)
        figures: dict[str, Any] = {
            "source": source,
            "format": f"{MAJOR}.{header.minor}",
            "width": header.width,
            "height": header.height,
            "fps": str(header.fps),
            "bit_depth": header.bit_depth,
            "colour_space": header.colour_space.name,
            "full_range": bool(header.full_range),
            "matrix": header.matrix or None,
            "primaries": header.primaries or None,
            "transfer": header.transfer or None,
            "model_hash": header.model_hash.hex(),
            "model": _model_name(header.model_hash),
            "gop": header.gop,
            "qp": header.quality,
            "compact_headers": header.compact,
            "index": bool(header.index_offset),
            "total_frames": header.total_frames or None,
            "frame_count": count,
            "seconds": float(count / header.fps),
            "types": {kind.name: n for kind, n in Counter(FrameType[packet["type"]] for packet in packets).items()},
            "layers": _layers(packets),
            "keyframes": sum(packet["keyframe"] for packet in packets),
            "average_qp": sum(packet["qp"] for packet in packets) / count if count else None,
            "bytes": size,
            "loop_filter": header.loop_filter,
            "filler": sum(packet["filler"] for packet in packets),
            "kbps": kilobits_per_second(size, count, header.fps),
            "bpp": bits_per_pixel(size, header.width, header.height, count),
            "damage": [{"offset": d.offset, "end": d.end, "error": d.error.message} for d in reader.damage],
        }
    if frames:
        figures["frames"] = packets
    return figures


def text(figures: dict[str, Any]) -> str:
    """The same for people."""
    types = ", ".join(f"{n} {kind}" for kind, n in figures["types"].items()) or "none"
    rows = [
        ("stream", f"{figures['source']}, format {figures['format']}"),
        ("video", f"{figures['width']}x{figures['height']}, {figures['fps']} fps, {figures['bit_depth']} bits, {figures['colour_space']}"),
        ("frames", f"{figures['frame_count']} ({types}), {figures['keyframes']} keyframes, {figures['seconds']:.2f} s"),
        ("layers", ", ".join(f"{layer['layer']}: {layer['frames']} frames, {layer['bytes']} bytes" for layer in figures["layers"]) or "none"),
        ("rate", f"{figures['kbps']:.2f} kb/s, {figures['bpp']:.4f} bpp, {figures['bytes']} bytes of frames"
         + f", {figures['filler']} of these filler" * (figures["filler"] > 0)),
        ("qp", f"{figures['qp']}" + (f", average {figures['average_qp']:.2f}" if figures["average_qp"] is not None else "")),
        ("gop", str(figures["gop"])),
        ("model", f"{figures['model'] or 'not installed'} ({figures['model_hash']})"),
        ("index", "yes" if figures["index"] else "no"),
    ]
    rows += [("damage", f"bytes {d['offset']} to {d['end']}: {d['error']}") for d in figures["damage"]]
    lines = [f"{name:<8}{value}" for name, value in rows]
    if "frames" in figures:
        lines.append(f"{'frame':>8}{'type':>5}{'layer':>6}{'qp':>4}{'pts':>8}{'bytes':>10}{'offset':>12}")
        lines += [f"{f['number']:>8}{f['type'] + ('*' if f['keyframe'] else ''):>5}{f['layer']:>6}{f['qp']:>4}{f['pts']:>8}{f['bytes']:>10}{f['offset']:>12}"
                  for f in figures["frames"]]
        lines.append("* keyframe")
    return "\n".join(lines)


def _frame(packet: Packet, header: FileHeader) -> dict[str, Any]:
    return {
        "number": packet.number, "type": packet.type.name, "keyframe": packet.keyframe, "qp": packet.header.qp,
        "pts": packet.pts, "dts": packet.dts, "layer": packet.header.layer, "bytes": len(packet), "filler": _filler(packet, header) if header.filler else 0,
        "offset": packet.offset,
    }


def _filler(packet: Packet, header: FileHeader) -> int:
    """Bytes of filler; 0 where the payload cannot be read, which `verify` tells."""
    try:
        return Payload.unpack(packet.payload, packet.type, filler=header.filler, loop_filter=header.loop_filter).filler_bytes
    except StreamError:
        return 0


def _layers(packets: list[dict[str, Any]]) -> list[dict[str, int]]:
    """What each temporal layer holds."""
    frames, size = Counter(), Counter()
    for packet in packets:
        frames[packet["layer"]] += 1
        size[packet["layer"]] += packet["bytes"]
    return [dict(layer=layer, frames=frames[layer], bytes=size[layer]) for layer in sorted(frames)]


def _model_name(short_hash: bytes) -> str | None:
    names = [model.manifest.name for model in installed_models() if model.manifest.short_hash == short_hash]
    return names[0] if names else None
