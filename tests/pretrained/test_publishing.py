"""From a training to a folder that loads here and in stock SpeechBrain."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from recipe_program import AUDIOSET_RECIPE, Recipe
from speechbrain.inference.interfaces import foreign_class
from speechbrain.utils.fetching import FetchFrom, FetchSource, LocalStrategy
from tiny_model import LABELS, RUN_TEXT, write_run

from aed_plugins.core import InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.pretrained import (
    FolderPretrainer,
    find_run,
    load_model,
    publish_model,
    write_timeline_settings,
)

STOCK = {"pymodule_file": "custom_interface.py", "classname": "PretrainedTagger"}
FILES = [
    "README.md",
    "SHA256SUMS",
    "custom_interface.py",
    "hyperparams.yaml",
    "model.safetensors",
    "thresholds.json",
]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "out/fold3")


@pytest.fixture
def model(run, tmp_path):
    publish_model(run, tmp_path / "model", license="cc-by-4.0")
    return tmp_path / "model"


def refused(*arguments, **options):
    with pytest.raises(InputError) as caught:
        publish_model(*arguments, **{"license": "cc-by-4.0"} | options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def logits(tagger):
    torch.manual_seed(1)
    return tagger(torch.randn(3, tagger.features.sample_rate)).clip_logits


def test_a_recipe_s_run_gives_the_same_to_the_last_bit(tmp_path, audioset_corpus):
    recipe = Recipe(tmp_path, AUDIOSET_RECIPE, (f"--data_folder={audioset_corpus}",))
    recipe("--number_of_epochs=1", check=0)
    publish_model(tmp_path / "out", tmp_path / "model", license="apache-2.0")
    trained = find_run(tmp_path / "out")
    loaded = load_model(tmp_path / "model")
    expected = logits(trained.tagger())
    assert torch.equal(logits(loaded.tagger), expected)
    assert torch.equal(logits(load_model(tmp_path / "out").tagger), expected)
    stock = foreign_class(source=str(tmp_path / "model"), run_opts={"device": "cpu"}, **STOCK)
    torch.testing.assert_close(logits(stock.mods["tagger"]), expected, rtol=1e-5, atol=1e-5)
    with (tmp_path / "out/predictions.csv").open() as file:  # what the Brain said
        rows = list(csv.DictReader(file))
    tagger = PretrainedTagger.from_hparams(tmp_path / "model", run_opts={"device": "cpu"})
    for row in rows[:5]:
        (clip,) = audioset_corpus.glob(f"audio/Y{row['clip'].rpartition('_')[0]}_*.wav")
        said = [float(row[label]) for label in tagger.labels]
        assert tagger.tag(clip).probabilities == pytest.approx(said, abs=2e-6)
    assert loaded.labels == trained.labels
    assert loaded.thresholds.values.tolist() == trained.thresholds.values.tolist()
    for path in filter(Path.is_file, (tmp_path / "model").iterdir()):
        assert str(tmp_path).encode() not in path.read_bytes(), path
    card = (tmp_path / "model/README.md").read_text()
    assert "DEMONSTRATION: synthesized sounds" in card
    assert "resnet_dilated on audioset_demonstration" in card


def test_the_folder_has_what_it_should_and_no_more(model):
    assert sorted(path.name for path in model.iterdir()) == FILES
    text = (model / "hyperparams.yaml").read_text()
    assert "!PLACEHOLDER" not in text
    assert "pretrained:" not in text
    assert "!apply" not in text
    assert "seed" not in text
    assert "embedding_size: 10" in text
    assert "log_offset: 1e-5" in text
    assert "\nschema_version: 1\n" in text
    with safetensors.safe_open(model / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert "normalization.mean" in file.keys()  # noqa: SIM118


def test_publishing_twice_gives_the_same_bytes(model, run, tmp_path):
    (tmp_path / "other").mkdir()
    publish_model(run, tmp_path / "other/model", license="cc-by-4.0")
    for name in FILES:
        assert (model / name).read_bytes() == (tmp_path / "other/model" / name).read_bytes(), name


def test_stock_speechbrain_loads_it(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = logits(load_model(model).tagger)
    sources = [
        {"source": str(model)},
        {"source": "model"},
        {"source": model, "savedir": tmp_path / "linked"},
        {"source": "model", "savedir": "copied", "local_strategy": LocalStrategy.COPY},
        {"source": FetchSource(FetchFrom.LOCAL, str(model)), "savedir": "named"},
    ]
    for options in sources:
        stock = foreign_class(**options, **STOCK, run_opts={"device": "cpu"})
        assert isinstance(stock, PretrainedTagger)
        torch.testing.assert_close(logits(stock.mods["tagger"]), expected, rtol=1e-5, atol=1e-5)
        assert stock.labels == LABELS
        assert stock.thresholds.tolist() == load_model(model).thresholds.values.tolist()
    ours = PretrainedTagger.from_hparams(model, device="cpu")
    soundfile.write("dog.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 8000)
    wavs, wav_lens = torch.randn(2, 8000), torch.tensor([1.0, 0.5])
    for call, arguments in (
        ("classify_batch", (wavs, wav_lens)),
        ("classify_file", ("dog.wav",)),
        ("encode_batch", (wavs, wav_lens)),
    ):
        (given, *_), (expected, *_) = (
            getattr(tagger, call)(*arguments) for tagger in (stock, ours)
        )
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-5)


def test_stock_speechbrain_does_not_load_half_of_it(model):
    state = safetensors.torch.load_file(model / "model.safetensors")
    del state["head.classifier.bias"]
    safetensors.torch.save_file(state, model / "model.safetensors")
    with pytest.raises(InputError, match=r"tensors do not fit: head\.classifier\.bias"):
        foreign_class(source=str(model), **STOCK)


def test_the_pretrainer_says_what_it_takes():
    with pytest.raises(ValueError, match="expected tagger, and maybe thresholds, got encoder"):
        FolderPretrainer({"encoder": torch.nn.Identity()})
    with pytest.raises(ValueError, match="expected default_source"):
        FolderPretrainer({"tagger": torch.nn.Identity()}).collect_files()


def test_settings_of_the_time_line_come_along(run, tmp_path):
    write_timeline_settings(run, {"hop": 0.5})
    publish_model(run, tmp_path / "model", license="cc-by-4.0")
    assert load_model(tmp_path / "model").timeline == {"hop": 0.5}


def test_one_label_per_clip_has_no_thresholds(tmp_path):
    text = RUN_TEXT.replace("multi_label: true", "multi_label: false")
    run = write_run(tmp_path / "fold3", text)
    publish_model(run, tmp_path / "model", license="cc-by-4.0")
    assert not (tmp_path / "model/thresholds.json").exists()
    model = load_model(tmp_path / "model")
    assert not model.multi_label
    assert torch.equal(logits(model.tagger), logits(find_run(run).tagger()))


ODD = [
    "yes",
    "1e3",
    "null",
    "(1, 2)",
    'say "a\\b"',
    "naïve \U0001f600",
    "a: b #c",
    "a\tb",
    "~",
    "*",
]


def test_labels_keep_their_spelling(tmp_path):
    text = RUN_TEXT.replace(json.dumps(LABELS), json.dumps(ODD, ensure_ascii=False))
    text = text.replace("multi_label: true", "multi_label: false")
    publish_model(write_run(tmp_path / "fold3", text), tmp_path / "m", license="other")
    assert load_model(tmp_path / "m").labels == ODD
    assert foreign_class(source=str(tmp_path / "m"), **STOCK).labels == ODD


# Where it is written


def test_what_is_there_is_not_overwritten(model, run, tmp_path):
    assert "holds a model: give --force" in refused(run, model)
    (model / "notes.txt").write_text("precious")
    assert "is no model folder (there is notes.txt in it)" in refused(run, model, force=True)
    assert (model / "notes.txt").read_text() == "precious"
    (tmp_path / "file").write_text("precious")
    assert "is a file: expected a folder" in refused(run, tmp_path / "file", force=True)
    assert "is no model folder (there is fold3 in it)" in refused(run, run.parent, force=True)
    load_model(run)


def test_force_replaces_a_model_and_leaves_nothing_of_it(model, run):
    (model / "__pycache__").mkdir()
    (model / "timeline.json").write_text("{}")
    publish_model(run, model, license="cc-by-4.0", force=True)
    assert sorted(path.name for path in model.iterdir()) == FILES
    assert sorted(path.name for path in model.parent.iterdir()) == ["model", "out"]


def test_an_empty_folder_is_filled(run, tmp_path):
    (tmp_path / "model").mkdir()
    publish_model(run, tmp_path / "model", license="cc-by-4.0")
    load_model(tmp_path / "model")


def test_a_disk_that_fills_leaves_the_old_model(model, run, monkeypatch):
    before = (model / "model.safetensors").read_bytes()

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, os.strerror(28), str(path))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '\S+/model\.safetensors'"):
        publish_model(run, model, license="cc-by-4.0", force=True)
    monkeypatch.undo()
    assert sorted(path.name for path in model.parent.iterdir()) == ["model", "out"]
    assert (model / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"license": "All rights reserved\nx: 1"}, "expected an identifier such as apache-2.0"),
        ({"license": ""}, "expected an identifier such as apache-2.0"),
        ({"private": True}, "only a model on the Hub is private"),
        ({"hub": True, "dest": "name"}, "name: expected owner/name on the Hugging Face Hub"),
        ({"hub": True, "dest": "a/b@main"}, "a/b@main: expected owner/name .* and no revision"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(options, problem, run, tmp_path):
    options = {"dest": tmp_path / "model"} | options
    with pytest.raises(InputError, match=problem):
        publish_model(run, **{"license": "cc-by-4.0"} | options)
    assert not (tmp_path / "model").exists()


def test_a_training_with_a_class_of_the_user_s_own_is_refused(tmp_path):
    run = write_run(tmp_path / "fold3")
    path = run / "hyperparams.yaml"
    path.write_text(RUN_TEXT.replace("!new:torch.nn.Identity", "!new:mine.FrontEnd"))
    assert f"{path} line" in refused(run, tmp_path / "model")
