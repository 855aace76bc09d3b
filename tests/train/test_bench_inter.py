"""zvc69 bench rd with P and B frames, with a model exported here."""
from __future__ import annotations

from fractions import Fraction

from tests.train.test_inter_codec import HEIGHT, WIDTH, clip, model  # noqa: F401
from zvc69.bench import load
from zvc69.cli import run
from zvc69.media import open_sink


def test_groups_of_pictures_save_bits_of_keyframes_alone(clip, model, tmp_path, capsys):  # noqa: F811
    with open_sink(tmp_path / "slide.y4m", WIDTH, HEIGHT, Fraction(25), 8) as sink:
        for frame in clip:
            sink.write(frame.convert("yuv420"))
    arguments = ["bench", "rd", str(tmp_path / "slide.y4m"), "--qp", "20,32,44", "--model", model, "--peer", "none", "--json", str(tmp_path / "rd.json")]
    assert run([*arguments, "--set", "IP=b_frames=0", "--set", "B=b_frames=3", "--set", "intra=gop=1"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "Bits that groups of pictures save" in out
    data = load(tmp_path / "rd.json")
    assert [(s["coder"], s["against"]) for s in data["savings"]] == [("IP", "intra"), ("B", "intra")]
    assert all(s["mean"] > 20 for s in data["savings"])       # the picture only slides: motion alone predicts it
    assert data["coders"]["B"]["options"] == dict(gop=60, b_frames=3)
    bits = {name: [point["bytes"] for point in points] for name, points in data["curves"]["slide"].items()}
    assert all(bits[name] == sorted(bits[name], reverse=True) for name in bits) and bits["IP"] != bits["B"]
