"""Cross-validation: a run for each official fold or split, resumed where it was interrupted."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError
from aed_plugins.data import FoldSplit, Manifest, ShardIndex
from aed_plugins.experiments.command_line import Experiment
from aed_plugins.experiments.configuration import shared_configuration
from aed_plugins.experiments.fold_run import FoldRun
from aed_plugins.experiments.results import FoldResult, write_results
from aed_plugins.experiments.run_setup import RunSetup
from aed_plugins.experiments.yaml_keys import check_keys
from aed_plugins.training import InitialModel, Teacher, run_on_main

logger = logging.getLogger(__name__)


class CrossValidation:
    """Train and test a model on folds of a dataset, and summarize the results.

    A finished fold is not run again, an interrupted one goes on from its last checkpoint, and an
    output folder of another configuration is refused.

    Parameters
    ----------
    experiment : Experiment
        The hyperparameter file, its overrides and the run options.
    manifest : Manifest
        The clips.
    handed_in : mapping
        What the dataset fixes in the file: `dataset`, its name; `labels`, all labels in the order
        of their indices; `multi_label`, whether a clip may have several.
    data : mapping
        The facts about the data: see `write_results`.
    initial_model : str, optional
        A run's output folder, or one fold's folder in it, whose weights the training starts from.
    threshold_metric : str
        What thresholds are tuned for where a clip may have several labels.
    shards : ShardIndex, optional
        WebDataset shards that the training clips are streamed from, instead of the manifest's.
    teacher : Teacher, optional
        A trained model whose probabilities are mixed with the labels of the training clips; not
        with shards.

    Attributes
    ----------
    output : Path
        The output folder.
    task : Task
        One label per clip or several.

    Raises
    ------
    InputError
        If there are both shards and a teacher, or a key of the hyperparameter file is missing or
        not used.
    """

    def __init__(
        self,
        experiment: Experiment[Any],
        manifest: Manifest,
        handed_in: Mapping[str, Any],
        data: Mapping[str, Any],
        initial_model: str | None = None,
        threshold_metric: str = "f1",
        shards: ShardIndex | None = None,
        *,
        teacher: Teacher | None = None,
    ) -> None:
        if shards is not None and teacher is not None:
            raise InputError(
                "a teacher tags the clips of a manifest once, it cannot tag shards: leave out"
                " --teacher or --webdataset"
            )
        run_on_main(check_keys, experiment, list(handed_in))
        output = Path(experiment.value("output_folder", **handed_in))
        options = experiment.run_options
        if options.debug:  # a quick trial, always from the start
            output /= "debug"
            run_on_main(shutil.rmtree, output, ignore_errors=True)
            # Otherwise each process would write checkpoints in a temporary folder of its own.
            named = options.overridden_args | {"debug_persistently"}
            options = replace(options, debug_persistently=True, overridden_args=named)
        self.setup = RunSetup(
            replace(experiment, run_options=options),
            output,
            manifest,
            handed_in,
            data,
            None if initial_model is None else InitialModel(initial_model),
            threshold_metric,
            shards,
            teacher,
        )
        self.output = output
        self.task = self.setup.make_task()

    def run(self, splits: Sequence[FoldSplit]) -> dict[str, Any]:
        """Run every planned fold that is not finished, and write the results after each.

        Parameters
        ----------
        splits : sequence of FoldSplit
            The runs.

        Returns
        -------
        dict
            The content of `results.json`: over all finished folds of this configuration in the
            output folder.

        Raises
        ------
        InputError
            If the output folder holds a run of another configuration, or a value in the
            hyperparameter file cannot be used.
        """
        content, last = None, None
        for split in splits:
            last = FoldRun(self.setup, split)
            if run_on_main(last.open) and not self.setup.experiment.run_options.test_only:
                logger.info("%s is finished: %s", split.name, last.folder)
                continue
            last.run()
            content = run_on_main(self._write_results, last.configuration)
        if content is None and last is not None:
            content = run_on_main(self._write_results, last.configuration)
        return content or {}

    def _write_results(self, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """Summarize the finished folds whose configuration is this one but for the folds."""
        results = {}
        for path in self.output.glob("*/result.json"):
            configuration = json.loads(path.with_name("configuration.json").read_text("utf-8"))
            same = [configuration[part] == wanted[part] for part in ("hyperparameters", "data")]
            runs = [shared_configuration(part["run"]) for part in (configuration, wanted)]
            if all(same) and runs[0] == runs[1]:
                results[path.parent.name] = FoldResult.read(path)
        results = dict(sorted(results.items(), key=lambda item: str(item[1].test_fold).zfill(9)))
        name = f"{self.setup.experiment.hparams_file.stem} on {self.setup.handed_in['dataset']}"
        return write_results(self.output, results, self.task, name, self.setup.data)
