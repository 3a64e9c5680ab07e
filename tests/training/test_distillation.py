"""Distillation: soft targets, the teacher's logits, and students as the recipe trains them."""

import json
import shutil

import numpy as np
import pytest
import torch
from recipe_program import URBANSOUND_RECIPE, Recipe
from recipe_results import kill_after_a_checkpoint, results, without_times

from aed_plugins.core import InputError
from aed_plugins.data import FoldSplit, collate, make_fold_dataset, read_manifest
from aed_plugins.experiments import CrossValidation
from aed_plugins.pretrained import TrainedRun, find_run, publish_model
from aed_plugins.pretrained.model_card import model_card
from aed_plugins.training import Augmentation, Mixup, Teacher, distillation, make_task, make_teacher
from aed_plugins.training.distillation import mix_soft_targets

SPLIT = FoldSplit(test=3, valid=[], train=[1, 2])
LABELS = ["dog_bark", "siren", "drilling"]


@pytest.fixture(scope="session")
def teacher_run(tmp_path_factory, corpus):
    """A model at 8 kHz, trained on folds 1 and 2: students take 16 kHz."""
    folder = tmp_path_factory.mktemp("teacher")
    options = (f"--data_folder={corpus}", "--test_folds=[3]", "--valid_folds=[]")
    Recipe(folder, URBANSOUND_RECIPE, options)(
        "--sample_rate=8000", "--number_of_epochs=1", check=0
    )
    return folder / "out"


@pytest.fixture
def student(tmp_path, corpus, teacher_run):
    options = (f"--data_folder={corpus}", "--test_folds=[3]", "--valid_folds=[]")
    return Recipe(tmp_path, URBANSOUND_RECIPE, (*options, f"--teacher={teacher_run}"))


@pytest.fixture
def manifest(teacher_run):
    (path,) = teacher_run.parent.glob("data/prepared/*/8000/manifest.json")
    return read_manifest(path)


@pytest.fixture
def copied(teacher_run, tmp_path):
    """A copy of the teacher whose configuration can be changed, part by part."""
    folder = tmp_path / "copied"
    shutil.copytree(teacher_run / "fold3", folder)

    def change(part, **values):
        path = folder / "configuration.json"
        content = json.loads(path.read_text())
        content[part] |= values
        path.write_text(json.dumps(content))
        return folder

    return change


def task(labels=LABELS, *, multi_label=False):
    return make_task(labels, multi_label)


def test_targets_are_between_label_and_teacher():
    hard = torch.tensor([[0.0, 1.0, 0.0]])
    logits = torch.tensor([[1.0, 4.0, 16.0]]).log()
    halves = torch.tensor([[1.0, 2.0, 4.0]]) / 7  # the odds' square roots: a temperature of 2
    for weight in (0.0, 0.25, 1.0):
        expected = (1 - weight) * hard + weight * halves
        assert torch.allclose(mix_soft_targets(hard, logits, task(), weight, 2.0), expected)
    assert mix_soft_targets(hard, logits, task(), 0.0, 2.0).equal(hard)
    several = mix_soft_targets(hard, logits, task(multi_label=True), 0.5, 1.0)
    assert torch.allclose(several, torch.tensor([[0.25, 0.9, 8 / 17]]))


def test_cross_entropy_with_these_targets_is_the_sum_of_both_losses():
    generator = torch.Generator().manual_seed(0)
    logits, teacher_logits = torch.randn(2, 5, 3, generator=generator)
    index = torch.tensor([0, 1, 2, 1, 0])
    hard = torch.eye(3)[index]
    for multi_label in (False, True):
        own = task(multi_label=multi_label)
        targets = mix_soft_targets(hard, teacher_logits, own, 0.3, 2.0)
        parts = [
            own.loss(logits, hard, None),
            own.loss(logits, own.probabilities(teacher_logits / 2), None),
        ]
        assert own.loss(logits, targets, None) == pytest.approx(0.7 * parts[0] + 0.3 * parts[1])


def test_class_weights_count_in_every_class_of_a_soft_target():
    weights, targets = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([[0.5, 0.25, 0.25]])
    loss = task().loss(torch.zeros(1, 3), targets, weights)
    assert float(loss) == pytest.approx((0.5 + 0.5 + 1.0) * np.log(3))


