"""Temporal layers: frames of high ones are left out, and what is left is as it was."""
from __future__ import annotations

import json

import numpy as np
import pytest

import zvc69
from zvc69 import Decoder, Integrity
from zvc69.bitstream import FrameHeader, FrameType
from zvc69.cli import run
from zvc69.codec.reorder import Reorder
from zvc69.errors import ConfigError
from zvc69.media import open_source

from .inter_samples import coded

FRAMES = 27


@pytest.fixture(scope="module")
def clip():
    return coded(FRAMES, gop=12, b_frames=3)


def layer_of(clip) -> dict[int, int]:
    """Layers by time."""
    return {packet.pts: packet.header.layer for packet in clip.packets}


def same(a, b) -> bool:
    return a.pts == b.pts and all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes))


@pytest.mark.parametrize("max_layer", [0, 1, 2, 7])
@pytest.mark.parametrize("strict", [True, False])
def test_frames_up_to_a_layer_are_what_they_are_in_the_whole(clip, max_layer, strict):
    wanted = [frame for frame in clip.frames if layer_of(clip)[frame.pts] <= max_layer]
    assert len(wanted) == FRAMES or max_layer < 2
    with zvc69.open(clip.file(), max_layer=max_layer, strict=strict, threads=1) as video:
        frames = list(video)
    assert len(frames) == len(wanted) and all(map(same, frames, wanted))
    assert all(frame.integrity is Integrity.WHOLE for frame in frames)


def test_stored_frames_of_a_layer_left_out_keep_their_place(clip):
    assert any(packet.header.stored and packet.header.layer == 1 for packet in clip.packets)
    assert any(clip.packets[n].header.layer for n in range(1, FRAMES)) and 0 < sum(layer == 0 for layer in layer_of(clip).values()) < FRAMES


@pytest.mark.parametrize("max_layer", [0, 1])
def test_packet_by_packet(clip, max_layer):
    decoder = Decoder(clip.header, max_layer=max_layer, threads=1)
    frames = []
    for packet in clip.packets:
        frames += decoder.decode(bytes(packet))
        if packet.header.layer == 0:       # nothing that is left out is waited for
            assert {pts for pts, layer in layer_of(clip).items() if pts < packet.pts and layer == 0} <= {frame.pts for frame in frames}
    frames += decoder.flush()
    assert [frame.pts for frame in frames] == sorted(pts for pts, layer in layer_of(clip).items() if layer <= max_layer)


def test_nothing_is_parsed_of_frames_left_out(clip):
    decoder = Decoder(clip.header, max_layer=1, threads=1)
    assert [decoder.parse(packet) is None for packet in clip.packets] == [packet.header.layer > 1 for packet in clip.packets]


def test_seeking_and_numbers_count_all_frames(clip):
    layers = layer_of(clip)
    with zvc69.open(clip.file(), max_layer=0, threads=1) as video:
        assert len(video) == FRAMES
        key = video.seek(14)
        assert key == 12
        assert [frame.pts for frame in video] == [pts for pts in range(14, FRAMES) if layers[pts] == 0]
        for number in range(FRAMES):
            if layers[number] == 0:
                assert same(video[number], clip.frames[number])
            else:
                with pytest.raises(IndexError, match=f"frame {number} is of layer {layers[number]}, above 0"):
                    video[number]


def test_lost_frames_of_low_layers_are_concealed_and_others_left_out(clip):
    layers = layer_of(clip)
    lost = [n for n, packet in enumerate(clip.packets) if packet.pts in (4, 16, 17)]
    decoder = Decoder(clip.header, max_layer=1, conceal=True, threads=1)
    frames = [frame for n, packet in enumerate(clip.packets) if n not in lost for frame in decoder.decode(bytes(packet))] + decoder.flush()
    assert [frame.pts for frame in frames] == [pts for pts in range(FRAMES) if layers[pts] <= 1]
    marks = {frame.pts: frame.integrity for frame in frames}
    assert marks[4] is marks[16] is Integrity.CONCEALED and marks[0] is marks[12] is marks[24] is Integrity.WHOLE


def test_frame_that_refers_to_a_layer_left_out_is_an_error(clip):
    """A stream that breaks the rule of layers: P frames that say they are of layer 3."""
    maker, packets = zvc69.bitstream.PacketMaker(clip.header), []
    for packet in coded(4, gop=12).packets:
        header = FrameHeader(packet.type, packet.header.qp, packet.pts, packet.dts, packet.header.references, 3 if packet.pts == 1 else 0)
        packets.append(maker.make(header, bytes(packet.payload)))
    assert [packet.type for packet in packets[:2]] == [FrameType.I, FrameType.P]
    decoder = Decoder(coded(4, gop=12).header, max_layer=2, threads=1)
    assert len(decoder.decode(packets[0])) == 1 and decoder.decode(packets[1]) == []
    with pytest.raises(zvc69.errors.MissingReferenceError):
        decoder.decode(packets[2])


def test_keyframes_are_never_left_out(clip):
    header = FrameHeader(FrameType.I, clip.packets[0].header.qp, 0, 0, clip.packets[0].header.references, 5)
    packet = zvc69.bitstream.PacketMaker(clip.header).make(header, bytes(clip.packets[0].payload))
    assert len(Decoder(clip.header, max_layer=0, threads=1).decode(packet)) == 1


@pytest.mark.parametrize("max_layer", [-1, 8])
def test_layers_that_cannot_be_are_refused(clip, max_layer):
    with pytest.raises(ConfigError, match=f"max_layer {max_layer} is not within 0..7"):
        zvc69.open(clip.file(), max_layer=max_layer)


def test_time_at_which_nothing_is_shown_is_not_waited_for():
    reorder = Reorder()
    reorder.begin(0)
    assert [reorder.put(pts, what) for pts, what in ((0, "a"), (2, "c"), (1, None), (4, "e"), (3, None))] == [["a"], [], ["c"], [], ["e"]]


def test_command_line(clip, tmp_path, capsys):
    stream = tmp_path / "a.zvc"
    stream.write_bytes(clip.file())
    times = [pts for pts, layer in sorted(layer_of(clip).items()) if layer == 0]
    assert run(["decode", str(stream), str(tmp_path / "a.mkv"), "--max-layer", "0", "--crf", "0"]) == 0
    assert f"decoded {len(times)} frames" in capsys.readouterr().err
    with open_source(tmp_path / "a.mkv") as video:
        assert len(list(video)) == len(times)
    import av
    with av.open(tmp_path / "a.mkv") as container:
        assert [round(float(frame.pts * frame.time_base * 25)) for frame in container.decode(video=0)] == times

    assert run(["info", str(stream), "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["layer"] for layer in layers] == [0, 1, 2] and sum(layer["frames"] for layer in layers) == FRAMES
    assert layers[0]["frames"] == len(times) and layers[0]["bytes"] == sum(len(packet) for packet in clip.packets if packet.header.layer == 0)
    assert run(["info", str(stream), "--frames"]) == 0
    out = capsys.readouterr().out
    assert f"0: {len(times)} frames, " in out and "layer" in out
