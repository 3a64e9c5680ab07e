import csv
import io

import numpy as np
import pytest
import torch

from aed_plugins.core import InputError
from aed_plugins.experiments import MultiLabelReport
from aed_plugins.metrics import Predictions
from aed_plugins.training import MultiLabel, SingleLabel, make_task


def test_the_dataset_chooses_the_task():
    assert isinstance(make_task(["a", "b"], multi_label=False), SingleLabel)
    assert isinstance(make_task(["a", "b"], multi_label=True), MultiLabel)


@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
@pytest.mark.parametrize("labels", ["dog", [], ["dog", "dog"]])
def test_what_is_no_list_of_different_labels_is_refused(kind, labels):
    with pytest.raises(ValueError, match=r"^expected a list of labels that differ, got"):
        kind(labels)


@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
@pytest.mark.parametrize(
    ("names", "message"),
    [("dog", "expected a list of labels"), (["cat"], "label 'cat' of a clip is none of dog, owl")],
)
def test_a_clip_s_labels_that_the_task_does_not_have_are_named(kind, names, message):
    with pytest.raises(InputError, match=f"^{message}"):
        kind(["dog", "owl"]).target(names)


@pytest.mark.parametrize("names", [[], ["dog", "owl"]])
def test_a_clip_with_another_number_of_labels_than_one_is_refused(names):
    with pytest.raises(InputError, match=r"^expected one label per clip, got [02]$"):
        SingleLabel(["dog", "owl"]).target(names)


def test_class_weights_make_each_class_count_the_same():
    counts = np.array([90.0, 10.0])
    single = SingleLabel(["a", "b"]).class_weights(counts, 100)
    assert (single * torch.tensor(counts)).tolist() == pytest.approx([50, 50])
    several = MultiLabel(["a", "b"]).class_weights(counts, 100)
    # Positives weigh as much as negatives.
    assert (several * torch.tensor(counts)).tolist() == pytest.approx([10, 90])
    assert MultiLabel(["a"]).class_weights(np.array([1.0]), 10**6).tolist() == [100]


def test_classes_that_every_clip_has_or_none_are_weighed_as_if_nothing_were_known():
    assert MultiLabel(["a", "b"]).class_weights(np.array([50.0, 0.0]), 50).tolist() == [
        pytest.approx(1 / 50),  # of 50 positives, as of one negative
        50,
    ]
    assert SingleLabel(["a", "b"]).class_weights(np.array([50.0, 0.0]), 50).tolist() == [0.5, 1]


def test_the_loss_with_weights_is_the_weighted_one():
    logits, targets = torch.tensor([[1.0, -2.0]]), torch.tensor([[1.0, 0.0]])
    weights = torch.tensor([3.0, 5.0])
    probability = logits.sigmoid()[0]
    expected = -(3 * probability[0].log() + (1 - probability[1]).log()) / 2
    assert MultiLabel(["a", "b"]).loss(logits, targets, weights) == pytest.approx(expected.item())


def predictions():
    targets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)
    probabilities = np.array([[0.2, 0.1], [0.1, 0.9], [0.3, 0.7], [0.05, 0.2]])
    return Predictions(["p", "q", "r", "s"], targets, probabilities)


def test_validation_tunes_the_thresholds_that_the_test_uses():
    task = MultiLabel(["Crying, sobbing", "Music"])
    untuned = task.metrics(predictions())
    assert untuned["thresholds_tuned_for"] is None
    assert untuned["micro_recall"] == 0.5
    validated = task.validate(predictions())
    assert validated["mAP"] == 1.0
    tuned = task.metrics(predictions())
    assert tuned["thresholds_tuned_for"] == "f1"
    assert tuned["micro_f1"] == 1.0
    assert tuned["per_class"][0]["threshold"] == pytest.approx(0.15)


def test_the_rows_of_several_labels_are_read_back():
    task = MultiLabel(["Crying, sobbing", "Music"])
    file = io.StringIO()
    csv.writer(file).writerows(MultiLabelReport(task).prediction_rows(predictions(), "eval"))
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert rows[2]["labels"].split(";") == ["Crying, sobbing", "Music"]
    assert rows[2]["predicted"] == "Music"
    assert [row["clip"] for row in rows] == ["p", "q", "r", "s"]
    assert rows[3]["labels"] == ""
    assert float(rows[1]["Music"]) == 0.9


def test_the_table_has_the_paper_s_columns_and_a_line_per_class():
    task = MultiLabel(["Crying, sobbing", "Music"])
    task.validate(predictions())
    fold = task.metrics(predictions()) | {
        "test_fold": "eval",
        "clips": 4,
        "epochs": 2,
        "seconds": 9.0,
    }
    lines = MultiLabelReport(task).table_lines({"folds": [fold]})
    assert lines[1].split() == ["precision", "recall", "F1"]
    assert lines[2].startswith(" micro")
    assert "1.000 [1.000, 1.000]" in lines[2]
    assert lines[-2].split()[:4] == ["Crying,", "sobbing", "2", "0.150"]
