"""`aed tag`: a row per recording, which an interrupted command continues."""

import csv
import io
import json
from pathlib import Path

import pytest
import safetensors.torch
from tiny_model import LABELS, write_model


def test_tag_writes_a_row_per_recording_and_names_the_bad_one(aed, folder, model):
    status, out, err = aed("tag", "talks", "--model", model, "--format", "csv", "--top", "2")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 1
    assert [row["file"] for row in rows] == ["talks/a.wav", "talks/deep/ü b.flac"]
    assert [row["seconds"] for row in rows] == ["3.0", "4.5"]
    assert rows[0]["class_1"] in LABELS
    assert float(rows[0]["probability_1"]) >= float(rows[0]["probability_2"])
    predicted = json.loads(rows[0]["tags"])
    assert predicted[:2] == [r for n in (1, 2) if (r := rows[0][f"class_{n}"]) in predicted]
    assert err.splitlines()[1:] == ["error: 1 of 3 recordings were skipped"]
    assert err.startswith("skipped: talks/bad.wav: expected audio")


def test_tag_prints_the_most_probable_classes(aed, folder, model):
    status, out, _ = aed("tag", "talks/a.wav", "--model", model, "--top", "1")
    assert status == 0
    assert out.splitlines()[0] == "talks/a.wav  3.00 s"
    assert out.splitlines()[1].split("%  ")[1] in LABELS


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_tag_goes_on_where_it_was_cut_off(aed, folder, model, kind):
    (folder / "talks/bad.wav").unlink()
    output = folder / f"tags.{kind}"
    command = ("tag", "talks", "--model", model, "--output", output)
    aed(*command)
    whole = output.read_bytes()
    lines = whole.splitlines(keepends=True)
    header = kind == "csv"
    assert len(lines) == 2 + header
    # As a kill leaves it: the second row is cut off; the first is marked to see that it stays.
    marked = lines[header].replace(b"3.0", b"3.00001")
    output.write_bytes(b"".join([*lines[:header], marked, lines[header + 1][:9]]))
    assert aed(*command) == (0, "", "")
    assert output.read_bytes() == whole.replace(lines[header], marked)
    # Complete: nothing is left to do, and nothing changes.
    aed(*command)
    assert output.read_bytes() == whole.replace(lines[header], marked)


def test_results_of_another_run_are_not_mixed(aed, folder, model):
    aed("tag", "talks/a.wav", "--model", model, "--output", "tags.csv")
    before = Path("tags.csv").read_bytes()
    other = ("--model", model, "--output", "tags.csv", "--classes", "dog")
    status, _, err = aed("tag", "talks/a.wav", *other)
    assert status == 1
    assert err.startswith("error: tags.csv holds results of another run: classes was not given")
    Path("own.csv").write_text("my own table\n")
    status, _, err = aed("tag", "talks/a.wav", "--model", model, "--output", "own.csv")
    assert "it is there already and no own.csv.run.json says how it was made" in err
    assert Path("own.csv").read_text() == "my own table\n"
    assert Path("tags.csv").read_bytes() == before


def test_results_of_other_weights_are_not_mixed(aed, folder, model):
    own = write_model(folder / "own")
    aed("tag", "talks/a.wav", "--model", own, "--output", "tags.csv")
    state = safetensors.torch.load_file(own / "model.safetensors")
    state["head.classifier.bias"] += 1.0
    safetensors.torch.save_file(state, own / "model.safetensors")
    status, _, err = aed("tag", "talks/a.wav", "--model", own, "--output", "tags.csv")
    assert status == 1
    assert "tags.csv holds results of another run: model was own " in err


def test_a_missing_file_among_others_is_skipped_by_name(aed, folder, model):
    status, out, err = aed("tag", "gone.wav", "talks/a.wav", "--model", model, "--format=csv")
    assert status == 1
    assert len(out.splitlines()) == 2
    assert err.startswith("skipped: gone.wav: expected an audio file, but there is none")
