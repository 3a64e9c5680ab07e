"""Pictures: what they show, and that names are not taken for formulas."""

import pytest
from matplotlib.image import imread

from aed_plugins.experiments.plots import (
    draw_confusion_matrix,
    draw_per_class,
    draw_training_curves,
)


@pytest.mark.parametrize("classes", [1, 40])
def test_the_picture_grows_with_the_classes_up_to_thirty(classes, tmp_path):
    rows = [
        {"label": f"class {number}", "support": number, "AP": 0.5, "f1": 0.25}
        for number in range(1, classes)
    ]
    rows.insert(0, {"label": "absent", "support": 0, "AP": None, "f1": None})
    path = tmp_path / "new" / "per_class.png"
    draw_per_class(rows, "title", path)
    height, width, _ = imread(path).shape
    assert width == 960
    assert height == pytest.approx(120 * (1.5 + 0.36 * min(classes, 30)), abs=1)


def test_a_class_without_clips_and_names_with_dollar_signs_are_drawn(tmp_path):
    draw_confusion_matrix([[3, 1], [0, 0]], ["$5 {", "b"], "title $", tmp_path / "matrix.png")
    assert imread(tmp_path / "matrix.png").shape[2] == 4


@pytest.mark.parametrize("validation", [{}, {"valid_loss": 1.5, "valid_accuracy": 0.5}])
def test_training_curves_are_drawn_with_and_without_validation(validation, tmp_path):
    rows = [{"epoch": epoch, "train_loss": 1 / epoch, **validation} for epoch in (1, 2)]
    draw_training_curves({"fold 1": rows}, "accuracy", "title", tmp_path / "curve.png")
    assert imread(tmp_path / "curve.png").shape[:2] == (480, 1200)
