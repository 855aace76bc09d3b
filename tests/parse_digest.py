"""Digests of everything that the golden streams' bytes say: symbols and sigma indices, without any network.

    python -m tests.parse_digest        # JSON; also what tests/test_emulated.py runs on another CPU
"""
from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from zvc69.bitstream import Payload, StreamReader
from zvc69.codec.latents import Conditions, read_latents
from zvc69.core import cpu
from zvc69.model import Model

GOLDEN = Path(__file__).parent / "golden"
MODEL = GOLDEN / "models" / "tiny"
INDEX_CODE = 4   # docs/INTERNALS.md: a state holds 4 * sigma index


def streams() -> list[Path]:
    """Golden streams of every format version."""
    return sorted(GOLDEN.glob("v*/*.zvc"))


def digests(path: Path, model: Model) -> list[dict[str, str]]:
    """SHA-256 of each frame's z (position by position), r (channel by channel) and sigma indices; little-endian int16, int16, uint8."""
    found = []
    with StreamReader(path) as reader:
        for packet in reader:
            payload = Payload.unpack(packet.payload, packet.type)
            z, sigma = read_latents(model, reader.header.width, reader.header.height, Conditions(packet.header.qp), payload.lanes, payload.substreams)
            arrays = {"z": z.astype("<i2"), "r": sigma.residual().astype("<i2"), "index": sigma.state()[1] // INDEX_CODE}
            found.append({name: hashlib.sha256(np.ascontiguousarray(a)).hexdigest() for name, a in arrays.items()})
    return found


def main() -> None:
    model = Model(MODEL)
    print(json.dumps({
        "isa": cpu.current(),
        "networks": sorted({"onnxruntime", "openvino", "torch"} & set(sys.modules)),
        "digests": {path.name: digests(path, model) for path in streams()},
    }))


if __name__ == "__main__":
    main()
