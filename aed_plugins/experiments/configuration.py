"""All that a run's scores depend on, to tell whether two runs are of one configuration.

A configuration is a mapping of parts (hyperparameters, folds, run, data) to mappings of text.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError

# SpeechBrain's own options that change what a training gives.
RUN_OPTIONS = (
    "precision",
    "eval_precision",
    "grad_accumulation_factor",
    "max_grad_norm",
    "optimizer_step_limit",
    "remove_vector_weight_decay",
    "skip_nonfinite_grads",
)


def shared_configuration(run: Mapping[str, str]) -> dict[str, str]:
    """Leave out what may differ between folds that are summed up, or with `--test_only`.

    Parameters
    ----------
    run : mapping of str to str
        The part `run` of a configuration.

    Examples
    --------
    >>> shared_configuration({"precision": "fp32", "processes": "2"})
    {'precision': 'fp32'}
    """
    # Each fold has an initial model and a teacher of its own.
    models = {"initial_model", "teacher", "teacher_model"}
    apart = {*models, "processes", "shards", "num_workers"}
    return {name: value for name, value in run.items() if name not in apart}


def check_same_configuration(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on in a folder that holds a run of another configuration.

    Parameters
    ----------
    old, new : mapping of str to mapping
        The configurations of what is there and of what is wanted.
    folder : Path
        The folder.

    Raises
    ------
    InputError
        If they differ; the message names the first difference.
    """
    for part, values in new.items():
        before = old.get(part, {})
        for key, now in values.items():
            was = before.get(key, "nothing")
            if was != now:
                raise InputError(
                    f"{folder} holds a run of another configuration: {part} {key} was {was}, now it"
                    f" is {now}; give another --output_folder, or delete that one"
                )
