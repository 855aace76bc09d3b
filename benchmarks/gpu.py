"""The CUDA backend on the GPU of this machine: is it right, how fast is each part, and what would other cards do.

    benchmarks/gpu.sh [--sizes 1280x720 1920x1080] [--models lite main] [--frames 8] [--out FILE]
    python -m benchmarks.gpu --table            the tables of a record; needs no GPU
    python -m benchmarks.gpu --project          floors of the networks for cards by their data sheets, and what they would do by the record; needs none
    python -m benchmarks.gpu --emulate          everything on a CPU, in small: a rehearsal

`main` has weights of no meaning until it is trained, with as many coded symbols as a trained model has, about: its speed counts, not its bytes. Vectors are
given but where it says searched. Times of parts are medians of several rounds with the device waited for at the end of each. A part that fails is
reported, and the others run all the same.
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

from . import without_av

AV_MISSING = without_av.install()

import numpy as np  # noqa: E402

from zvc69.bitstream import FilterSet  # noqa: E402
from zvc69.codec.loop_filter import choose  # noqa: E402
from zvc69.core import motion  # noqa: E402
from zvc69.core.motion import MotionField  # noqa: E402
from zvc69.cuda.device import CupyDevice, Device  # noqa: E402
from zvc69.cuda.latents import FrameKind  # noqa: E402
from zvc69.cuda.network import Networks, Plan  # noqa: E402
from zvc69.cuda.pictures import PictureShape  # noqa: E402
from zvc69.cuda.pipeline import DeviceModel, FrameCodec  # noqa: E402
from zvc69.cuda.sigma import SigmaNetwork  # noqa: E402
from zvc69.cuda.source import MODULES  # noqa: E402
from zvc69.errors import Zvc69Error  # noqa: E402
from zvc69.model import Backend, Model, create_backend, load_model  # noqa: E402

from .gpu_checks import CHECKS, Setting  # noqa: E402
from .gpu_models import SIZES, SMALL, RandomDeviceModel, Size, random_layers, random_sigma_arrays  # noqa: E402
from .gpu_pictures import frame, vectors_of  # noqa: E402
from .gpu_roofline import card_named, floor_seconds, projection  # noqa: E402
from .gpu_streams import Effort, endurance, stream_speed, streams_at_once  # noqa: E402
from .onnx_numpy import NumpyRunner  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "gpu.json"
QP = 27
LONG = "conformance", "streams"
"""Checks in which the CPU codes whole frames."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    if options.project or options.table:
        print(projection(options.out) if options.project else table(json.loads(options.out.read_text())))
        return 0
    try:
        device = _device(options)
    except Zvc69Error as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 2
    report: dict = {"device": device.name, "date": date.today().isoformat(), "versions": versions(device), "emulated": options.emulate,
                    "av": not AV_MISSING, "checks": {}, "failed": {}, "seconds": {}, "speed": {}, "streams": {}}
    part(options, report, "kernels compiled", lambda: compile_all(device))
    # Whatever takes the CPU's networks long comes after what is to be known first.
    run_checks(device, options, report, [name for name in CHECKS if name not in LONG])
    if not options.checks_only:
        stream_speeds(device, options, report)
    run_checks(device, options, report, [name for name in CHECKS if name in LONG])
    if not options.checks_only:
        part_speeds(device, options, report)
    save(options, report)
    print(table(report))
    return 1 if report["failed"] else 0


def versions(device: Device) -> dict[str, str | int]:
    if not isinstance(device, CupyDevice):
        return {}
    import cupy
    return {"cupy": cupy.__version__, "driver": cupy.cuda.runtime.driverGetVersion(), "runtime": cupy.cuda.runtime.runtimeGetVersion()}


def save(options: argparse.Namespace, report: dict) -> None:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")


