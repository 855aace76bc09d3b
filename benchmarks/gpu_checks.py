"""What must be the same on the GPU and on the CPU, for sizes of real video; each check raises AssertionError where it is not."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from unittest.mock import patch

import numpy as np

from zvc69.bitstream import FilterSet
from zvc69.codec.chain import Chain
from zvc69.codec.copying import choose_copies
from zvc69.codec.decoder import Decoder as StreamDecoder
from zvc69.codec.encoder import Encoder as StreamEncoder
from zvc69.codec.latents import Conditions, Symbols, read_latents, symbols
from zvc69.codec.loop_filter import FinePicture, choose
from zvc69.codec.temporal import fetch_state, predict, take_padding
from zvc69.core import entropy, loopfilter, pack, quantise
from zvc69.core.motion import KERNELS, MotionField
from zvc69.core.planes import block_errors
from zvc69.core.reference import motion_search
from zvc69.cuda import stream
from zvc69.cuda.choices import CopyChoice, WayChoice
from zvc69.cuda.device import Device
from zvc69.cuda.entropy import Call, Decoder, Encoder, Tables, check
from zvc69.cuda.latents import FrameKind
from zvc69.cuda.loopfilter import LoopFilter, statistics_of
from zvc69.cuda.motion import MotionSearch, search_weights
from zvc69.cuda.pictures import Pictures, PictureShape, way_of
from zvc69.cuda.pipeline import DeviceModel, FrameCodec
from zvc69.cuda.symbols import Symbols as Operations
from zvc69.media import Frame
from zvc69.model import Backend, Model
from zvc69.model.cuda_backend import CudaBackend
from zvc69.profiler import Profiler

from .gpu_pictures import frame, vectors_of
from .gpu_streams import Clip, ways_to_give


@dataclass(frozen=True)
class Setting:
    """What checks run with: frames of `shape`, of which the networks are compared on the first `frames`."""

    device: Device
    shape: PictureShape
    model: Model
    cpu: Backend
    frames: int
    name: str
    """Of the model, or its folder."""
    qp: int = 27


def same(what: str, got: np.ndarray, want: np.ndarray) -> None:
    wrong = int(np.count_nonzero(got != want))
    assert not wrong, f"{what}: {wrong} of {want.size} differ"


def check_pictures(s: Setting) -> str:
    planes, pictures = frame(s.shape, 0), Pictures(s.device, s.shape)
    there, packed, out = tuple(s.device.upload(p) for p in planes), pictures.packed(), pictures.planes()
    pictures.pack(there, packed)
    levels = s.device.download(packed).astype(np.float32).T.reshape(96, s.shape.rows, s.shape.columns) + 128
    same("pack", levels, pack.pack(*planes, s.shape.depth))
    pictures.unpack(s.device.upload(np.ascontiguousarray(levels.reshape(96, -1).T)), out)
    for got, want in zip(out, planes):
        same("unpack", s.device.download(got), want)
    vectors = vectors_of(s.shape, 1)
    for kernel, overlap in product(KERNELS, (False, True)):
        field = MotionField.from_vectors(vectors).using(kernel, overlap)
        pictures.compensate(there, s.device.upload(vectors), s.device.upload(np.array([way_of(field)], np.int32)), out)
        for got, want in zip(out, field.warp(planes, s.shape.depth)):
            same(f"compensate, {kernel}{', overlapped' * overlap}", s.device.download(got), want)
    return "pack, unpack, compensation: bit for bit"


def check_motion(s: Setting) -> str:
    said = []
    for way, shape in ((0, PictureShape(100, 70, 10)), (1, s.shape)):       # NumPy takes seconds for a large one
        current, reference = frame(shape, 1)[0].copy(), frame(shape, 0)[0]
        for n, top in enumerate(range(0, shape.height, 40)):        # parts move in several ways
            current[top:top + 40] = np.roll(current[top:top + 40], 7 * n % 61 - 30, 1)
        previous, out = vectors_of(shape, 1) if way else None, s.device.empty((shape.rows, shape.columns, 2), np.int16)
        MotionSearch(s.device, shape).search(s.device.upload(current), s.device.upload(reference), s.device.upload(np.array([way], np.int32)),
                                             s.device.upload(np.array([s.qp], np.int32)), out, None if previous is None else s.device.upload(previous))
        want = motion_search.Search(current, reference, shape.depth, int(search_weights()[s.qp]), way == 1, previous).vectors()
        same(f"vectors of {shape}", s.device.download(out), want)
        said.append(f"{shape.width}x{shape.height}, {len(np.unique(want.reshape(-1, 2), axis=0))} different ones")
    return f"vectors bit for bit: {'; '.join(said)}"


def check_choices(s: Setting) -> str:
    shape, qp, pictures = s.shape, s.device.upload(np.array([s.qp], np.int32)), Pictures(s.device, s.shape)
    source, (luma, *_), vectors = frame(shape, 1), frame(shape, 0), vectors_of(shape, 1)
    rng, marks = np.random.default_rng(8), np.random.default_rng(9).integers(0, 12, (shape.rows // 4, shape.columns // 4))
    predicted = tuple(np.clip(plane + np.rint(rng.uniform(-1, 1, plane.shape) * marks.repeat(side, 0).repeat(side, 1)[:plane.shape[0], :plane.shape[1]]),
                              0, (1 << shape.depth) - 1).astype(shape.dtype) for plane, side in zip(source, (32, 16, 16)))
    there, packed = (pictures.packed(), pictures.packed()), [pack.pack(*planes, shape.depth) for planes in (source, predicted)]
    for planes, to in zip((source, predicted), there):
        pictures.pack(tuple(s.device.upload(plane) for plane in planes), to)
    copies, ways, out = CopyChoice(s.device, shape), WayChoice(s.device, shape), s.device.empty(shape.positions // 16, np.uint8)
    copies.choose(*there, qp, out)
    take_padding(*packed, shape.width, shape.height)
    want = choose_copies(packed[0], packed[1], s.qp)
    copied = s.device.download(out).reshape(marks.shape)
    same("copied blocks", copied, np.zeros(marks.shape, np.uint8) if want is None else want.astype(np.uint8))
    way = s.device.upload(np.array([0], np.int32))
    ways.choose(s.device.upload(source[0]), s.device.upload(luma), s.device.upload(vectors), qp, way)
    fields = [MotionField.from_vectors(vectors).using(KERNELS[n & 1], n >= 2) for n in range(4)]
    errors = [block_errors(source[0], field.warp_luma(luma, shape.depth)).sum(dtype=np.uint64) for field in fields]
    same("errors of the ways", s.device.download(ways.sums), np.array(errors, np.uint64))
    taken = s.device.download(way)[0]
    return f"{copied.sum()} of {copied.size} blocks copied, as on the CPU; errors of the four ways to predict the same, number {taken} is taken"


def check_searched(s: Setting) -> str:
    """Frames whose motion and copied blocks the device chose are decoded with what it says that it chose."""
    weights, count = DeviceModel(s.device, s.model), 3
    writer, reader = FrameCodec(weights, s.shape, search=True), FrameCodec(weights, s.shape)
    kinds, kept, there, copied = [FrameKind(False, False, 1, 8, s.qp)] + [FrameKind(True, True, 1, 8, searched=True)] * (count - 1), None, None, 0
    for number, kind in enumerate(kinds):
        writer.begin(s.qp, source=frame(s.shape, number), a=(kept, None) if kind.searched else None)
        writer.encode(kind)
        chosen = writer.choice.download() if kind.searched else None
        reader.begin(s.qp, **({} if chosen is None else {"a": (there, chosen.field), "copy": chosen.copy}))
        reader.decode(replace(kind, searched=False), writer.substreams(kind))
        reader.check(kind)
        for got, want in zip(reader.picture.download(), writer.picture.download()):
            same(f"picture of frame {number}", got, want)
        kept, there = writer.keep(), reader.keep()
        copied += 0 if chosen is None else int(chosen.copy.sum())
    vector = np.median(chosen.vectors.reshape(-1, 2), axis=0)
    assert np.array_equal(vector, [12, 0]), f"what slides by three pixels moves by {vector} quarters"
    return f"{count - 1} P frames, {copied} blocks copied: decoded as encoded"


def check_loop_filter(s: Setting) -> str:
    rng, shape, pictures, on_device = np.random.default_rng(3), s.shape, Pictures(s.device, s.shape), LoopFilter(s.device, s.shape)
    levels = pack.pack(*frame(shape, 0), shape.depth) + rng.normal(0, 2, (96, shape.rows, shape.columns)).astype(np.float32)
    predicted, target, copy = frame(shape, 1), frame(shape, 0), rng.random((shape.rows // 4, shape.columns // 4)) < 0.4
    fine = pack.unpack(levels, shape.width, shape.height, loopfilter.FINE_DEPTH)
    loopfilter.widen(fine, predicted, copy, shape.depth)
    there, copy_there, target_there = on_device.planes(), s.device.upload(copy), tuple(s.device.upload(plane) for plane in target)
    pictures.unpack_fine(s.device.upload(np.ascontiguousarray(levels.reshape(96, -1).T)), there, copy_there, tuple(s.device.upload(p) for p in predicted))
    classes, classes_there, sums = loopfilter.classify(fine[0]), on_device.classes(), on_device.sums()
    on_device.classify(there[0], classes_there)
    same("classes", s.device.download(classes_there), classes)
    coefficients = rng.integers(-loopfilter.LARGEST_COEFFICIENT, loopfilter.LARGEST_COEFFICIENT + 1, on_device.coefficients().shape).astype(np.int8)
    out = pictures.planes()
    on_device.filtered(there, s.device.upload(coefficients), classes_there, copy_there, out)
    on_device.statistics(there, target_there, classes_there, copy_there, sums)
    of_plane = coefficients[:loopfilter.CLASSES], coefficients[-2:-1], coefficients[-1:]
    for number, (found, own) in enumerate(zip(statistics_of(s.device.download(sums)), of_plane)):
        how = {"classes": None if number else classes, "copy": copy, "copy_block": 16 if number else 32}
        same("12 bits", s.device.download(there[number]), fine[number])
        same("filter", s.device.download(out[number]), loopfilter.apply(fine[number], own, shape.depth, **how, out=np.empty_like(target[number])))
        want = loopfilter.statistics(fine[number], target[number], shape.depth, **how)
        for part in ("products", "correlations", "energy", "count"):
            same(f"statistics, {part}", getattr(found, part), getattr(want, part))
    return "loop filter, its statistics: bit for bit"


def check_rounding(s: Setting) -> str:
    rng, shape = np.random.default_rng(1), s.shape
    y, mean = (rng.normal(0, 6, (96, shape.rows, shape.columns)).astype(np.float32) for _ in range(2))
    index = rng.integers(0, 64, (4, shape.positions, 24)).astype(np.uint8)
    thresholds = np.sort(rng.uniform(0, 16, (64, 16)), 1).astype(np.float32)
    there = [s.device.upload(a) for a in (*(np.ascontiguousarray(a.reshape(96, -1).T) for a in (y, mean)), index, thresholds)]
    r = s.device.zeros(index.shape, np.int16)
    for k in range(4):
        Operations(s.device, shape, 96).quantise(*there, k, 6, r)
    got = s.device.download(r)
    for k in range(4):
        same(f"rounding, step {k}", got[k], quantise.quantise(y, mean, index[k].reshape(shape.rows, shape.columns, 24), k, thresholds, 6).reshape(-1, 24))
    return "rounding: bit for bit"


def check_entropy(s: Setting) -> str:
    rng, size = np.random.default_rng(2), s.shape.positions * 24
    tables, indices, values = Tables(s.device, entropy.GAUSSIAN), [], []
    for share in (0.02, 0.3, 1.0):
        index = np.where(rng.random(size) < share, rng.integers(6, 64, size), 0).astype(np.uint8)
        value = np.clip(np.round(rng.laplace(0, 1, size) * 0.1 * 1280.0 ** (index / 63)), -32768, 32767)
        indices.append(index)
        values.append(np.where(index < 6, 0, value).astype(np.int16))
    rows, written = s.shape.rows // 4, 0
    for lanes, bands in ((1, 1), (4, 1), (8, 2), (32, min(4, rows))):
        edges = np.array([rows * n // bands for n in range(bands + 1)], np.uint32) * (s.shape.columns * 96)
        calls = [Call(s.device.upload(index), tables, 6) for index in indices]
        encoder, decoder = Encoder(s.device, np.stack([edges] * 3), lanes), Decoder(s.device, bands, 8 * size)
        encoder.put(calls, [s.device.upload(v) for v in values])
        data = encoder.bytes()
        for n, got in enumerate(data):
            reference = entropy.Encoder()
            for value, index in zip(values, indices):
                reference.put(value[edges[n]:edges[n + 1]], index[edges[n]:edges[n + 1]], entropy.GAUSSIAN, 6)
            assert got == reference.finish(lanes)[1], f"substream {n} of {bands}, {lanes} lanes, is not the CPU's"
        decoder.upload(data)
        decoder.begin(lanes)
        for call, want in zip(calls, values):
            got = s.device.zeros(size, np.int16)
            decoder.get(call, s.device.upload(edges), lanes, got)
            same(f"symbols, {lanes} lanes", s.device.download(got), want)
        decoder.end(lanes)
        check(s.device.download(decoder.failures))
        written += sum(len(part) for part in data)
    return f"rANS: {written} bytes the same, and read back, with 1, 4, 8 and 32 lanes"


@dataclass(frozen=True)
class _Frame:
    """A frame of `check_conformance`: its number, which of those kept are in its slots."""

    kind: FrameKind
    number: int
    slots: tuple[int, ...] = ()

    def fields(self, shape: PictureShape) -> list[MotionField]:
        return [MotionField.from_vectors(vectors_of(shape, self.number + 50 * n)).using(KERNELS[self.number % 2], self.number % 3 > 0)
                for n in range(len(self.slots))]


def _sequence(s: Setting) -> list[_Frame]:
    """An I frame, then by turns P frames with one reference and with two, and B frames between the last two that are kept; two of three are filtered."""
    count = min(4, s.shape.rows // 4)
    out = [_Frame(FrameKind(False, False, count, 8, s.qp, filtered=True), 0)]
    for number in range(1, s.frames):
        second, between = number % 3 != 1 and number > 1, number % 3 == 0
        kind = FrameKind(True, True, count, 8, second=second, between=between, filtered=number % 3 != 2)
        out.append(_Frame(kind, number, ((number - 2, number - 1) if between else (number - 1, number - 2))[:1 + second]))
    return out


def _filtered(codec: FrameCodec, kind: FrameKind, qp: int) -> FilterSet | None:
    """What an encoder's frame is filtered by; a set of some kind in any case."""
    if not kind.filtered:
        return None
    filters = choose(codec.statistics(), qp, [])[1]
    if filters is None:
        filters = FilterSet.zeros()
        filters.luma[5:, 3] = 4
    codec.finish(kind, filters)
    return filters


