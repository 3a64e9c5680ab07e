import numpy as np
from clip_predictions import TARGETS, make_predictions
from hypothesis import given, strategies as st

from aed_plugins.metrics import compute_confusion_matrix


@given(TARGETS, st.integers(0, 1000))
def test_a_row_is_a_target_and_a_column_a_predicted_label(targets, seed):
    predictions = make_predictions(targets, seed)
    matrix = compute_confusion_matrix(predictions)
    predicted = predictions.probabilities.argmax(1)
    for row in range(4):
        for column in range(4):
            both = (predictions.targets == row) & (predicted == column)
            assert matrix[row, column] == np.sum(both)
