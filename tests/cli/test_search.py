"""`aed search`: segments that are similar to a recording."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from noise_file import write_noise


@pytest.fixture
def search(aed, folder, model):
    """Search for a second of noise; give the status, the hits and the complaints."""
    (folder / "talks/bad.wav").unlink()
    write_noise(folder / "query.wav", 1.0, 1)

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
    write_noise(Path("talks/c.wav"), 2.0, 3)
    search("talks")
    before = changes(Path("talks.index"))
    write_noise(Path("talks/a.wav"), 2.0, 9)
    Path("talks/c.wav").unlink()
    write_noise(Path("talks/犬.wav"), 2.0, 4)
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
    write_noise(folder / "talks/c.wav", 2.0, 3)
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
