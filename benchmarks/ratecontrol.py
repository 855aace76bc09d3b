"""Rate control: how closely bitrates are held, what a decoder's buffer sees, and two passes beside one.

    python -m benchmarks.ratecontrol CLIPS [--size 176x144] [--larger 352x288] [--full NAME,NAME,...] [--seconds 12.2] [--every 2]
                                     [--preset fast] [--output benchmarks/results/ratecontrol.json]

CLIPS is a folder of videos. Each is scaled to one size, one of `every` frames kept, and looped; "all" has two seconds of each, one after another,
which is also coded at a larger size; and each NAME is coded at its own size too. Bitrates are 0.1 bits per pixel. "worst" is the largest share by
which any 10 seconds after the first 2 are off the bitrate, "windows" those of the 10 seconds that begin with each second from the third on, "whole"
that of the whole. CBR has a buffer of one second, and its filler is a share of all bits. Of two passes, in which the whole counts, windows are not
held. Two passes and one are compared on "all": PSNR of the mean error, and mean PSNR of frames (6:1:1). The record is saved after every run, and one
that stands in it is not made again.
"""
from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np

from zvc69 import Decoder, Encoder, Frame, Packet, Statistics
from zvc69.bitstream import FrameType, Payload
from zvc69.codec.ratecontrol import first_pass
from zvc69.metrics.psnr import frame_psnr

from .environment import environment

BITS_PER_PIXEL = 0.1
WINDOW, SETTLING = 10, 2
SCENE = 2.0
"""Seconds of each clip in "all"."""
RATE = 30
"""Frames a second of "all", if none are left out."""


def sides(size: str) -> tuple[int, int]:
    width, height = map(int, size.split("x"))
    return width, height


def names(text: str) -> list[str]:
    return text.split(",")


def joined(clips: Iterable[tuple[list[Frame], Fraction]]) -> list[Frame]:
    """The first seconds of each, one after another."""
    return [frame for frames, rate in clips for frame in islice(cycle(frames), round(SCENE * rate))]


