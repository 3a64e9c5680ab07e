"""Packed clips, loaded in any process."""

import multiprocessing

import pytest
from packed_clips import ALL, check, packed

from aed_plugins.core import InputError
from aed_plugins.data import packing
from aed_plugins.data.packing import load_clip


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
