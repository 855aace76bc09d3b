"""A small clip, coded with P and B frames by the small model that has them, and what its packets say."""
from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import zvc69
from zvc69 import Decoder, Encoder, FileHeader, Frame, Packet
from zvc69.bitstream import Payload
from zvc69.codec.parser import Parsed
from zvc69.codec.references import PictureBuffer

MODEL = "tiny_inter"
WIDTH, HEIGHT = 64, 64


@lru_cache
def _clouds() -> np.ndarray:
    """512x512 gray levels, smooth, the same again beyond each side."""
    spectrum = np.fft.rfft2(np.random.default_rng(0).standard_normal((512, 512)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(512), np.fft.rfftfreq(512), indexing="ij"))
    levels = np.fft.irfft2(spectrum * np.exp(-(frequency / 0.06) ** 2))
    return np.clip(125 + 45 * levels / levels.std(), 0, 255).astype(np.uint8)


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """rgb24: clouds that slide by three pixels a frame, above a band that stands still."""
    still = height * 3 // 4
    moving = np.roll(_clouds(), (0, -3 * number), (0, 1))[:still, :width]
    return np.repeat(np.concatenate([moving, _clouds()[still:height, :width]])[:, :, None], 3, 2)


def symbols(parsed: Parsed) -> tuple[bytes, ...]:
    """All that parsing a frame gives."""
    fields = (b"" if field is None else field.vectors.tobytes() for field in (parsed.field, parsed.field_b))
    return parsed.symbols.z.tobytes(), parsed.symbols.r.tobytes(), *fields, b"" if parsed.copy is None else parsed.copy.tobytes()


@dataclass(frozen=True)
class Coded:
    """A stream without damage: packets in coding order, what they say, and the frames in order of presentation."""

    header: FileHeader
    packets: tuple[Packet, ...]
    symbols: tuple[tuple[bytes, ...], ...]
    frames: tuple[Frame, ...]

    @property
    def no_state(self) -> list[bool]:
        """Whether each packet can be parsed without the state of others."""
        return [Payload.unpack(packet.payload, packet.type, loop_filter=self.header.loop_filter).no_state for packet in self.packets]

    def slots(self) -> list[tuple[int, ...]]:
        """Numbers of the packets that each packet refers to, slot A's first."""
        buffer: PictureBuffer[int] = PictureBuffer()
        found = []
        for packet in self.packets:
            entries = (packet.header.slot_a, packet.header.slot_b)
            found.append(tuple(buffer.get(entry) for entry in entries if entry is not None))
            buffer.follow(packet.header, packet.number)
        return found

    def file(self) -> bytes:
        """The stream, as a file has it."""
        out = io.BytesIO()
        with zvc69.StreamWriter(out, self.header) as writer:
            for packet in self.packets:
                writer.write_packet(packet)
        return out.getvalue()


@lru_cache
def coded(frames: int, **options) -> Coded:
    """The clip's first `frames`; options as for `Encoder`."""
    encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, **{"qp": 30, **options})
    packets = [packet for n in range(frames) for packet in encoder.encode(picture(n))] + encoder.flush()
    parser, decoder = (Decoder(encoder.header, threads=1) for _ in range(2))
    said = tuple(symbols(parser.parse(packet)) for packet in packets)
    shown = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()
    return Coded(encoder.header, tuple(packets), said, tuple(shown))
