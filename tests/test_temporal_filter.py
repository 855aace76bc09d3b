"""The temporal filter: what it takes away, and what it leaves alone."""
import numpy as np
import pytest

from zvc69 import Decoder, Encoder
from zvc69.bitstream import FrameType
from zvc69.codec.gop import FramePlan
from zvc69.codec.lookahead import Lookahead
from zvc69.codec.scenecut import SceneCutDetector
from zvc69.codec.temporal_filter import RADIUS, Neighbours, TemporalFilter, noise_weight, strength_of
from zvc69.config import EncoderConfig
from zvc69.core import cpu
from zvc69.errors import ConfigError
from zvc69.media import Frame

from .inter_samples import MODEL


def temporal_filter(**options):
    return TemporalFilter(EncoderConfig(**options).resolved())


def scene(seed=0, width=96, height=64, depth=8):
    """A picture of smooth patches."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 190, (height // 16 + 2, width // 16 + 2)).astype(np.float64)
    y = sum(coarse[dy:dy + height // 16, dx:dx + width // 16].repeat(16, 0).repeat(16, 1) for dy in (0, 1) for dx in (0, 1)) / 4
    return y * 2 ** (depth - 8)


def noisy(clean, seed, sigma=3.0, depth=8):
    rng = np.random.default_rng(seed)
    planes = clean, clean[::2, ::2], 255 * 2 ** (depth - 8) - clean[::2, ::2]
    y, u, v = (np.clip(np.rint(plane + rng.normal(0, sigma * 2 ** (depth - 8), plane.shape)), 0, (1 << depth) - 1).astype(np.uint8 if depth == 8 else np.uint16)
               for plane in planes)
    return Frame(y, u, v, depth)


def error(frame, clean):
    return float(np.mean((frame.y - clean) ** 2) / 4 ** (frame.depth - 8))


@pytest.mark.parametrize("depth", (8, 10, 12))
def test_noise_of_a_still_scene_is_averaged_away(depth):
    clean = scene(depth=depth)
    now, *others = (noisy(clean, n, depth=depth) for n in range(9))
    filtered = temporal_filter().filtered(now, Neighbours(tuple(others[:4]), tuple(others[4:])), qp=34, strength=1.5)
    assert error(filtered, clean) < 0.5 * error(now, clean)
    assert np.var(filtered.u - clean[::2, ::2]) < 0.5 * np.var(now.u - clean[::2, ::2])


def test_noise_of_a_moving_scene_is_averaged_away():
    wide = scene(width=160)
    views = [noisy(wide[:, 20 + 3 * n:116 + 3 * n], n) for n in range(9)]
    filtered = temporal_filter().filtered(views[4], Neighbours(tuple(views[3::-1]), tuple(views[5:])), qp=34, strength=1.5)
    assert error(filtered, wide[:, 32:128]) < 0.6 * error(views[4], wide[:, 32:128])


def test_first_and_last_frames_have_neighbours_on_one_side():
    clean = scene()
    now, *others = (noisy(clean, n) for n in range(5))
    for before, after in ((others, []), ([], others)):
        assert error(temporal_filter().filtered(now, Neighbours(tuple(before), tuple(after)), qp=34, strength=1.5), clean) < 0.6 * error(now, clean)
    assert temporal_filter().filtered(now, Neighbours(), qp=34, strength=1.5) is now


def test_other_scenes_are_not_mixed_in():
    clean = scene(1)
    now, other = noisy(clean, 1), noisy(scene(2), 2)
    filtered = temporal_filter().filtered(now, Neighbours((other,) * RADIUS, (other,) * RADIUS), qp=34, strength=1.5)
    assert error(filtered, clean) < error(now, clean)           # what is alike by chance helps
    black = Frame(*(np.full_like(plane, 16) for plane in now.planes))
    brighter = Frame(*(np.full_like(plane, 22) for plane in now.planes))         # no noise: a fade
    assert abs(temporal_filter().filtered(black, Neighbours((brighter,), (brighter,)), qp=34, strength=1.5).y.astype(int) - 16).max() == 0


def test_nothing_is_filtered_where_quality_is_highest_or_it_is_off():
    now, *others = (noisy(scene(), n) for n in range(4))
    assert temporal_filter().filtered(now, Neighbours(tuple(others)), qp=8, strength=1.5) is now
    assert temporal_filter(temporal_filter=0).filtered(now, Neighbours(tuple(others)), qp=34, strength=1.5) is now


def test_higher_qps_and_strengths_filter_more():
    clean = scene()
    now, *others = (noisy(clean, n) for n in range(9))

    def left(qp, strength, **options):
        return error(temporal_filter(**options).filtered(now, Neighbours(tuple(others[:4]), tuple(others[4:])), qp=qp, strength=strength), clean)

    assert left(40, 1.5) < left(20, 1.5) < error(now, clean)
    assert left(34, 1.5) < left(34, 0.5) < error(now, clean)
    assert left(34, 1.0, temporal_filter=2.0) < left(34, 1.0, temporal_filter=0.5)


def test_results_do_not_depend_on_threads_and_instruction_sets():
    wide = scene(width=160)
    views = [noisy(wide[:, 20 + 3 * n:116 + 3 * n], n) for n in range(9)]

    def planes(threads):
        return temporal_filter(threads=threads).filtered(views[4], Neighbours(tuple(views[3::-1]), tuple(views[5:])), qp=34, strength=1.5).planes

    want = planes(1)
    for level in cpu.available():
        with cpu.force(level):
            for threads in (1, 3):
                for plane, same in zip(planes(threads), want, strict=True):
                    np.testing.assert_array_equal(plane, same)


@pytest.mark.parametrize(("width", "height"), ((16, 16), (17, 33), (50, 41)))
def test_odd_sizes_are_filtered_to_the_edge(width, height):
    rng = np.random.default_rng(0)
    shapes = (height, width), *2 * [(-(-height // 2), -(-width // 2))]
    frames = [Frame(*(rng.normal(128, 3, shape).astype(np.uint8) for shape in shapes)) for _ in range(5)]
    filtered = temporal_filter().filtered(frames[0], Neighbours(tuple(frames[1:3]), tuple(frames[3:])), qp=34, strength=1.5)
    for plane, before in zip(filtered.planes, frames[0].planes, strict=True):
        assert plane.shape == before.shape and plane[:, -1].std() < 0.9 * before[:, -1].std() and plane[-1].std() < 0.9 * before[-1].std()


def test_blocks_count_for_their_noise_and_little_for_what_was_predicted_badly():
    rng = np.random.default_rng(0)
    luma = np.full((16, 24), 100, np.uint8)
    predicted = (luma + rng.normal(0, 4, luma.shape)).astype(np.uint8)
    predicted[8:, 16:] = 110
    weights = noise_weight(luma, predicted, 8)
    assert weights.shape == (2, 3) and weights[1, 2] < 0.01
    assert np.delete(weights.ravel(), 5).min() > 0.5


def coded(frames, **options):
    """Packets of frames, and their pictures decoded."""
    encoder = Encoder(frames[0].width, frames[0].height, 25, model=MODEL, **options)
    packets = list(encoder.encode_all(frames))
    decoder = Decoder(encoder.header)
    return packets, [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()


def test_keyframe_of_a_noisy_scene_comes_nearer_to_what_is_behind_the_noise():
    clean = scene()
    frames = [noisy(clean, n) for n in range(9)]
    (packets, decoded), (plain, unfiltered) = (coded(frames, qp=30, b_frames=7, temporal_filter=strength) for strength in (1, 0))
    assert error(decoded[0], clean) < 0.75 * error(unfiltered[0], clean)
    assert len(packets[0]) < len(plain[0]) and len(packets) == len(plain) == 9


def test_streams_of_the_highest_quality_are_those_without():
    frames = [noisy(scene(), n) for n in range(5)]
    (filtered, _), (plain, _) = (coded(frames, qp=10, b_frames=3, temporal_filter=strength) for strength in (4, 0))
    assert list(map(bytes, filtered)) == list(map(bytes, plain))


def test_samples_beyond_their_depth_are_taken_for_the_highest():
    frames = [Frame(*(np.full(shape, 2000, np.uint16) for shape in ((32, 48), (16, 24), (16, 24))), 10) for _ in range(5)]
    filtered = temporal_filter().filtered(frames[0], Neighbours(tuple(frames[1:3]), tuple(frames[3:])), qp=34, strength=1.5)
    assert (filtered.y == 1023).all()


def test_keyframes_are_filtered_as_far_as_frames_live_on_them():
    strengths = [strength_of(FramePlan(0, FrameType.I, offset)) for offset in (2, 0, -6, -13, -16)]
    assert strengths[:2] == [0, 0] and 0.6 < strengths[2] < 0.8 and strengths[3:] == [1.5, 1.5]


def test_low_delay_stays_low():
    encoder = Encoder(96, 64, 25, model=MODEL, qp=40, b_frames=0, temporal_filter=1)
    assert [len(encoder.encode(noisy(scene(), n))) for n in range(4)] == [1, 1, 1, 1]


def test_bitrates_are_held_with_filtered_frames():
    frames = [noisy(scene(), n) for n in range(12)]
    (filtered, _), (plain, _) = (coded(frames, bitrate=100, b_frames=3, max_reencodes=2, temporal_filter=strength) for strength in (1, 0))
    assert len(filtered) == len(plain) == 12 and bytes(filtered[0]) != bytes(plain[0])
    assert abs(sum(map(len, filtered)) / sum(map(len, plain)) - 1) < 0.1


def test_frames_are_filtered_again_only_where_the_qp_is_another(monkeypatch):
    now, other = noisy(scene(), 0), noisy(scene(), 1)
    made, temporal = [], temporal_filter()
    monkeypatch.setattr(temporal, "filtered", lambda frame, neighbours, qp, strength: made.append((qp, strength)) or now)
    key, p = FramePlan(8, FrameType.I, -13), FramePlan(8, FrameType.P, -6)
    for plan, qp in ((key, 20), (key, 22), (key, 27), (p, 27), (FramePlan(8, FrameType.P, 1), 27), (FramePlan(8, FrameType.B, -2, 1), 27)):
        temporal.source(plan, now, Neighbours((other,)), qp)
    assert made == [(33, 1.5), (40, 1.5), (33, 0.95)]
    temporal.forget(8)
    temporal.source(p, now, Neighbours((other,)), 27)
    assert made[3:] == [(33, 0.95)]


def test_keyframes_alone_are_not_filtered():
    assert EncoderConfig(gop=1).resolved().temporal_filter == 0
    with pytest.raises(ConfigError, match="temporal_filter 1 with gop 1, which is keyframes alone"):
        EncoderConfig(gop=1, temporal_filter=1)


def neighbours(looked):
    """Numbers of frames around each one, by their luma."""
    return {frame.number: tuple([int(other.y[0, 0]) for other in side] for side in (frame.neighbours.before, frame.neighbours.after)) for frame in looked}


def numbered(count, cut=None):
    return [Frame.from_yuv420p(np.where(np.indices((64, 64)).sum(0) > 0, scene(n >= (cut or count), 64, 64), n).astype(np.uint8),
                               *2 * [np.full((32, 32), 128, np.uint8)]) for n in range(count)]


def test_neighbours_are_those_that_are_there_when_a_frame_is_planned():
    lookahead = Lookahead(3, 0, None, cuts=False, radius=2)
    found = neighbours(frame for picture in numbered(6) for frame in lookahead.push(picture)) | neighbours(lookahead.flush())
    assert found == {0: ([], [1, 2]), 1: ([0], [2, 3]), 2: ([1, 0], [3, 4]), 3: ([2, 1], [4, 5]), 4: ([3, 2], [5]), 5: ([4, 3], [])}
    at_once = Lookahead(0, 0, None, cuts=False, radius=2)
    assert neighbours(frame for picture in numbered(3) for frame in at_once.push(picture)) == {0: ([], []), 1: ([0], []), 2: ([1, 0], [])}


def test_frames_not_looked_at_yet_are_neighbours_too():
    lookahead = Lookahead(4, 0, SceneCutDetector(64, 64, 8), cuts=True, radius=4)
    found = neighbours(frame for picture in numbered(7) for frame in lookahead.push(picture))
    assert found == {0: ([], [1, 2, 3, 4]), 1: ([0], [2, 3, 4, 5]), 2: ([1, 0], [3, 4, 5, 6])}


def test_neighbours_are_of_the_same_scene():
    lookahead = Lookahead(20, 0, SceneCutDetector(64, 64, 8), cuts=True, radius=4)
    found = neighbours(frame for picture in numbered(10, cut=5) for frame in (*lookahead.push(picture),)) | neighbours(lookahead.flush())
    assert found[3] == ([2, 1, 0], [4]) and found[5] == ([], [6, 7, 8, 9]) and found[6] == ([5], [7, 8, 9])
