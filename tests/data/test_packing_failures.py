"""Packing that is interrupted, damaged files and clips that cannot be used."""

import errno
import json
import time

import pytest
from packed_clips import ALL, check, names_in, packed, write

from aed_plugins.core import InputError
from aed_plugins.data import ClipSource, packing


def test_an_interruption_keeps_the_finished_shards(tmp_path, sources, decoded, monkeypatch):
    counted = packing.read_waveform

    def interrupted(path, sample_rate):
        if path.endswith("4.wav"):
            raise KeyboardInterrupt
        return counted(path, sample_rate)

    with monkeypatch.context() as patch:
        patch.setattr(packing, "read_waveform", interrupted)
        with pytest.raises(KeyboardInterrupt):
            packed(sources, tmp_path / "packed")
    assert names_in(tmp_path / "packed" / "16000") == ["fold1.json", "fold1.npy"]
    decoded.clear()
    check(packed(sources, tmp_path / "packed"), ALL)
    assert decoded == {"3.wav": 1, "4.wav": 1, "5.wav": 1}


def test_an_interruption_does_not_decode_the_rest_of_the_shard(tmp_path, decoded, monkeypatch):
    class Interrupted(packing.tqdm):
        def update(self, n=1):
            raise KeyboardInterrupt

    write(tmp_path / "a.wav", 1, 100)
    monkeypatch.setattr(packing, "tqdm", Interrupted)
    monkeypatch.setattr(packing.os, "cpu_count", lambda: 1)
    real = packing.read_waveform
    monkeypatch.setattr(packing, "read_waveform", lambda *given: time.sleep(0.001) or real(*given))
    with pytest.raises(KeyboardInterrupt):
        packed({str(k): ClipSource(tmp_path / "a.wav", "fold1") for k in range(1000)}, tmp_path)
    assert decoded["a.wav"] < 500


def test_a_kill_between_samples_and_index_leaves_no_wrong_clip(tmp_path, sources, monkeypatch):
    for k in range(3):
        write(sources[f"clip{k}"].path, k + 1, 100)  # so that every shard below has one size
    first = {clip: sources[clip] for clip in ("clip0", "clip1")}
    second = {clip: ClipSource(sources[clip].path, "fold1") for clip in ("clip1", "clip2")}
    packed(first, tmp_path / "packed")

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(packing.json, "dumps", killed)
        with pytest.raises(KeyboardInterrupt):
            packed(second, tmp_path / "packed")
    check(packed(first, tmp_path / "packed"), {"clip0": (1, 100), "clip1": (2, 100)})
    check(packed(second, tmp_path / "packed"), {"clip1": (2, 100), "clip2": (3, 100)})


def index_with(**changes):
    def change(content):
        return json.dumps(json.loads(content) | changes).encode()

    return change


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("fold1.npy", lambda content: content[:-1]),
        ("fold1.npy", lambda content: content[:50]),
        ("fold1.npy", lambda _: b""),
        ("fold1.npy", lambda content: b"PK\3\4" + content[4:]),
        ("fold1.npy", lambda content: content.replace(b"<i2", b"<f2")),
        ("fold1.npy", lambda content: content.replace(b"(303,)", b"(302,)")),
        ("fold1.json", lambda content: content[:-20]),
        ("fold1.json", lambda _: b""),
        ("fold1.json", lambda _: b"[]"),
        ("fold1.json", lambda _: b"{}"),
        ("fold1.json", lambda _: b'{"clips": []}'),
        ("fold1.json", lambda _: b"\xff\xfe"),
        ("fold1.json", lambda _: b'{"clips": {"clip0": {}}}'),
        ("fold1.json", index_with(version=0)),
        ("fold1.json", index_with(sample_rate=8000)),
    ],
)
def test_a_damaged_shard_is_written_again(tmp_path, sources, decoded, file, damage):
    packed(sources, tmp_path / "packed")
    path = tmp_path / "packed" / "16000" / file
    whole = path.read_bytes()
    assert damage(whole) != whole
    path.write_bytes(damage(whole))
    decoded.clear()
    check(packed(sources, tmp_path / "packed"), ALL)
    assert decoded == {"0.wav": 1, "1.wav": 1, "2.wav": 1}