def test_soft_targets_are_smoothed_and_mixed_as_hard_ones_are():
    index, soft = torch.tensor([1, 2]), task().soft_targets
    hard = torch.eye(3)[index]
    assert soft(hard, 0.1).equal(soft(index, 0.1))
    assert soft(index).dtype == torch.float32
    assert torch.allclose(
        soft(torch.tensor([[0.5, 0.5, 0.0]]), 0.3), torch.tensor([0.45, 0.45, 0.1])
    )

    given = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.2, 0.8]])
    augmentation = Augmentation(mixing=Mixup(alpha=0.3))
    torch.manual_seed(1)
    *_, mixed, change = augmentation(torch.ones(2, 800), torch.ones(2), given, soft)
    assert mixed.equal(change.mixture.targets(given))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"weight": 1.5}, "--teacher_weight: expected a number from 0 to 1, got 1.5"),
        ({"weight": float("nan")}, "--teacher_weight: expected a number from 0 to 1, got nan"),
        ({"weight": "abc"}, "--teacher_weight: expected a number from 0 to 1, got 'abc'"),
        ({"weight": True}, "--teacher_weight: expected a number from 0 to 1, got True"),
        ({"temperature": 0}, "--teacher_temperature: expected a number above 0, got 0"),
        ({"temperature": float("inf")}, "--teacher_temperature: expected a number above 0"),
    ],
)
def test_numbers_that_cannot_be_used_are_refused(named, message):
    with pytest.raises(InputError, match=message):
        make_teacher("run", dict, **named)


def test_without_a_teacher_there_is_none_and_its_options_are_refused():
    assert make_teacher(None, dict) is None
    with pytest.raises(InputError, match="--teacher_temperature needs a --teacher"):
        make_teacher(None, dict, temperature=1.0)


def with_soft_targets(source, manifest, folder, clips_at_rate=None, **settings):
    """Give the training clips with soft targets; the teacher hears them in small batches."""
    run = find_run(source)
    own = make_task(run.labels, multi_label=False)
    clips = make_fold_dataset(manifest, own.target, SPLIT.train)
    teacher = Teacher(str(source), clips_at_rate or (lambda _: manifest), **settings)
    return teacher.add_soft_targets(clips, SPLIT, own, folder, batch_size=3, progress=False)


def test_training_clips_get_what_the_teacher_says_of_each_alone(teacher_run, manifest, tmp_path):
    heard = []
    clips = with_soft_targets(
        teacher_run, manifest, tmp_path, lambda r: heard.append(r) or manifest, weight=0.25
    )
    assert heard == [8000]
    assert len(clips) == 20
    run = find_run(teacher_run)
    tagger = run.tagger()
    for number in (0, 7, 19):
        clip = clips[number]
        assert set(clip) == {"id", "waveform", "target"}
        with torch.no_grad():
            said = torch.softmax(tagger(clip["waveform"].unsqueeze(0)).clip_logits[0] / 2, dim=0)
        own = np.array([label in manifest[clip["id"]]["labels"] for label in run.labels])
        assert clip["target"] == pytest.approx(0.75 * own + 0.25 * said.numpy(), abs=1e-5)
    batch = collate([clips[0], clips[1]])
    assert (batch.target.shape, batch.target.dtype) == ((2, 10), torch.float32)


def test_logits_are_kept_until_teacher_or_clips_change(copied, manifest, tmp_path):
    def unasked(rate):
        raise AssertionError("the teacher heard the clips a second time")

    run = copied("run")
    first = with_soft_targets(run, manifest, tmp_path)
    again = with_soft_targets(run, manifest, tmp_path, unasked)
    assert all(np.array_equal(a["target"], b["target"]) for a, b in zip(first, again, strict=True))
    other = with_soft_targets(run, manifest, tmp_path, unasked, weight=0.9, temperature=1.0)
    assert not np.allclose(first[0]["target"], other[0]["target"])

    changed = {name: entry | {"labels": ["siren"]} for name, entry in manifest.items()}
    with pytest.raises(AssertionError, match="a second time"):
        with_soft_targets(run, changed, tmp_path, unasked)
    weights = TrainedRun(run).weights
    state = torch.load(weights, weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in state.items()}, weights)
    with pytest.raises(AssertionError, match="a second time"):
        with_soft_targets(run, manifest, tmp_path, unasked)
    (tmp_path / distillation.FILE).write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(AssertionError, match="a second time"):
        with_soft_targets(run, manifest, tmp_path, unasked)
    with_soft_targets(run, manifest, tmp_path)
    with_soft_targets(run, manifest, tmp_path, unasked)


