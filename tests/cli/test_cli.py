"""The command `aed` as a user runs it, in this process but where the process itself matters."""

import csv
import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
from tiny_model import LABELS, write_model, write_run

from aed_plugins.annotations import read_timeline, write_timeline
from aed_plugins.cli import find_recordings
from aed_plugins.cli.command import COMMANDS, main
from aed_plugins.cli.outputs import Table
from aed_plugins.core import Event, InputError, Timeline
from aed_plugins.pretrained import write_timeline_settings

RATE = 8000


def sound(path, seconds=3.0, seed=0):
    """Noise that changes its level every second."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.choice([0.003, 0.05, 0.8], int(seconds) + 1), RATE)
    count = round(seconds * RATE)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rng.uniform(-1, 1, count) * levels[:count], RATE)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three recordings, one of them bad, in the working directory."""
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "talks/a.wav", 3.0, 1)
    sound(tmp_path / "talks/deep/ü b.flac", 4.5, 2)
    (tmp_path / "talks/bad.wav").write_bytes(b"RIFF....WAVEnothing")
    (tmp_path / "talks/notes.txt").write_text("no recording")
    return tmp_path


@pytest.fixture
def aed(capsys):
    """Run a command; give its status, what it printed and what it complained of."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_tag_writes_a_row_per_recording_and_names_the_bad_one(aed, folder, model):
    status, out, err = aed("tag", "talks", "--model", model, "--format", "csv", "--top", "2")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 1
    assert [row["file"] for row in rows] == ["talks/a.wav", "talks/deep/ü b.flac"]
    assert [row["seconds"] for row in rows] == ["3.0", "4.5"]
    assert rows[0]["class_1"] in LABELS
    assert float(rows[0]["probability_1"]) >= float(rows[0]["probability_2"])
    said = json.loads(rows[0]["tags"])
    assert said[:2] == [r for n in (1, 2) if (r := rows[0][f"class_{n}"]) in said]
    assert err.splitlines()[1:] == ["error: 1 of 3 recordings were skipped"]
    assert err.startswith("skipped: talks/bad.wav: expected audio")


def test_tag_says_in_words_what_is_heard(aed, folder, model):
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


def test_timeline_prints_and_writes_every_format(aed, folder, model):
    _, out, _ = aed("timeline", "talks/a.wav", "--model", model, "--format", "json")
    Path("out.json").write_text(out)
    expected = read_timeline("out.json")
    assert expected.events
    assert expected.duration == 3.0
    _, out, _ = aed("timeline", "talks/a.wav", "--model", model)
    assert out.splitlines()[0] == f"talks/a.wav  3.00 s, {len(expected.events)} events"
    for kind, suffix in (("textgrid", "TextGrid"), ("elan", "eaf"), ("jams", "jams")):
        arguments = ("--model", model, "--format", kind, "--output", f"in_{kind}")
        status, _, _ = aed("timeline", "talks", *arguments)
        assert status == 1  # the bad one
        found = read_timeline(f"in_{kind}/a.{suffix}")
        assert [e.label for e in found.events] == [e.label for e in expected.events]
        assert Path(f"in_{kind}/deep/ü b.{suffix}").is_file()
        assert not Path(f"in_{kind}/bad.{suffix}").exists()


def test_timeline_writes_a_single_file_by_its_suffix(aed, folder, model):
    aed("timeline", "talks/a.wav", "--model", model, "--output", "a.rttm")
    assert Path("a.rttm").read_text().startswith("SPEAKER a 1 0.0")


def test_timeline_does_not_make_again_what_is_there(aed, folder, model):
    command = ("timeline", "talks", "--model", model, "--output", "found")
    aed(*command)
    Path("found/a.csv").write_text("mine")
    Path("found/deep/ü b.csv").unlink()
    aed(*command)
    assert Path("found/a.csv").read_text() == "mine"
    assert Path("found/deep/ü b.csv").is_file()
    status, _, err = aed(*command, "--window", "0.5")
    assert status == 1
    assert err.startswith("error: found holds results of another run: settings was")


def test_results_of_another_recording_of_that_name_are_not_taken(aed, folder, model):
    sound(folder / "A/x.wav", 3.0, 5)
    sound(folder / "B/x.wav", 2.0, 6)
    command = ("--model", model, "--format", "json", "--output", "kept")
    aed("timeline", "A", *command)
    status, _, err = aed("timeline", "B", *command)
    assert status == 1
    assert "kept/x.json holds the results of " in err
    assert str(folder / "A/x.wav") in err
    # Moved, it is the same recording.
    Path("A").rename("C")
    before = Path("kept/x.json").stat().st_mtime_ns
    assert aed("timeline", "C", *command)[0] == 0
    assert Path("kept/x.json").stat().st_mtime_ns == before
    Path("C").rename("A")
    # Recorded anew, it is heard anew.
    sound(folder / "A/x.wav", 4.0, 7)
    assert aed("timeline", "A", *command)[0] == 0
    assert read_timeline("kept/x.json").duration == 4.0


def test_results_of_other_weights_are_not_mixed(aed, folder, model):
    own = write_model(folder / "own")
    aed("tag", "talks/a.wav", "--model", own, "--output", "tags.csv")
    state = safetensors.torch.load_file(own / "model.safetensors")
    state["head.classifier.bias"] += 1.0
    safetensors.torch.save_file(state, own / "model.safetensors")
    status, _, err = aed("tag", "talks/a.wav", "--model", own, "--output", "tags.csv")
    assert status == 1
    assert "tags.csv holds results of another run: model was own " in err


def test_no_command_overwrites_what_it_reads_or_what_a_person_wrote(aed, folder, model):
    before = Path("talks/a.wav").read_bytes()
    os.link("talks/a.wav", "a.html")
    write_timeline("talks/a.csv", Timeline((Event("dog", 0.0, 1.0),), "a.wav"))
    mine = Path("talks/a.csv").read_bytes()
    common = ("talks/a.wav", "--model", model)
    for arguments, message in (
        (("report", *common, "--output", "a.html"), "a.html is read by the command"),
        (("report", *common, "--output", "a.wav"), "a.wav: expected the name of a file in .html"),
        (
            ("report", *common, "--output", "p.html", "--png", "a.jpg"),
            "a.jpg: expected the name of a file in .png",
        ),
        (("timeline", *common, "--output", "talks/a.csv"), "talks/a.csv is there already"),
        (("timeline", *common, "--output", "a.xyz"), "a.xyz: expected the name of a file in"),
        (("summary", *common, "--output", "a.wav"), "a.wav: expected the name of a file in .txt"),
        (("tune", *common, "--output", "talks/a.csv"), "expected the name of a file in .json"),
        (("tune", *common, "--output", "talks"), "talks: expected a JSON file or a model's folder"),
    ):
        status, _, err = aed(*arguments)
        assert status == 1
        assert message in err
    assert Path("talks/a.wav").read_bytes() == before
    assert Path("talks/a.csv").read_bytes() == mine


def test_tuning_some_classes_leaves_the_others_theirs(aed, folder):
    own = write_model(folder / "own")
    how = {"window_length": 1.0, "post_processing": {"onset": {"siren": 0.9, "dog": 0.1}}}
    write_timeline_settings(own, how)
    truth = Timeline((Event("dog", 1.0, 2.0),), "a.wav", 3.0)
    write_timeline("truth/a.json", truth)
    command = ("talks/a.wav", "--annotations", "truth", "--model", own, "--output", own)
    status, _, err = aed("tune", *command, "--classes", "dog")
    assert status == 0, err
    onset = json.loads((own / "timeline.json").read_text())["post_processing"]["onset"]
    assert (onset["siren"], onset["Crying, sobbing"]) == (0.9, 0.5)


def test_what_another_command_left_is_neither_taken_nor_overwritten(aed, folder, model):
    Path("mine").mkdir()
    Path("mine/a.csv").write_text("onset,offset,label\n")
    status, _, err = aed("timeline", "talks", "--model", model, "--output", "mine")
    assert status == 1
    assert err.startswith("error: mine/a.csv is there already and no run.json says how it was made")
    assert [path.name for path in Path("mine").iterdir()] == ["a.csv"]


def test_two_recordings_never_share_a_file(aed, folder, model):
    sound(folder / "talks/a.flac")
    status, _, err = aed("timeline", "talks", "--model", model, "--output", "found")
    assert status == 1
    assert "talks/a.flac, talks/a.wav would all be written to found/a.csv" in err


def test_summary_of_recordings_is_that_of_their_time_lines(aed, folder, model):
    (folder / "talks/bad.wav").unlink()
    _, direct, _ = aed("summary", "talks", "--model", model, "--format", "json")
    aed("timeline", "talks", "--model", model, "--format", "json", "--output", "lines")
    _, read, _ = aed("summary", "lines", "--format", "json")
    content = json.loads(direct)
    heard = [row for row in content["classes"] if row["events"]]
    assert content["recordings"] == 2
    assert content["seconds"] == 7.5
    key = lambda row: row["label"]  # noqa: E731
    assert sorted(json.loads(read)["classes"], key=key) == sorted(heard, key=key)


def test_summary_keeps_time_lines_and_goes_on_from_them(aed, folder, model):
    (folder / "talks/bad.wav").unlink()
    command = ("summary", "talks", "--model", model, "--timelines", "kept", "--format", "csv")
    aed(*command)
    mine = Timeline((Event("dog", 0.0, 2.5, 0.9),), "a.wav", 3.0)
    write_timeline("kept/a.json", mine)
    write_timeline("kept/deep/ü b.json", Timeline((), "ü b.flac", 4.5))
    _, out, _ = aed(*command)
    rows = {row["class"]: row for row in csv.DictReader(io.StringIO(out))}
    assert rows["dog"]["seconds"] == "2.5"
    assert float(rows["dog"]["fraction"]) == pytest.approx(2.5 / 7.5)
    assert rows["siren"]["events"] == "0"


def test_summary_of_annotations_needs_their_duration(aed, folder):
    write_timeline("a.csv", Timeline((Event("dog", 0.0, 1.0),), "a.wav"))
    status, _, err = aed("summary", "a.csv")
    assert status == 1
    assert "a.csv: expected an annotation that tells the recording's duration" in err


def test_embed_writes_times_and_embeddings(aed, folder, model):
    status, _, _ = aed("embed", "talks/a.wav", "--model", model, "--output", "kept", "--window", 1)
    assert status == 0
    with np.load("kept/a.npz") as kept:
        assert kept["onsets"].tolist() == [0, 1, 2]
        assert kept["offsets"].tolist() == [1, 2, 3]
        assert kept["embeddings"].shape == (3, 10)


def test_report_writes_a_page_and_a_picture(aed, folder, model):
    arguments = ("--model", model, "--output", "page.html", "--png", "page.png")
    status, out, err = aed("report", "talks", *arguments)
    assert status == 1
    assert "skipped: talks/bad.wav" in err
    assert out.splitlines() == ["look at:", "  page.html", "  page.png"]
    page = Path("page.html").read_text()
    assert json.dumps("deep/ü b.flac") in page
    assert Path("page.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def search(aed, folder, model):
    """Search for a second of noise; give the status, the hits and the complaints."""
    (folder / "talks/bad.wav").unlink()
    sound(folder / "query.wav", 1.0, 1)

    def run(*arguments, query="query.wav"):
        status, out, err = aed("search", query, *arguments, "--model", model, "--format", "json")
        return status, json.loads(out) if out else [], err

    return run


def changes(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}


def test_search_finds_the_other_part_of_the_same_sound(search):
    status, hits, err = search("talks")
    assert status == 0, err
    assert (hits[0]["file"], hits[0]["onset"]) == ("talks/a.wav", 0.0)
    assert hits[0]["similarity"] > 0.99
    before = changes(Path("talks.index"))
    assert sorted(before) == ["a.npz", "ü b.npz"]
    assert search("talks") == (0, hits, "")
    assert changes(Path("talks.index")) == before


def test_search_leaves_out_the_part_of_a_recording_that_is_the_query(search):
    _, hits, _ = search("talks", "--end", "1", query="talks/../talks/a.wav")
    assert {hit["onset"] for hit in hits if hit["file"] == "talks/a.wav"} == {2.0}


def test_search_embeds_what_is_new_or_changed_and_finds_nothing_that_is_gone(search):
    sound(Path("talks/c.wav"), 2.0, 3)
    search("talks")
    before = changes(Path("talks.index"))
    sound(Path("talks/a.wav"), 2.0, 9)
    Path("talks/c.wav").unlink()
    sound(Path("talks/犬.wav"), 2.0, 4)
    status, hits, err = search("talks", "--top", "100")
    assert status == 0, err
    assert {hit["file"] for hit in hits} == {"talks/a.wav", "talks/deep/ü b.flac", "talks/犬.wav"}
    assert not [hit for hit in hits if hit["file"] == "talks/a.wav" and hit["onset"] > 1]
    after = changes(Path("talks.index"))
    assert {name for name in before if after[name] != before[name]} == {"a.npz"}


def test_search_goes_on_without_a_recording_that_has_become_bad(search):
    search("talks")
    Path("talks/a.wav").write_bytes(b"RIFF....WAVEnothing")
    status, hits, err = search("talks")
    assert status == 1
    assert err.startswith("skipped: talks/a.wav: expected audio")
    assert {hit["file"] for hit in hits} == {"talks/deep/ü b.flac"}


def test_search_finds_in_what_embed_wrote(aed, search, model, folder):
    aed("embed", "talks", "--model", model, "--output", "kept", "--window", 1, "--hop", 0.5)
    before = changes(Path("kept"))
    status, hits, err = search("--index", "kept")
    assert status == 0, err
    assert hits[0]["file"] == str(folder / "talks/a.wav")
    assert {hit["offset"] - hit["onset"] for hit in hits} == {0.5}
    assert [hit["onset"] for hit in search("talks", "--index", "kept")[1]] == [
        hit["onset"] for hit in hits
    ]
    assert changes(Path("kept")) == before
    # The encoder's own steps.
    aed("embed", "talks", "--model", model, "--output", "steps")
    assert search("--index", "steps")[0] == 0


def test_search_refuses_what_another_run_or_nothing_made(aed, search, model, folder):
    search("talks", "--window", "0.5")
    assert {hit["offset"] - hit["onset"] for hit in search("talks")[1]} == {0.5}
    message = "window was 0.5, now it is 1.0; give another --index, or delete it\n"
    expected = f"error: {folder}/talks.index holds results of another run: {message}"
    assert search("talks", "--window", "1") == (1, [], expected)
    aed("timeline", "talks", "--model", model, "--output", "lines")
    assert "command was timeline, now it is embed" in search("--index", "lines")[2]
    Path("talks.index/run.json").write_text("[")
    assert "no run.json says how it was made; give another --index" in search("talks")[2]


def test_search_names_a_damaged_file(search, folder):
    search("talks")
    path = folder / "talks.index/a.npz"
    path.write_bytes(path.read_bytes()[:200])
    status, _, err = search("talks")
    assert status == 1
    assert err.startswith(f"error: {path}: expected embeddings that `aed embed` wrote, got another")
    path.unlink()
    assert search("talks")[0] == 0


def test_a_killed_search_embeds_no_recording_again(search, model, folder):
    """The process is killed while it embeds the second of three recordings."""
    sound(folder / "talks/c.wav", 2.0, 3)
    program = (
        "import os, sys; from aed_plugins.cli import main, result_folder\n"
        "from aed_plugins.inference.outputs import Embeddings\n"
        "save = Embeddings.save\n"
        "def die(self, path):\n"
        "    if path.name == 'c.npz': os.kill(os.getpid(), 9)\n"
        "    save(self, path)\n"
        "Embeddings.save = die; main(sys.argv[1:])"
    )
    arguments = ("search", "query.wav", "talks", "--model", model)
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    before = changes(folder / "talks.index")
    assert list(before) == ["a.npz"]
    status, hits, err = search("talks", "--top", "100")
    assert (status, len({hit["file"] for hit in hits})) == (0, 3), err
    assert changes(folder / "talks.index")["a.npz"] == before["a.npz"]


def test_tune_saves_settings_that_a_timeline_takes(aed, folder, model):
    command = ("timeline", "talks/a.wav", "--model", model, "--format", "json")
    truth = Timeline((Event("dog", 1.0, 2.0), Event("siren", 0.0, 3.0)), "a.wav", 3.0)
    write_timeline("truth/a.json", truth)
    arguments = ("--annotations", "truth", "--model", model, "--window", "1")
    status, out, err = aed("tune", "talks/a.wav", *arguments, "--output", "settings.json")
    assert status == 0, err
    assert out.splitlines()[0].split() == ["class", "events", "F1", "before", "F1", "after"]
    tuned = json.loads(Path("settings.json").read_text())
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["dog", "1"], ["siren", "1"]]
    assert "dog" in tuned["post_processing"]["onset"]
    assert aed(*command, "--settings", "settings.json")[0] == 0
    # Saved in the model's folder, they are what it begins with.
    own = write_model(folder / "own")
    aed("tune", "talks/a.wav", *arguments[:2], "--model", own, "--output", own)
    saved = json.loads((own / "timeline.json").read_text())
    assert saved["post_processing"] == tuned["post_processing"]
    out = [
        aed("timeline", "talks/a.wav", "--model", m, *s)[1]
        for m, s in ((model, ("--settings", "settings.json")), (own, ()))
    ]
    assert out[0] == out[1]


def test_tune_names_a_recording_without_annotation(aed, folder, model):
    status, _, err = aed("tune", "talks/a.wav", "--model", model, "--output", "settings.json")
    assert status == 1
    assert "talks/a.wav: there is no annotation talks/a.*" in err
    assert not Path("settings.json").exists()


def test_score_judges_by_annotations_of_any_format(aed, folder):
    found = (Event("Applause", 0.0, 2.0, 0.9), Event("dog", 3.1, 4.0, 0.8), Event("cat", 0.0, 9.0))
    write_timeline("found/a.json", Timeline(found, "a.wav", 10.0))
    truth = (Event("Clapping", 0.0, 2.0), Event("dog", 3.0, 5.0))
    write_timeline("truth/a.TextGrid", Timeline(truth, "a.wav", 10.0))
    arguments = ("found", "--truth", "truth", "--format", "json")
    status, out, _ = aed("score", *arguments, "--rename", "Applause=Clapping")
    figures = json.loads(out)
    assert status == 0
    assert figures["segments"]["micro_f1"] == pytest.approx(6 / 7)  # 3 of 3 found, 3 of 4 there
    assert figures["events"]["micro_f1"] == 1.0
    figures = json.loads(aed("score", *arguments)[1])
    assert figures["segments"]["micro_f1"] == pytest.approx(2 / 5)
    status, out, _ = aed("score", "found/a.json", "--truth", "truth/a.TextGrid")
    assert out.splitlines()[1].split() == ["Clapping", "1", *["0.000"] * 4]
    status, _, err = aed("score", "found", "--truth", "nowhere")
    assert status == 1
    assert "nowhere" in err


def test_a_full_disk_leaves_nothing_half_written(folder, model):
    """No file may grow beyond 30 kB: a page does not fit, the journal of tags does."""
    program = (
        "import resource, sys; from aed_plugins.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)); sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "report", "talks/a.wav", "--model", model],
        capture_output=True,
        text=True,
        check=False,
        # The measuring of coverage, too, would write a file.
        env={k: v for k, v in os.environ.items() if "COVERAGE" not in k} | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: a.html: File too large: make room and try again"]
    assert not list(folder.glob("*.html"))
    assert not list(folder.glob(".*"))


def test_a_row_that_does_not_fit_on_the_disk_is_taken_back(tmp_path):
    table = Table(tmp_path / "t.jsonl", "jsonl", ["file"], {})
    table.write({"file": "a.wav"})
    before = table.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(OSError, match=r"too large: '.*t\.jsonl'"):
            table.write({"file": "b" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert table.path.read_bytes() == before


def test_publish_export_and_use(aed, folder):
    run = write_run(folder / "run")
    status, out, err = aed("publish", run, "published", "--license", "apache-2.0")
    assert (status, out) == (0, "published: published\n"), err
    status, out, err = aed("export", "published", "tiny.onnx")
    assert status == 0, err
    expected = aed("timeline", "talks/a.wav", "--model", "published", "--format", "json")
    found = aed("timeline", "talks/a.wav", "--model", "tiny.onnx", "--format", "json")
    events = [json.loads(text)["events"] for _, text, _ in (expected, found)]
    assert [e["label"] for e in events[0]] == [e["label"] for e in events[1]]
    assert aed("publish", run, "published", "--license", "apache-2.0")[0] == 1


def test_check_audio_tells_good_from_bad_and_odd(aed, folder):
    soundfile.write("talks/silent.wav", np.zeros((4000, 2)), RATE)
    soundfile.write("talks/short.wav", np.zeros(80), RATE)
    status, out, err = aed("check-audio", "talks")
    assert status == 1
    assert "talks/a.wav  3.00 s, 8000 Hz, 1 channel, WAV PCM_16" in out
    assert "talks/silent.wav  0.50 s, 8000 Hz, 2 channels, WAV PCM_16  odd: silence" in out
    assert "talks/short.wav: expected 0.05 s of sound or more, got 0.01 s" in err
    assert "2 of 5 recordings were skipped" in err


def test_standard_input_is_a_recording(folder, model):
    done = subprocess.run(
        [sys.executable, "-m", "aed_plugins.cli", "tag", "-", "--model", model, "--format=csv"],
        input=(folder / "talks/a.wav").read_bytes(),
        capture_output=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    row = next(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert (row["file"], row["seconds"]) == ("stdin", "3.0")


def test_a_reader_that_goes_away_is_no_mistake(folder, model):
    command = f"{sys.executable} -m aed_plugins.cli check-audio talks | head -0"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_help_and_import_of_the_command_load_nothing_heavy():
    program = (
        "import sys; from aed_plugins.cli import main\n"
        "try: main(['tag', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'speechbrain', 'matplotlib', 'soundfile'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage: aed tag" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_begins_with_what_it_does(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: aed {name} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tag", "talks/a.wav"], "the following arguments are required: --model"),
        (["tag", "talks/a.wav", "--model", "nowhere"], "nowhere"),
        (["tag", "empty*.wav", "--model", "{model}"], "empty*.wav: no file is called so"),
        (["tag", "@list", "--model", "{model}"], "there is no such file"),
        (["tag", "talks/a.wav", "--model", "{model}", "--top", "0"], "--top: expected 1 or more"),
        (["tag", "talks/a.wav", "--model", "{model}", "--output", "t.xls"], "expected a .csv or"),
        (["tag", "talks/a.wav", "--model", "{model}", "--classes", "cat"], "nothing of 'cat'"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--threshold", "2"], "in [0, 1]"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--hop", "0.3"], "whole number of hops"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--settings", "no.json"], "no.json"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--output", "list.txt/x"], "list.txt"),
        (["search", "talks/a.wav", "nowhere", "--model", "{model}"], "nowhere: expected a folder"),
        (["search", "talks/a.wav", "talks", "--model", "{model}", "--start", "9"], "ends before 9"),
        (["search", "talks/a.wav", "--model", "{model}"], "expected FOLDER, or --index"),
        (["search", "talks/a.wav", "--index", "x", "--model", "{model}"], "x: expected embeddings"),
        (["export", "{model}", "model.pt"], "model.pt: expected a name that ends in .onnx"),
        (["publish", "{model}", "x", "--license", "mit", "--private"], "--private goes with --hub"),
        (["summary", "talks", "--window", "1"], "give --model to hear recordings"),
        (["tag", "talks/a.wav", "--model", "{model}", "--device", "cuda:9"], "--device: cuda:9"),
        (
            ["embed", "talks", "--model", "{model}", "--output", "x", "--hop", "1"],
            "goes with --window",
        ),
        (["summary", "talks", "--median", "1"], "give --model to hear recordings"),
        (
            ["timeline", "talks", "--model", "{model}", "--format", "csv"],
            "give a folder as --output",
        ),
        (["score", "talks/a.wav", "--truth", "list.txt", "--segment", "0"], "error: "),
        (["tag", "@list.txt", "--model", "{model}"], "the list names itself"),
        (["dance"], "invalid choice: 'dance'"),
        (["report", "talks/bad.wav", "--model", "{model}"], "no recording is left to report on"),
    ],
)
def test_a_mistake_is_told_in_one_line(aed, folder, model, arguments, message):
    Path("list.txt").write_text("talks/a.wav\n@list.txt\n")
    before = sorted(folder.rglob("*"))
    status, _, err = aed(*[argument.replace("{model}", model) for argument in arguments])
    assert status == 1
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in err
    assert len(lines) <= 2
    assert "Traceback" not in err
    assert sorted(folder.rglob("*")) == before


def test_inputs_are_files_folders_globs_and_lists_each_once(folder, monkeypatch):
    def names(*inputs):
        return [str(recording.name) for recording in find_recordings(inputs)]

    assert names("talks") == ["a.wav", "bad.wav", "deep/ü b.flac"]
    assert names("talks/**/*.flac") == ["deep/ü b.flac"]
    assert names(f"{folder}/talks/*.wav") == ["a.wav", "bad.wav"]
    Path("list").write_text("talks/a.wav\n\ntalks/deep\n", encoding="utf-8")
    assert names("@list") == ["a.wav", "ü b.flac"]
    assert names("talks/bad.wav", "talks") == ["bad.wav", "a.wav", "deep/ü b.flac"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("talks/a.wav\n"))
    assert names("@-") == ["a.wav"]
    Path("nothing").mkdir()
    with pytest.raises(InputError, match="nothing: expected recordings in this folder"):
        names("nothing")


def test_a_folder_that_cannot_be_looked_into_is_told(aed, folder, model, monkeypatch):
    looked = os.scandir

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(os, "scandir", scandir)
    status, out, err = aed("tag", "talks", "--model", model)
    assert (status, out) == (1, "")
    assert err.startswith("error: talks/deep: expected a folder that can be read, got: Permission")


def test_a_long_recording_has_a_bar_of_its_own(aed, folder, model, monkeypatch):
    sound(folder / "long.wav", 130.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, out, err = aed("timeline", "long.wav", "--model", model)
    assert "long.wav:" in err
    assert "/130 s [" in err
    assert aed("timeline", "long.wav", "--model", model, "--no-progress")[1:] == (out, "")


def test_a_folder_that_holds_itself_is_looked_into_once(folder):
    Path("talks/again").symlink_to("..", target_is_directory=True)
    assert len(find_recordings(["talks"])) == 3
    Path("empty").write_text("\n")
    with pytest.raises(InputError, match="@empty: expected recordings, found none"):
        find_recordings(["@empty"])


def test_a_missing_file_among_others_is_skipped_by_name(aed, folder, model):
    status, out, err = aed("tag", "gone.wav", "talks/a.wav", "--model", model, "--format=csv")
    assert status == 1
    assert len(out.splitlines()) == 2
    assert err.startswith("skipped: gone.wav: expected an audio file, but there is none")
