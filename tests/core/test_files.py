import errno
import os
import time

import pytest

from aed_plugins.core import atomic_write, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "figures.json"
    write_json(path, {"accuracy": 0.5})

    def break_off():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        break_off()
    assert path.read_text() == '{\n "accuracy": 0.5\n}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["figures.json"]


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "figures.json"
    with (
        pytest.raises(OSError, match="make room and try again") as caught,
        atomic_write(path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(path)


def test_what_a_kill_left_behind_goes_and_what_another_process_writes_stays(tmp_path):
    old, new = tmp_path / ".clips.1.npy", tmp_path / ".clips.2.npy"
    for file in (old, new):
        file.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    with atomic_write(tmp_path / "clips.npy") as temporary:
        temporary.touch()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".clips.2.npy", "clips.npy"]


def test_a_figure_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "figures.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_only_what_a_kill_left_is_removed(tmp_path):
    for name in (".x.77.csv", ".x.backup.csv", ".x.1.2.csv", ".xy.77.csv"):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (0, 0))
    with atomic_write(tmp_path / "x.csv") as temporary:
        temporary.write_text("")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".x.1.2.csv", ".x.backup.csv", ".xy.77.csv", "x.csv"]
