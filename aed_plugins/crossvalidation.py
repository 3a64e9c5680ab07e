"""Cross-validation over official folds: a run for each, resumed where it was interrupted."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.distributed import if_main_process
from torch.utils.data import DataLoader

from aed_plugins.errors import InputError
from aed_plugins.experiment import Experiment, flattened, start_log, write_resolved
from aed_plugins.files import write_json
from aed_plugins.folds import FoldPlan
from aed_plugins.manifest import Manifest, clips_of_folds, fingerprint
from aed_plugins.metrics import accuracy, confusion_matrix, cross_entropy, macro_f1
from aed_plugins.processes import number_of_processes, on_main
from aed_plugins.results import FoldResult, about, write_predictions, write_results
from aed_plugins.training import TaggingBrain

logger = logging.getLogger(__name__)

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


class CrossValidation:
    """Trains and tests a model on folds of a dataset, and sums the results up.

    A fold that is finished is not run again, one that was interrupted goes on from its last
    checkpoint, and an output folder of another configuration is refused.

    Parameters
    ----------
    experiment : Experiment
        The hyperparameter file, its overrides and the run options.
    manifest : Manifest
        The clips.
    handed_in : mapping
        What the dataset fixes in the file: `dataset`, its name, and `labels`, all labels in the
        order of their indices.
    data : mapping
        What the results say of the data: see `write_results`.

    Attributes
    ----------
    output : Path
        The output folder.
    """

    def __init__(
        self,
        experiment: Experiment[Any],
        manifest: Manifest,
        handed_in: Mapping[str, Any],
        data: Mapping[str, Any],
    ) -> None:
        self.output = Path(experiment.value("output_folder", **handed_in))
        self.manifest = manifest
        self.handed_in = handed_in
        self.data = data
        options = experiment.run_options
        if options.debug:  # a trial of the machinery, always from the start
            self.output /= "debug"
            on_main(shutil.rmtree, self.output, ignore_errors=True)
            # Otherwise each process would keep checkpoints in a temporary folder of its own.
            named = options.overridden_args | {"debug_persistently"}
            options = replace(options, debug_persistently=True, overridden_args=named)
        self.experiment = replace(experiment, run_options=options)

    def run(self, plans: Sequence[FoldPlan]) -> dict[str, Any]:
        """Run every planned fold that is not finished, and write the results after each.

        Parameters
        ----------
        plans : sequence of FoldPlan
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
        content = None
        for plan in plans:
            finished = on_main(self._open_folder, plan)
            if finished and not self.experiment.run_options.test_only:
                logger.info("fold %d is finished: %s", plan.test, self._folder(plan))
                continue
            self._run_fold(plan)
            content = on_main(self._write_results, plan)
        return content or on_main(self._write_results, plans[-1])

    def _folder(self, plan: FoldPlan) -> Path:
        return self.output / f"fold{plan.test}"

    def _for_fold(self, plan: FoldPlan) -> dict[str, Any]:
        return {**self.handed_in, "output_folder": str(self._folder(plan))}

    def _open_folder(self, plan: FoldPlan) -> bool:
        """Make a fold's folder; see that what it holds is of this configuration, tell if done."""
        folder = self._folder(plan)
        configuration = self._configuration(plan)
        finished = (folder / "result.json").is_file()
        path = folder / "configuration.json"
        # A run that came to nothing, such as one with a mistake in its command, binds nobody.
        if path.is_file() and (finished or any((folder / "save").glob("CKPT*"))):
            _check_same(json.loads(path.read_text(encoding="utf-8")), configuration, folder)
        else:
            tree = self.experiment.resolved(**self._for_fold(plan))
            write_resolved(folder / "hyperparams.yaml", tree)
            write_json(path, configuration)
        return finished

    def _configuration(self, plan: FoldPlan) -> dict[str, dict[str, str]]:
        """List all that changes a fold's figures."""
        leaves = flattened(self.experiment.resolved(**self._for_fold(plan)))
        folder = str(self._folder(plan))
        options = self.experiment.run_options
        run = {name: str(options[name]) for name in RUN_OPTIONS}
        if not options.test_only:
            run["processes"] = str(number_of_processes())
        return {
            # The folder may be moved and the loader sped up: neither changes a figure.
            "hyperparameters": {
                key: value.replace(folder, "<output>")
                for key, value in leaves.items()
                if "num_workers" not in key and key != "output_folder"
            },
            "folds": {key: str(value) for key, value in asdict(plan).items()},
            "run": run,
            "data": {"fingerprint": fingerprint(self.manifest)},
        }

    def _run_fold(self, plan: FoldPlan) -> None:
        """Train and test one fold, going on from its last checkpoint."""
        if if_main_process():
            start_log(self._folder(plan))
        logger.info(about(self.data))
        logger.info("test fold %d, validation %s, training %s", plan.test, plan.valid, plan.train)
        brain, loader = self._built(plan)
        test_only = self.experiment.run_options.test_only
        trained = on_main(brain.trained_epochs)
        epochs = brain.hparams.epoch_counter.limit
        if test_only and trained < epochs:
            raise InputError(
                f"{self._folder(plan)}: --test_only expects a finished training, but {trained} of"
                f" {epochs} epochs are trained: give the command without --test_only"
            )
        if not test_only:
            train = self._clips(plan.train)
            if on_main(brain.checkpointer.find_checkpoint) is None:
                brain.fit_standardization(train, **loader)
            brain.fit(
                brain.hparams.epoch_counter,
                train,
                self._clips(plan.valid) if plan.valid else None,
                train_loader_kwargs={**loader, "shuffle": True},
                valid_loader_kwargs=loader,
            )
        brain.evaluate(self._clips([plan.test]), test_loader_kwargs=dict(loader))
        on_main(self._write_fold, brain, plan)

    def _clips(self, folds: Sequence[int]) -> DynamicItemDataset:
        return clips_of_folds(self.manifest, self.handed_in["labels"], folds)

    def _built(self, plan: FoldPlan) -> tuple[TaggingBrain, dict[str, Any]]:
        """Build what the file describes; try what is built only later, while it can be named."""
        with self.experiment.named_mistakes():
            hparams = self.experiment.build(**self._for_fold(plan))
            brain = TaggingBrain(
                modules=hparams["modules"],
                opt_class=hparams["opt_class"],
                hparams=hparams,
                run_opts=self.experiment.run_options,
                checkpointer=hparams["checkpointer"],
            )
            if hparams["epoch_counter"].limit < 1:
                raise ValueError("expected at least one epoch")
            np.random.SeedSequence(hparams["seed"])
            hparams["opt_class"]([torch.nn.Parameter(torch.zeros(1))])
            DataLoader(self._clips(plan.train), **hparams["loader"])
            return brain, hparams["loader"]

    def _write_fold(self, brain: TaggingBrain, plan: FoldPlan) -> None:
        predictions, rows = brain.predictions, brain.history.rows
        folder = self._folder(plan)
        write_predictions(
            folder / "predictions.csv", predictions, self.handed_in["labels"], plan.test
        )
        result = FoldResult(
            test_fold=plan.test,
            valid_folds=plan.valid,
            train_folds=plan.train,
            data_state=self.data["state"],
            clips=len(predictions.ids),
            accuracy=accuracy(predictions),
            macro_f1=macro_f1(predictions),
            cross_entropy=cross_entropy(predictions),
            epochs=len(rows),
            tested_epoch=brain.evaluated_epoch,
            seconds=sum(row["seconds"] for row in rows),
            processes=number_of_processes(),
            device=str(brain.device),
            precision=brain.precision,
            confusion_matrix=confusion_matrix(predictions).tolist(),
            history=rows,
        )
        result.write(folder / "result.json")

    def _write_results(self, plan: FoldPlan) -> dict[str, Any]:
        """Sum up the finished folds whose configuration is that of a plan but for the folds."""
        wanted = self._configuration(plan)
        results = []
        for path in self.output.glob("fold*/result.json"):
            result = FoldResult.read(path)
            configuration = json.loads(path.with_name("configuration.json").read_text("utf-8"))
            same = [configuration[part] == wanted[part] for part in ("hyperparameters", "data")]
            same += [configuration["run"][name] == wanted["run"][name] for name in RUN_OPTIONS]
            if all(same):
                results.append(result)
        results.sort(key=lambda result: result.test_fold)
        name = f"{self.experiment.hparams_file.stem} on {self.handed_in['dataset']}"
        return write_results(self.output, results, self.handed_in["labels"], name, self.data)


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path) -> None:
    for part, values in new.items():
        before = old.get(part, {})
        for key, now in values.items():
            was = before.get(key, "nothing")
            if was != now:
                raise InputError(
                    f"{folder} holds a run of another configuration: {part} {key} was {was}, now it"
                    f" is {now}; give another --output_folder, or delete that one"
                )
