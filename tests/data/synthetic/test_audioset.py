import csv
import json
import re
from collections import Counter

import numpy as np
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aed_plugins.core import InputError
from aed_plugins.data import (
    DEMONSTRATION_MARK,
    AudioSet,
    ClipSynthesizer,
    build_audioset_demonstration,
    build_urbansound_demonstration,
    synthesize_sound,
)
from aed_plugins.data.synthetic.audioset import LISTS, ONTOLOGY, SECONDS
from aed_plugins.data.synthetic.human_sounds import MODELS, VOICES
from aed_plugins.labels import PAPER_CLASSES, read_ontology

TRAIN, EVALUATION, MISSING = 40, 20, 2
TINY = {"train": 3, "evaluation": 1, "missing": 1, "sample_rate": 8000}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build_audioset_demonstration(
        tmp_path_factory.mktemp("demo") / "corpus",
        train=TRAIN,
        evaluation=EVALUATION,
        missing=MISSING,
        sample_rate=8000,
    )


@pytest.fixture(scope="module")
def rows(corpus):
    """Rows of both lists: list, id, start, end, MIDs."""
    found = []
    for name in LISTS:
        lines = (corpus / name).read_text().splitlines()
        assert [line[:2] for line in lines[:3]] == ["# "] * 3
        for video, start, end, mids in csv.reader(lines[3:], skipinitialspace=True):
            found.append((name, video, float(start), float(end), mids.split(",")))
    return found


@pytest.fixture(scope="module")
def classes(corpus, rows):
    """The chosen classes of each row, as the recipe counts them."""
    ontology = read_ontology(corpus / "class_labels_indices.csv", corpus / "ontology.json")
    chosen = ontology.choose(PAPER_CLASSES)
    return [
        {place for mid in row[4] for place in ontology.counted_for(mid, chosen)} for row in rows
    ]


