"""Writes docs/BENCHMARKS.md from the JSON files under benchmarks/results.

    python -m benchmarks.report
"""
from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from statistics import mean

from zvc69.bench.plots import write_plots
from zvc69.bench.tables import markdown

RESULTS = Path(__file__).parent / "results"
TRACE_STEP = 10
"""Frames of a buffer's trace that are put together."""
PAGE = Path(__file__).parents[1] / "docs" / "BENCHMARKS.md"


def load(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def heading(title: str, result: dict) -> list[str]:
    versions = ", ".join(f"{k} {v}" for k, v in result["packages"].items())
    return ["", f"## {title}", "", f"`{result['command']}`, {result['date']}, {result['cpu']}, Python {result['python']}, {versions}.", ""]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]]


def video() -> list[str]:
    """What `zvc69 bench rd CLIPS --json benchmarks/results/rd.json` measured; its plots are drawn beside the page. Nothing without that file."""
    if not (RESULTS / "rd.json").exists():
        return []
    rd = load("rd")
    plots = write_plots(rd, PAGE.parent / "plots")
    addresses = {clip: f"{path.parent.name}/{path.name}" for clip, path in plots.items()}
    return heading("Video: rate and distortion", rd) + [markdown(rd, addresses, level=3).rstrip()]


def intra(name: str, title: str) -> list[str]:
    rd = load(name)
    codecs = list(rd["mean"])
    lines = heading(title, rd) + [
        f"Means over {len(rd['curves'])} pictures. Bytes of the packet; peers likewise without the parameter sets that a container stores once. "
        "x264 and x265 at preset medium and constant quantiser (their best PSNR), JPEG with optimised Huffman tables, WebP at method 6.", ""]
    count = max(len(p) for p in rd["mean"].values())
    rows = [[f"{p[i]['bpp']:.3f} / {p[i]['psnr']:.2f}" if i < len(p) else "" for p in rd["mean"].values()] for i in range(count)]
    lines += table([f"{c}: bpp / dB" for c in codecs], rows) + [""]
    pictures = list(next(iter(rd["bd_rate"].values()))["pictures"])
    rows = [[peer, f"{r['mean']:+.1f} %", *(f"{r['pictures'][p]:+.0f}" for p in pictures)] for peer, r in rd["bd_rate"].items()]
    return lines + table(["BD-rate of lite against", "mean", *pictures], rows)


def speed() -> list[str]:
    """What `benchmarks.speed` (of two presets, if both files are there), `benchmarks.exactness` and `benchmarks.endurance` measured, as far as their
    files are there."""
    lines = speed_of("speed")
    if (RESULTS / "speed_ultrafast.json").exists():
        lines += speed_of("speed_ultrafast")
    return lines + exactness() + endurance()


def speed_of(name: str) -> list[str]:
    """One file of `benchmarks.speed`."""
    result = load(name)
    clips = sorted(result["clips"].items(), key=lambda item: pixels(item[1]["size"]))
    lines = heading(f"Speed, preset {result['preset']}", result) + [
        f"Model {result['model']}, QP {result['qp']}, {result['cores']} cores. Frames a second, processor time of a frame (at most, with nothing else to do, "
        f"{result['cores']} x 1000 / ms frames a second; the machine was busy), and the networks' share of wall-clock time.", ""]
    rows = [[clip, found["size"], backend, *(f"{r['fps']:.1f} / {r['cpu_ms']:.1f} ms / {r['networks']:.0%}" for r in (speeds["encode"], speeds["decode"]))]
            for clip, found in clips for backend, speeds in found["backends"].items()]
    lines += table(["clip", "size", "backend", "encode: fps / processor / networks", "decode: fps / processor / networks"], rows)
    rows = [[clip, backend, what, ", ".join(f"{name} {ms:.1f}" for name, ms in speeds[what]["stages"].items() if ms >= 0.05),
             f"{speeds[what]['peak_rss_mb']:.0f}"]
            for clip, found in clips for backend, speeds in found["backends"].items() for what in ("encode", "decode")]
    lines += ["", "Where the time goes, milliseconds a frame:", ""] + table(["clip", "backend", "", "stages", "peak memory, MB"], rows)
    rows = [[clip, f"{found['copied']:.0%}", *(f"{found['tiles'][what]['fps']:.2f} / {found['tiles'][what]['cpu']:.2f}" for what in ("encode", "decode"))]
            for clip, found in clips if "tiles" in found]
    if rows:
        lines += ["", "Networks run on the parts of a frame that are not copied, against all of it (ONNX Runtime): "
                  "times as fast by the clock / by processor time.", ""]
        lines += table(["clip", "copied", "encode", "decode"], rows)
    return lines


