"""What an ablation compares, and the mistakes that are found before anything runs."""

import pytest
from ablation_stand_in import HPARAMS, ablate, prepare_ablation
from recipe_program import ROOT

from aed_plugins.core import InputError
from aed_plugins.experiments import read_variants


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return prepare_ablation(tmp_path, monkeypatch)


def configurations(*variants, options=()):
    return [it.configuration for it in read_variants("recipe.py", "model.yaml", variants, options)]


def test_a_configuration_is_what_can_change_a_figure(folder):
    (folder / "other.yaml").write_text(HPARAMS.replace("lr: 0.1", "lr: 1.0e-1  # the same"))
    (reference,) = configurations()
    same = ["--num_workers=2", "--device=cpu", "--noprogressbar", "--data_folder=/elsewhere"]
    assert configurations(options=same) == [reference]
    assert len(reference) == 12
    names = "abcdefghij"
    different = [
        *("--lr=0.2", "--head.bias=False", "--valid_folds=[]", "--precision=bf16"),
        *("--pretrained=a.pth", "--pretrained=b.pth", "--pretrained=https://x.org/a.pth"),
        *("--pretrained=https://y.org/a.pth", "--head.bias=a/b", "--head.bias=c/b"),
    ]
    found = configurations(*(f"{n}: {it}" for n, it in zip(names, different, strict=True)))
    assert len(set(found)) == 11
    # Where weights lie is nobody's concern.
    assert configurations("x: --pretrained=/some/where/a.pth")[1] == found[5]
    with pytest.raises(InputError, match="variant x is the same as model: its options change noth"):
        configurations("x: other.yaml --lr=0.1")


def test_a_variant_wins_over_the_options_of_all(folder):
    options = ["--lr=0.5", "--head={in_features: 7, bias: False}", "--mixup=0", "--noprogressbar"]
    _, variant = read_variants("recipe.py", "model.yaml", ["v: --lr=1 --head.bias=True"], options)
    assert variant.commands.options == (
        *("--mixup=0", "--noprogressbar", '--head={"in_features": 7, "bias": true}', "--lr=1"),
    )


@pytest.mark.parametrize(
    ("variants", "others", "message"),
    [
        (["plain"], {}, "'plain': expected a variant such as"),
        ([": --lr=1"], {}, "': --lr=1': expected a variant such as"),
        (["a: --lr=1 'x"], {}, "variant a: No closing quotation in --lr=1 'x"),
        (["a: lr=1"], {}, r"variant a: expected at most one hyperparameter file \(.yaml\)"),
        (["a: model.yaml model.yaml"], {}, "variant a: expected at most one hyperparameter file"),
        (["a: no.yaml"], {}, "variant a: no.yaml: no such hyperparameter file"),
        (
            ["a: --lrr=1"],
            {},
            "variant a: --lrr is neither .* nor in model.yaml; did you mean --lr?",
        ),
        (["a: --lr=[1"], {}, r"variant a: --lr=\[1: cannot read the value, which is YAML"),
        (["a: --lr=1", "a: --lr=2"], {}, "two variants are called a: give each a name"),
        (["model: --lr=1"], {}, "two variants are called model"),
        (["a:"], {}, "variant a is the same as model"),
        (["a: --lr=1", "b: --lr=1.0"], {"options": ["--lr=1.0"]}, "is the same as"),
        (["a: --head.out_features=2"], {}, "variant a is the same as model"),
        (["a: --members=1"], {}, "variant a: --members=1: expected a number of trainings, 2 or"),
        (["a: --members=x"], {}, "variant a: --members=x: expected a number of trainings, 2 or"),
        (["a: --members=2", "b: --members=2"], {}, "variant b is the same as a"),
        (["a: --members=2"], {"seeds": "0,1"}, "--seeds: with --members=2 they begin at 1, got 0"),
        (["a: --seed=2"], {}, "variant a: --seed=2: the ablation chooses that; give --seeds"),
        (["a: --lr=1"], {"options": ["--test_folds=[1]"]}, "chooses that; give --folds"),
        (["a: --lr=1"], {"options": ["--output_folder=x"]}, "chooses that; give --output"),
        (
            ["a: --lr=1"],
            {"options": ["--debug"]},
            "--debug: an ablation takes whole runs; leave",
        ),
        (["a: --lr=1 --test_only"], {}, "variant a: --test_only: an ablation takes whole runs"),
        (["a: --lr=1"], {"more": ["--rows=."]}, ".: expected a CSV file of finished runs, got a"),
        (["a: --lr=1"], {"options": ["--zzz=x"]}, "--zzz is neither an option of this recipe"),
        (["a: --lr=1"], {"seeds": 0}, "--seeds: expected a positive number, got 0"),
        (["a: --lr=1"], {"seeds": "x"}, "--seeds: expected how many, or a list such as 7,8, got x"),
        (["a: --lr=1"], {"seeds": "3,3"}, "--seeds: one is given twice"),
        (["a: --lr=1"], {"folds": "x"}, "argument --folds: invalid int value: 'x'; see --help"),
        (["a: --lr=1"], {"folds": (1, 1)}, "--folds: one is given twice"),
        (["a: --lr=1"], {"more": ["--jobs=0"]}, "--jobs: expected a positive number, got 0"),
        (["a: --lr=1"], {"more": ["--recipe=no.py"]}, "no.py: expected a recipe, such as"),
        (
            ["a: --lr=1"],
            {"more": [f"--recipe={ROOT}/recipes/audioset/train.py"]},
            "no --test_folds",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_runs(folder, variants, others, message):
    with pytest.raises(InputError, match=message) as error:
        ablate(*variants, **others)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()