def path_of(corpus, row):
    return corpus / f"audio/Y{row[1]}_{row[2]:.3f}_{row[3]:.3f}.wav"


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def features(waveform):
    """Mean, spread, change and peak over time of 24 bands of the log spectrum."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 256)[::128] * np.hanning(256)
    edges = np.unique(np.geomspace(1, 129, 25).round().astype(int))
    power = np.add.reduceat(np.abs(np.fft.rfft(frames)) ** 2, edges[:-1], axis=1)
    levels = np.log(power + 1e-6)
    change = np.abs(np.diff(levels, axis=0)).mean(0)
    return np.concatenate([levels.mean(0), levels.std(0), change, np.percentile(levels, 90, 0)])


def test_same_call_gives_identical_bytes(tmp_path):
    first = build_audioset_demonstration(tmp_path / "first", **TINY)
    np.random.seed(7)  # noqa: NPY002 - the global state must have no part in it
    second = build_audioset_demonstration(tmp_path / "second", **TINY)
    assert contents(first) == contents(second)


def test_a_larger_corpus_begins_with_the_clips_of_a_smaller_one(corpus, tmp_path):
    small = build_audioset_demonstration(tmp_path / "small", **TINY)
    clips = {name: data for name, data in contents(small).items() if name.endswith(".wav")}
    assert len(clips) == 4
    assert clips.items() <= contents(corpus).items()


def test_rows_are_as_many_as_asked_and_some_have_no_file(corpus, rows):
    assert Counter(row[0] for row in rows) == {
        LISTS[0]: TRAIN + MISSING,
        LISTS[1]: EVALUATION + MISSING,
    }
    there = {path_of(corpus, row) for row in rows if path_of(corpus, row).is_file()}
    assert there == set((corpus / "audio").iterdir())
    lost = Counter(row[0] for row in rows if not path_of(corpus, row).is_file())
    assert lost == dict.fromkeys(LISTS, MISSING)


def test_the_second_comment_line_counts_what_the_list_holds(corpus, rows):
    for name in LISTS:
        mids = [mid for row in rows if row[0] == name for mid in row[4]]
        videos = {row[1] for row in rows if row[0] == name}
        expected = (
            f"# num_ytids={len(videos)}, num_segs={len(videos)},"
            f" num_unique_labels={len(set(mids))}, num_positive_labels={len(mids)}"
        )
        assert (corpus / name).read_text().splitlines()[1] == expected


def test_ids_are_like_youtube_s_some_begin_with_a_dash_and_none_is_in_both_lists(rows):
    videos = [row[1] for row in rows]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{11}", video) for video in videos)
    assert len(set(videos)) == len(videos)
    assert {row[0] for row in rows if row[1].startswith("-")} == set(LISTS)


def test_clips_are_16_bit_mono_of_ten_seconds_neither_clipped_nor_silent(corpus):
    for path in (corpus / "audio").iterdir():
        info = soundfile.info(path)
        assert (info.subtype, info.channels, info.samplerate) == ("PCM_16", 1, 8000)
        assert info.frames == SECONDS * 8000
        waveform, _ = soundfile.read(path)
        assert 0.05 < np.abs(waveform).max() < 0.95


def test_clips_have_none_to_three_of_the_ten_classes_and_each_class_is_in_both_lists(rows, classes):
    assert Counter(len(found) for found in classes).keys() == {0, 1, 2, 3}
    for name in LISTS:
        per_class = Counter(
            place
            for row, found in zip(rows, classes, strict=True)
            if row[0] == name
            for place in found
        )
        assert sorted(per_class) == list(range(10))
        assert min(per_class.values()) >= 2


def test_some_clips_have_a_class_only_through_a_descendant(rows):
    mids = {name: mid for mid, name, _ in ONTOLOGY}
    crying = [row for row in rows if mids["Baby cry, infant cry"] in row[4]]
    assert crying
    assert all(mids["Crying, sobbing"] not in row[4] for row in crying)


def test_every_label_is_in_the_table_and_in_the_ontology(corpus, rows):
    with (corpus / "class_labels_indices.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["index"] for row in table] == [str(number) for number in range(len(table))]
    entries = {entry["id"] for entry in json.loads((corpus / "ontology.json").read_text())}
    assert {mid for row in rows for mid in row[4]} <= {row["mid"] for row in table} <= entries


def test_classes_can_be_learned_from_band_levels(corpus, rows, classes):
    """Far above chance, which is about 0.2, although 40 clips are few."""
    kept = [n for n, row in enumerate(rows) if path_of(corpus, row).is_file()]
    x = np.array([features(soundfile.read(path_of(corpus, rows[n]))[0]) for n in kept])
    y = np.array([[place in classes[n] for place in range(10)] for n in kept])
    held_out = np.array([rows[n][0] == LISTS[1] for n in kept])
    scores = []
    for place in range(10):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, class_weight="balanced"))
        model.fit(x[~held_out], y[~held_out, place])
        scores.append(
            average_precision_score(y[held_out, place], model.decision_function(x[held_out]))
        )
    assert np.mean(scores) > 0.45


def test_the_recipe_prepares_it_as_it_is(corpus, tmp_path):
    dataset = AudioSet(data_folder=str(corpus), prepared_folder=str(tmp_path))
    data = dataset.prepare(8000)
    assert data.state == "demonstration"
    assert dataset.labels == list(PAPER_CLASSES)
    assert data.folds == ["train", "valid", "eval"]
    assert data.clips == TRAIN + EVALUATION
    assert data.problems["missing"] == 2 * MISSING
    for counts in data.positives.values():
        assert counts["train"] >= 2
        assert counts["eval"] >= 2


@pytest.mark.parametrize("name", [*VOICES, *MODELS])
def test_every_sound_is_finite_of_deviation_one_and_fades_at_both_ends(name):
    time = np.arange(24000) / 8000
    waveform = synthesize_sound(
        ClipSynthesizer(*map(np.random.default_rng, (1, 2)), time, 8000), name, 0.7
    )
    assert waveform.shape == (24000,)
    assert np.isfinite(waveform).all()
    assert waveform.std() == pytest.approx(1, abs=0.01)
    assert np.abs(waveform[[0, -1]]).max() < 1e-6


@pytest.mark.parametrize("name", VOICES)
def test_a_small_voice_is_higher(name):
    time = np.arange(48000) / 16000

    def centroid(size):
        waveform = synthesize_sound(
            ClipSynthesizer(*map(np.random.default_rng, (1, 2)), time, 16000), name, size
        )
        power = np.abs(np.fft.rfft(waveform)) ** 2
        return power @ np.arange(len(power)) / power.sum()

    assert centroid(0.6) > 1.1 * centroid(1.0)


def test_the_mark_says_that_the_sounds_are_synthesized(corpus):
    assert "synthesized" in (corpus / DEMONSTRATION_MARK).read_text(encoding="utf-8")


def test_second_call_returns_the_corpus_without_rewriting_it(tmp_path):
    folder = build_audioset_demonstration(tmp_path / "corpus", **TINY)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert build_audioset_demonstration(str(folder), **{**TINY, "train": 5}) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_the_other_demonstration_corpus_is_not_taken_for_this_one(tmp_path):
    small = {"folds": 1, "recordings": 1, "slices": 1, "sample_rate": 8000}
    urban = build_urbansound_demonstration(tmp_path / "urban", **small)
    with pytest.raises(InputError, match=r"urban exists and holds no demonstration.*eval_segments"):
        build_audioset_demonstration(urban, **TINY)
    here = build_audioset_demonstration(tmp_path / "audioset", **TINY)
    with pytest.raises(InputError, match=r"audioset exists and holds no demonstration.*UrbanSound"):
        build_urbansound_demonstration(here, **small)


@pytest.mark.parametrize(
    ("name", "value"), [("train", 0), ("evaluation", 1000), ("missing", -1), ("sample_rate", 7999)]
)
def test_sizes_out_of_range_are_refused(tmp_path, name, value):
    with pytest.raises(InputError, match=f"{name} must be from"):
        build_audioset_demonstration(tmp_path / "corpus", **{**TINY, name: value})
    assert not list(tmp_path.iterdir())