def pixels(size: str) -> int:
    """Pixels of "640x360"."""
    width, height = map(int, size.split("x"))
    return width * height


def exactness() -> list[str]:
    if not (RESULTS / "exactness.json").exists():
        return []
    result = load("exactness")
    lines = heading("Exactness", result) + [
        f"{result['clip']}, forwards and backwards, QP {result['qp']}, a keyframe every {result['gop']} frames, model {result['model']}. Frames of "
        "which every instruction set parses the same symbols, and dB that a decoder on another backend loses: mean / worst frame.", ""]
    others = sorted({other for found in result["encoders"].values() for other in found["drift"]})
    rows = [[name, str(found["frames"]), ", ".join(f"{level} {count}" for level, count in found["symbols"].items()), f"{found['psnr']:.2f}",
             *(f"{found['drift'][other]['mean']:.4f} / {found['drift'][other]['worst']:.4f}" if other in found["drift"] else "" for other in others)]
            for name, found in result["encoders"].items()]
    return lines + table(["coded by", "frames", "equal symbols", "PSNR, dB", *(f"lost by {other}" for other in others)], rows)


def endurance() -> list[str]:
    if not (RESULTS / "endurance.json").exists():
        return []
    result = load("endurance")
    return heading("Memory over a long run", result) + [
        f"{result['clip']}, {result['frames']} frames coded and decoded in one process, model {result['model']}: MB resident after every tenth of them "
        f"{', '.join(f'{size:.0f}' for size in result['rss_mb'])}; {result['growth_mb']:.1f} MB more than after the second tenth at most. "
        "All threads share one arena of glibc's allocator."]


TOOLS = {"no-vectors": "vectors (against `--motion none`)", "one-reference": "slot B and older references (against `--reference-frames 1`)",
         "plain-rounding": "rounding by rate and distortion (against `--rounding plain`)", "flow": "the search alone (against `--motion flow`)",
         "no-loop-filter": "the loop filter (against `--no-loop-filter`)"}


def tools() -> list[str]:
    """What `zvc69 bench rd CLIPS --set IP --set no-vectors=motion=none ... --json benchmarks/results/tools.json` measured, if that file is there."""
    if not (RESULTS / "tools.json").exists():
        return []
    rd = load("tools")
    averages = rd["bd_rate"]["psnr"]["IP"]
    clips = list(rd["curves"])
    rows = [[meaning, f"{averages[name]['mean']:+.1f} %", *(f"{averages[name]['clips'][clip]:+.1f}" for clip in clips)]
            for name, meaning in TOOLS.items() if name in averages]
    settings = rd["settings"]
    return heading("What parts of the encoder gain", rd) + [
        f"BD-rate (PSNR 6:1:1) of the default encoder against itself without a part, {settings['frames']} frames of a clip, QP "
        f"{', '.join(map(str, settings['qps']))}: negative is what the part gains.", ""] + table(["part", "mean", *clips], rows)


RUNS = {"B": "7 B frames before every P frame (`--b-frames 7`)", "auto": "where a trial shows that they cost less (`--b-frames auto`)"}


def runs() -> list[str]:
    """What `zvc69 bench rd CLIPS --set IP=b_frames=0 --set B=b_frames=7 --set auto=b_frames=auto --json benchmarks/results/b_frames.json` measured, if
    that file is there."""
    if not (RESULTS / "b_frames.json").exists():
        return []
    rd = load("b_frames")
    averages, clips, settings = rd["bd_rate"]["psnr"], list(rd["curves"]), rd["settings"]
    rows = [[meaning, f"{averages[name]['IP']['mean']:+.1f} %", *(f"{averages[name]['IP']['clips'][clip]:+.1f}" for clip in clips)]
            for name, meaning in RUNS.items()]
    return heading("B frames", rd) + [
        f"Random access against low delay (`--b-frames 0`): BD-rate (PSNR 6:1:1) against P frames alone, {settings['frames']} frames of a clip, "
        f"QP {', '.join(map(str, settings['qps']))}.", ""] + table(["B frames", "mean", *clips], rows)


