"""A hyperparameter file: resolved once per fold, with keys that are all there and all used."""

import pytest
import torch
from recipe_program import ROOT, URBANSOUND_RECIPE

from aed_plugins.core import InputError
from aed_plugins.experiments import Experiment
from aed_plugins.experiments.hyperparameters import Hyperparameters
from aed_plugins.experiments.yaml_keys import check_keys

HANDED_IN = ("dataset", "labels", "multi_label")
TEXT = """
width: 3
pretrained: nowhere.pt
layer: !new:torch.nn.Linear
    in_features: !ref <width>
    out_features: !ref <width> + 1
both: !new:torch.nn.ModuleList
    modules: [!ref <layer>, !ref <layer>]
settings: !new:builtins.dict
    pretrained: !ref <pretrained>
"""


def experiment(text, tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(text)
    return Experiment(path, None, {}, None)


def test_what_is_built_is_what_was_resolved(tmp_path):
    file = experiment(TEXT, tmp_path).resolve(width=5)
    assert file.leaves["layer.out_features"] == "6"
    built = file.build()
    assert built["layer"].out_features == 6
    assert built["both"][0] is built["both"][1] is built["layer"]
    assert built["settings"] == {"pretrained": "nowhere.pt"}
    file.write(tmp_path / "written.yaml")
    again = Hyperparameters(tmp_path, (tmp_path / "written.yaml").read_text(), {})
    assert again.leaves == file.leaves


def test_weights_that_a_checkpoint_has_are_left_out_at_every_place(tmp_path):
    file = experiment(TEXT, tmp_path).resolve()
    assert file.build(pretrained=False)["settings"] == {"pretrained": None}
    assert file.value("pretrained") == "nowhere.pt"
    assert isinstance(file.build()["layer"], torch.nn.Linear)


def test_a_file_is_resolved_once_for_each_fold(recipe, tmp_path):
    program = (
        "import runpy, sys; from aed_plugins.experiments import hyperparameters;"
        "resolve = hyperparameters.resolve_references;"
        "hyperparameters.resolve_references = lambda *a: (print('resolved'), resolve(*a))[1];"
        f"sys.path.insert(0, {str(URBANSOUND_RECIPE.parent)!r}); sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    (tmp_path / "program.py").write_text(program)
    overrides = ("--test_folds=[2,3]", "--number_of_epochs=1")
    done = recipe.python("program.py", *recipe.arguments(*overrides), check=0)
    assert "test fold 3, validation fold 2, training fold 1" in done.stdout
    assert done.stdout.count("resolved") == 2


@pytest.mark.parametrize(
    "path", sorted(set(ROOT.glob("hparams/*.yaml")) - {ROOT / "hparams/tedlium.yaml"})
)
def test_every_key_of_every_file_is_used(path):
    check_keys(Experiment(path, None, {}, None), HANDED_IN)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("train_logger:", "train_loggers:", "the key train_loggers is now called train_logger, a"),
        ("train_dataloader_opts:", "loader:", "is now called train_dataloader_opts and valid_data"),
        ("ema:", "weight_average:", "the key weight_average is now called ema"),
        ("\nbalance:", "\nbalanced:", "nothing uses the key balanced; did you mean balance?"),
        ("\nseed:", "\nvalue: 1\nseed:", "nothing uses the key value"),
        ("\ncheckpointer:", "\n_kept:", "expected the key checkpointer, found none"),
        ("\nlabels: !PLACEHOLDER", "", "expected the key labels, found none"),
    ],
)
def test_a_key_that_is_old_unknown_or_missing_is_named(old, new, line, tmp_path):
    text = (ROOT / "hparams/resnet_dilated.yaml").read_text()
    assert old in text
    with pytest.raises(InputError, match=rf"model\.yaml: .*{line}"):
        check_keys(experiment(text.replace(old, new), tmp_path), HANDED_IN)
