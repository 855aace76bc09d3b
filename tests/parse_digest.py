"""Digests of everything that the golden streams' bytes say: symbols, sigma indices and motion, without any network.

    python -m tests.parse_digest        # JSON; also what tests/test_emulated.py runs on another CPU
"""
from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from zvc69.bitstream import FileHeader, FrameType, Packet, Payload, StreamReader
from zvc69.codec.latents import Conditions, read_latents
from zvc69.codec.parser import FrameParser
from zvc69.core import cpu
from zvc69.model import Model

GOLDEN = Path(__file__).parent / "golden"
MODEL, INTER_MODEL = (GOLDEN / "models" / name for name in ("tiny", "tiny_inter"))
"""Of the streams of format version 1.0, and of later ones."""
INDEX_CODE = 4   # docs/INTERNALS.md: a state holds 4 * sigma index


def streams(version: str = "*") -> list[Path]:
    """Golden streams of a format version ("1_0"), or of all."""
    return sorted(GOLDEN.glob(f"v{version}/*.zvc"))


def model_of(path: Path) -> Model:
    """The model that a golden stream was coded with."""
    return Model(MODEL if path.parent.name == "v1_0" else INTER_MODEL)


def digests(path: Path) -> list[dict[str, str]]:
    """SHA-256 of what each frame says, in coding order: z (position by position), r (channel by channel), little-endian int16; of I frames sigma
    indices (uint8), of others the fields into the slots (y, x, int16), how they predict (1 for the sharp filter + 2 for overlap, uint8, where streams
    say it) and the copied blocks (uint8), where there are any."""
    model, found = model_of(path), []
    with StreamReader(path) as reader:
        parser = FrameParser(model, reader.header)
        for packet in reader:
            parsed = parser.parse(packet)
            arrays = {"z": parsed.symbols.z.transpose(1, 2, 0).astype("<i2"), "r": parsed.symbols.r.astype("<i2")}
            if packet.type == FrameType.I:
                arrays["index"] = _indices(packet, reader.header, model)
            for name, field in (("field", parsed.field), ("field_b", parsed.field_b)):
                if field is not None:
                    arrays[name] = field.vectors.astype("<i2")
            if reader.header.filters and parsed.field is not None:
                fields = [field for field in (parsed.field, parsed.field_b) if field is not None]
                arrays["ways"] = np.array([(field.kernel == "sharp") + 2 * field.overlap for field in fields], np.uint8)
            if parsed.copy is not None:
                arrays["copy"] = parsed.copy.astype(np.uint8)
            if parsed.filters is not None:
                arrays["filters"] = np.concatenate([parsed.filters.luma, parsed.filters.chroma])
            found.append({name: hashlib.sha256(np.ascontiguousarray(a)).hexdigest() for name, a in arrays.items()})
    return found


def _indices(packet: Packet, header: FileHeader, model: Model) -> np.ndarray:
    payload = Payload.unpack(packet.payload, packet.type, filler=header.filler, loop_filter=header.loop_filter)
    _, sigma = read_latents(model, header.width, header.height, Conditions(packet.header.qp), payload.lanes, payload.substreams)
    return sigma.state()[1] // INDEX_CODE


def main() -> None:
    print(json.dumps({
        "isa": cpu.current(),
        "networks": sorted({"onnxruntime", "openvino", "torch"} & set(sys.modules)),
        "digests": {path.name: digests(path) for path in streams()},
    }))


if __name__ == "__main__":
    main()
