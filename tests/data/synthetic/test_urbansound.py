import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aed_plugins.core import InputError
from aed_plugins.data import DEMONSTRATION_MARK, URBANSOUND_CLASSES, build_urbansound_demonstration
from aed_plugins.data.synthetic import urbansound as demo

OFFICIAL_ORDER = [
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
]
SIZES = {"folds": 3, "recordings": 2, "slices": 2, "sample_rate": 16000}
SMALL = {"folds": 1, "recordings": 1, "slices": 1, "sample_rate": 8000}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build_urbansound_demonstration(tmp_path_factory.mktemp("demo") / "corpus", **SIZES)


@pytest.fixture(scope="module")
def rows(corpus):
    with (corpus / "metadata/UrbanSound8K.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="module")
def waveforms(corpus, rows):
    return [read(corpus, row)[0] for row in rows]


def read(corpus: Path, row: dict[str, str]) -> tuple[np.ndarray, int]:
    return soundfile.read(corpus / f"audio/fold{row['fold']}" / row["slice_file_name"])


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def band_levels(waveform: np.ndarray) -> np.ndarray:
    """Mean and spread over time of 24 log-spaced bands of the log spectrum."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 512)[::256] * np.hanning(512)
    edges = np.unique(np.geomspace(1, 257, 25).round().astype(int))
    power = np.add.reduceat(np.abs(np.fft.rfft(frames)) ** 2, edges[:-1], axis=1)
    levels = np.log(power + 1e-8)
    return np.concatenate([levels.mean(0), levels.std(0)])


def accuracy_on_the_last_fold(features: np.ndarray, rows: list[dict[str, str]]) -> float:
    classes = np.array([int(row["classID"]) for row in rows])
    held_out = np.array([row["fold"] == "3" for row in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(features[~held_out], classes[~held_out])
    return model.score(features[held_out], classes[held_out])


def test_same_call_gives_identical_bytes(tmp_path):
    first = build_urbansound_demonstration(tmp_path / "first", **SMALL)
    np.random.seed(7)  # noqa: NPY002 - the global state must have no part in it
    second = build_urbansound_demonstration(tmp_path / "second", **SMALL)
    assert contents(first) == contents(second)


def test_a_larger_corpus_begins_with_the_clips_of_a_smaller_one(corpus, tmp_path):
    small = build_urbansound_demonstration(tmp_path / "small", **{**SMALL, "sample_rate": 16000})
    clips = {name: data for name, data in contents(small).items() if name.endswith(".wav")}
    assert clips.items() <= contents(corpus).items()


def test_classes_are_in_the_official_order():
    assert list(URBANSOUND_CLASSES) == OFFICIAL_ORDER


def test_table_has_the_official_columns(corpus):
    first_line = (corpus / "metadata/UrbanSound8K.csv").read_bytes().split(b"\n")[0]
    assert first_line == b"slice_file_name,fsID,start,end,salience,fold,classID,class"


def test_table_names_exactly_the_files_there_are(corpus, rows):
    named = {f"audio/fold{row['fold']}/{row['slice_file_name']}" for row in rows}
    others = {"metadata/UrbanSound8K.csv", DEMONSTRATION_MARK}
    assert len(named) == len(rows) == 3 * 10 * 2 * 2
    assert named | others == set(contents(corpus))


def test_file_names_agree_with_their_rows(rows):
    for row in rows:
        match = re.fullmatch(r"(\d+)-(\d)-(\d+)-(\d+)\.wav", row["slice_file_name"])
        assert match is not None
        assert match.groups()[:2] == (row["fsID"], row["classID"])
        assert row["class"] == OFFICIAL_ORDER[int(row["classID"])]
        assert row["salience"] in {"1", "2"}


def test_clips_are_16_bit_mono_and_as_long_as_their_rows_say(corpus, rows):
    for row in rows:
        info = soundfile.info(corpus / f"audio/fold{row['fold']}" / row["slice_file_name"])
        assert (info.subtype, info.channels, info.samplerate) == ("PCM_16", 1, 16000)
        duration = float(row["end"]) - float(row["start"])
        assert info.duration == pytest.approx(duration, abs=2e-6)
        assert 0.6 <= info.duration <= 2.5


def test_slices_of_a_recording_do_not_overlap_in_it(rows):
    spans = {}
    for row in rows:
        spans.setdefault(row["fsID"], []).append((float(row["start"]), float(row["end"])))
    for (_, first_end), (second_start, _) in spans.values():
        assert first_end < second_start


def test_every_class_is_in_every_fold(rows):
    counts = Counter((row["fold"], row["class"]) for row in rows)
    assert counts == {(fold, name): 4 for fold in "123" for name in OFFICIAL_ORDER}


def test_slices_of_a_recording_lie_in_one_fold_and_class(rows):
    places = {}
    for row in rows:
        places.setdefault(row["fsID"], set()).add((row["fold"], row["class"]))
    assert len(places) == 3 * 10 * 2
    assert all(len(found) == 1 for found in places.values())


def test_clips_are_finite_not_clipped_and_not_silent(waveforms):
    for waveform in waveforms:
        assert np.isfinite(waveform).all()
        assert 0.1 < np.abs(waveform).max() < 0.95
        assert waveform.std() > 1e-3


def test_no_two_clips_are_alike(waveforms):
    starts = [waveform[:8000] / np.linalg.norm(waveform[:8000]) for waveform in waveforms]
    likeness = np.abs(np.array(starts) @ np.array(starts).T - np.eye(len(starts)))
    assert likeness.max() < 0.9


def test_recordings_of_a_class_differ_more_than_the_slices_of_one(rows, waveforms):
    features = np.stack([band_levels(waveform)[:20] for waveform in waveforms])
    by_recording = features.reshape(3, 10, 2, 2, -1)  # fold, class, recording, slice, band
    between_slices = np.abs(np.diff(by_recording, axis=3)).mean(axis=(0, 2, 3, 4))
    recordings = by_recording.mean(axis=3)
    between_recordings = np.abs(np.diff(recordings, axis=2)).mean(axis=(0, 2, 3))
    assert (between_recordings > between_slices).all()


def test_the_mark_says_that_the_sounds_are_synthesized(corpus):
    assert "synthesized" in (corpus / DEMONSTRATION_MARK).read_text(encoding="utf-8")


def test_second_call_returns_the_corpus_without_rewriting_it(tmp_path):
    folder = build_urbansound_demonstration(tmp_path / "new" / "corpus", **SMALL)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert build_urbansound_demonstration(str(folder), **{**SMALL, "folds": 2}) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_anything_else_in_the_place_is_refused_and_left_alone(tmp_path, kind):
    place = tmp_path / "corpus"
    if kind == "folder":
        (place / "metadata").mkdir(parents=True)
        (place / "metadata/UrbanSound8K.csv").write_text("official")
    elif kind == "file":
        place.write_text("notes")
    else:
        place.symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"corpus exists and holds no demonstration.*new folder$"):
        build_urbansound_demonstration(place, **SMALL)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "value"), [("folds", 0), ("recordings", 1000), ("slices", -1), ("sample_rate", 7999)]
)
def test_sizes_out_of_range_are_refused(tmp_path, name, value):
    with pytest.raises(InputError, match=rf"{name} must be from .*, not {value}$"):
        build_urbansound_demonstration(tmp_path / "corpus", **{**SMALL, name: value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_build_leaves_nothing(tmp_path, monkeypatch, error):
    seen = []

    def stop(*_):
        seen.extend(path.name for path in tmp_path.iterdir())
        raise error

    monkeypatch.setattr(demo, "_write_clip", stop)
    with pytest.raises(error):
        build_urbansound_demonstration(tmp_path / "corpus", **SMALL)
    assert seen[0].startswith(".corpus.")
    assert not list(tmp_path.iterdir())


def test_a_corpus_finished_meanwhile_by_another_process_is_taken(tmp_path, monkeypatch):
    write_corpus = demo._write_corpus

    def write_both(folder, *sizes):
        write_corpus(tmp_path / "corpus", *sizes)
        write_corpus(folder, *sizes)

    monkeypatch.setattr(demo, "_write_corpus", write_both)
    assert build_urbansound_demonstration(tmp_path / "corpus", **SMALL) == tmp_path / "corpus"
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_classes_can_be_learned_across_folds_from_band_levels(rows, waveforms):
    features = np.stack([band_levels(waveform) for waveform in waveforms])
    assert accuracy_on_the_last_fold(features, rows) >= 0.7


def test_loudness_and_length_alone_do_not_give_the_class_away(rows, waveforms):
    features = np.array([[np.log(clip.std()), np.log(len(clip))] for clip in waveforms])
    assert accuracy_on_the_last_fold(features, rows) <= 0.5
