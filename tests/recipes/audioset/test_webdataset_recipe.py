"""The AudioSet recipe with --webdataset, as a user runs it."""

import json
import shutil

import pytest
from programs import Program, run_python
from recipe_program import ROOT
from recipe_results import TORCHRUN

from aed_plugins.data import build_audioset_demonstration
from aed_plugins.training import brain_factory

pytest.importorskip("webdataset")

TRAIN, WRITE = ROOT / "recipes/audioset/train.py", ROOT / "recipes/audioset/write_shards.py"
SMALL = ("--encoder={width: 0.0625}", "--batch_size=4", "--noprogressbar")
DATA = ("--data_folder=corpus", "--valid_fraction=0.15", "--sample_rate=8000")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus, its training clips as shards, and another place without training clips."""
    folder = tmp_path_factory.mktemp("shards")
    corpus = build_audioset_demonstration(
        folder / "corpus", train=30, evaluation=16, missing=0, sample_rate=8000
    )
    done = run(folder, WRITE, "--shards=shards", "--per_shard=6")
    assert "training clips in " in done.stdout
    shards = read(folder, "shards/index.json")["folds"]
    assert shards["train"]["clips"] + shards["valid"]["clips"] == 30
    manifest = read(folder, next((folder / "data/prepared").glob("*/8000/manifest-*.json")))
    trained = {name for name, entry in manifest.items() if entry["fold"] == "train"}
    for path in corpus.glob("audio/*.wav"):
        video, start, _ = path.stem[1:].rsplit("_", 2)
        if f"{video}_{round(1000 * float(start))}" in trained:
            path.unlink()
    shutil.rmtree(folder / "data")
    return folder


def read(folder, name):
    return json.loads((folder / name).read_text())


def command(recipe, *options):
    given = {option.split("=")[0] for option in options}
    wanted = (*SMALL, *DATA, *(("--webdataset=shards",) if recipe == TRAIN else ()))
    usual = [option for option in wanted if option.split("=")[0] not in given]
    hparams = ROOT / "hparams/resnet_dilated.yaml"
    return [str(recipe), str(hparams), *usual, *options]


def run(folder, recipe, *options, launcher=(), check=0):
    given = command(recipe, *options)
    done = run_python([*launcher, *given], folder) if launcher else Program(given, folder).end()
    assert done.returncode == check, done.stdout + done.stderr
    return done


def train(folder, *options, **how):
    return run(folder, TRAIN, *options, **how)


def outcome(folder, output):
    """What a run came to, without its times."""
    result = read(folder, f"{output}/eval/result.json")
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in result.pop("history")]
    return {**result, "seconds": None, "history": rows}


def kill_after_a_checkpoint(folder, output, *options):
    """Start a run and kill it within its first epoch."""
    program = Program(command(TRAIN, f"--output_folder={output}", *options), folder)
    program.wait_for(lambda: list((folder / output).glob("eval/save/CKPT*")))
    program.kill()
    assert not (folder / output / "eval/train_log.txt").exists(), "the epoch had ended"


def test_a_killed_run_on_shards_alone_goes_on_within_its_epoch(folder):
    how = ("--number_of_epochs=1", "--balance=class_weights", "--ckpt_interval_steps=1")
    train(folder, "--output_folder=whole", *how)
    data = read(folder, "whole/results.json")["data"]
    clips = read(folder, "shards/index.json")["folds"]["train"]["clips"]
    assert data["clips_by_fold"]["train"] == clips
    assert data["clips"] == data["expected_clips"] == 46

    kill_after_a_checkpoint(folder, "killed", *how)
    train(folder, "--output_folder=killed", *how)
    assert outcome(folder, "killed") == outcome(folder, "whole")


def test_two_processes_share_the_shards(folder):
    how = ("--number_of_epochs=1", "--device=cpu", "--num_workers=1")
    # New processes: loaders fork, which a process forked from a server of threads may not survive.
    train(folder, "--output_folder=two", *how, launcher=TORCHRUN)
    result = read(folder, "two/eval/result.json")
    assert (result["processes"], result["clips"], result["epochs"]) == (2, 16, 1)
    configuration = read(folder, "two/eval/configuration.json")["run"]
    assert configuration["num_workers"] == "1"


def test_what_shards_cannot_do_is_refused_in_one_line(folder):
    refused = train(folder, "--output_folder=refused", "--balance=sampling", check=1)
    (error,) = [text for text in refused.stderr.splitlines() if text.startswith("error: ")]
    assert "give --balance=class_weights, or leave out --webdataset" in error
    assert "Traceback" not in refused.stderr
    with pytest.raises(ValueError, match="give fewer --frozen_epochs"):
        brain_factory._check_shards("none", frozen=True)
