"""That SpeechBrain's recipe is trained as benchmarks/ecapa.py says; its figures are no matter."""

import argparse
import json

import pytest
import torch
from benchmark_program import load_benchmark, run_benchmark
from ecapa_training import Ecapa

from aed_plugins.core import InputError
from aed_plugins.experiments import FoldResult


@pytest.fixture
def ecapa(monkeypatch):
    monkeypatch.setenv("SB_GLOBAL_SEED", "1986")  # a training sets it: put it back afterwards
    return load_benchmark("ecapa", monkeypatch)


@pytest.fixture
def ours(tmp_path):
    folder = tmp_path / "ours"
    folder.mkdir()
    figures = {"accuracy": 0.7, "macro_f1": 0.6}
    counts = {"epochs": 2, "tested_epoch": 2, "seconds": 4.0, "processes": 1}
    FoldResult(
        3, [], [1, 2], "partial", 10, figures, **counts, device="cpu", precision="fp32", history=[]
    ).write(folder / "result.json")
    return folder


def clips(count):
    rng = torch.Generator().manual_seed(0)
    return [
        {"id": str(n), "waveform": torch.randn(4000 + 100 * n, generator=rng), "target": n % 10}
        for n in range(count)
    ]


def training(ecapa, count=40, augmentation="none"):
    given = argparse.Namespace(channels=8, lr=0.001, seed=1, augmentation=augmentation)
    return ecapa.Training(clips(count), given)


def test_as_many_clips_as_our_run_saw_are_trained_on_and_both_are_printed(tmp_path, corpus, ours):
    options = [f"--data_folder={corpus}", "--prepared_folder=prepared", "--test_fold=3"]
    options += [f"--ours={ours}", "--epochs=same", "--channels=8", "--output=out.json"]
    printed = run_benchmark("ecapa", options, tmp_path)
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["ours"]["clips"] == written["ECAPA-TDNN"]["clips"] == 2 * 20
    assert written["ours"]["clips_per_second"] == 10
    assert "70.0%" in printed
    assert not list(tmp_path.glob("out.checkpoints"))


@pytest.mark.parametrize("augmentation", ["none", "recipe"])
def test_a_training_that_is_gone_on_with_ends_as_one_in_one_go(ecapa, tmp_path, augmentation):
    whole, first, second = (training(ecapa, 40, augmentation) for _ in range(3))
    budget = ecapa.Budget("clips", 80)
    settings = json.dumps({"folds": {"train": list(range(60))}, "data": {"state": "partial: 'a'"}})
    whole.run(budget, tmp_path / "whole", 60, settings)

    def interrupted(fraction, step=first.step):
        if first.spent.steps == 3:
            raise KeyboardInterrupt
        return step(fraction)

    first.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        first.run(budget, tmp_path / "parts", 0, settings)
    second.run(budget, tmp_path / "parts", 60, settings)
    assert (second.spent.steps, second.spent.clips) == (4, 80)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(tensor, second.network.state_dict()[name], rtol=0, atol=0)


def test_checkpoints_of_other_settings_are_refused(ecapa, tmp_path):
    training(ecapa).run(ecapa.Budget("clips", 20), tmp_path, 60, "seed 1")
    with pytest.raises(InputError, match="other settings, seed 1"):
        training(ecapa).run(ecapa.Budget("clips", 20), tmp_path, 60, "seed 2")


def test_a_training_ends_with_its_seconds(ecapa, tmp_path):
    short = training(ecapa)
    short.run(ecapa.Budget("seconds", 0.001), tmp_path, 60, "")
    assert short.spent.steps == 1
    assert short.spent.seconds >= 0.001


def test_the_learning_rate_rises_and_falls_once_over_the_budget(ecapa):
    schedule = training(ecapa).schedule
    rates = [schedule.clr(fraction) for fraction in (0, 0.25, 0.5, 0.75, 1)]
    assert rates == pytest.approx([1e-8, 5e-4, 1e-3, 5e-4, 1e-8], rel=1e-4)


def test_every_pass_takes_each_clip_once_and_no_batch_is_a_single_clip(ecapa):
    drawn = training(ecapa, 65)  # two batches of 32 would leave one clip over
    sizes, names = [], set()
    for drawn.spent.steps in range(3):
        batch = drawn.batch()
        sizes.append(len(batch.id))
        names.update(batch.id)
    assert sizes == [22, 22, 21]
    assert len(names) == 65


def test_the_network_has_as_many_parameters_as_the_recipes():
    with torch.device("meta"):
        network = Ecapa(1024)
    assert sum(parameter.numel() for parameter in network.parameters()) == 20_769_472


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "one of the arguments --seconds --epochs is required"),
        (["--seconds=same"], "same as what"),
        (["--epochs=0"], "expected a number above 0"),
        (["--epochs=many"], "invalid number value: 'many'"),
        (["--seconds=9", "--channels=12"], "a multiple of 8"),
        (["--seconds=9", "--output={done}"], "a finished run"),
        (["--seconds=9", "--ours=nowhere"], "nowhere/result.json: no such file"),
        (["--seconds=9", "--ours={ours}", "--test_fold=2"], "it tested fold 3, not --test_fold=2"),
    ],
)
def test_a_mistake_is_told_in_one_line(ecapa, tmp_path, ours, options, said):
    done = tmp_path / "done.json"
    done.touch()
    with pytest.raises(InputError, match=said) as told:
        ecapa.main([option.format(done=done, ours=ours) for option in options])
    assert "\n" not in str(told.value)
