"""The index of embeddings finds what a plain comparison finds, and its files are checked."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from aed_plugins.inference import EmbeddingIndex, Embeddings, Hit, embedding_index
from aed_plugins.inference.embedding_index import pool

SIZE = 16
FILES = [Path(f"{number}.wav") for number in range(6)]


def embeddings_of(rows, length=1.0):
    """Give segments side by side with these rows."""
    edges = np.arange(len(rows) + 1.0)
    rows = np.asarray(rows, np.float32)
    return Embeddings(edges[:-1], edges[:-1] + length, rows, float(len(rows)))


def rows_of(file, count=10):
    return np.random.default_rng(int(file.stem)).standard_normal((count, SIZE))


RECORDINGS = {file: embeddings_of(rows_of(file)) for file in FILES}


def compare_all(query):
    """Give (similarity, file, onset) of all segments, the most similar first."""
    found = []
    for file in FILES:
        rows = rows_of(file)
        cosines = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
        found += [(value, file, second) for second, value in enumerate(cosines)]
    return sorted(found, key=lambda row: -row[0])


def places(hits):
    return [(hit.file, hit.onset) for hit in hits]


@pytest.fixture(scope="module")
def index():
    return EmbeddingIndex(RECORDINGS.items())


def test_search_finds_what_a_comparison_in_double_precision_finds(index):
    query = np.random.default_rng(7).standard_normal(SIZE)
    expected = compare_all(query)
    hits = index.search(query, 100, min_gap=0)
    assert len(index) == 60
    assert places(hits) == [row[1:] for row in expected]
    np.testing.assert_allclose([h.similarity for h in hits], [r[0] for r in expected], atol=1e-3)
    assert all(hit.offset == hit.onset + 1 for hit in hits)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    top=st.integers(1, 70),
    min_gap=st.sampled_from([0.0, 0.5, 1.0, 3.0, math.inf]),
    own=st.none() | st.tuples(st.sampled_from(FILES), st.floats(0, 9), st.floats(0, 5)),
)
def test_neighbors_of_better_segments_and_of_the_query_are_left_out(index, seed, top, min_gap, own):
    query = np.random.default_rng(seed).standard_normal(SIZE)
    exclude = None if own is None else (own[0], own[1], own[1] + own[2])
    taken = [] if exclude is None else [exclude]
    expected = []
    for hit in index.search(query, 100, min_gap=0):
        gaps = [
            max(hit.onset - end, start - hit.offset) for f, start, end in taken if f == hit.file
        ]
        if all(gap >= min_gap - 1e-6 for gap in gaps):
            taken.append(hit[:3])
            expected.append(hit)
    assert index.search(query, top, exclude=exclude, min_gap=min_gap) == expected[:top]


def test_a_segment_finds_itself_unless_it_is_excluded(index):
    file = FILES[2]
    query = rows_of(file)[4]
    assert index.search(query, 1) == [Hit(file, 4, 5, pytest.approx(1, abs=1e-3))]
    assert all(index.search(row, 1)[0].similarity <= 1 for row in rows_of(file))
    hits = index.search(query, 100, exclude=(file, 4, 5), min_gap=0.5)
    assert {hit.onset for hit in hits if hit.file == file} <= {0, 1, 2, 6, 7, 8, 9}
    hits = index.search(query, 100, exclude=(file, 0, math.inf))
    assert {hit.file for hit in hits} == set(FILES) - {file}
    assert index.search(query, 1, exclude=(Path("elsewhere.wav"), 0, math.inf))[0].file == file


@pytest.mark.parametrize(
    ("onsets", "length", "found"), [(0.1, 0.96, 1), (0.15, 0.15, 10), (0, 0, 10)]
)
def test_segments_that_overlap_are_found_once_and_those_that_touch_each(onsets, length, found):
    onsets = np.arange(10) * onsets
    segments = Embeddings(onsets, onsets + length, RECORDINGS[FILES[0]].embeddings, 2.0)
    hits = EmbeddingIndex([(FILES[0], segments)]).search(np.ones(SIZE), 100, min_gap=0)
    assert len(hits) == found


def test_equally_similar_segments_come_in_the_order_of_files_and_time():
    same = np.tile(np.random.default_rng(0).standard_normal(384), (7, 1))
    index = EmbeddingIndex([(file, embeddings_of(same)) for file in (FILES[3], FILES[1])])
    hits = index.search(np.ones(384), 14, min_gap=0)
    assert places(hits) == [(file, onset) for file in (FILES[3], FILES[1]) for onset in range(7)]


@pytest.mark.parametrize("block", [1, 7, 59, 60, 61])
def test_results_do_not_depend_on_the_block(index, block, monkeypatch):
    expected = index.search(np.ones(SIZE), 60, min_gap=0)
    monkeypatch.setattr(embedding_index, "BLOCK", block)
    assert index.search(np.ones(SIZE), 60, min_gap=0) == expected


def test_a_longer_query_is_the_mean_of_its_directions(index):
    first, second = rows_of(FILES[0])[:2]
    expected = first / np.linalg.norm(first) + second / np.linalg.norm(second)
    query = np.stack([1000 * first, second])
    np.testing.assert_allclose(pool(query), expected / np.linalg.norm(expected), atol=1e-6)
    assert places(index.search(query, 20)) == places(index.search(expected, 20))
    assert {hit.onset for hit in index.search(query, 2, min_gap=0)} == {0, 1}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (np.full((2, SIZE), np.nan), "finite"),
        (np.zeros(SIZE), "sound"),
        (np.empty((0, SIZE)), "sound"),
        (np.stack([np.ones(SIZE), -np.ones(SIZE)]), "sound"),
        (np.ones(8), "embeddings of 16 numbers, got 8"),
    ],
)
def test_a_query_that_cannot_be_compared_is_refused(index, query, message):
    with pytest.raises(InputError, match=f"^query: expected {message}"):
        index.search(query)


def test_large_embeddings_do_not_overflow():
    index = EmbeddingIndex([(FILES[3], embeddings_of(rows_of(FILES[3]) * 1e30))])
    hit = index.search(rows_of(FILES[3])[3] * 1e-30, 1)[0]
    assert (hit.onset, hit.similarity) == (3, pytest.approx(1, abs=1e-3))


def test_embeddings_of_zeros_are_never_found():
    rows = rows_of(FILES[0])
    rows[::2] = 0
    hits = EmbeddingIndex([(FILES[0], embeddings_of(rows))]).search(-rows[1], 20, min_gap=0)
    assert sorted(hit.onset for hit in hits) == [1, 3, 5, 7, 9]
    assert hits[-1].similarity == pytest.approx(-1, abs=1e-3)


def test_files_without_segments_and_an_empty_index():
    assert EmbeddingIndex([]).search(np.ones(SIZE)) == []
    nothing = embeddings_of(np.empty((0, SIZE)))
    assert EmbeddingIndex([(FILES[0], nothing)]).search(np.ones(SIZE)) == []
    recordings = {FILES[0]: nothing, FILES[1]: RECORDINGS[FILES[1]], FILES[2]: nothing}
    assert {h.file for h in EmbeddingIndex(recordings.items()).search(np.ones(SIZE))} == {FILES[1]}


def test_recordings_of_another_size_are_refused():
    other = {Path("b.wav"): embeddings_of(np.ones((2, 8)))}
    message = r"^b\.wav: expected embeddings of 16 numbers as in 0\.wav, got 8; embed both"
    with pytest.raises(InputError, match=message):
        EmbeddingIndex((RECORDINGS | other).items())


def test_saved_embeddings_are_loaded_bit_by_bit(tmp_path):
    path = tmp_path / "deep/犬 ä.npz"
    RECORDINGS[FILES[1]].save(path)
    loaded = vars(Embeddings.load(path))
    for name, expected in vars(RECORDINGS[FILES[1]]).items():
        np.testing.assert_array_equal(loaded[name], expected)
    assert loaded["embeddings"].dtype == np.float32


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"onsets": np.arange(2.0)}, r"expected onsets and offsets .* got the shapes \(2,\), "),
        ({"embeddings": np.ones((3, SIZE), np.float32)}, "expected onsets and offsets"),
        ({"embeddings": np.ones(10, np.float32)}, "expected onsets and offsets"),
        ({"offsets": np.zeros(10)}, "expected 0 <= onsets <= offsets"),
        ({"offsets": np.full(10, np.inf)}, "expected 0 <= onsets <= offsets"),
        ({"onsets": np.full(10, np.nan)}, "expected 0 <= onsets <= offsets"),
        ({"embeddings": np.full((10, SIZE), np.nan, np.float32)}, "expected finite embeddings"),
    ],
)
def test_wrong_shapes_times_and_numbers_are_refused(changed, message, tmp_path):
    content = vars(RECORDINGS[FILES[0]]) | changed
    with pytest.raises(InputError, match=f"^{message}"):
        Embeddings(**content)
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(InputError, match=rf"a\.npz: {message}"):
        Embeddings.load(tmp_path / "a.npz")


def write_one_array(path):
    np.save(path.with_suffix(".npy"), np.ones(3))
    path.with_suffix(".npy").rename(path)


def write_everywhere(value):
    names = ("onsets", "offsets", "embeddings", "duration")
    return lambda path: np.savez(path, **dict.fromkeys(names, value))


@pytest.mark.parametrize(
    "write",
    [
        Path.touch,
        lambda path: path.write_text("onset,offset\n"),
        write_one_array,
        lambda path: np.savez(path, weights=np.ones(3)),
        write_everywhere(np.array({"a": 1})),
        write_everywhere("a"),
        write_everywhere(1j),
    ],
    ids=["nothing", "text", "one array", "other arrays", "objects", "words", "complex"],
)
def test_a_file_of_something_else_is_named_in_one_line(write, tmp_path):
    write(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"a\.npz: expected embeddings that .* damaged file; dele"):
        Embeddings.load(tmp_path / "a.npz")


def test_damage_to_a_file_is_refused_or_changes_no_embedding(tmp_path):
    path = tmp_path / "a.npz"
    RECORDINGS[FILES[0]].save(path)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 11):
        path.write_bytes(whole[:place])
        with pytest.raises(InputError, match=r"a\.npz: expected embeddings"):
            Embeddings.load(path)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            rows = Embeddings.load(path).embeddings
        except InputError:
            refused += 1
        else:  # such as a time of change in the zip file
            np.testing.assert_array_equal(rows, RECORDINGS[FILES[0]].embeddings)
    assert refused > 50
