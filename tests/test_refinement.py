"""Latents refined by the encoder: costs fall, and every decoder sees what the encoder saw."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69 import Decoder, Encoder
from zvc69.bitstream import FrameType
from zvc69.codec import refinement
from zvc69.codec.copying import chroma_weight, step_size
from zvc69.codec.frame_coder import FrameCoder
from zvc69.codec.refinement import Refiner, Target
from zvc69.config import EncoderConfig
from zvc69.core.pack import pack
from zvc69.media import coded_frame
from zvc69.metrics import frame_psnr
from zvc69.model import create_backend, load_model
from zvc69.profiler import Profiler

from .inter_samples import picture

SIZE = dict(width=96, height=64)


def encoder(**options) -> Encoder:
    return Encoder(*SIZE.values(), 25, threads=1, preset="fast", **{"qp": 30, "b_frames": 0, "key_refinement": 0, **options})


def run(frames: int = 5, **options):
    """Packets, what the encoder kept of each frame by its time, what a decoder shows, and the originals."""
    coding, kept, originals = encoder(**options), {}, []
    code = coding._coder._code

    def keeping(frame, packed, conditions, pts, *args, **more):
        coded = code(frame, packed, conditions, pts, *args, **{**more, "wanted": True})
        kept[pts] = coded.reference.planes
        return coded

    coding._coder._code = keeping
    packets = []
    for n in range(frames):
        originals.append(coded_frame(picture(n, **SIZE), coding.header))
        packets += coding.encode(originals[-1])
    packets += coding.flush()
    decoder = Decoder(coding.header, threads=1)
    shown = [frame for packet in packets for frame in decoder.decode(bytes(packet))] + decoder.flush()
    return packets, kept, shown, originals


@pytest.mark.parametrize("options", [dict(), dict(b_frames=3), dict(tune="visual"), dict(rounding="plain"), dict(qp=50),
                                     dict(gop=1), dict(sigma_reset=2)], ids=str)
def test_decoders_show_what_the_encoder_kept(options):
    _, kept, shown, _ = run(refinement=3, **options)
    for n, frame in enumerate(shown):
        for plane, ours in zip(frame.planes, kept[n]):
            assert np.abs(plane.astype(int) - ours).max() <= 1      # floats summed in another order


def test_refined_frames_of_all_types_differ_from_those_that_are_not():
    plain, refined = (run(refinement=steps, b_frames=3)[0] for steps in (0, 4))
    assert {packet.type for packet in refined} == {FrameType.I, FrameType.P, FrameType.B}
    assert all(bytes(a) != bytes(b) for a, b in zip(plain, refined))


def test_frames_that_more_live_on_are_refined_more(monkeypatch):
    found, refine = [], Refiner.refine
    monkeypatch.setattr(Refiner, "refine", lambda self, *args: found.append(args[-1]) or refine(self, *args))
    run(5, refinement=4, key_refinement=6, b_frames=3)
    assert found == [6, 4, 2, 1, 1]


def test_what_trials_chose_is_refined_as_if_there_had_been_none():
    tried = run(9, refinement=4, b_frames="auto", lookahead=0)[0]
    b_frames = {0: 0, 6: 3, 7: 7}[sum(packet.type == FrameType.B for packet in tried)]
    alone = run(9, refinement=4, b_frames=b_frames, lookahead=0)[0]
    assert [bytes(packet) for packet in tried] == [bytes(packet) for packet in alone]


def test_keyframes_alone_may_be_refined():
    plain, refined, both = (run(3, qp=20, refinement=steps, key_refinement=key)[0] for steps, key in ((0, 0), (0, 3), (3, 1)))
    assert bytes(plain[0]) != bytes(refined[0]) == bytes(both[0]) and any(bytes(a) != bytes(b) for a, b in zip(refined, both))


def test_a_clip_costs_less():
    """On average: a frame's cost never rises, but what comes after it is another then."""
    def cost(steps: int, qp: int) -> float:
        packets, _, shown, originals = run(refinement=steps, qp=qp)
        error = sum(np.square(a.y.astype(float) - b.y).sum() for a, b in zip(originals, shown))
        return sum(8 * len(packet) for packet in packets) + load_model("lite").manifest.distortion / step_size(qp) ** 2 * error

    assert np.mean([cost(4, qp) / cost(0, qp) for qp in (14, 22, 30, 38, 46)]) < 0.995


