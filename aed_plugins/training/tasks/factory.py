"""The task of a dataset: one label per clip, or several."""

from collections.abc import Sequence

from aed_plugins.training.tasks.multi_label import MultiLabel
from aed_plugins.training.tasks.single_label import SingleLabel
from aed_plugins.training.tasks.task import Task


def make_task(labels: Sequence[str], multi_label: bool, threshold_metric: str = "f1") -> Task:
    """Make the task that a dataset fixes.

    Parameters
    ----------
    labels : sequence of str
        All labels, in the order of their indices.
    multi_label : bool
        Whether a clip may have several of them, or none.
    threshold_metric : str
        What the thresholds are tuned for where a clip may have several.
    """
    return MultiLabel(labels, threshold_metric) if multi_label else SingleLabel(labels)