def check_conformance(s: Setting) -> str:
    """Frames of the GPU are parsed on the CPU, symbols compared; pictures of the networks on both for the first frames; no drift on the GPU."""
    shape, codec = s.shape, FrameCodec(DeviceModel(s.device, s.model), s.shape)
    kept, states, pictures, worst, total, unlike = [], [], [], 0, 0, 0.0
    step = quantise.step_of(shape.rows, shape.columns, 96).reshape(96, -1).T
    for f in _sequence(s):
        kind, fields = f.kind, f.fields(shape)
        slots = {name: (kept[slot], field) for name, slot, field in zip("ab", f.slots, fields)}
        codec.begin(s.qp, source=frame(shape, f.number), **slots)
        codec.encode(kind)
        data = codec.substreams(kind)
        filters = _filtered(codec, kind, s.qp)
        total += sum(len(part) for part in data)
        made, made_z, made_r = codec.picture.download(), *codec.latents.symbols.download()
        conditions = Conditions(s.qp, fetch_state(states[f.slots[0]], fields[0]) if kind.state else None, inter=kind.inter)
        z, sigma = read_latents(s.model, shape.width, shape.height, conditions, kind.lanes, data)
        same(f"z of frame {f.number}", made_z.reshape(z.shape), z)
        said = symbols(z, sigma, s.qp)
        r = said.r.reshape(96, -1).T
        for k in range(4):
            same(f"r of frame {f.number}, step {k}", made_r[k].reshape(-1), r[step == k].astype(np.int16))
        if f.number < 4:
            theirs = _on_cpu(s, kind, said, [(pictures[slot], field) for slot, field in zip(f.slots, fields)], filters)
            apart = np.concatenate([np.abs(a.astype(int) - b).reshape(-1) for a, b in zip(theirs, made)])
            farthest, share = int(apart.max()), float(np.mean(apart > 1 << shape.depth - 8))
            # Where a sample's class is another by a rounding, another filter is taken.
            assert share <= (1e-3 if kind.filtered else 0), f"frame {f.number}: samples of CPU and GPU differ by {farthest}, by more than one {share:.3%}"
            worst, unlike = max(worst, farthest), max(unlike, share)
        codec.begin(s.qp, **slots, filters=filters)
        codec.decode(kind, data)
        codec.check(kind)
        for got, want in zip(codec.picture.download(), made):
            same(f"picture of frame {f.number}, decoded", got, want)
        kept.append(codec.keep())
        states.append(sigma.state())
        pictures.append(made)
    return (f"{s.frames} frames, I, P, B, with filters and without, {total} bytes: symbols as the CPU reads them, samples within {worst}, of which "
            f"{unlike:.3%} by more than one level, decoder and encoder without drift")


