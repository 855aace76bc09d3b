"""P frames end to end, with a model exported here: the released ones may code keyframes alone."""
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import zvc69  # noqa: E402
from train.config import TINY, TINY_INTRA  # noqa: E402
from train.data import Crops  # noqa: E402
from train.export import IntraPart, count_symbols, write_model  # noqa: E402
from train.network import Network  # noqa: E402
from zvc69.core import cpu  # noqa: E402
from zvc69.errors import CorruptStreamError  # noqa: E402
from zvc69.metrics import frame_psnr  # noqa: E402

QUALITY = {"low": 50, "medium": 41, "high": 33, "very-high": 23}
WIDTH, HEIGHT, FRAMES = 160, 96, 13


def started(config):
    """The network's start, an 8x8 DCT codec with motion compensation, with a few weights moved so that every part counts."""
    network = Network(config).eval()
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("_out.weight") and p.abs().sum() == 0:
                p.normal_(0, 0.002)
    return network


@pytest.fixture(scope="module", params=["one network", "keyframes apart"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    from PIL import Image
    (folder / "stills").mkdir()
    Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8)).resize((256, 192)).save(folder / "stills" / "a.png")
    torch.manual_seed(0)
    network, crops, training, intra = started(TINY), Crops([folder / "stills"], 64, seed=0), dict(steps=0, seconds=0, history=[]), None
    if request.param == "keyframes apart":
        own = started(TINY_INTRA)
        own.sigma.steps[0].out.bias.data += 3.0      # integers that differ, so that the wrong ones break
        intra = IntraPart(own, count_symbols(own, crops, batches=8, batch=4), training)
    counts = count_symbols(network, crops, batches=8, batch=4)
    write_model(network, counts, folder / "tiny", quality_qp=QUALITY, training=training, inter=True, intra=intra)
    return str(folder / "tiny")


@pytest.fixture(scope="module")
def clip():
    """A smooth picture that slides, with a static band at the bottom."""
    rng = np.random.default_rng(1)
    from PIL import Image
    wide = np.asarray(Image.fromarray(rng.integers(0, 255, (9, 20, 3), np.uint8)).resize((WIDTH + 80, HEIGHT), Image.Resampling.BICUBIC))
    frames = []
    for t in range(FRAMES):
        picture = wide[:, 3 * t:3 * t + WIDTH].copy()
        picture[64:] = wide[64:, :WIDTH]
        frames.append(zvc69.Frame.from_rgb24(picture))
    return frames


def coded(clip, model, **options):
    encoder = zvc69.Encoder(WIDTH, HEIGHT, 25, model=model, **{"b_frames": 0, **options})
    return encoder, [p for frame in clip for p in encoder.encode(frame)]


def test_p_frames_decode_to_what_the_encoder_saw_and_cost_less(clip, model):
    encoder, packets = coded(clip, model, qp=30, gop=0)
    assert [p.type.name for p in packets] == ["I"] + ["P"] * (FRAMES - 1)
    decoder = zvc69.Decoder(encoder.header, model=model)
    frames = [f for p in packets for f in decoder.decode(bytes(p))]
    assert [f.pts for f in frames] == list(range(FRAMES))
    assert min(frame_psnr(a, b).weighted for a, b in zip(clip, frames)) > 30
    last = encoder._pictures.get(0)
    for ours, theirs in zip(last.planes, frames[-1].planes):
        assert np.abs(ours.astype(int) - theirs).max() <= 2        # roundings of a float graph, over 12 frames
    _, intra = coded(clip, model, qp=30, gop=1)
    assert sum(map(len, packets)) < 0.7 * sum(map(len, intra))     # and nothing of it learned


def test_every_instruction_set_parses_the_same_symbols(clip, model):
    encoder, packets = coded(clip, model, qp=24, gop=0)
    found = set()
    for level in cpu.available():
        with cpu.force(level):
            decoder = zvc69.Decoder(encoder.header, model=model)
            parsed = [decoder.parse(p) for p in packets]
            found.add(b"".join(p.symbols.z.tobytes() + p.symbols.r.tobytes() for p in parsed))
    assert len(found) == 1


def test_static_blocks_are_copied_and_cost_next_to_nothing(clip, model):
    encoder, packets = coded([clip[0]] * 6, model, qp=40, gop=0)
    decoder = zvc69.Decoder(encoder.header, model=model)
    parsed = [decoder.parse(p) for p in packets]
    assert parsed[-1].copy is not None and parsed[-1].copy.mean() > 0.5
    assert len(packets[-1]) < len(packets[0]) / 20


def test_lost_p_frame_stops_decoding_until_the_next_keyframe(clip, model):
    encoder, packets = coded(clip, model, qp=30, gop=6)
    assert [i for i, p in enumerate(packets) if p.keyframe] == [0, 6, 12]
    decoder = zvc69.Decoder(encoder.header, model=model)
    for i in (0, 1):
        decoder.decode(bytes(packets[i]))
    for i in (3, 4, 5):
        with pytest.raises(CorruptStreamError, match="refers to is missing"):
            decoder.decode(bytes(packets[i]))
    assert decoder.decode(bytes(packets[6]))[0].pts == 6
    assert decoder.decode(bytes(packets[7]))[0].pts == 7