def test_a_clip_that_the_teacher_cannot_hear_is_named(teacher_run, manifest, tmp_path):
    some = dict(manifest)
    lost = next(name for name, entry in manifest.items() if entry["fold"] == 1)
    del some[lost]
    with pytest.raises(InputError, match=rf"1 training clips cannot be had at 8000 Hz.*: {lost}"):
        with_soft_targets(teacher_run, manifest, tmp_path, lambda _: some)
    assert not list(tmp_path.glob("*.npz"))


def check(source, *, split=SPLIT, dataset="urbansound_demonstration", **own):
    run = TrainedRun(source)
    given = {"labels": run.labels, "multi_label": False} | own
    Teacher(str(source), dict).check(split, dataset, make_task(**given))


def test_a_teacher_that_knows_the_test_fold_is_refused(copied):
    source = copied("folds", train="[1]", valid="[2]")
    check(source)
    for fold in (1, 2):
        with pytest.raises(InputError, match=f"was trained on urbansound_demonstration {fold}, "):
            check(source, split=FoldSplit(test=fold, valid=[], train=[3]))
    check(source, split=FoldSplit(test=1, valid=[], train=[3]), dataset="another")


@pytest.mark.parametrize("way", ["teacher", "initial_model"])
def test_a_teacher_whose_own_teacher_knows_the_test_fold_is_refused(
    copied, teacher_run, tmp_path, way, caplog
):
    one = FoldSplit(test=1, valid=[], train=[3])
    source = copied("folds", train="[3]", valid="[]")
    check(source, split=one)
    copied("run", **{way: str(teacher_run / "fold3")})  # it was trained on folds 1 and 2
    with pytest.raises(InputError, match="fold3 was trained on urbansound_demonstration 1, "):
        check(source, split=one)
    copied("run", **{way: str(tmp_path / "gone")})
    check(source, split=one)
    assert "what that was trained on is unknown" in caplog.text
    copied("run", **{way: str(source)})  # a circle comes to an end
    check(source, split=one)


def test_a_teacher_of_other_classes_is_refused(teacher_run):
    source = teacher_run / "fold3"
    labels = TrainedRun(source).labels
    with pytest.raises(InputError, match=r"where this data has 'car_horn', .* 'air_conditioner'"):
        check(source, labels=sorted(labels, key=lambda label: label == "air_conditioner"))
    with pytest.raises(InputError, match=r"has no further label, .* has 'street_music'"):
        check(source, labels=labels[:-1])
    with pytest.raises(InputError, match="with several labels per clip, as the clips have, but"):
        check(source, multi_label=True)


def test_shards_have_no_teacher():
    with pytest.raises(InputError, match="leave out --teacher or --webdataset"):
        CrossValidation(None, {}, {}, {}, shards=object(), teacher=object())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--teacher=nowhere"], "--teacher: there is no folder nowhere"),
        (["--teacher=."], "--teacher: expected one run in ., found no finished run"),
        (["--teacher_weight=abc"], "--teacher_weight: expected a number from 0 to 1, got 'abc'"),
        (
            ["--test_folds=[1]"],
            "was trained on urbansound_demonstration 1, which it is to be evaluated on",
        ),
    ],
)
def test_a_mistake_about_the_teacher_is_one_line(student, mistake, tmp_path, arguments, message):
    assert message in mistake(student, *arguments)
    assert not list(tmp_path.glob("out/*/teacher.npz"))


