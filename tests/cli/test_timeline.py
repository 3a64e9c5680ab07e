"""`aed timeline`: files of events in every format, and which of them are kept."""

import sys
from pathlib import Path

from noise_file import write_noise

from aed_plugins.annotations import read_timeline


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
    write_noise(folder / "A/x.wav", 3.0, 5)
    write_noise(folder / "B/x.wav", 2.0, 6)
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
    # Recorded again, it is tagged again.
    write_noise(folder / "A/x.wav", 4.0, 7)
    assert aed("timeline", "A", *command)[0] == 0
    assert read_timeline("kept/x.json").duration == 4.0


def test_what_another_command_left_is_neither_taken_nor_overwritten(aed, folder, model):
    Path("mine").mkdir()
    Path("mine/a.csv").write_text("onset,offset,label\n")
    status, _, err = aed("timeline", "talks", "--model", model, "--output", "mine")
    assert status == 1
    assert err.startswith("error: mine/a.csv is there already and no run.json says how it was made")
    assert [path.name for path in Path("mine").iterdir()] == ["a.csv"]


def test_two_recordings_never_share_a_file(aed, folder, model):
    write_noise(folder / "talks/a.flac")
    status, _, err = aed("timeline", "talks", "--model", model, "--output", "found")
    assert status == 1
    assert "talks/a.flac, talks/a.wav would all be written to found/a.csv" in err


def test_a_long_recording_has_a_bar_of_its_own(aed, folder, model, monkeypatch):
    write_noise(folder / "long.wav", 130.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, out, err = aed("timeline", "long.wav", "--model", model)
    assert "long.wav:" in err
    assert "/130 s [" in err
    assert aed("timeline", "long.wav", "--model", model, "--no-progress")[1:] == (out, "")
