"""Recordings of a command: files, folders, globs, lists, standard input."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aed_plugins.cli.inputs import find_recordings
from aed_plugins.core import InputError


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


def test_a_folder_that_holds_itself_is_looked_into_once(folder):
    Path("talks/again").symlink_to("..", target_is_directory=True)
    assert len(find_recordings(["talks"])) == 3
    Path("empty").write_text("\n")
    with pytest.raises(InputError, match="@empty: expected recordings, found none"):
        find_recordings(["@empty"])


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
