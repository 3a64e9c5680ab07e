"""The keys of a hyperparameter file: what must be there, and what nothing would use."""

import dataclasses
import difflib
import re
from collections.abc import Collection

from speechbrain.utils.run_opts import RunOptions

from aed_plugins.core import InputError
from aed_plugins.experiments.command_line import Experiment
from aed_plugins.training import TrainingSettings

REQUIRED = (
    "output_folder",
    "seed",
    "sample_rate",
    "tagger",
    "modules",
    "train_dataloader_opts",
    "valid_dataloader_opts",
    "epoch_counter",
    "checkpointer",
)
RENAMED = {
    "train_loggers": "train_logger, a single one",
    "loader": "train_dataloader_opts and valid_dataloader_opts",
    "weight_average": "ema",
    "standardization": "normalization",
}


def check_keys(experiment: Experiment, handed_in: Collection[str]) -> None:
    """Check the keys of a hyperparameter file before anything is built.

    Parameters
    ----------
    experiment : Experiment
        What has the file.
    handed_in : collection of str
        The keys whose values the recipe fixes.

    Raises
    ------
    InputError
        If a key is missing, or one is there that neither the training nor the file itself uses.
    """
    file, keys = experiment.hparams_file, list(experiment.keys)
    for key in keys:
        if key in RENAMED:
            raise InputError(f"{file}: the key {key} is now called {RENAMED[key]}")
    for key in (*REQUIRED, *handed_in):
        if key not in keys:
            raise InputError(f"{file}: expected the key {key}, found none")
    known = {*REQUIRED, *handed_in, "opt_class", "encoder"}
    for options in (TrainingSettings, RunOptions):
        known |= {field.name for field in dataclasses.fields(options)}
    referenced = set(re.findall(r"<(\w+)", experiment.text))
    for key in keys:
        if key not in known | referenced and not key.startswith("__"):
            close = difflib.get_close_matches(key, known - set(keys), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InputError(f"{file}: nothing uses the key {key}{hint}")
