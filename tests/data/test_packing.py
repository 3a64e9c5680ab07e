"""What packing decodes, keeps and forgets."""

import collections
import errno
import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed_plugins.core import InputError
from aed_plugins.data import ClipSource, pack_clips, packing
from aed_plugins.data.packing import load_clip

RATE = 16000


@pytest.fixture
def sources(tmp_path):
    """Make 6 clips of 100 to 105 samples in 2 shards; every sample of clip k is k + 1."""
    made = {}
    for k in range(6):
        path = tmp_path / f"{k}.wav"
        write(path, k + 1, 100 + k)
        made[f"clip{k}"] = ClipSource(path, f"fold{k // 3 + 1}")
    return made


@pytest.fixture
def decoded(monkeypatch):
    """Count the calls of `read_waveform` by file name."""
    calls = collections.Counter()
    lock = threading.Lock()
    real = packing.read_waveform

    def counted(path, sample_rate):
        with lock:
            calls[Path(path).name] += 1
        return real(path, sample_rate)

    monkeypatch.setattr(packing, "read_waveform", counted)
    return calls


def write(path, value, samples):
    soundfile.write(path, np.full(samples, value, np.int16), RATE, "PCM_16")


def packed(sources, folder, rate=RATE):
    return pack_clips(sources, folder, rate, progress=False)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def check(result, expected):
    """Check that clip id -> (value, samples) is what was packed, and that nothing else was."""
    got = {}
    for clip, place in result.clips.items():
        y = load_clip(*place)
        assert y.dtype == np.float32
        assert len(set(y)) == 1
        got[clip] = (y[0] * 32768, len(y))
    assert got == expected


ALL = {f"clip{k}": (k + 1, 100 + k) for k in range(6)}


def test_clips_are_packed_by_shard(tmp_path, sources):
    result = packed(sources, tmp_path / "packed")
    check(result, ALL)
    assert result.bad == {}
    folder = tmp_path / "packed" / "16000"
    assert names_in(folder) == ["fold1.json", "fold1.npy", "fold2.json", "fold2.npy"]
    fold2 = np.load(folder / "fold2.npy")
    assert fold2.tolist() == [4] * 103 + [5] * 104 + [6] * 105
    assert result.clips["clip4"] == (str(folder / "fold2.npy"), 103, 104)


def test_every_16_bit_value_survives_bit_by_bit(tmp_path):
    every = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", every, RATE, "PCM_16")
    clips, _ = packed({"a": ClipSource(tmp_path / "a.wav", "fold1")}, tmp_path)
    np.testing.assert_array_equal(np.load(clips["a"].file), every)
    np.testing.assert_array_equal(load_clip(*clips["a"]) * 32768, every)


def test_samples_are_rounded_and_clipped_to_full_scale(tmp_path):
    x = np.array([1.0, 7.0, -1.0, -7.0, 0.6 / 32768, -0.6 / 32768, 0.4 / 32768, 3e38])
    soundfile.write(tmp_path / "a.wav", x, RATE, "FLOAT")
    clips, _ = packed({"a": ClipSource(tmp_path / "a.wav", "fold1")}, tmp_path)
    expected = [32767, 32767, -32768, -32768, 1, -1, 0, 32767]
    assert np.load(clips["a"].file).tolist() == expected


def test_a_second_call_decodes_and_writes_nothing(tmp_path, sources, decoded):
    first = packed(sources, tmp_path / "packed")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "packed").rglob("*")}
    decoded.clear()
    again = packed(dict(reversed(sources.items())), str(tmp_path / "packed"))
    assert not decoded
    assert (again.clips, again.bad) == (first.clips, first.bad)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "packed").rglob("*")} == before