def part(options: argparse.Namespace, report: dict, name: str, work: Callable[[], object]) -> object:
    """What `work` gives; None where it fails or time is up, which the report says. No part stops the others."""
    start = time.perf_counter()
    if start > options.until:
        report["failed"][name] = "not run: time is up"
        print(f"FAILED {name}: {report['failed'][name]}", flush=True)
        return None
    try:
        return work()
    except Exception as error:
        report["failed"][name] = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"FAILED {name}: {report['failed'][name]}", flush=True)
        if not isinstance(error, AssertionError | Zvc69Error):
            traceback.print_exc()
        return None
    finally:
        report["seconds"][name] = round(time.perf_counter() - start, 2)
        save(options, report)       # what is known is kept, whatever comes


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=_size, metavar="WxH", help="default 1280x720 1920x1080 3840x2160")
    parser.add_argument("--models", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--model", default="lite", help="the released model that streams are coded with, by name or folder")
    parser.add_argument("--frames", type=int, help="frames of the conformance check; default 8")
    parser.add_argument("--rounds", type=int, default=15, help="of each timing")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seconds", type=float, default=170, help="parts that have not begun by then are left out; default 170")
    parser.add_argument("--checks-only", action="store_true", help="no timings: for compute-sanitizer")
    parser.add_argument("--table", action="store_true", help="print the tables of the record in --out, and no more")
    parser.add_argument("--project", action="store_true", help="print the projection of that record to other cards, and no more")
    parser.add_argument("--emulate", action="store_true", help="kernels on the CPU, for a rehearsal")
    options = parser.parse_args(arguments)
    small = options.emulate or options.checks_only
    options.sizes = options.sizes or ([(96, 64)] if options.emulate else [(416, 240)] if options.checks_only else [(1280, 720), (1920, 1080), (3840, 2160)])
    options.frames = options.frames or (4 if small else 8)
    options.rounds = 1 if options.emulate else options.rounds
    options.until = time.perf_counter() + (options.seconds if not options.emulate else float("inf"))
    return options


def sizes_of(options: argparse.Namespace) -> dict[str, Size]:
    return SMALL if options.emulate else SIZES


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) >= 16 and int(height) >= 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT of 16 or more")
    return int(width), int(height)


def _device(options: argparse.Namespace) -> Device:
    if not options.emulate:
        return CupyDevice()
    from tests.emulator import EmulatedDevice
    return EmulatedDevice()


def reference(model: Model) -> Backend:
    """The networks on the CPU: ONNX Runtime, or where it is not installed NumPy."""
    try:
        return create_backend("cpu", model)
    except Zvc69Error:
        return Backend("numpy", NumpyRunner(model))


def run_checks(device: Device, options: argparse.Namespace, report: dict, names: Sequence[str]) -> None:
    model = load_model(options.model)
    # The largest of the sizes would take long on the CPU.
    setting = Setting(device, PictureShape(*options.sizes[0], 8), model, reference(model), options.frames, options.model)
    for name in names:
        said = part(options, report, name, lambda name=name: CHECKS[name](setting))
        report["checks"][name] = {"passed": said is not None, "says": report["failed"].get(name, said), "seconds": report["seconds"].get(name, 0)}
        if said is not None:
            print(f"ok     {name}: {said}", flush=True)


def compile_all(device: Device) -> None:
    """So that no other part's time has it in it."""
    if isinstance(device, CupyDevice):
        wanted = [module for module in MODULES if module != "network_half" or True in sums(device)]
        with ThreadPoolExecutor() as pool:
            list(pool.map(device.load, wanted))


def sums(device: Device) -> tuple[bool, ...]:
    """Whether in halves: what is worth measuring."""
    card = card_named(device.name)
    return (False,) if card is not None and card.half_sums == card.float_sums else (False, True)


def timed(device: Device, work: Callable[[], object], rounds: int) -> float:
    """Median seconds of one run."""
    if rounds > 1:
        work()
    repeats = 4 if rounds > 1 else 1
    device.synchronise()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        device.synchronise()
        found.append((time.perf_counter() - start) / repeats)
    return statistics.median(found)


def shapes_of(options: argparse.Namespace) -> list[PictureShape]:
    return [PictureShape(*size, 8) for size in options.sizes]


def stream_speeds(device: Device, options: argparse.Namespace, report: dict) -> None:
    model, shapes = load_model(options.model), shapes_of(options)
    effort = Effort(0.0, 2, (2,), 4) if options.emulate else Effort(0.5, 32, (1, 2, 4), 1000)
    weights = {name: part(options, report, f"weights of {name}", lambda name=name: DeviceModel(device, model) if name == "lite" else
                          RandomDeviceModel(device, model, sizes_of(options)[name])) for name in options.models}
    for name, of_model in weights.items():
        for shape in shapes if of_model is not None else ():
            size = f"{shape.width}x{shape.height}"

            def run(what: str, work: Callable[[], dict], name: str = name, size: str = size) -> None:
                found = part(options, report, f"{what}, {name}, {size}", work)
                if found is not None:
                    report["streams"].setdefault(f"{name}, {size}", {})[what] = found

            run("unfiltered", lambda: stream_speed(device, of_model, shape, effort))
            if name == "lite":
                run("with the loop filter", lambda: stream_speed(device, of_model, shape, effort, filtered=True))
            if shape is shapes[min(1, len(shapes) - 1)]:
                run("several at once", lambda: streams_at_once(device, of_model, shape, effort))
                run("endurance", lambda: endurance(device, of_model, shape, effort))