def test_seeking_decodes_from_the_keyframe_before(clip, model, tmp_path):
    path = tmp_path / "a.zvc"
    zvc69.encode_frames(clip, path, width=WIDTH, height=HEIGHT, fps=25, qp=30, gop=6, model=model)
    with zvc69.open(path, model=model) as video:
        every = list(video)
        assert len(every) == FRAMES
        assert np.array_equal(video[9].y, every[9].y) and video[-1].pts == FRAMES - 1
        assert video.seek(9) == 6
        rest = list(video)
        assert [f.pts for f in rest] == list(range(9, FRAMES)) and np.array_equal(rest[0].y, every[9].y)


def test_forced_keyframe(clip, model):
    encoder = zvc69.Encoder(WIDTH, HEIGHT, 25, model=model, qp=30, gop=0, b_frames=0)
    packets = [p for i, frame in enumerate(clip[:4]) for p in encoder.encode(frame, keyframe=i == 2)]
    assert [p.type.name for p in packets] == ["I", "P", "I", "P"]


def test_an_older_picture_is_used_where_it_helps(clip, model):
    """Frames that alternate between two pictures: the one before is the wrong one, the one before that is right."""
    rng = np.random.default_rng(2)
    other = zvc69.Frame.from_rgb24(np.kron(rng.integers(0, 255, (12, 20, 3), np.uint8), np.ones((8, 8, 1), np.uint8)))
    frames = [clip[0], other] * 4
    encoder, packets = coded(frames, model, qp=30, gop=0, reference_frames=16, scene_cut=False)
    assert all(p.header.slot_a % 2 for p in packets[2:])
    decoder = zvc69.Decoder(encoder.header, model=model)
    decoded = [f for p in packets for f in decoder.decode(bytes(p))]
    assert min(frame_psnr(a, b).weighted for a, b in zip(frames, decoded)) > 28
    _, without = coded(frames, model, qp=30, gop=0, reference_frames=1, scene_cut=False)
    assert {(p.header.slot_a, p.header.slot_b) for p in without[1:]} == {(0, None)}
    assert sum(map(len, packets)) < 0.5 * sum(map(len, without))


def test_two_slots_where_each_predicts_a_part(clip, model):
    """The left half repeats the frame before, the right half the one before that."""
    rng = np.random.default_rng(3)
    a, b = (np.kron(rng.integers(0, 255, (12, 20, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(2))
    both = np.concatenate([a[:, :WIDTH // 2], b[:, WIDTH // 2:]], 1)
    frames = [zvc69.Frame.from_rgb24(np.ascontiguousarray(p)) for p in (b, a, both)]
    encoder, packets = coded(frames, model, qp=30, gop=0, scene_cut=False)
    assert packets[2].header.slot_b is not None
    decoder = zvc69.Decoder(encoder.header, model=model)
    parsed = [decoder.parse(p) for p in packets]
    assert [p.field_b is not None for p in parsed] == [False, False, True]
    decoder = zvc69.Decoder(encoder.header, model=model)
    shown = [f for p in packets for f in decoder.decode(bytes(p))]
    kept = encoder._pictures.get(0)
    for ours, theirs in zip(kept.planes, shown[-1].planes):
        assert np.abs(ours.astype(int) - theirs).max() <= 2


@pytest.mark.parametrize("b_frames, count", [(1, 13), (3, 13), (3, 11), (7, 13), (15, 13)])
def test_b_frames_come_back_in_order_of_presentation(clip, model, b_frames, count, tmp_path):
    encoder = zvc69.Encoder(WIDTH, HEIGHT, 25, model=model, qp=30, gop=12, b_frames=b_frames)
    packets = [p for i, frame in enumerate(clip[:count]) for p in encoder.encode(frame)] + encoder.flush()
    assert sorted(p.pts for p in packets) == list(range(count)) and [p.dts for p in packets] == list(range(count))
    assert {p.type.name for p in packets} == {"I", "P", "B"}
    for p in packets:
        assert p.header.layer > 0 if p.type.name == "B" else p.header.layer == 0
    decoder = zvc69.Decoder(encoder.header, model=model)
    frames = [f for p in packets for f in decoder.decode(bytes(p))] + decoder.flush()
    assert [f.pts for f in frames] == list(range(count))
    assert min(frame_psnr(a, b).weighted for a, b in zip(clip, frames)) > 30
    path = tmp_path / "b.zvc"
    zvc69.encode_frames(clip[:count], path, width=WIDTH, height=HEIGHT, fps=25, qp=30, gop=12, b_frames=b_frames, model=model)
    with zvc69.open(path, model=model) as video:
        assert [f.pts for f in video] == list(range(count))
        for i in (count - 1, 5, 0, 7):
            assert np.array_equal(video[i].y, frames[i].y), i
        video.seek(6)
        assert [f.pts for f in video] == list(range(6, count))


def test_frames_that_nothing_refers_to_can_be_dropped(clip, model):
    encoder = zvc69.Encoder(WIDTH, HEIGHT, 25, model=model, qp=30, gop=0, b_frames=3)
    packets = [p for frame in clip for p in encoder.encode(frame)] + encoder.flush()
    kept = [p for p in packets if p.header.layer < 2]
    assert len(kept) < len(packets) and all(p.header.stored for p in kept)