def test_a_relative_folder_gives_absolute_files(tmp_path, sources, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = packed(sources, "packed")
    monkeypatch.chdir("/")
    check(result, ALL)


def test_a_changed_file_is_decoded_again_and_the_others_are_copied(tmp_path, sources, decoded):
    first = packed(sources, tmp_path / "packed")
    load_clip(*first.clips["clip0"])  # maps the old file
    decoded.clear()
    write(sources["clip0"].path, 99, 50)
    check(packed(sources, tmp_path / "packed"), ALL | {"clip0": (99, 50)})
    assert decoded == {"0.wav": 1}


def test_a_change_of_the_same_size_is_noticed_by_its_time(tmp_path, sources):
    packed(sources, tmp_path / "packed")
    write(sources["clip0"].path, 99, 100)
    later = time.time() + 10
    os.utime(sources["clip0"].path, (later, later))
    check(packed(sources, tmp_path / "packed"), ALL | {"clip0": (99, 100)})


def test_another_path_is_noticed(tmp_path, sources):
    packed(sources, tmp_path / "packed")
    sources["clip0"], sources["clip1"] = sources["clip1"], sources["clip0"]
    swapped = {"clip0": (2, 101), "clip1": (1, 100)}
    check(packed(sources, tmp_path / "packed"), ALL | swapped)


def test_another_sample_rate_goes_to_another_folder(tmp_path, sources, decoded):
    packed(sources, tmp_path / "packed")
    other = packed(sources, tmp_path / "packed", 8000)
    assert other.clips["clip0"].file == str(tmp_path / "packed" / "8000" / "fold1.npy")
    assert other.clips["clip0"].samples == 50
    decoded.clear()
    check(packed(sources, tmp_path / "packed"), ALL)
    assert not decoded


def test_removed_and_added_clips_are_noticed(tmp_path, sources, decoded):
    packed(sources, tmp_path / "packed")
    decoded.clear()
    del sources["clip0"]
    write(tmp_path / "new.wav", 77, 30)
    sources["new"] = ClipSource(tmp_path / "new.wav", "fold2")
    expected = ALL | {"new": (77, 30)}
    del expected["clip0"]
    check(packed(sources, tmp_path / "packed"), expected)
    assert decoded == {"new.wav": 1}
    assert len(np.load(tmp_path / "packed" / "16000" / "fold1.npy")) == 101 + 102


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
def test_a_damaged_shard_is_made_anew(tmp_path, sources, decoded, file, damage):
    packed(sources, tmp_path / "packed")
    path = tmp_path / "packed" / "16000" / file
    whole = path.read_bytes()
    assert damage(whole) != whole
    path.write_bytes(damage(whole))
    decoded.clear()
    check(packed(sources, tmp_path / "packed"), ALL)
    assert decoded == {"0.wav": 1, "1.wav": 1, "2.wav": 1}


@pytest.mark.parametrize("file", ["fold1.npy", "fold1.json"])
def test_a_missing_file_is_made_anew(tmp_path, sources, file):
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
    mended = packed(sources, tmp_path / "packed")
    check(mended, ALL)
    assert mended.bad == {}
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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_not_utf8_is_kept_in_the_index(tmp_path, decoded):
    name = os.fsdecode(b"caf\xe9.wav")
    write(tmp_path / "a.wav", 5, 10)
    (tmp_path / "a.wav").rename(tmp_path / name)
    sources = {name: ClipSource(tmp_path / name, "fold1")}
    first = packed(sources, tmp_path)
    decoded.clear()
    assert packed(sources, tmp_path) == first
    assert not decoded


@pytest.mark.parametrize("shard", ["a/b", "../a", "a/", "."])
def test_a_shard_outside_the_folder_is_refused(tmp_path, shard):
    with pytest.raises(InputError, match="expected a shard's name"):
        packed({"a": ClipSource(tmp_path / "a.wav", shard)}, tmp_path / "packed")


def test_shards_whose_names_differ_behind_a_dot_are_two(tmp_path, sources):
    named = {clip: ClipSource(path, f"v1.{shard}") for clip, (path, shard) in sources.items()}
    check(packed(named, tmp_path / "packed"), ALL)
    assert len(names_in(tmp_path / "packed" / "16000")) == 4


@pytest.mark.parametrize(
    ("finished", "needed"),
    [(0, "1.2 MB"), (1, "0.2 MB")],  # fold1 takes 0.6 MB, and fold2 is thought to be like it
)
def test_a_full_disk_is_told_in_one_line_and_leaves_no_part(
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


def test_the_progress_bar_counts_the_clips_of_stale_shards(tmp_path, sources, capsys):
    packed(sources, tmp_path / "packed")
    assert capsys.readouterr().err == ""
    pack_clips(sources, tmp_path / "packed", RATE)
    assert capsys.readouterr().err == ""
    write(sources["clip0"].path, 99, 50)
    pack_clips(sources, tmp_path / "packed", RATE)
    assert "3/3" in capsys.readouterr().err


@pytest.mark.parametrize(("start", "samples"), [(-1, 10), (0, 0), (0, 304), (303, 1), (300, -5)])
def test_a_clip_outside_the_shard_is_refused(tmp_path, sources, start, samples):
    file = packed(sources, tmp_path / "packed").clips["clip0"].file
    assert len(load_clip(file, 0, 303)) == 303
    with pytest.raises(InputError, match="expected a clip within 0 to 303, but got") as caught:
        load_clip(file, start, samples)
    assert str(caught.value).startswith(file)


def test_a_missing_or_damaged_shard_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected packed audio, but got"):
        load_clip(tmp_path / "none.npy", 0, 1)
    (tmp_path / "text.npy").write_text("text")
    with pytest.raises(InputError, match="expected packed audio, but got"):
        load_clip(tmp_path / "text.npy", 0, 1)


def test_a_loaded_clip_may_be_written_to(tmp_path, sources):
    place = packed(sources, tmp_path / "packed").clips["clip0"]
    load_clip(*place)[:] = 0
    assert load_clip(*place)[0] * 32768 == 1


def test_a_shard_is_mapped_once_in_a_process(tmp_path, sources):
    result = packed(sources, tmp_path / "packed")
    check(result, ALL)
    check(result, ALL)
    assert packing._mapped.cache_info().misses == 2


def load_all(places):
    return [float(load_clip(*place)[0]) * 32768 for place in places]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_workers_load_what_the_parent_has_mapped(tmp_path, sources):
    places = list(packed(sources, tmp_path / "packed").clips.values())
    load_all(places)
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(load_all, [places] * 4) == [[1, 2, 3, 4, 5, 6]] * 4
