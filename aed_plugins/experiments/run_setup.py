"""What the runs of all folds share, and the configuration that a fold's scores depend on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aed_plugins.data import FoldSplit, Manifest, ShardIndex, compute_manifest_fingerprint
from aed_plugins.experiments.command_line import Experiment
from aed_plugins.experiments.configuration import RUN_OPTIONS
from aed_plugins.experiments.hyperparameters import Hyperparameters
from aed_plugins.training import InitialModel, Task, Teacher, make_task, number_of_processes


@dataclass(frozen=True)
class RunSetup:
    """What the runs of all folds share.

    Attributes
    ----------
    experiment : Experiment
        The hyperparameter file, its overrides and the run options.
    output : Path
        The output folder, with a folder for each fold in it.
    manifest : Manifest
        The clips.
    handed_in, data : mapping
        See `CrossValidation`.
    initial_model : InitialModel, optional
        The run whose weights the training starts from.
    threshold_metric : str
        What thresholds are tuned for where a clip may have several labels.
    shards : ShardIndex, optional
        WebDataset shards of the training clips.
    teacher : Teacher, optional
        A trained model whose probabilities are mixed with the labels of the training clips.
    """

    experiment: Experiment[Any]
    output: Path
    manifest: Manifest
    handed_in: Mapping[str, Any]
    data: Mapping[str, Any]
    initial_model: InitialModel | None
    threshold_metric: str
    shards: ShardIndex | None
    teacher: Teacher | None

    def make_task(self) -> Task:
        """Return a new task; its thresholds belong to one fold."""
        labels, multi_label = self.handed_in["labels"], self.handed_in["multi_label"]
        return make_task(labels, multi_label, self.threshold_metric)

    def folder(self, split: FoldSplit) -> Path:
        """Return the folder of a fold's run."""
        return self.output / split.name

    def resolve(self, split: FoldSplit) -> Hyperparameters:
        """Resolve the hyperparameter file for a fold."""
        return self.experiment.resolve(
            **{**self.handed_in, "output_folder": str(self.folder(split))}
        )

    def configuration(
        self, split: FoldSplit, leaves: Mapping[str, str]
    ) -> dict[str, dict[str, str]]:
        """Return all that a fold's scores depend on, as text; the leaves are those of its file."""
        folder = str(self.folder(split))
        return {
            # The folder may be moved and the loader sped up: neither changes a score.
            "hyperparameters": {
                key: value.replace(folder, "<output>")
                for key, value in leaves.items()
                if "num_workers" not in key and key != "output_folder"
            },
            "folds": {key: json.dumps(value) for key, value in asdict(split).items()},
            "run": self._run_configuration(split, leaves),
            "data": {"fingerprint": compute_manifest_fingerprint(self.manifest)},
        }

    def _run_configuration(self, split: FoldSplit, leaves: Mapping[str, str]) -> dict[str, str]:
        options = self.experiment.run_options
        run = {name: str(options[name]) for name in RUN_OPTIONS}
        if self.initial_model is not None:
            run["initial_model"] = self.initial_model.folder_for(split)
            run["initial_model_source"] = str(self.initial_model.source)
        run |= {"teacher": "nothing"} if self.teacher is None else self.teacher.configuration(split)
        if self.make_task().recoverables():
            run["threshold_metric"] = self.threshold_metric
        if not options.test_only:
            run["processes"] = str(number_of_processes())
            run["shards"] = "nothing"
        if self.shards is not None and not options.test_only:
            run["shards"] = self.shards.fingerprint(split.train)
            run["num_workers"] = leaves.get("train_dataloader_opts.num_workers", "0")  # the order
        return run