def load(path: Path, size: tuple[int, int] | None, every: int) -> tuple[list[Frame], Fraction]:
    """One of `every` frames, scaled (None: as it is), and the rate of those."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        pictures = [picture.reformat(*(size or (picture.width, picture.height)), format="yuv420p", interpolation="BICUBIC")
                    for n, picture in enumerate(container.decode(video=0)) if n % every == 0]
    return [Frame(*planes(picture)) for picture in pictures], Fraction(rate).limit_denominator(1001) / every


def planes(picture: av.VideoFrame) -> Iterator[np.ndarray]:
    array, (height, width) = picture.to_ndarray(), (picture.height, picture.width)
    yield array[:height]
    for plane in array[height:].reshape(2, height // 2, width // 2):
        yield np.ascontiguousarray(plane)


def coded(frames: list[Frame], rate: Fraction, options: dict, statistics: Statistics | None = None) -> tuple[Encoder, list[Packet]]:
    encoder = Encoder(frames[0].width, frames[0].height, rate, statistics=statistics, **options | dict(threads=1))
    encoder.collect()
    return encoder, [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()


def accuracy(packets: list[Packet], kbps: float, rate: Fraction) -> dict:
    """Shares that windows and the whole are off the bitrate by, and what the QPs were."""
    bits = np.array([8 * len(packet) for packet in packets])
    length, begin = math.ceil(WINDOW * rate), math.ceil(SETTLING * rate)
    sums = np.convolve(bits[begin:], np.ones(length), "valid") / (1000 * kbps * length / float(rate)) - 1
    qps = [packet.header.qp for packet in packets]
    windows = [round(float(share), 4) for share in sums[::max(round(rate), 1)]]
    return dict(frames=len(bits), kbps=round(kbps, 2), worst=round(float(max(sums, key=abs)), 4), windows=windows,
                whole=round(float(bits.mean()) * float(rate) / (1000 * kbps) - 1, 4),
                mean_qp=round(statistics.mean(qps), 2), at_bounds=sum(qp in (0, 63) for qp in qps),
                b_frames=sum(packet.type == FrameType.B for packet in packets))


def vbv(packets: list[Packet], rate: float, size: float) -> dict:
    """The leaky bucket of docs/INTERNALS.md, worked out from the packets alone: fullness in per cent as frames are taken out, underflows, overflows."""
    content, trace, under, over = 0.9 * size, [], 0, 0
    for packet in packets:
        content -= 8 * len(packet)
        under += content < 0
        trace.append(round(100 * content / size, 1))
        over += content + rate > size + 1
        content = min(content + rate, size)
    return dict(underflows=under, overflows=over, lowest=min(trace), trace=trace)


def filler(packets: list[Packet]) -> float:
    """Share of the bytes that is filler."""
    return sum(Payload.unpack(packet.payload, packet.type, filler=True, loop_filter=True).filler_bytes for packet in packets) / sum(map(len, packets))


def held(frames: list[Frame], rate: Fraction, mode: str, preset: str) -> dict:
    """One clip at one bitrate."""
    kbps = bitrate_of(frames, rate)
    options = dict(bitrate=kbps, preset=preset) | (dict(vbv_bufsize=kbps) if mode == "cbr" else {})
    encoder, packets = coded(frames, rate, options)
    result = accuracy(packets, kbps, rate) | dict(reencodes=encoder.reencodes)
    if mode == "cbr":
        result["vbv"] = vbv(packets, 1000 * kbps / float(rate), 1000 * kbps) | dict(filler=round(filler(packets), 4))
    return result


def held_in_two(frames: list[Frame], rate: Fraction, preset: str) -> dict:
    """One clip at one bitrate in two passes."""
    kbps, encoder, packets = in_two(frames, rate, preset)
    return accuracy(packets, kbps, rate) | dict(reencodes=encoder.reencodes)


def in_two(frames: list[Frame], rate: Fraction, preset: str) -> tuple[float, Encoder, list[Packet]]:
    kbps = bitrate_of(frames, rate)
    options = dict(bitrate=kbps, preset=preset)
    config = Encoder(frames[0].width, frames[0].height, rate, **options).config
    first, _ = coded(frames, rate, first_pass(config).to_dict())
    return kbps, *coded(frames, rate, options, first.statistics())


def bitrate_of(frames: list[Frame], rate: Fraction) -> float:
    return BITS_PER_PIXEL * frames[0].width * frames[0].height * float(rate) / 1000


def quality(frames: list[Frame], encoder: Encoder, packets: list[Packet]) -> dict:
    values = [frame_psnr(original, frame).weighted for original, frame in zip(frames, Decoder(encoder.header, threads=1).decode_all(packets))]
    overall = -10 * math.log10(statistics.mean(10 ** (-value / 10) for value in values))
    return dict(kbps=round(8 * sum(map(len, packets)) / len(packets) * float(encoder.header.fps) / 1000, 2), psnr_of_mean_error=round(overall, 3),
                mean_psnr=round(statistics.mean(values), 3), worst_psnr=round(min(values), 2))


def passes(frames: list[Frame], rate: Fraction, preset: str) -> dict:
    """The same bitrate in one pass and in two."""
    kbps = bitrate_of(frames, rate)
    one = quality(frames, *coded(frames, rate, dict(bitrate=kbps, preset=preset)))
    two = quality(frames, *in_two(frames, rate, preset)[1:])
    return dict(target=round(kbps, 2), one=one, two=two, two_off=round(two["kbps"] / kbps - 1, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--size", default="176x144")
    parser.add_argument("--larger", default="352x288")
    parser.add_argument("--full", type=names, default=["night_lights_640x360"],
                        help="names of the clips that are coded at their own size too, with commas between them")
    parser.add_argument("--seconds", type=float, default=12.2, help="length of each looped clip")
    parser.add_argument("--every", type=int, default=2, help="of so many frames one is kept")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--output", type=Path, help="the record (JSON)")
    arguments = parser.parse_args()
    record = json.loads(arguments.output.read_text()) if arguments.output and arguments.output.exists() else {}
    conditions = dict(size=arguments.size, seconds=arguments.seconds, every=arguments.every, preset=arguments.preset, bits_per_pixel=BITS_PER_PIXEL)
    if record.get("conditions") != conditions:
        record = dict(conditions=conditions, runs={})
    record = environment(f"python -m benchmarks.ratecontrol CLIPS --size {arguments.size} --larger {arguments.larger} --full {','.join(arguments.full)} "
                         f"--seconds {arguments.seconds:g} --every {arguments.every} --preset {arguments.preset}") | {
        "method": " ".join(__doc__.split("\n\n", 2)[2].split()), "conditions": conditions, "runs": record["runs"]}

    def run(name: str, work) -> None:
        if name not in record["runs"]:
            record["runs"][name] = work()
            print(name, {key: value for key, value in record["runs"][name].items() if key not in ("vbv", "windows")}, flush=True)
            if arguments.output:
                arguments.output.write_text(json.dumps(record, indent=1) + "\n")

    def run_all(name: str, clip) -> None:
        """clip() gives frames and their rate: once, and only if a run needs them."""
        @cache
        def looped() -> tuple[list[Frame], Fraction]:
            frames, own_rate = clip()
            return list(islice(cycle(frames), round(arguments.seconds * own_rate))), own_rate

        for mode in ("cbr", "vbr"):
            run(f"{name} {mode}", lambda: held(*looped(), mode, arguments.preset))
        run(f"{name} two-pass", lambda: held_in_two(*looped(), arguments.preset))

    paths, rate = sorted(arguments.clips.iterdir()), Fraction(RATE, arguments.every)
    by_name = {path.stem: path for path in paths}
    if unknown := [name for name in arguments.full if name not in by_name]:
        parser.error(f"no clip {', '.join(unknown)} in {arguments.clips}: there are {', '.join(by_name)}")
    clips = {path.stem: load(path, sides(arguments.size), arguments.every) for path in paths}
    everything = joined(clips.values())
    for mode in ("cbr", "vbr"):
        run(f"all {mode}", lambda: held(everything, rate, mode, arguments.preset))
    run("passes", lambda: passes(everything, rate, arguments.preset))
    for name, clip in clips.items():
        run_all(name, lambda: clip)
    run(f"all at {arguments.larger} cbr",
        lambda: held(joined(load(path, sides(arguments.larger), arguments.every) for path in paths), rate, "cbr", arguments.preset))
    for name in arguments.full:
        run_all(f"{name} at full size", lambda: load(by_name[name], None, arguments.every))


if __name__ == "__main__":
    main()
