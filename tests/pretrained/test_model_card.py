"""The model card, read by the Hub's own reader."""

import json
import re

import pytest
from huggingface_hub import ModelCard
from tiny_model import RUN_TEXT, write_run

from aed_plugins.core import write_json
from aed_plugins.data import CustomDataset
from aed_plugins.pretrained import load_model, publish_model

EFFICIENTAT = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt"


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "out/fold3")


@pytest.fixture
def model(run, tmp_path):
    publish_model(run, tmp_path / "model", license="cc-by-4.0")
    return tmp_path / "model"


def change(run, part, **values):
    """Change what a run's configuration says."""
    path = run / "configuration.json"
    content = json.loads(path.read_text())
    content[part] |= values
    write_json(path, content)
    return run


def published(run, tmp_path):
    """Publish a run, and read its card."""
    publish_model(run, tmp_path / "card", license="cc-by-nc-4.0", force=True)
    return ModelCard.load(tmp_path / "card/README.md")


def run_on(folder, dataset):
    return write_run(folder, RUN_TEXT.replace("dataset: nowhere", f"dataset: {dataset}"))


def test_the_card_says_what_the_model_is(run, tmp_path):
    (tmp_path / "out/results.json").write_text(
        json.dumps(
            {
                "name": "tiny on nowhere",
                "data": {"state": "partial", "clips": 7, "expected_clips": 9, "bad_clips": 1},
                "folds": [{}, {}],
                "mAP": {"mean": 0.625, "deviation": 0.125},
            }
        )
    )
    publish_model(
        run,
        tmp_path / "model",
        license="cc-by-nc-4.0",
        title="A title: of its own",
        training_data="Nowhere's recordings, CC0",
    )
    card = ModelCard.load(tmp_path / "model/README.md")
    assert card.data.license == "cc-by-nc-4.0"
    assert card.data.to_dict()["library_name"] == "speechbrain"
    assert card.data.pipeline_tag == "audio-classification"
    assert card.data.model_name == "A title: of its own"
    metrics = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert metrics == {"macro_f1": 0.25, "mAP": 0.5}
    assert "PARTIAL DATA: 7 of 9 clips" in card.text
    (row,) = [line for line in card.text.splitlines() if line.startswith("| mAP")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["mAP", "0.500 (95 %: 0.400 to 0.600)", "0.625 ± 0.125"]
    assert (
        "Nowhere's recordings, CC0. Trained on fold 1; checkpoint chosen on fold 2; tested on fold"
        " 3." in card.text
    )
    assert "the weights in https://nowhere.invalid/resnet.pth" in card.text
    assert "`Crying, sobbing`" in card.text
    assert "8000 Hz" in card.text
    assert "aed report recording.wav --model model" in card.text
    assert 'PretrainedTagger.from_hparams(source="model")' in card.text
    assert 'print(tagger.tag("recording.wav").top(3))' in card.text
    assert "| test on fold 3, " in card.text
    assert load_model(run).name == "tiny on nowhere"


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (
            "urbansound",
            "UrbanSound8K](https://urbansounddataset.weebly.com/urbansound8k.html), CC BY-NC",
        ),
        ("audioset", "annotations CC BY 4.0"),
        ("esc50", "[ESC-50](https://github.com/karolpiczak/ESC-50), CC BY-NC 3.0."),
        ("esc50_own_folds", "[ESC-50](https://github.com/karolpiczak/ESC-50), CC BY-NC 3.0."),
        ("esc10", "[ESC-10](https://github.com/karolpiczak/ESC-50), CC BY 3.0."),
        ("audioset_demonstration", "Synthesized sounds that come with"),
    ],
)
def test_the_training_data_s_terms_are_said(dataset, said, tmp_path):
    run = write_run(tmp_path / "fold3", RUN_TEXT.replace("dataset: nowhere", f"dataset: {dataset}"))
    publish_model(run, tmp_path / "model", license="cc-by-nc-4.0")
    text = (tmp_path / "model/README.md").read_text()
    assert said in text
    assert ("These folds are not the official ones." in text) == dataset.endswith("own_folds")
    assert ("datasets:\n- " in text) == (not dataset.endswith("demonstration"))


