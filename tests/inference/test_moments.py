"""The index of moments: found as by brute force, up to date, whole after a kill."""

import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from aed_plugins.inference import Hit, MomentIndex, Moments, moment_store
from aed_plugins.inference.moments import pooled

SIZE = 16


def embeddings_of(file):
    """Give ten embeddings that depend on what the file holds."""
    return np.random.default_rng(list(file.read_bytes())).standard_normal((10, SIZE))


def embed(file):
    """Ten moments of 1 s; a file that begins with `bad` cannot be read."""
    if file.read_bytes().startswith(b"bad"):
        raise InputError(f"{file}: expected audio, but got noise; leave it out")
    return Moments(np.arange(10.0), np.arange(10.0) + 1, embeddings_of(file))


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.wav").write_text(f"sound {number}")
    return folder


def listed(folder):
    return sorted(folder.rglob("*.wav"))


def opened(recordings, folder=None, **settings):
    options = {"model": "mn04 1s", "embedding_size": SIZE, "wait": 0.1} | settings
    return MomentIndex(folder or recordings.parent / "index", recordings, **options)


def indexed(recordings, **settings):
    """Give an open index of what the folder holds, and the report."""
    index = opened(recordings, **settings)
    return index, index.update(listed(recordings), embed)


def brute_force(files, query):
    """Give (similarity, file, second) of all moments, the most similar first."""
    query = query / np.linalg.norm(query)
    found = []
    for file in files:
        vectors = embeddings_of(file)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found += [(value, file, second) for second, value in enumerate(vectors @ query)]
    return sorted(found, key=lambda row: -row[0])


def only_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_search_is_brute_force(recordings):
    query = np.random.default_rng(7).standard_normal(SIZE)
    expected = brute_force(listed(recordings), query)
    index, report = indexed(recordings)
    with index:
        hits = index.search(query, top_k=60, min_gap=0)
        assert len(index) == 60
    assert report == (6, 0, 0, 0, {})
    assert [(hit.file, hit.onset) for hit in hits] == [row[1:] for row in expected]
    np.testing.assert_allclose(
        [hit.similarity for hit in hits], [row[0] for row in expected], atol=1e-3
    )
    assert all(hit.offset == hit.onset + 1 for hit in hits)