MOTION = """\
The first {frames} frames of each clip, coded by the peer as I P P P ... (preset medium, constant quantiser, one reference). Our search predicts the same
source frames from the pictures that the peer decoded, at the QP of the same step. PSNR is that of the luma prediction, bits are those of motion a frame.
x264: its vectors, exported by FFmpeg's decoder, through our compensation, without the blocks that it codes as intra; bits of them by our coder, and in brackets
those that its own log counts (vectors, partitions and modes). Cost: absolute error + 0.45 step bits, ours against its vectors by our coder.
x265: FFmpeg's HEVC decoder exports no vectors, so its fields cannot be compared as fields; PSNR (intra blocks included, its own interpolation) and bits are
those of its log."""
FLOW = """\
What candidates of the flow network (`--motion flow`) add to the search, from source frames at the step of the peers' QP {qp}: cost against effort 1 without
them, and CPU time of a frame on one thread. The default is the search alone: what time there is, effort 2 uses better than the network."""


def motion() -> list[str]:
    """What `benchmarks.motion_quality` measured. Nothing without that file."""
    if not (RESULTS / "motion_quality.json").exists():
        return []
    result = load("motion_quality")
    clips, qps = result["clips"], [str(qp) for qp in result["peer_qps"]]
    rows, costs = [], []
    for clip, qp in product(clips, qps):
        a, b = clips[clip]["x264"][qp], clips[clip]["x265"][qp]
        costs.append(a["cost"])
        rows.append([clip, qp, _predicted(a["ours"]), f"{_predicted(a['x264'])} ({a['x264']['own_bits']})", f"{a['cost']:+.1f} %", f"{a['intra']:.0%}",
                     _predicted(b["ours"]), f"{b['x265']['psnr']:.2f} / {b['x265']['own_bits']}"])
    head = ["clip", "peer's QP", "ours: dB / bits", "x264: dB / bits (its own)", "cost", "intra in x264", "ours, x265's pictures: dB / bits",
            "x265: dB / bits"]
    lines = heading("Motion beside x264 and x265", result) + [MOTION.format(frames=result["frames"]), ""] + table(head, rows)
    lines += ["", f"Mean cost against x264's vectors: {mean(costs):+.2f} %.", "", FLOW.format(qp=qps[len(qps) // 2]), ""]
    kinds = list(next(iter(clips.values()))["flow"])
    rows = [[clip, *(_cost(figures["flow"][kind]) for kind in kinds)] for clip, figures in clips.items()]
    means = [{key: mean([figures["flow"][kind][key] for figures in clips.values()]) for key in ("cost", "ms")} for kind in kinds]
    return lines + table(["clip", *kinds], [*rows, ["mean", *map(_cost, means)]])


def _predicted(figures: dict[str, float]) -> str:
    return f"{figures['psnr']:.2f} / {figures['bits']}"


def _cost(figures: dict[str, float]) -> str:
    return f"{figures['cost']:+.2f} % / {figures['ms']:.1f} ms"


def compensation() -> list[str]:
    """What `benchmarks.bench_motion` measured of motion compensation. Nothing without that file."""
    if not (RESULTS / "motion.json").exists():
        return []
    result = load("motion")
    times: dict[str, dict[str, dict[str, float]]] = {}
    for name, found in result["compensation_ms"].items():
        what, threads = name.split(", ")
        times.setdefault(what, {})[threads] = found
    kinds = list(next(iter(times.values())))
    rows = [[what, *(f"{found[kind]['median']:.2f} ({found[kind]['least']:.2f})" for kind in kinds)] for what, found in times.items()]
    return heading("Motion compensation beside OpenCV", result) + [
        "Milliseconds for the three planes of a 1920x1080 picture in 4:2:0, median (least) of interleaved rounds; opencv-python-headless "
        f"{result['opencv']}. The worst case: every block of 8x8 has a random vector of its own, within 15 pixels; a flow is the same vectors, one for "
        "each luma sample; remap takes maps of floats.", ""] + table(["", *(kind.replace("1 threads", "1 thread") for kind in kinds)], rows)


def presets() -> list[str]:
    """What `benchmarks.lockstep presets` measured. Nothing without that file."""
    if not (RESULTS / "presets.json").exists():
        return []
    result = load("presets")
    lines = heading("Presets", result) + [
        f"Against medium: BD-rate over {result['frames']} frames of each clip (QP {', '.join(next(iter(result['points'].values())))}), and time of a frame. "
        f"{smaller(result)}Times are the processor's for all frames, trials included; all presets give a packet in turn, so that they are to be compared.", ""]
    clips = list(next(iter(result["summary"].values()))["bd_psnr"]["clips"])
    rows = [[name, f"x {r['encode_time']:.2f}", f"x {r['decode_time']:.2f}", f"{r['bd_psnr']['mean']:+.2f} %", f"{r['bd_ms_ssim']['mean']:+.2f} %",
             *(f"{r['bd_psnr']['clips'][clip]:+.1f}" for clip in clips)] for name, r in result["summary"].items()]
    lines += table(["preset", "time to encode", "to decode", "BD-rate, PSNR 6:1:1", "BD-rate, MS-SSIM", *(f"PSNR, {clip}" for clip in clips)], rows)
    for clip, by_qp in result["points"].items():
        if clip not in clips:     # one QP gives no BD-rate
            lines += ["", f"{clip}: " + "; ".join(f"QP {qp}: " + ", ".join(f"{name} {p['bpp']:.4f} bpp, {p['psnr']:.2f} dB" for name, p in row.items())
                                                 for qp, row in by_qp.items()) + "."]
    return lines


def smaller(result: dict) -> str:
    """What was done to clips that were too large for the time."""
    return f"Clips wider than {result['widest']} were made smaller, a whole number of times each way. " if result["widest"] < 16384 else ""


def lookahead() -> list[str]:
    """What `benchmarks.lockstep lookahead` measured of groups of so many frames (`lookahead_N.json`). Nothing without such files."""
    results = [json.loads(path.read_text()) for path in RESULTS.glob("lookahead_*.json")]
    if not results:
        return []
    results.sort(key=lambda result: result["frames"])
    lines = heading("Lookahead", results[0]) + [
        "What keyframes that fit the frames behind them bring, against the same offset for all of them: BD-rate (PSNR 6:1:1) of the default encoder "
        f"on {len(results[0]['points'])} training clips (QP {', '.join(next(iter(results[0]['points'].values())))}) "
        "that end after so many frames, as a scene does.", ""]
    ways = [way for way in results[0]["variants"] if way != "0"]
    return lines + table(["frames", *(f"--lookahead {way}" for way in ways)], [
        [str(result["frames"]), *(f"{result['summary'][way]['bd_psnr']['mean']:+.2f} % ({min(each):+.1f} to {max(each):+.1f})"
                                  for way in ways for each in [result["summary"][way]["bd_psnr"]["clips"].values()])] for result in results])


def refinement() -> list[str]:
    """What `benchmarks.refinement` measured. Nothing without that file."""
    if not (RESULTS / "refinement.json").exists():
        return []
    result = load("refinement")
    clips = list(result["points"])
    lines = heading("Refinement of latents", result) + [
        f"Training clips, {result['frames']} frames each, a keyframe and P frames in a chain, QP {', '.join(map(str, result['qps']))}: BD-rate "
        "(PSNR 6:1:1) against coding without refinement, of chains and of their keyframes alone, and processor time to code a frame, in turn in one "
        "run. Steps are those of `--refinement`. The last two bring nothing and are not in the encoder: zeroing whole 8x8 positions where that costs "
        "less by the real picture and tables, after 6 steps; and coding every frame at three QPs, of which the one is kept that costs least at its own.", ""]
    rows = [[way, f"{r['chain']:+.2f} %", f"{r['keyframes']:+.2f} %", f"x {r['time']:.2f}", *(f"{r['clips'][clip]:+.1f}" for clip in clips)]
            for way, r in result["summary"].items() if way != "none"]
    return lines + table(["", "chains", "keyframes", "time to encode", *clips], rows)


def tunes() -> list[str]:
    """What `benchmarks.lockstep tunes` and `benchmarks.block_qp` measured. Nothing without these files."""
    if not (RESULTS / "tunes.json").exists():
        return []
    result = load("tunes")
    visual, clips = result["summary"]["visual"], list(result["points"])
    lines = heading("Tune visual", result) + [
        f"BD-rate of `--tune visual` against `--tune psnr`, {result['frames']} frames of each clip: negative is what it gains. "
        f"Time to encode x {visual['encode_time']:.2f}.", ""]
    lines += table(["quality", "mean", *clips], [[name, f"{visual[key]['mean']:+.2f} %", *(f"{visual[key]['clips'][clip]:+.1f}" for clip in clips)]
                                                 for key, name in (("bd_ms_ssim", "MS-SSIM of luma"), ("bd_psnr", "PSNR 6:1:1"))])
    if not (RESULTS / "block_qp.json").exists():
        return lines
    blocks = load("block_qp")
    lines += ["", f"`{blocks['command']}`: what a map of QPs in the stream would bring, on I frames (means over {len(blocks['pictures'])} pictures). "
              "Blocks of 32x32 are taken from the picture coded at their own QP, as if their coding did not depend on neighbours and the map cost nothing.", ""]
    return lines + table(["", "BD-rate, MS-SSIM", "BD-rate, PSNR 6:1:1"], [[way, f"{r['ms_ssim']:+.2f} %", f"{r['psnr']:+.2f} %"]
                                                                          for way, r in blocks["mean"].items()])


def rate_control() -> list[str]:
    """What `benchmarks.ratecontrol` measured. Nothing without that file."""
    if not (RESULTS / "ratecontrol.json").exists():
        return []
    result = load("ratecontrol")
    runs = {name: run for name, run in result["runs"].items() if name != "passes"}
    lines = heading("Rate control", result) + [result["method"], ""]

    def buffer(vbv: dict) -> str:
        filler = f", {vbv['filler']:.1%} filler" if vbv.get("filler") else ""
        return f"{vbv['underflows']} / {vbv['overflows']}, {vbv['lowest']:.0f} %{filler}"

    rows = [[*name.rsplit(" ", 1), f"{run['kbps']:.1f}", f"{run['frames']} ({run['b_frames']})", f"{run['worst']:+.1%}",
             " ".join(f"{100 * share:+.1f}" for share in run["windows"]), f"{run['whole']:+.1%}", f"{run['mean_qp']:.1f}", str(run["reencodes"]),
             buffer(run["vbv"]) if "vbv" in run else ""] for name, run in runs.items()]
    lines += table(["clip", "mode", "kbit/s", "frames (of these B)", "worst 10 s", "10 s from 2, 3, ... s, %", "whole", "mean QP", "coded again",
                    "buffer: under- / overflows, lowest"], rows)
    trace = runs.get("all cbr", {}).get("vbv", {}).get("trace", [])
    if trace:
        parts = [trace[n:n + TRACE_STEP] for n in range(0, len(trace), TRACE_STEP)]
        lines += ["", "The buffer of \"all\" at a constant rate, in per cent of its size just after a frame was taken out; "
                  f"lowest and highest of each {TRACE_STEP} frames: "
                  + ", ".join(f"{min(part):.0f}-{max(part):.0f}" for part in parts) + "."]
    if "passes" in result["runs"]:
        both = result["runs"]["passes"]
        rows = [[name, f"{run['kbps']:.2f}", f"{run['psnr_of_mean_error']:.2f}", f"{run['mean_psnr']:.2f}", f"{run['worst_psnr']:.2f}"]
                for name, run in (("one pass", both["one"]), ("two passes", both["two"]))]
        lines += ["", f"\"all\" in one pass and in two, {both['target']:.2f} kbit/s asked for:", ""]
        lines += table(["", "kbit/s", "PSNR of the mean error, dB", "mean PSNR, dB", "worst frame, dB"], rows)
    return lines


def entropy() -> list[str]:
    result = load("entropy")
    levels = sorted({k.split(" ", 1)[1] for c in result["cases"].values() for k in c["times_faster"]}, key=["scalar", "avx2", "avx512"].index)
    rows = [[name, *(f"{c['times_faster'][f'encode {level}']:.1f} / {c['times_faster'][f'decode {level}']:.1f}" for level in levels)]
            for name, c in result["cases"].items()]
    return heading("Entropy coder against constriction", result) + [
        "Times faster than constriction's QuantizedGaussian on the same symbols and sigmas, encode / decode; "
        f"{result['method']}.", ""] + table(["case", *levels], rows)


def kernels() -> list[str]:
    result = load("core")
    rows = [[name, *(f"{c['times_faster_than_scalar'].get(level, 0):.2f}" for level in ("avx2", "avx512")),
             f"{max(c['times_faster_than_numpy'].values()):.1f}" if "times_faster_than_numpy" in c else ""] for name, c in result["cases"].items()]
    return (heading("Kernels against their scalar form", result) + [f"{result['method']}. The last column: times faster than NumPy, the better of both.", ""]
            + table(["kernel", "AVX2", "AVX-512", "NumPy"], rows))


def main() -> None:
    lines = ["# Benchmarks", "", "Made by `python -m benchmarks.report` from the files under `benchmarks/results`. Speeds are ratios within one run; "
             "the machine had two cores and other work."]
    lines += (video() + tools() + runs() + presets() + lookahead() + refinement() + tunes() + motion() + compensation()
              + intra("rd_intra", "Stills: rate and distortion") + intra("rd_first_frames", "First frames of clips"))
    lines += rate_control() + speed() + entropy() + kernels()
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