def test_the_folds_of_the_training_are_named(run, tmp_path):
    path = run / "result.json"
    content = json.loads(path.read_text())
    write_json(path, content | {"train_folds": [1, 2], "valid_folds": [], "test_fold": 4})
    assert "Trained on folds 1, 2; tested on fold 4." in published(run, tmp_path).text
    named = {"train_folds": ["balanced"], "valid_folds": ["chosen"], "test_fold": "eval"}
    write_json(path, content | named)
    expected = "Trained on balanced; checkpoint chosen on chosen; tested on eval."
    assert expected in published(run, tmp_path).text


def test_the_card_s_examples_are_python(model):
    blocks = re.findall(r"```python\n(.*?)```", (model / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        compile(block, "README.md", "exec")


def write_results(run, **terms):
    data = {"state": "complete", "clips": 7, "expected_clips": 7, "bad_clips": 0, **terms}
    write_json(run.parent / "results.json", {"name": "a on b", "data": data, "folds": [{}]})


def test_own_clips_come_with_the_terms_that_their_maker_gave(run, tmp_path):
    write_results(run, title="Yard sounds", license="CC0", link="https://nowhere.invalid/yard")
    card = published(run, tmp_path)
    assert (
        "[Yard sounds](https://nowhere.invalid/yard), license: CC0. Trained on fold 1;" in card.text
    )
    assert card.data.datasets is None
    own = CustomDataset()
    write_results(run, title=own.title, license=own.license, link=own.link)
    assert "Own clips, license: not stated. Trained on fold 1;" in published(run, tmp_path).text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (EFFICIENTAT, f"the weights in {EFFICIENTAT} ([EfficientAT](https://github.com/fschmid56"),
        (EFFICIENTAT, "/EfficientAT), MIT; Schmid, Koutini, Widmer, "),
        (EFFICIENTAT, "(ICASSP 2023), trained on AudioSet)."),
        ("/home/me/mn10_as_mAP_471.pt#sha256:0bd7", "the weights in mn10_as_mAP_471.pt ([Eff"),
        ("https://x.invalid/vggish-10086976.pth", "), Apache-2.0; Hershey et al., "),
    ],
)
def test_released_weights_come_with_their_license_and_citation(source, said, run, tmp_path):
    change(run, "hyperparameters", **{"encoder.pretrained": source, "head.pretrained": source})
    card = published(run, tmp_path)
    assert said in card.text
    assert card.text.count("It began with") == 1
    assert "/home/me" not in card.text
    assert card.data.base_model is None, "they are no model on the Hub"


def test_weights_from_the_hub_are_the_base_model(run, tmp_path):
    source = "hf://someone/sounds@v1/weights/model.pt"
    change(run, "hyperparameters", **{"encoder.pretrained": source})
    assert published(run, tmp_path).data.base_model == ["someone/sounds"]


def test_a_model_that_began_with_another_says_what_that_was_trained_on(run, tmp_path):
    first = run_on(tmp_path / "first/eval", "audioset")
    change(first, "hyperparameters", **{"encoder.pretrained": EFFICIENTAT})
    second = run_on(tmp_path / "second/fold1", "esc50")
    change(second, "run", initial_model=str(first))
    change(run, "run", initial_model=str(second), teacher=str(second))
    text = published(run, tmp_path).text
    began = (
        "It began with the weights of another model that was trained with `aed_plugins`, on [ESC-"
    )
    assert began in text
    assert "; before that on [AudioSet](" in text
    assert "That began with the weights in https://github.com/fschmid56/EfficientAT" in text
    assert "its teacher, which was trained on [ESC-50](" in text
    change(run, "run", initial_model=str(tmp_path / "gone"), teacher=str(tmp_path / "gone"))
    text = published(run, tmp_path).text
    assert "trained with `aed_plugins`. It was also trained on the probabilities of another" in text
    assert "another model, its teacher." in text
    assert "resnet.pth" not in text, "the other model's weights replaced those"
