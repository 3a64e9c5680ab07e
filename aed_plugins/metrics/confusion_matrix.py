"""The confusion matrix of clips with one label each."""

import sklearn.metrics

from aed_plugins.core import IntArray
from aed_plugins.metrics.predictions import Predictions


def compute_confusion_matrix(predictions: Predictions) -> IntArray:
    """Count clips by target (rows) and predicted label (columns).

    Parameters
    ----------
    predictions : Predictions
        Of clips with one label each.

    Returns
    -------
    ndarray
        `(class, class)`.

    Examples
    --------
    >>> import numpy as np
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> targets = np.array([0, 0, 1, 1])
    >>> compute_confusion_matrix(Predictions(["a", "b", "c", "d"], targets, probabilities))
    array([[2, 0],
           [1, 1]])
    """
    classes = range(predictions.probabilities.shape[1])
    return sklearn.metrics.confusion_matrix(
        predictions.targets, predictions.predicted, labels=classes
    )
