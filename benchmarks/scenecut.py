"""Scene cut detection: precision and recall by kind of event, beside x264's, and its time.

    python -m benchmarks.scenecut SHOTS [--each 150] [--seed 1] [--threshold 0.66] [--output benchmarks/results/scenecut.json]

SHOTS is a folder of videos without cuts, two or more of a size; the part of a name before "_" says which are of one source.
Sequences with and without cuts are made from them (`scenecut_cases`). "found" are cuts at the very frame; "false" cuts where
there are none; "allowed" ones where nothing of the scene before is left for 1 to 3 frames. Joining shots of one source
(cut_same_source) often joins two moments of one view, which is no cut to a codec: there is no recall to be read there.

x264 runs in the same way that a detector is called: keyint 250, min-keyint 1, scenecut 40, once without B frames and
lookahead (low delay), once as preset medium has it; its I frames count.
"""
from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import thread_time

import av
import numpy as np
from av.video.frame import PictureType

from zvc69.codec.scenecut import FLASH, THRESHOLD, SceneCutDetector

from .environment import environment
from .scenecut_cases import Case, Shot, cases, load_shot

SIZES = ((640, 360), (1280, 720), (1920, 1080))


def detected(frames: Shot, threshold: float, lookahead: int) -> set[int]:
    """Numbers of the frames that the detector calls cuts."""
    detector = SceneCutDetector(frames.shape[2], frames.shape[1], 8, threshold=threshold)
    return {n for n, luma in enumerate(frames) if detector.push(luma, following=frames[n + 1 : n + 1 + lookahead]).cut}


def x264_keyframes(frames: Shot, options: dict[str, str]) -> set[int]:
    """Numbers of x264's I frames but the first; gray pictures, sides cut to even ones."""
    height, width = (size // 2 * 2 for size in frames.shape[1:])
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.thread_count = 1
    context.options = {"crf": "30", "x264-params": "keyint=250:min-keyint=1:scenecut=40:threads=1:log-level=-1", **options}
    decoder = av.CodecContext.create("h264", "r")
    chroma = np.full((height // 2, width), 128, np.uint8)
    packets = []
    for n, luma in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.concatenate([luma[:height, :width], chroma]), format="yuv420p")
        picture.pts = n
        packets += context.encode(picture)
    packets += context.encode(None)
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    if len(pictures) != len(frames):
        raise RuntimeError(f"x264 gave {len(pictures)} pictures of {len(frames)}")
    return {n for n, picture in enumerate(pictures) if n and picture.pict_type == PictureType.I}


def detectors(threshold: float, x264: bool) -> dict[str, Callable[[Shot], set[int]]]:
    ours = {"zvc69": partial(detected, threshold=threshold, lookahead=0), f"zvc69, lookahead {FLASH}": partial(detected, threshold=threshold, lookahead=FLASH)}
    theirs = {"x264 low delay": partial(x264_keyframes, options={"preset": "medium", "tune": "zerolatency"}),
              "x264 medium": partial(x264_keyframes, options={"preset": "medium"})}
    return ours | theirs if x264 else ours


def judged(case: Case, called: set[int]) -> dict[str, int]:
    wrong = called - {*case.cuts}
    return {"found": len(called & {*case.cuts}), "allowed": len(called & {*case.tolerated}), "false": len(wrong - {*case.tolerated}),
            "cases_with_two": int(len(wrong) > 1)}


def accuracy(folder: Path, each: int, seed: int, threshold: float, x264: bool) -> dict:
    found_by = detectors(threshold, x264)
    totals: dict[str, dict] = {}
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for case in cases(folder, each, seed):
        total = totals.setdefault(case.kind, {"cases": 0, "frames": 0, "cuts": 0})
        for key, value in (("cases", 1), ("frames", len(case.frames)), ("cuts", len(case.cuts))):
            total[key] += value
        for name, detector in found_by.items():
            for key, value in judged(case, detector(case.frames)).items():
                counts[case.kind, name][key] += value
    for (kind, name), count in counts.items():
        totals[kind][name] = dict(count) | rates(totals[kind]["cuts"], count)
    cutting = [kind for kind in totals if totals[kind]["cuts"] and kind != "cut_same_source"]
    totals["all but cut_same_source"] = {name: rates(sum(totals[k]["cuts"] for k in cutting), {
        "found": sum(totals[k][name]["found"] for k in cutting),
        "false": sum(totals[k][name]["false"] for k in totals if k != "cut_same_source")}) for name in found_by}
    return totals


def rates(cuts: int, count: dict[str, int]) -> dict[str, float]:
    if not cuts:
        return {}
    called = count["found"] + count["false"]
    return {"recall": round(count["found"] / cuts, 4), "precision": round(count["found"] / called, 4) if called else 1.0}


def speed(folder: Path) -> dict:
    """CPU milliseconds a frame: a shot's frames and, dearer, cuts at every other frame that are no flash."""
    paths = sorted(folder.iterdir())
    result = {}
    for width, height in SIZES:
        shots = []
        for shot in map(load_shot, paths[:: len(paths) // 8]):
            rows, columns = (np.arange(size) * old // size for size, old in zip((height, width), shot.shape[1:], strict=True))
            shots.append(np.ascontiguousarray(shot[:8, rows[:, None], columns]))
        changing = np.concatenate([shot[:2] for shot in shots])
        result[f"{width}x{height}"] = {"shot": spent(np.concatenate(shots)), "cut every other frame": spent(changing)}
    return result


def spent(frames: Shot) -> dict[str, float]:
    times = []
    for _ in range(3):
        detector = SceneCutDetector(frames.shape[2], frames.shape[1], 8)
        for luma in frames:
            start = thread_time()
            detector.push(luma)
            times.append(1000 * (thread_time() - start))
    return {"median": round(statistics.median(times), 3), "99 % below": round(statistics.quantiles(times, n=100)[98], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shots", type=Path)
    parser.add_argument("--each", type=int, default=150, help="cases of every kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--no-x264", action="store_true")
    parser.add_argument("--output", type=Path, help="write the record (JSON) here")
    arguments = parser.parse_args()
    times = speed(arguments.shots)
    record = environment(f"python -m benchmarks.scenecut SHOTS --each {arguments.each} --seed {arguments.seed}") | {
        "threshold": arguments.threshold,
        "method": " ".join(__doc__.split("\n\n", 2)[2].split()),
        "cpu_ms_a_frame": times,
        "kinds": accuracy(arguments.shots, arguments.each, arguments.seed, arguments.threshold, not arguments.no_x264),
    }
    text = json.dumps(record, indent=2)
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
