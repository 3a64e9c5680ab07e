"""ESC-50 and ESC-10, on a few synthesized clips in their official layout."""

import pytest
from tiny_esc50 import CLASSES, RATE, build, edit

from aed_plugins.core import InputError
from aed_plugins.data import ESC50, read_manifest
from aed_plugins.data.datasets.esc50 import CLIPS, read_table


@pytest.fixture
def corpus(tmp_path):
    return build(tmp_path / "ESC-50", folds=range(1, 6))


@pytest.fixture
def partial(tmp_path):
    """Two folds of the five: eight recordings."""
    return build(tmp_path / "two_folds", folds=(3, 4))


def dataset(folder, tmp_path, **options):
    return ESC50(data_folder=str(folder), prepared_folder=str(tmp_path / "prepared"), **options)


def prepared(folder, tmp_path, **options):
    return dataset(folder, tmp_path, **options).prepare(RATE)


def test_the_official_folds_and_classes_are_kept(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(CLIPS, "esc50", 40)
    data = prepared(corpus, tmp_path)
    assert (data.state, data.folds, data.clips) == ("complete", [1, 2, 3, 4, 5], 40)
    names = {target: label for target, label, _ in CLASSES}
    for name, entry in read_manifest(data.manifest).items():
        fold, _, _, target = name.removesuffix(".wav").split("-")
        assert entry["fold"] == int(fold)
        assert entry["labels"] == [names[int(target)]]
    assert dataset(corpus, tmp_path).labels == ["dog", "pig", "sea_waves", "hand_saw"]


def test_esc10_is_a_part_that_leaves_esc50_as_it_is(corpus, tmp_path, monkeypatch):
    whole = prepared(corpus, tmp_path, allow_partial=True)
    before = whole.manifest.read_text()
    part = prepared(corpus, tmp_path, esc10=True, allow_partial=True)
    assert dataset(corpus, tmp_path, esc10=True).labels == ["dog", "sea_waves"]
    assert (part.clips, part.expected_clips, whole.expected_clips) == (20, 400, 2000)
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    again = prepared(corpus, tmp_path, allow_partial=True)
    assert again.manifest.read_text() == before
    edit(corpus, lambda rows: [row.__setitem__(4, "False") for row in rows[1:]])
    with pytest.raises(InputError, match="expected rows whose esc10 is True"):
        _ = dataset(corpus, tmp_path, esc10=True).labels


def test_missing_clips_stop_unless_allowed(corpus, tmp_path):
    with pytest.raises(
        InputError, match=r"expected the 2000 clips of ESC-50, found 40 rows; compl"
    ):
        prepared(corpus, tmp_path)
    (corpus / "audio/1-1000-A-0.wav").unlink()
    line = r"1 of them without a file \(audio/1-1000-A-0\.wav\).*--allow_partial=True"
    with pytest.raises(InputError, match=line):
        prepared(corpus, tmp_path)
    data = prepared(corpus, tmp_path, allow_partial=True)
    assert (data.state, data.clips) == ("partial", 39)
    assert data.summary()["rows_without_file"] == ["audio/1-1000-A-0.wav"]
    for path in (corpus / "audio").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="40 of them without a file"):
        prepared(corpus, tmp_path, allow_partial=True)


def test_a_bad_clip_is_named_and_stops_unless_skipped(corpus, tmp_path):
    (corpus / "audio/2-2000-A-0.wav").write_text("not audio")
    with pytest.raises(InputError, match=r"1 of 40 clips cannot be used: .*2-2000-A-0\.wav"):
        prepared(corpus, tmp_path, allow_partial=True)
    data = prepared(corpus, tmp_path, allow_partial=True, skip_bad_clips=True)
    assert list(data.skipped_clips) == ["2-2000-A-0.wav"]


def test_own_folds_keep_recordings_together_and_say_what_they_are(partial, tmp_path, capsys):
    data = prepared(partial, tmp_path, folds_by_recording=2)
    said = capsys.readouterr().out
    assert "2 folds by recording are not the official ones: not comparable" in said
    assert "fewer recordings" not in said
    assert (data.state, data.folds, data.clips) == ("partial", [1, 2], 16)
    manifest = read_manifest(data.manifest)
    held = {}
    for name, entry in manifest.items():
        held.setdefault(name.split("-")[1], []).append(entry["fold"])
    assert len(held) == 8
    assert all(first == second for first, second in held.values())
    for _, label, _ in CLASSES:
        assert {e["fold"] for e in manifest.values() if e["labels"] == [label]} == {1, 2}
    prepared(partial, tmp_path, folds_by_recording=3)
    few = "fewer recordings than folds: dog (2), hand_saw (2), pig (2), sea_waves (2)"
    assert few in capsys.readouterr().out


def test_own_folds_are_refused_where_they_cannot_be(partial, corpus, tmp_path):
    with pytest.raises(InputError, match="the five official folds are there"):
        prepared(corpus, tmp_path, folds_by_recording=4)
    for folds in (1, 9, "two", True):
        with pytest.raises(InputError, match="--folds_by_recording: expected 2 to 8, got"):
            prepared(partial, tmp_path, folds_by_recording=folds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[0].__setitem__(1, "Fold"), "columns .*, but fold is not among"),
        (lambda rows: rows[2].__setitem__(0, "../a.wav"), "csv line 3: expected a file's name"),
        (lambda rows: rows[2].__setitem__(1, "6"), "csv line 3: expected a fold from 1 to 5"),
        (lambda rows: rows[2].__setitem__(2, "50"), "csv line 3: expected a target from 0 to 49"),
        (
            lambda rows: rows[2].__setitem__(3, "cat"),
            "csv line 3: target 0 was dog before",
        ),
        (lambda rows: rows[2].__setitem__(3, ""), "csv line 3: expected a category and a src_file"),
        (lambda rows: rows[2].__setitem__(4, "yes"), "csv line 3: expected True or False as esc10"),
        (lambda rows: rows.append(rows[1]), r"csv line 42: .* is listed a second time"),
        (lambda rows: rows[2].__delitem__(slice(4, None)), "csv line 3: expected True or False"),
        (lambda rows: rows.__delitem__(slice(1, None)), "expected 2000 rows, found none"),
    ],
)
def test_a_malformed_table_is_named_by_line(corpus, change, message):
    edit(corpus, change)
    with pytest.raises(InputError, match=message):
        read_table(corpus / "meta/esc50.csv")


def test_without_data_a_line_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"data/ESC-50: no such folder; .*karolpiczak/ESC-50"):
        _ = ESC50().folder
    with pytest.raises(InputError, match=r"expected meta/esc50\.csv in it, found none"):
        _ = ESC50(data_folder=str(tmp_path)).folder


def test_the_same_clips_have_other_names(tmp_path):
    own = ("esc50_own_folds", "esc10_own_folds")
    assert ESC50().same_clips == {"esc10": True, **dict.fromkeys(own, False)}
    assert ESC50(esc10=True).same_clips == {"esc50": True, **dict.fromkeys(own, False)}
    with_own_folds = ESC50(folds_by_recording=2).same_clips
    # Folds that were made of other clips have the same numbers.
    assert with_own_folds == dict.fromkeys(("esc50", "esc10", *own), False)