def test_cost_of_a_frame_never_rises(monkeypatch):
    """However far the steps go."""
    model = load_model("lite")
    coder = FrameCoder(model, create_backend("cpu", model, 1), Profiler(), EncoderConfig(refinement=2, threads=1, preset="fast").resolved())
    costs = []

    class Watching(Refiner):
        def refine(self, first, round_again, analysis, qp, target, steps):
            best, shown = super().refine(first, round_again, analysis, qp, target, steps)
            before = self._backend.synthesise(analysis, first.mean_2, first.sigma.residual(), qp)
            after = self._backend.synthesise(analysis, best.mean_2, best.sigma.residual(), qp)
            assert np.abs(shown - after).max() < 0.01
            costs.append([self.cost(rounded, decoded, qp, target) for rounded, decoded in ((first, before), (best, after))])
            return best, shown

    coder._refiner = {inter: Watching(model, create_backend("cpu", model, 1), inter=inter) for inter in (False, True)}
    for share in (refinement.FIRST_SHARE, 20.0):
        monkeypatch.setattr(refinement, "FIRST_SHARE", share)
        for qp in (8, 30, 55):
            frames = [coded_frame(picture(n, **SIZE), encoder().header) for n in range(3)]
            before = coder.intra(frames[0], qp, 0, reference=True).reference
            for n in (1, 2):
                before = coder.inter(frames[n], qp, n, before).reference
    assert all(after <= before * (1 + 1e-6) for before, after in costs)
    assert np.mean([after < before for before, after in costs[:9]]) > 0.5      # they fall, with steps as they are
    assert len(costs) == 18


def test_bits_are_those_of_the_tables():
    model = load_model("lite")
    refiner = Refiner(model, create_backend("cpu", model, 1), inter=True)
    rng = np.random.default_rng(0)
    index, r = rng.integers(0, 64, (8, 8, 24), np.uint8), rng.integers(-9, 10, (8, 8, 24)).astype(np.int16)
    coded = index >= model.manifest.skip_below
    expected = model.integers.y_tables.bits(index[coded], r[coded]).sum()
    assert refiner.bits(refinement.Rounded([index], [r], np.empty(0), None)) == pytest.approx(expected, rel=1e-5)


def test_cost_is_that_of_bits_and_of_the_picture():
    model = load_model("lite")
    refiner = Refiner(model, create_backend("cpu", model, 1))
    nothing = refinement.Rounded([np.zeros((8, 12, 24), np.uint8)] * 4, [np.zeros((8, 12, 24), np.int16)] * 4, np.empty(0), None)
    target = Target.of(np.full((96, 8, 12), 250, np.float32), 96, 64, 21, None)
    expected = (64 + 32 * chroma_weight(21)) * 96 * 5 ** 2 / step_size(21) ** 2      # of a picture that is clipped to white
    assert refiner.cost(nothing, np.full((96, 8, 12), 300, np.float32), 21, target) == pytest.approx(
        expected * refinement.DISTORTION_SHARE * model.manifest.distortion, rel=1e-5)


def test_copied_blocks_and_what_is_outside_do_not_count():
    packed = pack(*coded_frame(picture(0, **SIZE), encoder().header).planes, 8)
    copy = np.zeros((2, 3), bool)
    copy[1, 2] = True
    target = Target.of(packed, 90, 50, 30, copy)
    assert not target.weight[:, 4:, 8:].any() and not target.weight[:, 7:].any()
    assert target.weight[0, 6, 0] == 1 and target.weight[64, 0, 11] == pytest.approx(chroma_weight(30))


def test_rate_control_codes_refined_frames_again():
    packets, _, shown, originals = run(refinement=2, qp=None, bitrate=60, vbv_bufsize=30, max_reencodes=2, frames=6)
    assert len(shown) == 6 and all(frame_psnr(a, b).weighted > 20 for a, b in zip(originals, shown))
