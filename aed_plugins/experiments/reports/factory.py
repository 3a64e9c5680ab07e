"""The report that belongs to a task."""

from aed_plugins.experiments.reports.multi_label import MultiLabelReport
from aed_plugins.experiments.reports.single_label import SingleLabelReport
from aed_plugins.experiments.reports.task_report import TaskReport
from aed_plugins.training import MultiLabel, Task


def make_report(task: Task) -> TaskReport:
    """Return the report that belongs to a task.

    Parameters
    ----------
    task : Task
        One label per clip or several.
    """
    return MultiLabelReport(task) if isinstance(task, MultiLabel) else SingleLabelReport(task)