def _on_cpu(s: Setting, kind: FrameKind, said: Symbols, slots: list, filters: FilterSet | None) -> tuple[np.ndarray, ...]:
    """A frame's planes; slots: planes and fields."""
    shape, prediction = s.shape, None
    if slots:
        a, b = [*(field.warp(planes, shape.depth) for planes, field in slots), None][:2]
        prediction = predict(a, b, shape.depth, between=kind.between)
    decoded = s.cpu.decode(said.z, said.r, s.qp, None if prediction is None else prediction.slots)
    if filters is not None:
        return FinePicture.of(decoded, shape.width, shape.height, shape.depth, None, None).filtered(filters)
    return pack.unpack(decoded.picture, shape.width, shape.height, shape.depth)


def check_streams(s: Setting) -> str:
    """Packets of the package's own encoder, whose integers are the CPU's, decoded whole on the GPU, and with all but the networks on the CPU."""
    shape = s.shape
    networks = CudaBackend(s.model, s.device, whole_frames=False)
    whole = CudaBackend(s.model, s.device)
    with patch("zvc69.codec.encoder.create_backend", lambda *_: networks), patch("zvc69.codec.decoder.create_backend", lambda *_: whole):
        encoder = StreamEncoder(shape.width, shape.height, 25, depth=shape.depth, qp=s.qp, gop=0, b_frames=1, preset="medium", loop_filter=True, model=s.name)
        planes = (frame(shape, number) for number in range(s.frames))
        packets = [packet for y, u, v in planes for packet in encoder.encode(Frame(y, u, v, shape.depth))] + encoder.flush()
        decoder, parser = (StreamDecoder(encoder.header, model=s.name) for _ in range(2))
        shown = list(decoder.decode_all(packets))
        start = time.perf_counter()
        again = len(list(decoder.decode_all(packets)))
        speed = again / (time.perf_counter() - start)
    chain, on_cpu = Chain(encoder.header, s.model, networks, Profiler()), []
    for packet in packets:
        step = chain.parse(packet)[-1]
        mine = parser.parse(packet)
        same(f"z of frame {packet.number}", mine.symbols.z, step.parsed.symbols.z)
        same(f"r of frame {packet.number}", mine.symbols.r, step.parsed.symbols.r)
        on_cpu += chain.show(step)
    on_cpu += chain.rest()
    assert len(shown) == len(on_cpu) == s.frames, f"{len(shown)} and {len(on_cpu)} frames of {s.frames}"
    worst = unlike = 0
    for mine, theirs in zip(shown, on_cpu):
        apart = np.concatenate([np.abs(a.astype(int) - b).reshape(-1) for a, b in zip(mine.planes, theirs.planes)])
        worst, unlike = max(worst, int(apart.max())), max(unlike, float(np.mean(apart > 1 << shape.depth - 8)))
    assert unlike <= 1e-3, f"samples differ by {worst}, {unlike:.2%} of a frame by more than one level"
    types = "".join(packet.type.name for packet in packets)
    return (f"{types}, {sum(len(packet.payload) for packet in packets)} bytes: symbols the same, samples within {worst}, {unlike:.3%} by more than one level; "
            f"decoded at {speed:.0f} frames/s, to the host")


