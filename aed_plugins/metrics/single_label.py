"""Metrics of an evaluation set with one label per clip: accuracy, macro F1 and cross-entropy."""

import numpy as np
import sklearn.metrics

from aed_plugins.metrics.predictions import SMALLEST_PROBABILITY, Predictions


def compute_accuracy(predictions: Predictions) -> float:
    """Compute the fraction of the clips whose most probable label is the target.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> compute_accuracy(Predictions(["a", "b", "c", "d"], np.array([0, 0, 1, 1]), probabilities))
    0.75
    """
    return float(sklearn.metrics.accuracy_score(predictions.targets, predictions.predicted))


def compute_macro_f1(predictions: Predictions) -> float:
    """Compute the mean over classes of F1, the harmonic mean of precision and recall.

    Classes without a clip in the evaluation set are left out: their recall is not defined.

    Examples
    --------
    Class 0 has precision 2/3 and recall 1 (F1 0.8), class 1 has 1 and 1/2 (F1 2/3):

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> predictions = Predictions(["a", "b", "c", "d"], np.array([0, 0, 1, 1]), probabilities)
    >>> round(compute_macro_f1(predictions), 4)
    0.7333
    """
    return float(
        sklearn.metrics.f1_score(
            predictions.targets,
            predictions.predicted,
            labels=np.unique(predictions.targets),
            average="macro",
            zero_division=0,
        )
    )


def compute_cross_entropy(predictions: Predictions) -> float:
    """Compute the mean over clips of minus the natural logarithm of the target's probability.

    Examples
    --------
    >>> predictions = Predictions(["a"], np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(compute_cross_entropy(predictions), 4)
    0.6931
    """
    chosen = predictions.probabilities[np.arange(len(predictions.ids)), predictions.targets]
    return float(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).mean())