@settings(max_examples=40, deadline=None)
@given(
    query=st.integers(0, 2**32 - 1),
    top_k=st.integers(1, 70),
    min_gap=st.sampled_from([0.0, 0.5, 1.0, 3.0, math.inf]),
    own=st.one_of(st.none(), st.tuples(st.integers(0, 5), st.floats(0, 9), st.floats(0, 5))),
)
def test_distinct_moments_are_those_of_brute_force(shared, query, top_k, min_gap, own):
    index, files = shared
    query = np.random.default_rng(query).standard_normal(SIZE)
    exclude = None
    taken = []
    if own is not None:
        exclude = (files[own[0]], own[1], own[1] + own[2])
        taken.append(exclude)
    expected = []
    for _, file, second in brute_force(files, query):
        if len(expected) == top_k:
            break
        gaps = [max(second - end, start - second - 1) for name, start, end in taken if name == file]
        if all(gap >= min_gap - 1e-6 for gap in gaps):
            taken.append((file, second, second + 1))
            expected.append((file, second))
    hits = index.search(query, top_k, exclude=exclude, min_gap=min_gap)
    # Half precision may swap two that are equally similar to the third digit.
    exact = {(file, second): value for value, file, second in brute_force(files, query)}
    if [(hit.file, hit.onset) for hit in hits] != expected:
        values = [exact[place] for place in expected]
        np.testing.assert_allclose([hit.similarity for hit in hits], values, atol=2e-3)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One index for many queries."""
    folder = tmp_path_factory.mktemp("shared") / "recordings"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.wav").write_text(f"sound {number}")
    index, _ = indexed(folder)
    with index:
        yield index, listed(folder)


def test_only_what_changed_is_embedded_again(recordings):
    indexed(recordings)[0].close()
    (recordings / "0.wav").write_text("another sound")
    (recordings / "1.wav").unlink()
    (recordings / "new.wav").write_text("new")
    met = []

    def embed_and_note(file):
        met.append(file.name)
        return embed(file)

    with opened(recordings) as index:
        report = index.update(listed(recordings), embed_and_note)
        assert report == (1, 1, 1, 4, {})
        assert sorted(met) == ["0.wav", "new.wav"]
        assert index.search(embeddings_of(recordings / "0.wav")[3], 1)[0].onset == 3
        found = {hit.file.name for hit in index.search(np.ones(SIZE), 100, min_gap=0)}
        assert found == {"0.wav", "2.wav", "3.wav", "4.wav", "5.wav", "new.wav"}
        assert index.update(listed(recordings), embed_and_note) == (0, 0, 0, 6, {})


def test_same_size_and_another_time_is_a_change(recordings):
    indexed(recordings)[0].close()
    os.utime(recordings / "0.wav", ns=(1, 1))
    with opened(recordings) as index:
        assert index.update(listed(recordings), embed).replaced == 1


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_every_moment_of_a_file_of_any_length_is_found(recordings, count):
    file = recordings / "3.wav"
    vectors = many(file, count).embeddings
    with opened(recordings) as index:
        index.update(listed(recordings), lambda file: many(file, count))
        assert len(index) == 6 * count
        for second in {0, count // 3, count - 1}:
            hit = index.search(vectors[second], 1)[0]
            assert hit == Hit(file, second, second + 1, pytest.approx(1, abs=1e-3))
        for other in listed(recordings)[:3]:
            other.unlink()
        index.update(listed(recordings), embed)
        assert len(index) == 3 * count
        assert len(index.search(np.ones(SIZE), 1000, min_gap=0)) == 3 * count
        blocks = index._store._number("SELECT count(*) FROM block")
        assert blocks == 3 * math.ceil(count / 64)


def test_own_moment_and_its_neighbours_are_left_out(recordings):
    file = recordings / "2.wav"
    query = embeddings_of(file)[4]
    index, _ = indexed(recordings)
    with index:
        assert index.search(query, 1)[0] == Hit(file, 4, 5, pytest.approx(1, abs=1e-3))
        hits = index.search(query, 100, exclude=(file, 4, 5), min_gap=0.5)
        assert {hit.onset for hit in hits if hit.file == file} <= {0, 1, 2, 6, 7, 8, 9}
        assert any(hit.file == file for hit in hits)
        hits = index.search(query, 100, exclude=(file, 0, math.inf))
        assert not any(hit.file == file for hit in hits)
        elsewhere = (recordings.parent / "query.wav", 0, math.inf)
        assert index.search(query, 1, exclude=elsewhere)[0].file == file


def test_own_file_is_known_through_a_link_to_the_folder(recordings):
    link = recordings.parent / "link"
    link.symlink_to(recordings)
    index, _ = indexed(recordings)
    with index:
        hits = index.search(np.ones(SIZE), 100, exclude=(link / "2.wav", 0, math.inf))
    assert hits
    assert not any(hit.file.name == "2.wav" for hit in hits)


def test_windows_that_overlap_are_one_moment(recordings):
    def overlapping(file):
        onsets = np.arange(10) * 0.1
        return Moments(onsets, onsets + 0.96, embeddings_of(file))

    with opened(recordings) as index:
        index.update(listed(recordings), overlapping)
        assert len(index.search(np.ones(SIZE), 100, min_gap=0)) == 6


def test_min_gap_of_infinity_gives_one_moment_per_file(recordings):
    index, _ = indexed(recordings)
    with index:
        hits = index.search(np.ones(SIZE), 100, min_gap=math.inf)
    assert len({hit.file for hit in hits}) == len(hits) == 6


def test_longer_query_is_the_mean_of_its_directions(recordings):
    first, second = embeddings_of(recordings / "0.wav")[:2]
    expected = first / np.linalg.norm(first) + second / np.linalg.norm(second)
    np.testing.assert_allclose(
        pooled(np.stack([1000 * first, second])), expected / np.linalg.norm(expected), atol=1e-6
    )
    index, _ = indexed(recordings)
    with index:
        longer = index.search(np.stack([1000 * first, second]), 20)
        assert [hit[:3] for hit in longer] == [hit[:3] for hit in index.search(expected, 20)]
        best = index.search(np.stack([first, second]), 2, min_gap=0)
    assert {hit.onset for hit in best} == {0, 1}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (np.full(SIZE, np.nan), "finite"),
        (np.full((2, SIZE), np.inf), "finite"),
        (np.zeros(SIZE), "sound"),
        (np.empty((0, SIZE)), "sound"),
        (np.stack([np.ones(SIZE), -np.ones(SIZE)]), "sound"),
    ],
)
def test_query_without_direction_is_refused(shared, query, said):
    with pytest.raises(InputError, match=f"query: expected {said}") as error:
        shared[0].search(query)
    only_line(error)


def test_query_of_another_size_is_refused(shared):
    with pytest.raises(ValueError, match="expected embeddings of 16, got 8"):
        shared[0].search(np.ones(8))


def test_large_embeddings_do_not_overflow(recordings):
    def huge(file):
        return embed(file)._replace(embeddings=embeddings_of(file).astype(np.float32) * 1e30)

    with opened(recordings) as index:
        index.update(listed(recordings), huge)
        query = embeddings_of(recordings / "3.wav")[3] * 1e-30
        assert index.search(query, 1)[0].similarity == pytest.approx(1, abs=1e-3)


def test_bad_files_are_named_skipped_and_tried_again(recordings):
    indexed(recordings)[0].close()
    (recordings / "0.wav").write_text("bad now")
    (recordings / "new.wav").write_text("bad new")
    (recordings / "fine.wav").write_text("fine")
    told = []
    with opened(recordings) as index:
        report = index.update(
            listed(recordings), embed, on_bad=lambda file, error: told.append((file, str(error)))
        )
        assert [file.name for file, _ in told] == ["0.wav", "new.wav"]
        assert report == (1, 0, 0, 5, dict(told))
        assert "0.wav: expected audio" in told[0][1]
        names = {hit.file.name for hit in index.search(np.ones(SIZE), 100, min_gap=0)}
        assert names == {"1.wav", "2.wav", "3.wav", "4.wav", "5.wav", "fine.wav"}
        (recordings / "0.wav").write_text("mended")
        report = index.update(listed(recordings), embed)
        assert (report.added, [file.name for file in report.bad]) == (1, ["new.wav"])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_make_a_file_bad(recordings, wrong):
    def broken(file):
        moments = embed(file)
        if file.name == "1.wav":
            moments.embeddings[3, 3] = wrong
        return moments

    with opened(recordings) as index:
        report = index.update(listed(recordings), broken)
        assert list(report.bad) == [recordings / "1.wav"]
        assert "1.wav: expected finite embeddings" in report.bad[recordings / "1.wav"]
        assert len(index) == 50


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        (Moments(np.arange(2), np.arange(3), np.ones((2, SIZE))), r"expected \(moment,\) twice"),
        (Moments(np.arange(2), np.arange(2), np.ones((3, SIZE))), "expected 2 moments of 16"),
        (Moments(np.arange(2), np.arange(2), np.ones((2, 8))), "expected 2 moments of 16"),
        (Moments(np.arange(2), np.zeros(2), np.ones((2, SIZE))), "expected 0 <= onsets"),
        (Moments(np.zeros(1), np.array([np.inf]), np.ones((1, SIZE))), "expected 0 <= onsets"),
    ],
)
def test_moments_of_wrong_shapes_or_times_are_a_defect(recordings, moments, said):
    with opened(recordings) as index, pytest.raises(ValueError, match=said) as error:
        index.update(listed(recordings), dict.fromkeys(listed(recordings), moments).__getitem__)
    assert not isinstance(error.value, InputError)


def test_file_that_vanishes_is_bad(recordings):
    with opened(recordings) as index:
        report = index.update([*listed(recordings), recordings / "gone.wav"], embed)
    assert report.bad == {
        recordings / "gone.wav": "gone.wav: expected a file, but there is none; leave it out"
    }


def test_file_outside_the_folder_is_refused(recordings):
    with opened(recordings) as index, pytest.raises(InputError, match="expected a file in"):
        index.update([recordings.parent / "elsewhere.wav"], embed)


def test_empty_folder_and_file_without_moments(recordings):
    def nothing(file):
        return Moments(np.empty(0), np.empty(0), np.empty((0, SIZE)))

    with opened(recordings) as index:
        assert index.update([], embed) == (0, 0, 0, 0, {})
        assert index.search(np.ones(SIZE)) == []
        assert index.update(listed(recordings), nothing).added == 6
        assert index.search(np.ones(SIZE)) == []
        assert index.update(listed(recordings), embed).unchanged == 6


def test_folder_and_index_may_be_moved(recordings):
    index, _ = indexed(recordings, folder=recordings / ".index")
    index.close()
    moved = recordings.parent / "moved"
    recordings.rename(moved)
    with opened(moved, folder=moved / ".index") as index:
        assert index.update(listed(moved), embed).unchanged == 6
        hit = index.search(embeddings_of(moved / "2.wav")[3], 1)[0]
    assert (hit.file, hit.onset) == (moved / "2.wav", 3)


def test_names_in_every_script_and_in_folders(recordings):
    names = ["犬/吠える.wav", "Straße/Grüße ä.wav", "'; DROP TABLE file.wav"]
    for name in names:
        (recordings / name).parent.mkdir(exist_ok=True)
        (recordings / name).write_text(name)
    index, report = indexed(recordings)
    with index:
        assert report.added == 9
        for name in names:
            hit = index.search(embeddings_of(recordings / name)[2], 1)[0]
            assert hit.file == recordings / name


def test_name_that_is_not_utf_8_is_bad(recordings):
    name = os.fsencode(recordings) + b"/\xff.wav"
    try:
        Path(os.fsdecode(name)).write_text("sound")
    except OSError:
        pytest.skip("this file system refuses such names")
    index, report = indexed(recordings)
    index.close()
    assert report.added == 6
    assert "expected a name in UTF-8; rename" in next(iter(report.bad.values()))


@pytest.mark.parametrize("other", [{"model": "mn10 1s"}, {"embedding_size": 8}])
def test_index_of_another_model_is_refused(recordings, other):
    indexed(recordings)[0].close()
    with pytest.raises(InputError, match="give another --index folder or delete it") as error:
        opened(recordings, **other)
    assert "mn04 1s" in only_line(error)
    opened(recordings).close()  # it is left as it was, and free


def test_index_of_another_folder_is_not_emptied(recordings):
    indexed(recordings)[0].close()
    other = recordings.parent / "other"
    other.mkdir()
    (other / "cat.wav").write_text("cat")
    with opened(other) as index:
        for files in (listed(other), []):
            with pytest.raises(InputError, match=r"none of its recordings, such as 0\.wav"):
                index.update(files, embed)
        assert len(index) == 60


def test_folder_with_something_else_is_refused_and_kept(recordings):
    with pytest.raises(InputError, match="expected an index or an empty folder") as error:
        opened(recordings, folder=recordings)
    only_line(error)
    assert len(list(recordings.iterdir())) == 6


def test_index_where_a_file_is_is_refused(recordings):
    with pytest.raises(InputError, match=r"0\.wav: expected an index to read and write"):
        opened(recordings, folder=recordings / "0.wav")


def test_damaged_index_is_refused(recordings):
    indexed(recordings)[0].close()
    file = recordings.parent / "index/moments.sqlite"
    file.write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(InputError, match="damaged: delete its folder") as error:
        opened(recordings)
    only_line(error)


def test_second_process_is_refused(recordings):
    program = textwrap.dedent(f"""
        import pathlib, sys
        from aed_plugins.inference.moments import MomentIndex
        folder = pathlib.Path({str(recordings)!r})
        MomentIndex(folder.parent / "index", folder, model="mn04 1s", embedding_size={SIZE})
        print("open", flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(InputError, match="another process is using the index") as error:
            opened(recordings)
        only_line(error)
        other.kill()
    opened(recordings).close()


def test_full_disk_leaves_the_index_whole(recordings):
    index, _ = indexed(recordings)
    with index:
        pages = index._store._number("PRAGMA page_count")
        index._store._database.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(20):
            (recordings / f"more{number}.wav").write_text(f"more {number}")
        with pytest.raises(InputError, match="make room and try again") as error:
            index.update(listed(recordings), lambda file: many(file, 300))
        only_line(error)
    with opened(recordings) as index:
        assert len(index) >= 60
        assert index.search(embeddings_of(recordings / "2.wav")[3], 1)[0].onset == 3


def many(file, count):
    vectors = np.random.default_rng(list(file.read_bytes())).standard_normal((count, SIZE))
    return Moments(np.arange(count), np.arange(count) + 1, vectors)


def test_without_usearch_one_line_says_what_to_install(recordings, monkeypatch):
    monkeypatch.setattr(moment_store.importlib.util, "find_spec", {"usearch": None}.__getitem__)
    with pytest.raises(InputError, match=r"pip install 'aed-plugins\[index\]'") as error:
        opened(recordings)
    only_line(error)
    assert not (recordings.parent / "index").exists()


# With search graphs: as many moments as the tests have time for.


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(moment_store, "SHARD", 100)


@pytest.fixture
def many_recordings(recordings):
    for number in range(6, 35):
        (recordings / f"{number}.wav").write_text(f"sound {number}")
    return recordings


def graphs(recordings):
    return sorted(path.name for path in (recordings.parent / "index").glob("*graph*"))


def recall(index, recordings, top_k=10):
    """Give the share of the true nearest moments that are found, over 20 queries."""
    found = 0
    for number in range(20):
        query = np.random.default_rng(number).standard_normal(SIZE)
        true = {row[1:] for row in brute_force(listed(recordings), query)[:top_k]}
        hits = index.search(query, top_k, min_gap=0)
        assert len(hits) == top_k
        found += len(true & {(hit.file, int(hit.onset)) for hit in hits})
    return found / 20 / top_k


def test_graphs_find_what_brute_force_finds(many_recordings, small_shards):
    index, _ = indexed(many_recordings)
    with index:
        assert graphs(many_recordings) == [f"graph-{n}.usearch" for n in (1, 2, 3)]
        assert recall(index, many_recordings) > 0.97
        everything = index.search(np.ones(SIZE), 1000, min_gap=0)
    assert len(everything) == 350
    with opened(many_recordings) as index:  # and after they were closed
        assert index.search(np.ones(SIZE), 1000, min_gap=0) == everything


def test_what_is_gone_from_a_graph_is_not_found(many_recordings, small_shards):
    indexed(many_recordings)[0].close()
    gone = listed(many_recordings)[:4]
    vectors = [embeddings_of(file)[0] for file in gone]
    for file in gone:
        file.unlink()
    index, report = indexed(many_recordings)
    with index:
        assert report.removed == 4
        assert graphs(many_recordings) == [f"graph-{n}.usearch" for n in (1, 2, 3)]
        for vector in vectors:
            assert not {hit.file for hit in index.search(vector, 500, min_gap=0)} & set(gone)
        assert recall(index, many_recordings) > 0.97


def test_graph_that_is_mostly_gone_is_made_again(many_recordings, small_shards):
    indexed(many_recordings)[0].close()
    for file in listed(many_recordings)[:6]:
        file.unlink()
    index, _ = indexed(many_recordings)
    with index:
        # 290 are left: 200 in the second and third, 40 of the first and 50 that were in none.
        assert graphs(many_recordings) == ["graph-2.usearch", "graph-3.usearch"]
        assert recall(index, many_recordings) > 0.97


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_damaged_graph_is_made_again(many_recordings, small_shards, damage):
    indexed(many_recordings)[0].close()
    graph = many_recordings.parent / "index/graph-2.usearch"
    if damage == "missing":
        graph.unlink()
    else:
        os.truncate(graph, 1000)
    with opened(many_recordings) as index:
        assert "graph-2.usearch" not in graphs(many_recordings)
        assert recall(index, many_recordings) > 0.97  # they are compared one by one
        index.update(listed(many_recordings), embed)
        assert len(graphs(many_recordings)) == 3
        assert recall(index, many_recordings) > 0.97


def test_zeros_are_kept_and_like_nothing(many_recordings, small_shards):
    def silent(file):
        moments = embed(file)
        moments.embeddings[::2] = 0
        return moments

    with opened(many_recordings) as index:
        index.update(listed(many_recordings), silent)
        assert len(graphs(many_recordings)) == 3
        hits = index.search(embeddings_of(many_recordings / "3.wav")[1], 20, min_gap=0)
    assert hits[0].similarity == pytest.approx(1, abs=1e-3)
    assert all(hit.onset % 2 == 1 for hit in hits)


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, {tests!r})
import contextlib
from aed_plugins import moment_store
from test_moments import embed, indexed
moment_store.SHARD = 100

