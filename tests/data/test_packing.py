"""What packing decodes, writes and copies."""

import os
import time

import numpy as np
import pytest
import soundfile
from packed_clips import ALL, RATE, check, names_in, packed, write

from aed_plugins.core import InputError
from aed_plugins.data import ClipSource, pack_clips
from aed_plugins.data.packing import load_clip


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


def test_the_progress_bar_counts_the_clips_of_stale_shards(tmp_path, sources, capsys):
    packed(sources, tmp_path / "packed")
    assert capsys.readouterr().err == ""
    pack_clips(sources, tmp_path / "packed", RATE)
    assert capsys.readouterr().err == ""
    write(sources["clip0"].path, 99, 50)
    pack_clips(sources, tmp_path / "packed", RATE)
    assert "3/3" in capsys.readouterr().err