@pytest.mark.parametrize("file", ["fold1.npy", "fold1.json"])
def test_a_missing_file_is_written_again(tmp_path, sources, file):
    packed(sources, tmp_path / "packed")
    (tmp_path / "packed" / "16000" / file).unlink()
    check(packed(sources, tmp_path / "packed"), ALL)


def test_bad_clips_are_named_and_the_rest_is_kept(tmp_path, sources, decoded):
    sources["clip1"].path.write_text("no audio")
    sources["clip2"].path.unlink()
    expected = {clip: place for clip, place in ALL.items() if clip not in {"clip1", "clip2"}}
    result = packed(sources, tmp_path / "packed")
    check(result, expected)
    assert result.bad.keys() == {"clip1", "clip2"}
    assert result.bad["clip1"].startswith(f"{sources['clip1'].path}: expected audio, but")
    assert "there is none" in result.bad["clip2"]

    decoded.clear()
    again = packed(sources, tmp_path / "packed")
    assert again == result
    assert not decoded

    write(sources["clip1"].path, 2, 101)
    write(sources["clip2"].path, 3, 102)
    fixed = packed(sources, tmp_path / "packed")
    check(fixed, ALL)
    assert fixed.bad == {}
    assert decoded == {"1.wav": 1, "2.wav": 1}


def test_a_shard_of_bad_clips_alone_is_kept_too(tmp_path, decoded):
    sources = {"a": ClipSource(tmp_path / "a.wav", "fold1")}
    first = packed(sources, tmp_path)
    assert (first.clips, list(first.bad)) == ({}, ["a"])
    decoded.clear()
    assert packed(sources, tmp_path) == first
    assert not decoded


def test_a_file_without_permission_is_tried_again(tmp_path, sources, monkeypatch):
    def forbidden(path, sample_rate):
        raise InputError(f"{path}: no permission") from PermissionError()

    with monkeypatch.context() as patch:
        patch.setattr(packing, "read_waveform", forbidden)
        assert len(packed(sources, tmp_path / "packed").bad) == 6
    check(packed(sources, tmp_path / "packed"), ALL)


@pytest.mark.parametrize(
    ("finished", "needed"),
    [(0, "1.2 MB"), (1, "0.2 MB")],  # fold1 takes 0.6 MB, and fold2 is thought to be like it
)
def test_a_full_disk_is_reported_in_one_line_and_leaves_no_part(
    tmp_path, sources, monkeypatch, finished, needed
):
    folder = tmp_path / "packed"
    packed({clip: source for clip, source in sources.items() if source.shard == "fold1"}, folder)
    before = {p.name: p.read_bytes() for p in (folder / "16000").iterdir()}
    write(sources["clip0"].path, 1, 300_000)
    write(sources["clip3"].path, 4, 100_000)
    room = iter([None] * finished)

    def fill(_descriptor):
        for _ in room:
            return
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(packing.os, "fsync", fill)
        with pytest.raises(OSError, match="disk is full") as caught:
            packed(sources, folder)
    assert caught.value.errno == errno.ENOSPC
    line = str(caught.value)
    assert f"{folder / '16000'}: the disk is full: the clips that are left need about " in line
    assert needed in line
    assert len(line.splitlines()) == 1
    after = {p.name: p.read_bytes() for p in (folder / "16000").iterdir()}
    assert after.keys() == before.keys()
    assert (after == before) is (finished == 0)
    check(packed(sources, folder), ALL | {"clip0": (1, 300_000), "clip3": (4, 100_000)})


def test_another_error_of_the_disk_is_passed_on(tmp_path, sources, monkeypatch):
    def broken(_descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(packing.os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        packed(sources, tmp_path / "packed")