def dies(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

written = moment_store.written_beside

@contextlib.contextmanager
def dies_after(path):
    with written(path) as temporary:
        yield temporary
    dies()

@contextlib.contextmanager
def dies_before(path):
    with written(path) as temporary:
        yield temporary
        dies()

how = {how!r}
if how == "graph written":
    moment_store.written_beside = dies_after
elif how == "graph half written":
    moment_store.written_beside = dies_before
else:
    keep = moment_store.MomentStore.keep
    def keep_some(self, name, stamp, moments):
        keep(self, name, stamp, moments)
        if len(self) == 170:
            with self._database:
                self._forget(name)
                dies()
    moment_store.MomentStore.keep = keep_some
indexed(pathlib.Path({recordings!r}))
"""


@pytest.mark.parametrize(
    ("how", "left"),
    [("graph written", 25), ("graph half written", 25), ("file half replaced", 18)],
)
def test_killed_update_goes_on_where_it_stopped(many_recordings, small_shards, how, left):
    program = KILLED.format(
        tests=str(Path(__file__).parent), how=how, recordings=str(many_recordings)
    )
    died = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    met = []

    def embed_and_note(file):
        met.append(file)
        return embed(file)

    with opened(many_recordings) as index:
        report = index.update(listed(many_recordings), embed_and_note)
        assert report == (left, 0, 0, 35 - left, {})
        assert len(met) == left
        assert len(index) == 350
        assert graphs(many_recordings) == [f"graph-{n}.usearch" for n in (1, 2, 3)]
        assert recall(index, many_recordings) > 0.97


def test_interrupted_update_keeps_what_was_done(recordings):
    def interrupted(file):
        if file.name == "3.wav":
            raise KeyboardInterrupt
        return embed(file)

    with opened(recordings) as index, pytest.raises(KeyboardInterrupt):
        index.update(listed(recordings), interrupted)
    copy = recordings.parent / "copy"
    shutil.copytree(recordings.parent / "index", copy)
    with opened(recordings, folder=copy) as index:
        assert index.update(listed(recordings), embed) == (3, 0, 0, 3, {})


def test_progress_wraps_what_is_to_be_embedded(recordings):
    indexed(recordings)[0].close()
    (recordings / "new.wav").write_text("new")
    seen = []

    def progress(files):
        seen.append([file.name for file in files])
        return iter(files)

    with opened(recordings) as index:
        index.update(listed(recordings), embed, progress=progress)
    assert seen == [["new.wav"]]


def test_neither_torch_nor_speechbrain_is_imported():
    program = (
        "import sys, aed_plugins.inference.moments; "
        "print([name for name in ('torch', 'speechbrain', 'usearch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
