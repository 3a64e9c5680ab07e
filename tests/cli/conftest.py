"""A model, recordings and the command `aed` in this process."""

import pytest
from noise_file import write_noise
from tiny_model import write_model

from aed_plugins.cli.command import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three recordings, one of them bad, in the working directory."""
    monkeypatch.chdir(tmp_path)
    write_noise(tmp_path / "talks/a.wav", 3.0, 1)
    write_noise(tmp_path / "talks/deep/ü b.flac", 4.5, 2)
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
