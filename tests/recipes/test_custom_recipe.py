"""One's own clips, as a CSV or a folder per class: read, dealt into folds, trained and used."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
import soundfile
import torch
from custom_listing import read_listing
from custom_prepare import check_training_clips, prepare, split_folds
from mobilenet_weights import published, random_torchvision
from recipe_program import ROOT, Recipe

from aed_plugins.core import InputError
from aed_plugins.data import FoldSplit, assign_folds, count_recordings, read_manifest
from aed_plugins.inference import PretrainedTagger

PROGRAM = ROOT / "recipes/custom/train.py"

RATE = 8000


def write_tone(path, hertz, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * time), RATE)


def write_csv(path, *rows, encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def sounds(tmp_path):
    """Four clips a class, of different lengths; two recordings of each."""
    for hertz, label in ((300, "low"), (1000, "middle"), (3000, "high")):
        for number in range(4):
            path = tmp_path / f"sounds/{label}/{number}.wav"
            write_tone(path, hertz + number, 0.3 + 0.1 * number)
    return tmp_path / "sounds"


def table(column=None, value=None):
    """The rows of a CSV beside `sounds`, with one more column if it is named."""
    rows = [["file", "label", *([column] if column else [])]]
    for label in ("low", "middle", "high"):
        for number in range(4):
            more = [value(label, number)] if column else []
            rows.append([f"sounds/{label}/{number}.wav", label, *more])
    return rows


def prepared(tmp_path, listing, **options):
    return prepare(listing, str(tmp_path / "prepared"), RATE, **options)


def test_a_folder_per_class_is_read_with_its_subfolders(sounds):
    (sounds / "low/site").mkdir()
    (sounds / "low/0.wav").rename(sounds / "low/site/0.wav")
    (sounds / "low/notes.txt").write_text("not audio")
    listing = read_listing(str(sounds))
    assert listing.labels == ["high", "low", "middle"]
    assert not listing.multi_label()
    assert listing.clips["low/site/0.wav"].labels == ["low"]
    assert (listing.name, len(listing.clips)) == ("sounds", 12)


def test_a_csv_is_read_from_its_own_folder_in_any_column_order(tmp_path, sounds):
    rows = [[label, file] for file, label in table()]
    listing = read_listing(str(write_csv(tmp_path / "my clips.csv", *rows, encoding="utf-8-sig")))
    clip = listing.clips["sounds/low/0.wav"]
    assert clip.path == tmp_path / "sounds/low/0.wav"
    assert (clip.labels, clip.fold, clip.recording) == (["low"], None, None)
    assert clip.row.endswith("my clips.csv line 2")
    assert listing.name == "my clips"


def test_several_labels_in_any_row_make_the_task_multi_label(tmp_path):
    rows = [["file", "label"], ["a.wav", "dog; cat"], ["b.wav", ""], ["c.wav", "cat"]]
    listing = read_listing(str(write_csv(tmp_path / "clips.csv", *rows)))
    assert listing.multi_label()
    assert listing.labels == ["cat", "dog"]
    assert listing.clips["b.wav"].labels == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["file,labels", "a.wav,dog"], "expected columns file and label, but label is not among"),
        (["file,label,label", "a.wav,dog,cat"], "expected one column label, found several"),
        (["file,label,folds", "a.wav,dog,1"], "got 'folds'; leave it out"),
        (["file,label,fold,split", "a.wav,dog,1,train"], "a column fold or a column split"),
        (["file,label"], "expected a row for each clip, found none"),
        (["file,label", "a.wav,dog", "b.wav"], "line 3: expected as many fields"),
        (["file,label", "a.wav,dog,cat"], "line 2: expected as many fields"),
        (["file,label", ",dog"], "line 2: expected a file, found none"),
        (["file,label", "a.wav,dog;;cat"], "line 2: expected different labels"),
        (["file,label", "a.wav,dog;dog"], "line 2: expected different labels"),
        (
            ["file,label", "a.wav,dog", "./a.wav,cat"],
            "line 3: ./a.wav is listed already in .*2",
        ),
        (["file,label,split", "a.wav,dog,dev"], "line 2: expected train, valid or test, got 'dev'"),
        (["file,label,fold", "a.wav,dog,"], "line 2: expected a fold's number or name, got ''"),
        (["file,label,fold", "a.wav,dog,a/b"], "line 2: expected a fold's number or name"),
        (["file,label,fold", "a.wav,dog,all"], "line 2: expected a fold's number or name"),
        (["file,label,group", "a.wav,dog,"], "line 2: expected a recording, found none"),
        (
            ["file,label,fold,recording", "a.wav,dog,1,r", "b.wav,cat,2,s", "c.wav,dog,2,r"],
            "line 4: recording r is in 2 here, but in 1 in .*line 2: clips of one recording belong",
        ),
    ],
)
def test_a_malformed_table_is_named_by_line(tmp_path, rows, message):
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=message) as caught:
        read_listing(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_labels_that_fit_no_task_are_refused(tmp_path):
    one = write_csv(tmp_path / "one.csv", ["file", "label"], ["a.wav", "dog"], ["b.wav", "dog"])
    with pytest.raises(InputError, match=r"one\.csv: expected two labels or more, found only dog"):
        read_listing(str(one)).multi_label()
    none = write_csv(tmp_path / "no.csv", ["file", "label"], ["a.wav", "dog"], ["b.wav", ""])
    with pytest.raises(InputError, match=r"no\.csv line 3: expected a label.*--multi_label=True"):
        read_listing(str(none)).multi_label()
    assert read_listing(str(none)).multi_label(asked=True)
    empty = write_csv(tmp_path / "empty.csv", ["file", "label"], ["a.wav", ""])
    with pytest.raises(InputError, match="no clip has one"):
        read_listing(str(empty)).multi_label(asked=True)


def test_what_is_no_listing_is_refused(tmp_path, sounds):
    with pytest.raises(InputError, match="expected --clips=FILE"):
        read_listing(None)
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        read_listing(str(tmp_path / "nowhere"))
    (sounds / "birds").mkdir()
    with pytest.raises(InputError, match="birds: expected recordings of birds in it"):
        read_listing(str(sounds))
    (sounds / "birds").rmdir()
    write_tone(sounds / "astray.wav", 500)
    with pytest.raises(InputError, match=r"astray\.wav: expected it in a folder"):
        read_listing(str(sounds))
    with pytest.raises(InputError, match="rename it"):
        read_listing(str(write_csv(tmp_path / "<x>.csv", ["file", "label"], ["a.wav", "dog"])))


def test_made_folds_have_every_class_and_keep_recordings_together(tmp_path, sounds):
    rows = table("recording", lambda label, number: f"{label}{number // 2}")
    listing = read_listing(str(write_csv(tmp_path / "clips.csv", *rows)))
    data = prepared(tmp_path, listing, folds=2)
    manifest = read_manifest(data.manifest)
    assert (data.folds, data.clips, data.state) == ([1, 2], 12, "complete")
    of_recording = {}
    for name, entry in manifest.items():
        of_recording.setdefault(listing.clips[name].recording, set()).add(entry["fold"])
    assert len(of_recording) == 6
    assert all(len(folds) == 1 for folds in of_recording.values())
    found = sorted((entry["fold"], *entry["labels"]) for entry in manifest.values())
    assert found == sorted((f, c) for f in (1, 2) for c in ("high", "low", "middle") for _ in "ab")
    assert len({entry["samples"] for entry in manifest.values()}) == 4


def test_dealing_depends_on_no_order_and_is_even():
    rng = np.random.default_rng(0)
    labels = {f"clip{i}": [f"class{i % 7}"] for i in range(200)}
    recordings = {clip: f"recording{rng.integers(90)}" for clip in labels}
    dealt = assign_folds(labels, recordings, 5)
    backwards = dict(reversed(labels.items()))
    assert assign_folds(backwards, recordings, 5) == dealt
    sizes = np.bincount(list(dealt.values()))[1:]
    assert sizes.max() - sizes.min() <= 6
    for number in range(7):
        inside = [dealt[clip] for clip, names in labels.items() if names == [f"class{number}"]]
        assert np.bincount(inside, minlength=6)[1:].max() <= 9  # of 28 or 29 in five folds


def test_recordings_are_counted_for_each_label():
    labels = {"a": ["dog", "cat"], "b": ["dog"], "c": []}
    assert count_recordings(labels, {"a": "r", "b": "s", "c": "s"}) == {"cat": 1, "dog": 2}


def test_a_missing_column_of_recordings_is_told_of(tmp_path, sounds, capsys):
    prepared(tmp_path, read_listing(str(sounds)), folds=2)
    assert "warning: no column 'recording'" in capsys.readouterr().out
    rows = table("fold", lambda _, number: number % 2)
    prepared(tmp_path, read_listing(str(write_csv(tmp_path / "clips.csv", *rows))))
    assert "warning" not in capsys.readouterr().out


def test_a_class_of_fewer_clips_than_folds_is_refused(tmp_path, sounds):
    with pytest.raises(InputError, match=r"high has 4 clips, fewer than the 5 .*--folds=4"):
        prepared(tmp_path, read_listing(str(sounds)))
    for number in (1, 2, 3):
        (sounds / f"low/{number}.wav").unlink()
    with pytest.raises(InputError, match=r"low/0\.wav: low has 1 clip, .*or leave the class out"):
        prepared(tmp_path, read_listing(str(sounds)), folds=2)
    with pytest.raises(InputError, match="--folds: expected 2 or more, got 1"):
        prepared(tmp_path, read_listing(str(sounds)), folds=1)


def test_bad_clips_are_named_by_file_and_row_unless_skipped(tmp_path, sounds):
    path = write_csv(tmp_path / "clips.csv", *table("fold", lambda _, number: number % 2))
    (sounds / "low/0.wav").unlink()
    (sounds / "low/1.wav").write_text("not audio")
    write_tone(sounds / "low/2.wav", 300, 30.5)
    write_tone(sounds / "low/3.wav", 300, 0.01)
    listing = read_listing(str(path))
    first = r"4 of 12 clips cannot be used: .*clips\.csv line 2: .*low/0\.wav: expected an audio"
    with pytest.raises(InputError, match=first):
        prepared(tmp_path, listing)
    reasons = json.loads((tmp_path / "prepared/bad_clips.json").read_text())
    assert "line 3" in reasons["sounds/low/1.wav"]
    assert "got 30.5 s; cut it into clips" in reasons["sounds/low/2.wav"]
    assert "expected 0.05 s of sound or more" in reasons["sounds/low/3.wav"]
    data = prepared(tmp_path, listing, skip_bad_clips=True)
    assert (data.clips, data.expected_clips, data.state) == (8, 12, "partial")
    splits = [FoldSplit(1, [], [0])]
    lost = r"line 2: low has no clip to train on when fold1 is tested"
    with pytest.raises(InputError, match=lost):
        check_training_clips(listing, read_manifest(data.manifest), splits)


def test_without_a_usable_clip_there_is_nothing_to_do(tmp_path):
    path = write_csv(tmp_path / "clips.csv", ["file", "label"], ["a.wav", "dog"], ["b.wav", "cat"])
    with pytest.raises(InputError, match=r"no clip can be used: .*line 2: .*a\.wav"):
        prepared(tmp_path, read_listing(str(path)), skip_bad_clips=True)


def test_a_fold_is_a_number_where_it_reads_as_one(tmp_path):
    rows = [["a.wav", "dog", "fold1"], ["b.wav", "dog", "02"], ["c.wav", "dog", "garden"]]
    path = write_csv(tmp_path / "clips.csv", ["file", "label", "fold"], *rows)
    assert [clip.fold for clip in read_listing(str(path)).clips.values()] == [1, 2, "garden"]


def test_other_folds_decode_nothing_again(tmp_path, sounds, monkeypatch):
    listing = read_listing(str(sounds))
    prepared(tmp_path, listing, folds=4)
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    assert prepared(tmp_path, listing, folds=2).folds == [1, 2]


def test_a_split_is_what_it_says():
    assert split_folds(["test", "train", "valid"]) == [FoldSplit("test", ["valid"], ["train"])]
    assert split_folds(["test", "train"]) == [FoldSplit("test", [], ["train"])]
    with pytest.raises(InputError, match="clips whose split is test, found none"):
        split_folds(["train", "valid"])
    with pytest.raises(InputError, match="--test_folds: the column split says what is what"):
        split_folds(["train", "test"], test_folds="all")


def test_folds_may_have_names():
    assert split_folds([1, "garden", "house"]) == [FoldSplit("house", ["garden"], [1])]
    assert split_folds(["a", "b"], "a", []) == [FoldSplit("a", [], ["b"])]
    with pytest.raises(InputError, match="no clip of fold c; folds there: a, b"):
        split_folds(["a", "b"], ["c"])


def recipe_for(tmp_path, clips, *options):
    return Recipe(tmp_path, PROGRAM, (f"--clips={clips}", "--sample_rate=8000", *options))


def test_folders_of_classes_become_a_model_that_is_used(tmp_path, sounds):
    run = recipe_for(tmp_path, sounds, "--folds=4")
    said = run(check=0).stdout
    assert "warning: no column 'recording'" in said
    content = json.loads((tmp_path / "out/results.json").read_text())
    (fold,) = content["folds"]
    assert content["name"] == "resnet_dilated on sounds"
    assert content["labels"] == ["high", "low", "middle"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (4, [3], [1, 2])
    assert fold["clips"] == 3
    tagger = PretrainedTagger.from_hparams(str(tmp_path / "out"))
    assert tagger.tag(sounds / "low/0.wav").top(1)[0][0] in content["labels"]


def test_several_labels_with_a_split_train_for_all_epochs(tmp_path, sounds):
    rows = [["file", "label", "split"]]
    for label, said in (("low", "1"), ("middle", "1;yes"), ("high", "")):  # labels of YAML's kind
        for number in range(4):
            split = "test" if number == 3 else "train"
            rows.append([f"sounds/{label}/{number}.wav", said, split])
    run = recipe_for(tmp_path, write_csv(tmp_path / "clips.csv", *rows))
    said = run(check=0).stdout
    assert "per_class.png" in said
    content = json.loads((tmp_path / "out/results.json").read_text())
    (fold,) = content["folds"]
    assert content["labels"] == ["1", "yes"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == ("test", [], ["train"])
    assert (fold["clips"], fold["epochs"], fold["tested_epoch"]) == (3, 2, 2)
    assert [row["support"] for row in fold["per_class"]] == [2, 1]
    assert PretrainedTagger.from_hparams(str(tmp_path / "out")).labels == ["1", "yes"]


def test_a_user_s_mistake_gives_one_line_and_status_1(tmp_path, sounds, mistake):
    run = recipe_for(tmp_path, sounds, "--folds=9")
    assert "high has 4 clips, fewer than the 9 folds" in mistake(run)


def test_few_clips_are_gone_through_often_and_smoothed_labels_keep_the_head_in_doubt(
    tmp_path, sounds
):
    """A frozen MobileNet of random weights in the published layout."""
    torch.save(published(random_torchvision(0.1)), tmp_path / "mn01.pt")
    how = (
        *("--pretrained=mn01.pt", "--encoder={width: 0.1}", "--head={hidden: 128}"),
        *("--sample_rate=32000", "--folds=4", "--valid_folds=[]", "--number_of_epochs=3"),
        *("--frozen_epochs=3", "--lr=0.01", "--dropout=0", "--batch_size=8"),
    )
    run, steps, losses = recipe_for(tmp_path, sounds), {}, {}
    for given in ((40, 0.0), (0, 0.0), (40, 0.3), (40, "sampling")):
        epoch_clips, what = given
        smoothed = f"--label_smoothing={what}"
        more = (
            f"--epoch_clips={epoch_clips}",
            "--balance=sampling" if what == "sampling" else smoothed,
        )
        run(*how, *more, hparams="mobilenet_transfer", check=0)
        (fold,) = json.loads((tmp_path / "out/results.json").read_text())["folds"]
        losses[given] = [epoch["train_loss"] for epoch in fold["history"]]
        (kept,) = (tmp_path / "out/fold4/save").glob("CKPT*/lr_scheduler.ckpt")
        steps[given] = torch.load(kept)["last_epoch"]
        shutil.rmtree(tmp_path / "out")
    # Nine clips, four times in an epoch; or once. Three epochs, in batches of eight.
    assert steps == {(40, 0.0): 15, (0, 0.0): 6, (40, 0.3): 15, (40, "sampling"): 15}
    kept = [folder for found in tmp_path.rglob("embeddings") for folder in found.iterdir()]
    assert len(kept) == 1
    run(*how, "--tagger={repeat_to: 0}", hparams="mobilenet_transfer", check=0)
    assert len(list(kept[0].parent.iterdir())) == 2, "those of clips that are not repeated"
    least = -0.8 * math.log(0.8) - 0.2 * math.log(0.1)  # the entropy of a smoothed label
    assert min(losses[40, 0.3]) > least > losses[40, 0.0][-1]