def part_speeds(device: Device, options: argparse.Namespace, report: dict) -> None:
    for shape in shapes_of(options):
        size = f"{shape.width}x{shape.height}"
        speed = report["speed"][size] = {}
        work = {"codec": lambda: codec_speed(device, shape, options)}
        work |= {name: lambda name=name: network_speed(device, shape, name, options) for name in options.models}
        for name, measure in work.items():
            found = part(options, report, f"parts, {name}, {size}", measure)
            if found is not None:
                speed[name] = found


def codec_speed(device: Device, shape: PictureShape, options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of a P and a B frame of the released model, host to host and on the device, filtered, and of the parts that are not networks."""
    weights, count, rounds = DeviceModel(device, load_model(options.model)), min(8, shape.rows // 4), options.rounds
    codec, filters = FrameCodec(weights, shape, search=True), FilterSet.zeros()
    filters.luma[5:, 3] = 4
    fields, kept, out = [MotionField.from_vectors(vectors_of(shape, n)).using("sharp", True) for n in (1, 2)], [], {}
    for n, kind in enumerate([FrameKind(False, False, count, 32, QP), FrameKind(True, True, count, 32)]):
        codec.begin(QP, source=frame(shape, n), **({"a": (kept[0], fields[0])} if n else {}))
        codec.encode(kind)
        kept.append(codec.keep())

    def whole_frame(name: str, kind: FrameKind, planes: tuple[np.ndarray, ...], slots: dict) -> tuple[bytes, ...]:
        def on_the_device() -> None:
            codec.encode(kind)
            codec.finish(kind, filters)

        def encode_from_host() -> tuple[bytes, ...]:
            codec.begin(QP, source=planes, **slots)
            codec.encode(kind)
            codec.finish(kind, choose(codec.statistics(), QP, [])[1])
            return codec.substreams(kind)

        data = encode_from_host()

        def decode_to_host() -> tuple[np.ndarray, ...]:
            codec.begin(QP, **slots, filters=filters)
            codec.decode(kind, data)
            codec.check(kind)
            return codec.picture.download()

        work = {"encode, host to packets": encode_from_host, "encode, on the device": on_the_device, "decode, packets to host": decode_to_host,
                "decode, on the device": lambda: codec.decode(kind, data)}
        out.update({f"{name}: {what}": 1e3 * timed(device, run, rounds) for what, run in work.items()})
        return data

    whole_frame("B frame", FrameKind(True, True, count, 32, second=True, between=True, filtered=True), frame(shape, 3),
                {name: (reference, field) for name, reference, field in zip("ab", kept, fields)})
    kind, slots = FrameKind(True, True, count, 32, filtered=True), {"a": (kept[1], fields[0])}
    searched = replace(kind, searched=True)

    def encode_searched() -> tuple[tuple[bytes, ...], bytes]:
        codec.begin(QP, source=frame(shape, 2), a=(kept[1], None))
        codec.encode(searched)
        codec.finish(searched, choose(codec.statistics(), QP, [])[1])
        found = codec.choice.download()
        return codec.substreams(searched), motion.encode(found.field, found.copy, fields[0])

    encode_searched()
    out["P frame, searched: encode, on the device"] = 1e3 * timed(device, lambda: (codec.encode(searched), codec.finish(searched, filters)), rounds)
    out["P frame, searched: encode, host to packets"] = 1e3 * timed(device, encode_searched, rounds)
    data = whole_frame("P frame", kind, frame(shape, 2), slots)
    latents, pictures = codec.latents, codec.reconstruction
    choice, sources, references = codec.choice, codec.source, pictures.references[0].arrays
    search, qp, expected, found = choice.search, codec.inputs.qp, codec.inputs.vectors[0], choice.made["vectors"]
    parts = {
        "pack": lambda: pictures.pictures.pack(codec.source, pictures.tensors["picture"]), "compensate, pack": lambda: pictures.predict(kind),
        "sigma, z": lambda: latents.begin(kind), "sigma, four steps": lambda: [latents.indices(k, kind) for k in range(4)],
        "entropy, encoder": lambda: latents.encode(kind), "state": latents.finish, "unpack": lambda: pictures.round(kind),
        "loop filter, unpack and classes": lambda: pictures.classify(kind), "loop filter, samples": lambda: pictures.filter(kind),
        "loop filter, statistics": lambda: pictures.take_statistics(kind, codec.source), "keep": codec.keep,
        "motion search and way": lambda: choice.choose_motion(sources, references),
        "motion search, pictures": lambda: search.prepare(sources[0], references[0], choice.made["way"]),
        "motion search, windows": lambda: search.windows(qp, expected), "motion search, refinement": lambda: search.refine(qp, expected),
        "motion search, choice": lambda: search.merge(qp, found, expected),
        "way of prediction": lambda: choice.way.choose(sources[0], references[0], found, qp, choice.made["way"]),
        "copied blocks": lambda: choice.choose_copies(pictures.tensors["picture"], pictures.tensors["slot_a"]),
    }
    out |= {name: 1e3 * timed(device, work, rounds) for name, work in parts.items()}
    codec.begin(QP, **slots)      # statistics of the frame that was encoded last, for the host's part
    statistics_known = codec.statistics()
    out["loop filter, choice on the host"] = 1e3 * timed(device, lambda: choose(statistics_known, QP, []), rounds)
    return out | {"bytes of the frame": float(sum(map(len, data)))}


def network_speed(device: Device, shape: PictureShape, name: str, options: argparse.Namespace) -> dict:
    """Milliseconds of each launch of a P frame's networks beside their floor, with weights of no meaning; and of the sigma network of that width."""
    size, card = sizes_of(options)[name], card_named(device.name)
    weights = DeviceModel(device, load_model(options.model))
    weights.integers(True).sigma = SigmaNetwork(device, random_sigma_arrays(size))
    codec = FrameCodec(weights, shape, graphs=False)
    tensors, inputs, blend, out = codec.reconstruction.tensors, codec.inputs, device.zeros(1, np.float32), {}
    plan = Plan(random_layers(device, size, True))
    for half_sums in sums(device):
        networks = Networks(device, plan, shape.rows, shape.columns, tensors, z_sigma=False, half_sums=half_sums)
        for stage in ("analyse", "refine", "synthesise", "decode"):
            for program, bound in zip(getattr(plan, stage), getattr(networks, stage)):
                seconds = timed(device, lambda bound=bound: bound.launch(device, inputs.qp, blend), options.rounds)
                multiplied, moved = program.work(shape.positions)
                out[f"{stage}{', half sums' if half_sums else ''}: {program.name}"] = {
                    "ms": 1e3 * seconds, "GMAC": multiplied / 1e9, "MB": moved / 1e6, "TFLOP/s": 2e-12 * multiplied / seconds, "GB/s": 1e-9 * moved / seconds,
                    "times floor": None if card is None else seconds / floor_seconds(card, multiplied, moved, half_sums)}
    kind = FrameKind(True, True, 1, 32)
    out["sigma, four steps"] = {"ms": 1e3 * timed(device, lambda: [codec.latents.indices(k, kind) for k in range(4)], options.rounds)}
    return out


def table(report: dict) -> str:
    """The report for people: Markdown."""
    rows = [f"# {report['device']}, {report.get('date')}", "", "| check | | |", "|---|---|---|"]
    rows += [f"| {name} | {'ok' if entry['passed'] else 'FAILED'} | {entry['says']} |" for name, entry in report["checks"].items()]
    others = {name: why for name, why in report["failed"].items() if name not in report["checks"]}
    rows += ["", "| failed | |", "|---|---|", *(f"| {name} | {why} |" for name, why in others.items())] if others else []
    rows += ["", "## Whole streams",
             "Vectors given, entropy coding included; main has weights of no meaning. Three frames under way; latency is with one alone."]
    for what in dict.fromkeys(what for found in report["streams"].values() for what in found):
        entries = {title: found[what] for title, found in report["streams"].items() if what in found}
        names = list(dict.fromkeys(name for figures in entries.values() for name in figures))
        rows += ["", f"| {what} | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
        rows += [f"| {title} | {' | '.join(f'{figures[name]:.4g}' if name in figures else '' for name in names)} |" for title, figures in entries.items()]
    for size, speed in report["speed"].items():
        if (codec := speed.get("codec")) is not None:
            rows += ["", f"## {size}: parts", "", "| released model | ms | frames/s |", "|---|---|---|"]
            rows += [f"| {name} | {value:.3f} | {1e3 / value:.0f} |" if name != "bytes of the frame" else f"| {name} | {value:.0f} | |"
                     for name, value in codec.items()]
        for model, launches in speed.items():
            if model == "codec":
                continue
            rows += ["", f"| {model} (weights of no meaning) | ms | GMAC | MB | TFLOP/s | GB/s | times floor |", "|---|---|---|---|---|---|---|"]
            for name, figures in launches.items():
                cells = [figures.get(key) for key in ("ms", "GMAC", "MB", "TFLOP/s", "GB/s", "times floor")]
                rows.append(f"| {name} | " + " | ".join("" if value is None else f"{value:.3g}" for value in cells) + " |")
    rows += ["", "| part | seconds |", "|---|---|", *(f"| {name} | {seconds:.1f} |" for name, seconds in report["seconds"].items() if seconds >= 0.1)]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