def check_under_way(s: Setting) -> str:
    """Frames under way come out as one by one; several streams at once; planes from the host and, by every way there is, from the device."""
    weights, clip, count = DeviceModel(s.device, s.model), Clip(s.device, s.shape, s.frames), 3
    alone = stream.StreamEncoder(weights, s.shape, in_flight=1, graphs=False)
    want = [entry.substreams for entry in alone.run(clip.to_encode(alone, clip.host))]
    encoders = [stream.StreamEncoder(weights, s.shape) for _ in range(count)]
    given, got = [clip.to_encode(encoder, clip.host) for encoder in encoders], [[] for _ in encoders]
    for _ in want:
        for encoder, frames, coded in zip(encoders, given, got):
            encoder.put(next(frames))
            coded += encoder.ready()
    for encoder, coded in zip(encoders, got):
        assert [entry.substreams for entry in coded + encoder.flush()] == want, "frames under way have other bytes"
    ways = ways_to_give(s.device)
    for name, way in ways.items():
        there = [tuple(way(plane) for plane in planes) for planes in clip.there]
        assert [entry.substreams for entry in encoders[0].run(clip.to_encode(encoders[0], there))] == want, f"frames by {name} have other bytes"
    packets, shown = [(substreams, None) for substreams in want], []
    for on_device in (False, True):
        decoder = stream.StreamDecoder(weights, s.shape, on_device=on_device)
        shown.append(list(decoder.run(clip.to_decode(decoder, packets, None))))
    codec = alone.codec
    for host, there in zip(*shown):
        for a, b in zip(host.planes, there.planes):
            same(f"frame {host.number}, fetched and on the device", s.device.download(b), a)
    for got_plane, made in zip(shown[0][-1].planes, codec.picture.download()):
        same("last picture, decoded", got_plane, made)
    return f"{len(want)} frames, {count} streams at once and by {', '.join(ways)}: the same bytes and pictures as one by one"


CHECKS: dict[str, Callable[[Setting], str]] = {
    "pictures": check_pictures, "motion search": check_motion, "way, copied blocks": check_choices, "searched frames": check_searched,
    "loop filter": check_loop_filter, "rounding": check_rounding, "entropy": check_entropy, "conformance": check_conformance,
    "streams": check_streams, "frames under way": check_under_way}
