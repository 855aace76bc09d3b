"""The trainer on a tiny network: every phase runs, resumes and exports; fake quantisation is the integer network."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train.checkpoint import load_network, pack_weights, rounded, save_network  # noqa: E402
from train.config import LITE, MAIN, ROUNDING, TINY, TINY_INTRA, ModelConfig  # noqa: E402
from train.data import Crops  # noqa: E402
from train.export import check_export, count_symbols, write_model  # noqa: E402
from train.layers import pack, step_size, unpack  # noqa: E402
from train.network import Network  # noqa: E402
from train.rate import gaussian_bits, lagrangian, rd_round, threshold_table  # noqa: E402
from train.steps import PHASES, Steps  # noqa: E402
from train.trainer import Trainer  # noqa: E402

QUALITY = {"low": 50, "medium": 41, "high": 33, "very-high": 23}


def smooth_picture(n: int, size: int, seed: int = 0) -> torch.Tensor:
    """(n, 96, size/8, size/8): blurred noise, with the statistics of nothing but with structure to code."""
    g = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, 3, size // 16, size // 16, generator=g) * 40 + 120
    full = torch.nn.functional.interpolate(noise, size=(size, size), mode="bicubic").clamp(0, 255)
    half = full[:, :, ::2, ::2]
    return pack(full[:, :1], half[:, 1:2], half[:, 2:3]).round()


def randomised(config: ModelConfig, seed: int = 0) -> Network:
    """A network whose every part matters: no branch is zero."""
    torch.manual_seed(seed)
    network = Network(config)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.02 * torch.randn_like(p))
    return network.eval()


@pytest.fixture(scope="session")
def stills(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stills")
    from PIL import Image
    rng = np.random.default_rng(0)
    for i in range(3):
        small = rng.integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(small).resize((256, 224), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """A still that slides by two pixels a frame."""
    folder = tmp_path_factory.mktemp("clips")
    import av
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(0, 255, (12, 20, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    with av.open(str(folder / "slide.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 96, 96, "yuv420p", 2_000_000
        for t in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[:, 2 * t:2 * t + 96]), format="rgb24")))
        container.mux(stream.encode(None))
    return folder


def test_pack_and_unpack_are_inverse():
    y, u, v = torch.rand(2, 1, 64, 96), torch.rand(2, 1, 32, 48), torch.rand(2, 1, 32, 48)
    for a, b in zip((y, u, v), unpack(pack(y, u, v))):
        assert torch.equal(a, b)


def test_untrained_network_is_a_dct_codec():
    """Branches start at zero: at qp 0 the error is that of uniform quantisation with step 2."""
    torch.manual_seed(0)
    picture = smooth_picture(1, 64)
    with torch.no_grad():
        out = Network(TINY)(picture, torch.tensor([0]), rate="coded", half=False)
    assert out.picture.sub(picture).pow(2).mean() < step_size(torch.tensor(0)) ** 2 / 12 * 1.3


def test_rate_distortion_rounding_minimises_its_cost():
    v = torch.linspace(-12, 12, 4001)
    index = torch.full_like(v, 30)
    r = rd_round(v, index, 0)

    def cost(x):
        return gaussian_bits(x, index) + ROUNDING * (v - x) ** 2

    best = torch.stack([cost(torch.full_like(v, float(x))) for x in range(-14, 15)]).min(0).values
    assert (cost(r) - best).max() < 1e-3
    assert (rd_round(v, index, 31) == 0).all()
    assert (threshold_table().diff(dim=1) >= 0).all()


@pytest.mark.parametrize("phase", sorted(PHASES))
def test_every_phase_lowers_the_loss_and_resumes(phase, stills, clips, tmp_path):
    p = replace(PHASES[phase], crop=64, batch=4, rate=2e-3, frames=min(PHASES[phase].frames, 5), rollout=min(PHASES[phase].rollout, 1))
    data = [clips if p.frames > 1 else stills]
    trainer = Trainer("tiny", tmp_path)
    picture, qp = smooth_picture(8, 64), torch.arange(8) * 9

    def loss(network):
        torch.manual_seed(1)
        with torch.no_grad():
            return lagrangian(network(picture, qp, rate="coded", half=False), picture, qp)[0].mean().item()

    before = loss(trainer.network)
    trainer.run(p, data, minutes=60, max_steps=40)
    network, progress = load_network(tmp_path / "checkpoint.pt")
    assert loss(network) < before
    assert progress["steps"] == 40 and progress["history"][0]["phase"] == phase
    again = Trainer("tiny", tmp_path / "again")
    again.resume(tmp_path / "checkpoint.pt")
    again.run(p, data, minutes=60, max_steps=2)
    assert again.progress.steps == 42 and len(again.progress.history) == 2


def test_most_samples_have_the_phases_qps(stills):
    qp = Steps(PHASES["UI"], [stills], 0)._qp(4000)
    low, high = PHASES["UI"].qps
    assert 0.93 < ((qp >= low) & (qp <= high)).float().mean() < 0.99 and qp.min() == 0 and qp.max() == 63


def test_keyframes_of_a_network_of_their_own_do_not_learn(clips, tmp_path):
    own, trainer = randomised(TINY_INTRA), Trainer("tiny", tmp_path)
    before = {k: v.clone() for k, v in own.state_dict().items()}
    blank = trainer.network.blank.detach().clone()
    phase = replace(PHASES["U3R"], crop=64, batch=2, rate=2e-3, frames=4, rollout=1, intra_every=2)
    trainer.run(phase, [clips], minutes=60, max_steps=4, intra=own)
    assert all(torch.equal(v, before[k]) for k, v in own.state_dict().items())
    assert torch.equal(trainer.network.blank, blank)            # what I frames alone have
    assert trainer.progress.history[0]["crops"] == 4 * 2 * 4


def test_deeper_network_begins_as_the_one_it_is_made_of(tmp_path):
    shallow, picture, qp = randomised(TINY), smooth_picture(2, 64), torch.tensor([9, 40])
    save_network(tmp_path / "a.pt", TINY, shallow.state_dict(), {})
    trainer = Trainer("tiny_intra", tmp_path)
    trainer.resume(tmp_path / "a.pt")
    with torch.no_grad():
        expected, found = (n.eval()(picture, qp, rate="coded", half=False).picture for n in (shallow, trainer.network))
    assert torch.equal(expected, found)


def test_interrupted_training_continues_from_its_checkpoint(stills, tmp_path):
    trainer = Trainer("tiny", tmp_path)
    trainer.run(replace(PHASES["U0"], crop=64, batch=2), [stills], minutes=60, max_steps=3)
    state = load_network(tmp_path / "checkpoint.pt")[0].state_dict()
    for k, v in trainer.average.items():
        assert torch.equal(v, state[k])


@pytest.mark.parametrize("config", [TINY, LITE, MAIN], ids=lambda c: c.name)
def test_export_agrees_with_pytorch(config, stills, tmp_path):
    network = randomised(config)
    network.load_state_dict(rounded(network.state_dict()))
    counts = count_symbols(network, Crops([stills], 64, seed=0), batches=2, batch=2)
    write_model(network, counts, tmp_path / config.name, quality_qp=QUALITY, training=dict(steps=0, seconds=0, history=[]))
    check_export(network, tmp_path / config.name, smooth_picture(1, 96))


def test_vectors_of_crops_predict_the_next_frame(clips):
    from train.clips import Clips
    from train.search import fields
    from train.warp import warp_packed
    pictures = Clips([clips], 64, 4, seed=0).batch(8)
    now, before = pictures[:, 1], pictures[:, 0]
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    predicted = warp_packed(before, fields(now, before, torch.full((8,), 20)))
    error, still = ((now - p)[inner].pow(2).mean((1, 2, 3)) for p in (predicted, before))
    assert (error.median() < 0.25 * still.median())


def times_of(structure):
    """Times of the frames, each of which refers to frames before it; those of a B frame lie on both sides."""
    done = []
    for coding in structure:
        assert {s for s in (coding.a, coding.b) if s is not None} <= set(done)
        assert (coding.a is None) == (not done) and (not coding.between or min(coding.a, coding.b) < coding.t < max(coding.a, coding.b))
        done.append(coding.t)
    return done


@pytest.mark.parametrize("seed", range(5))
def test_structures_refer_to_coded_frames(seed):
    from train.structure import low_delay, random_access
    assert times_of(low_delay(5, np.random.default_rng(seed))) == [0, 1, 2, 3, 4]
    key, anchor, *between = times_of(random_access(3, np.random.default_rng(seed)))
    assert (key, anchor, between[0]) == (0, 8, 4) and between[1] in (2, 6) and between[2] in (1, 3, 5, 7)


def test_slot_a_of_b_frames_is_the_reference_of_the_higher_qp():
    from train.structure import random_access
    for seed in range(20):
        structure = random_access(3, np.random.default_rng(seed))
        offsets = {coding.t: coding.offset for coding in structure}
        assert all(offsets[coding.a] >= offsets[coding.b] for coding in structure if coding.between)


def test_gradients_through_time_reach_the_frame_before(clips):
    from train.clips import Clips
    from train.structure import Coding
    from train.temporal import sequence_step
    pictures = Clips([clips], 64, 2, seed=0).batch(2)
    norms = {}
    for through in (False, True):
        network = randomised(TINY)
        torch.manual_seed(0)
        sequence_step(network, pictures, [Coding(0, 0), Coding(1, 0, 0)], torch.tensor([20, 40]), torch.Generator().manual_seed(0), through,
                      rate="noise", half=False)
        norms[through] = sum(p.grad.pow(2).sum().item() for p in network.parameters() if p.grad is not None)
    assert norms[False] != norms[True] and all(np.isfinite(n) for n in norms.values())


def test_torch_compensation_is_that_of_the_codec():
    from train.warp import warp_packed
    from zvc69.core.pack import pack as pack_planes
    from zvc69.core.warp import compensate
    rng = np.random.default_rng(1)
    planes = [np.kron(rng.integers(0, 255, (n, n), np.uint8), np.ones((4, 4), np.uint8)) for n in (16, 8, 8)]
    field = rng.integers(-40, 40, (8, 8, 2)).astype(np.int16)
    exact = pack_planes(*compensate(*planes, field, 8), 8)
    ours = warp_packed(torch.from_numpy(pack_planes(*planes, 8))[None], torch.from_numpy(field).permute(2, 0, 1)[None])
    difference = (ours[0].clamp(0, 255) - torch.from_numpy(exact)).abs()
    assert difference.mean() < 0.5 and difference.max() < 5     # integer taps of 1/64 on edges of full contrast


def test_copied_blocks_are_chosen_as_the_encoder_does():
    from train.temporal import copy_map
    from zvc69.codec.copying import COPY_BITS, choose_copies
    torch.manual_seed(0)
    picture = smooth_picture(1, 128)
    prediction = picture + torch.randn(picture.shape) * torch.linspace(0, 4, 16) ** 2
    network = Network(TINY)
    difference = torch.nn.functional.conv2d(picture - prediction, network.dct[:, :, None, None])
    for qp in (24, 34):
        ours = copy_map(difference, torch.tensor([qp]), torch.tensor([COPY_BITS]))[0, 0].numpy()
        assert np.array_equal(ours, choose_copies(picture[0].numpy(), prediction[0].numpy(), qp))
        assert 0 < ours.mean() < 1


def test_packed_weights_resume_with_their_history(stills, tmp_path):
    trainer = Trainer("tiny", tmp_path)
    trainer.run(replace(PHASES["U0"], crop=64, batch=2), [stills], minutes=60, max_steps=2)
    pack_weights(tmp_path / "checkpoint.pt", tmp_path / "next.npz")
    again = Trainer("tiny", tmp_path / "again")
    again.resume(tmp_path / "next.npz")
    assert again.progress.steps == 2 and again.progress.history[0]["phase"] == "U0"
    for k, v in rounded(trainer.average).items():
        assert torch.equal(v, again.network.state_dict()[k])


def test_released_folder_resumes_with_the_same_weights(stills, tmp_path):
    network = randomised(TINY)
    counts = count_symbols(network, Crops([stills], 64, seed=0), batches=1, batch=1)
    write_model(network, counts, tmp_path, quality_qp=QUALITY, training=dict(steps=7, seconds=1.0, history=[]))
    trainer = Trainer("tiny", tmp_path / "run")
    trainer.resume(tmp_path)
    assert trainer.progress.steps == 7
    for k, v in rounded(network.state_dict()).items():
        assert torch.equal(v, trainer.network.state_dict()[k])


@pytest.mark.parametrize("blend", [0.0, 0.5])
def test_slots_graphs_agree_with_pytorch(blend):
    """P and B frames' graphs: both slots filled."""
    import onnxruntime

    from train.onnx_graph import analysis_graph, decode_graph, refine_graph, synthesis_graph
    network, picture, a, b = randomised(TINY), smooth_picture(1, 64), smooth_picture(1, 64, 1), smooth_picture(1, 64, 2)
    qp = torch.tensor([30])

    def run(graph, **inputs):
        session = onnxruntime.InferenceSession(graph(network, True).SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {k: v.numpy() for k, v in inputs.items()})

    with torch.no_grad():
        out = network(picture, qp, a, b, torch.zeros(1, 192, 8, 8), None, blend, rate="coded", half=False)
    y, z, mean_1, features, context = run(analysis_graph, picture=picture, slot_a=a, slot_b=b, blend=torch.tensor([blend]), keep=torch.ones(1, 48, 2, 2),
                                          qp=qp)
    assert np.array_equal(z, out.z.numpy())
    decoded, = run(decode_graph, z=out.z, r=out.r, slot_a=a, slot_b=b, blend=torch.tensor([blend]), qp=qp)
    assert np.abs(decoded - out.picture.numpy()).max() < 0.05
    t = torch.from_numpy
    mean_2, = run(refine_graph, features=t(features), context=t(context), r=out.r, mean_1=t(mean_1))
    synthesised, = run(synthesis_graph, r=out.r, mean_1=t(mean_1), mean_2=t(mean_2), base=torch.lerp(a, b, blend), context=t(context), qp=qp)
    assert np.abs(synthesised - out.picture.numpy()).max() < 0.05


def test_profile_says_where_time_goes(stills, tmp_path):
    from train.profiling import profile_phase
    figures = profile_phase(Network(TINY), replace(PHASES["U0"], crop=64, batch=2), [stills], 1)
    shares = [value for name, value in figures.items() if name.startswith("share of")]
    assert figures["crops a CPU second"] > 0 and sum(shares) == pytest.approx(1)
