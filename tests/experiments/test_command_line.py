import dataclasses
import sys

import pytest
import speechbrain

from aed_plugins.core import InputError
from aed_plugins.experiments import parse_experiment, run_program

HPARAMS = """
seed: 1
dataset: !PLACEHOLDER
lr: 0.1
head: !new:torch.nn.Linear
    in_features: 3
    out_features: 2
output_folder: !ref results/<dataset>/<seed>
"""


@dataclasses.dataclass(frozen=True)
class Options:
    data_folder: str | None = None
    test_folds: list | str = "all"
    allow_partial: bool = False


@pytest.fixture
def hparams(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(HPARAMS)
    return str(path)


def test_overrides_go_to_the_recipe_or_to_the_file(hparams):
    experiment = parse_experiment([hparams, "--test_folds=[1,2]", "--lr=1e-3", "--debug"], Options)
    assert experiment.options == Options(test_folds=[1, 2])
    assert experiment.overrides == {"lr": 0.001}
    assert experiment.run_options.debug
    built = experiment.resolve(dataset="dogs").build()
    assert built["lr"] == 0.001
    assert built["output_folder"] == "results/dogs/1"


def test_part_of_an_object_can_be_overridden(hparams):
    experiment = parse_experiment([hparams, "--head={out_features: 5}"], Options)
    assert experiment.resolve(dataset="dogs").build()["head"].out_features == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sed=2"], "--sed is neither an option of this recipe nor in .*; did you mean --seed"),
        (["--tets_folds=[1]"], "did you mean --test_folds"),
        (["--zzz=1"], "the recipe has --data_folder, --test_folds"),
        (["--allow_partial=no"], "--allow_partial: expected True or False, got 'no'"),
        (["lr=1"], "expected overrides like --seed=1"),
        (["--lr=1", "--lr=2"], "line 2: found duplicate key .lr."),
    ],
)
def test_an_override_that_does_not_exist_is_refused(hparams, arguments, message):
    with pytest.raises(InputError, match=message):
        parse_experiment([hparams, *arguments], Options)


def test_part_of_an_object_that_does_not_exist_is_refused(hparams):
    experiment = parse_experiment([hparams, "--head={outputs: 5}"], Options)
    with pytest.raises(InputError, match=r"model\.yaml: .*outputs"):
        experiment.resolve(dataset="dogs").build()


def test_a_missing_file_and_one_that_is_not_yaml_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml: no such hyperparameter file"):
        parse_experiment([str(tmp_path / "none.yaml")], Options)
    (tmp_path / "bad.yaml").write_text("a: [1, 2\nb: 3")
    with pytest.raises(InputError, match=r"bad\.yaml: not valid YAML"):
        parse_experiment([str(tmp_path / "bad.yaml")], Options)


def test_a_value_that_cannot_be_used_is_one_line(hparams):
    experiment = parse_experiment([hparams, "--head={out_features: many}"], Options)
    with pytest.raises(InputError, match=r"model\.yaml: ") as caught:
        experiment.resolve(dataset="dogs").build()
    assert "\n" not in str(caught.value)


def test_several_processes_on_cpus_speak_over_gloo(hparams):
    assert (
        parse_experiment([hparams, "--device=cpu"], Options).run_options.distributed_backend
        == "gloo"
    )
    gpu = parse_experiment([hparams, "--device=cuda:0"], Options).run_options
    assert gpu.distributed_backend == "nccl"
    given = parse_experiment(
        [hparams, "--device=cpu", "--distributed_backend=mpi"], Options
    ).run_options
    assert given.distributed_backend == "mpi"


def test_leaves_tell_what_is_built(hparams):
    leaves = parse_experiment([hparams], Options).resolve(dataset="dogs").leaves
    assert leaves["head"] == "!new:torch.nn.Linear"
    assert leaves["head.out_features"] == "2"
    assert leaves["output_folder"] == "results/dogs/1"


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("row 3:\n no fold"), 1, "error: row 3: no fold\n"),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), 1, "error: a.csv: No such"),
        (KeyboardInterrupt(), 130, "give the same command again to go on"),
        (None, 0, ""),
    ],
)
def test_a_user_s_mistake_is_one_line_and_a_status(monkeypatch, capsys, error, status, line):
    def main(arguments):
        if error is not None:
            raise error

    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(SystemExit) as caught:
        run_program(main)
    assert caught.value.code == status
    assert line in capsys.readouterr().err


def test_a_defect_keeps_its_traceback():
    def main(arguments):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        run_program(main)


def test_speechbrain_still_reads_command_lines_as_expected():
    file, _, overrides = speechbrain.parse_arguments(["a.yaml", "--folds=[1, 2]", "--lr=1e-3"])
    assert (file, overrides) == ("a.yaml", "folds: [1, 2]\nlr: 1e-3")
