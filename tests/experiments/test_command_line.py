import dataclasses
import sys
from pathlib import Path

import pytest
import speechbrain

from aed_plugins.core import InputError
from aed_plugins.experiments import parse_experiment, run_program
from aed_plugins.experiments.arguments import FLAGS, SPEECHBRAIN_OPTIONS

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
    license: str = "unknown"


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
        (["--precis=bf16"], "--precis is neither an option .*; did you mean --precision"),
        (["--optimizer=foo"], "--optimizer is neither an option of this recipe nor in"),
        (["lr=1"], "^lr=1: expected --option=value"),
        (["--output_folder=/x", "lr=1"], "^lr=1: expected --option=value"),
        (["--debug", "1"], "^1: expected --option=value"),
        (["--lr=1", "--lr=2"], "^--lr is given twice$"),
        (["--debug", "--debug"], "^--debug is given twice$"),
        (["--lr=[1"], r"^cannot read --lr=\[1: "),
        (["--precision=foo"], "^--precision: invalid choice: 'foo'"),
        (["--debug_batches=x"], "^--debug_batches: invalid int value: 'x'"),
        (["--debug=True"], "^--debug: ignored explicit argument 'True'"),
        (["--device", "--seed=1"], "^--device: expected a value, as in --device=VALUE"),
        (["--license", "--seed=1"], "^--license: expected a value, as in --license=VALUE"),
        (["--license="], "^--license: expected a value"),
        (["--license=True"], "^--license: expected a value, .* got True"),
        (["--data_folder=False"], "^--data_folder: expected a value, .* got False"),
        (["--license=null"], "^--license: expected a value, .* got None"),
        (["--dataset=foo"], "^--dataset is set by the recipe$"),
        (["--head=!new:torch.nn.Linear {}"], "^--head: !new:torch.nn.Linear cannot replace .*yaml"),
        (["--head={bias: !new:a.B {c: 1}}"], "^--head: !new:a.B cannot replace"),
        (["--jit"], "^--jit: the models here cannot be compiled with TorchScript$"),
        (["--jit_module_keys", "head"], "^--jit_module_keys: the models here cannot"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_in_one_line(hparams, arguments, message):
    with pytest.raises(InputError, match=message):
        parse_experiment([hparams, *arguments], Options)


@pytest.mark.parametrize("arguments", [[], ["--lr=1"]])
def test_a_command_line_without_a_file_is_refused_in_one_line(arguments, capsys):
    with pytest.raises(InputError, match=r"^expected a hyperparameter file, such as .*; see --hel"):
        parse_experiment(arguments, Options)
    assert capsys.readouterr() == ("", "")


def test_a_value_may_stand_after_its_option_and_have_an_equals_sign(hparams):
    arguments = ["--lr", "-1", "--debug", hparams, "--data_folder=/a=b", "--max_grad_norm", "-2"]
    experiment = parse_experiment(arguments, Options)
    assert experiment.hparams_file == Path(hparams)
    assert experiment.overrides == {"lr": -1}
    assert experiment.options.data_folder == "/a=b"
    assert experiment.run_options.max_grad_norm == -2
    assert experiment.run_options.overridden_args >= {"debug", "max_grad_norm"}


def test_a_key_set_by_the_recipe_can_be_an_option_of_its_own(hparams):
    own = dataclasses.make_dataclass("Own", [("dataset", str, "a")], frozen=True)
    assert parse_experiment([hparams, "--dataset=b"], own).options.dataset == "b"


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


def test_speechbrain_takes_the_options_that_are_left_to_it(hparams):
    for name in sorted(SPEECHBRAIN_OPTIONS):
        value = [] if name in FLAGS else ["fp32" if "precision" in name else "1"]
        _, options, overrides = speechbrain.parse_arguments(["a.yaml", f"--{name}", *value])
        assert (options.overridden_args, overrides) == ({name}, "")
    keys = parse_experiment([hparams, "--compile_module_keys", "a", "b"], Options)
    assert keys.run_options.compile_module_keys == ["a", "b"]
