"""Reading a coded video: iteration, length, random access."""
from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import BinaryIO

from ..bitstream import Damage, FileHeader, Packet, StreamReader
from ..bitstream.limits import MAX_LAYER
from ..config import MAX_PIXELS
from ..errors import CorruptStreamError, MissingReferenceError, StreamError
from ..media import Frame, Integrity
from ..profiler import Profiler
from .decoder import Decoder
from .reorder import DEPTH as REORDER_DEPTH


class VideoReader:
    """The frames of a stream in a path, bytes, a file object or a pipe.

    Iterating gives frames from the current position on; `len`, `seek` and `[i]` need a source that can seek.
    strict: damage raises; otherwise lost and damaged frames are concealed and marked (`Frame.integrity`), so that there are as many
    as the stream had, and `damage` lists where the stream is at fault.
    max_layer: frames of higher temporal layers, 0..7, are left out; the others keep their times. `len`, `seek` and `[i]` count them.
    Further options as for `Decoder`.

    Raises OSError, StreamError and its kinds, WrongModelError, BackendError, ConfigError.

    >>> import io, numpy as np, zvc69
    >>> file = io.BytesIO()
    >>> frames = [np.full((48, 64, 3), level, np.uint8) for level in (20, 120, 220)]
    >>> _ = zvc69.encode_frames(frames, file, width=64, height=48, fps=25, qp=30)
    >>> with zvc69.open(file.getvalue()) as video:
    ...     len(video), video[2].pts, [frame.pts for frame in video]
    (3, 2, [0, 1, 2])
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | BinaryIO, *, strict: bool = True, backend: str = "auto",
                 model: str | None = None, threads: int = 0, max_pixels: int = MAX_PIXELS, max_layer: int = MAX_LAYER,
                 profiler: Profiler | None = None) -> None:
        self._stream = StreamReader(source, strict=strict)
        try:
            self._decoder = Decoder(self._stream.header, backend=backend, model=model, threads=threads, max_pixels=max_pixels, conceal=not strict,
                                    max_layer=max_layer, profiler=profiler)
        except BaseException:
            self._stream.close()
            raise
        self._strict, self._first, self._max_layer = strict, 0, max_layer
        self._unreadable: list[Damage] = []

    @property
    def header(self) -> FileHeader:
        """The stream's header."""
        return self._stream.header

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._decoder.backend

    @property
    def damage(self) -> Sequence[Damage]:
        """What a tolerant reader has passed over so far, and packets that are not what they should be inside."""
        found = {damage.offset: damage for damage in (*self._stream.damage, *self._unreadable)}   # once, however often it was passed
        return [found[offset] for offset in sorted(found)]

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if the reader opened it."""
        self._stream.close()

    def __len__(self) -> int:
        """Frames in the stream. Raises TypeError for a pipe whose header does not state them."""
        return len(self._stream)

    def __iter__(self) -> Iterator[Frame]:
        """Frames to the end: from the one last sought, else from the first; from a pipe, those not read yet."""
        first, self._first = self._first, 0
        return self._decoder.decode_all(self._packets(first), first=first, total=self.header.total_frames,
                                        on_error=None if self._strict else self._note)

    def _packets(self, first: int) -> Iterator[Packet]:
        """Packets from the keyframe at or before number `first` on, each once, also when `[i]` or another iteration moves the
        stream in between."""
        if not self._stream.seekable:
            yield from self._stream
            return
        following = self._go_to(first)
        while (packet := next(self._stream, None)) is not None:
            if packet.number < following:
                continue
            following = packet.number + 1
            yield packet
            if self._stream.position != following:
                if following >= len(self):
                    return
                self._go_to(following)

    def _go_to(self, frame: int) -> int:
        # Damage may have left no keyframe to seek at; the beginning is always there.
        return self._stream.seek(frame) if frame else self._stream.rewind()

    def _note(self, packet: Packet, error: StreamError) -> None:
        if isinstance(error, MissingReferenceError):
            return       # the packet is sound
        self._unreadable.append(Damage(packet.offset, packet.offset + len(packet), error))

    def seek(self, frame: int) -> int:
        """Make `frame` the first one that the next iteration gives.

        Decoding begins at the keyframe at or before it, whose number is returned. Raises ConfigError if there is
        no such frame, TypeError for a pipe.
        """
        keyframe = self._stream.seek(frame)
        self._first = frame
        return keyframe

    def __getitem__(self, i: int) -> Frame:
        """Frame `i`, counted from the end when negative. Raises IndexError, also for a frame above `max_layer`; CorruptStreamError if
        it is damaged, also when tolerant."""
        i, n = operator.index(i), len(self)
        if not -n <= i < n:
            raise IndexError(f"frame {i} of a video of {n}")
        number = i % n
        packets = self._up_to(number)
        if packets and (layer := packets[-1].header.layer) > self._max_layer and not packets[-1].keyframe:
            raise IndexError(f"frame {number} is of layer {layer}, above {self._max_layer}")
        frame = next(self._decoder.decode_all(packets, first=number), None) if packets else None
        if frame is None or frame.integrity is Integrity.CONCEALED:
            raise CorruptStreamError("the frame is damaged or missing", frame=number)
        return frame

    def _up_to(self, number: int) -> list[Packet]:
        """Packets from a keyframe up to frame `number` in order of presentation; none if it does not come."""
        keyframe = self._stream.seek(number)
        packets: list[Packet] = []
        for packet in islice(self._stream, number - keyframe + 1 + REORDER_DEPTH):
            if packet.keyframe:
                if packet.number > number:
                    break
                packets = []
            packets.append(packet)
            if packets[0].number + packet.pts - packets[0].pts == number:
                return packets
        return []


def open_video(source: str | os.PathLike[str] | bytes | BinaryIO, **options) -> VideoReader:
    """Open a coded video for reading; options as for `VideoReader`."""
    return VideoReader(source, **options)