def without_teacher(student):
    plain = Recipe(student.folder, student.program, ())
    ours = ("--teacher", "--output_folder")
    options = [option for option in student.options if not option.startswith(ours)]
    plain.options = (*options, "--output_folder=plain")
    return plain


def result_of(folder, name):
    return without_times(json.loads((folder / name / "fold3/result.json").read_text()))


def test_a_student_learns_from_its_teacher_and_needs_it_no_longer(
    student, mistake, tmp_path, teacher_run
):
    own = tmp_path / "teacher"
    shutil.copytree(teacher_run, own)
    options = ("--teacher=teacher", "--teacher_weight=0.9")
    student(*options, check=0)
    with np.load(tmp_path / "out/fold3/teacher.npz") as kept:
        assert kept["logits"].shape == (20, 10)
        assert kept["logits"].dtype == np.float32
    without_teacher(student)(check=0)
    assert result_of(tmp_path, "out")["history"] != result_of(tmp_path, "plain")["history"]
    # A teacher that does not count changes nothing.
    student("--teacher=teacher", "--teacher_weight=0", "--output_folder=weightless", check=0)
    assert result_of(tmp_path, "weightless") == result_of(tmp_path, "plain")

    for changed in ("--teacher_weight=0.8", "--teacher_temperature=3", f"--teacher={teacher_run}"):
        name = changed.split("=")[0]
        others = [option for option in options if not option.startswith(f"{name}=")]
        assert f"run {name[2:]} was " in mistake(student, *others, changed)
    refused = mistake(without_teacher(student), "--output_folder=out")
    assert "run teacher was teacher/fold3, now it is nothing" in refused
    weights = find_run(own).weights
    content = weights.read_bytes()
    torch.save(torch.load(weights, weights_only=True) | {"more": torch.ones(1)}, weights)
    assert "run teacher_model was " in mistake(student, *options)
    weights.write_bytes(content)
    student(*options, "--test_only", check=0)

    shutil.rmtree(own)
    run = find_run(tmp_path / "out")
    assert run.tagger()(torch.zeros(1, 16000)).clip_logits.shape == (1, 10)
    publish_model(tmp_path / "out", tmp_path / "published", license="apache-2.0")
    assert not list((tmp_path / "published").rglob("*teacher*"))
    assert "its teacher" in model_card(run, None, "x", "apache-2.0", "x")
    plain = find_run(tmp_path / "plain")
    assert "its teacher" not in model_card(plain, None, "x", "apache-2.0", "x")


def test_a_killed_student_goes_on_without_asking_again(student, tmp_path):
    overrides = ("--number_of_epochs=8", "--batch_size=4")
    student(*overrides, check=0)
    shutil.move(tmp_path / "out", tmp_path / "undisturbed")
    kept = tmp_path / "out/fold3/teacher.npz"
    kill_after_a_checkpoint(student, overrides, 0.0)
    before = kept.stat().st_mtime_ns
    kill_after_a_checkpoint(student, overrides, 0.1)
    student(*overrides, check=0)
    assert kept.stat().st_mtime_ns == before
    assert result_of(tmp_path, "out") == result_of(tmp_path, "undisturbed")
    written = [tmp_path / name / "predictions.csv" for name in ("out", "undisturbed")]
    assert written[0].read_text() == written[1].read_text()


def test_a_student_with_a_frozen_encoder_learns_from_cached_embeddings(
    student, tmp_path, teacher_run
):
    how = [f"--initial_model={teacher_run}", "--sample_rate=8000", "--frozen_epochs=2"]
    how += ["--balance=sampling"]
    student(*how, check=0)
    assert (tmp_path / "out/fold3/teacher.npz").is_file()
    without_teacher(student)(*how, check=0)
    assert result_of(tmp_path, "out")["history"] != result_of(tmp_path, "plain")["history"]


def test_two_processes_share_the_teacher_s_logits(student, tmp_path):
    how = ("--device=cpu", "--batch_size=4", "--balance=class_weights")
    student(*how, processes=2, check=0)
    assert results(tmp_path)["folds"][0]["processes"] == 2
    (log,) = tmp_path.glob("out/fold3/log.txt")
    assert log.read_text().count("tags the 20 training clips, once") == 1
