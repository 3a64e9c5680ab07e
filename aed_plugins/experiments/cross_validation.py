"""Runs over official folds or splits, one for each, resumed where they were interrupted."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.distributed import if_main_process
from torch.utils.data import DataLoader

from aed_plugins.core import InputError, write_json
from aed_plugins.data import (
    FoldPlan,
    Manifest,
    ShardIndex,
    StreamedClips,
    compute_manifest_fingerprint,
    describe_data,
    make_fold_dataset,
)
from aed_plugins.experiments.command_line import (
    Experiment,
    flatten,
    start_log,
    write_resolved,
)
from aed_plugins.experiments.configuration import (
    RUN_OPTIONS,
    check_same_configuration,
    shared_configuration,
)
from aed_plugins.experiments.results import FoldResult, write_predictions, write_results
from aed_plugins.training import (
    FrozenEncoderBrain,
    InitialModel,
    TaggingBrain,
    Task,
    Teacher,
    cache_embeddings,
    embedding_dataset,
    fit_normalization,
    make_brain,
    make_task,
    number_of_processes,
    run_on_main,
)

logger = logging.getLogger(__name__)

Clips = Callable[[Sequence[int | str]], DynamicItemDataset]


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
        What the dataset fixes in the file: `dataset`, its name; `labels`, all labels in the order
        of their indices; `multi_label`, whether a clip may have several.
    data : mapping
        What the results say of the data: see `write_results`.
    initial_model : str, optional
        A run's output folder, or one fold's folder in it, whose weights the training starts from.
    threshold_metric : str
        What thresholds are tuned for where a clip may have several labels.
    shards : ShardIndex, optional
        WebDataset shards that the training clips are streamed from, in place of the manifest's.
    teacher : Teacher, optional
        A trained model whose probabilities join the labels of the training clips; not with shards.

    Attributes
    ----------
    output : Path
        The output folder.
    task : Task
        One label per clip or several.

    Raises
    ------
    InputError
        If there are both shards and a teacher, or a value in the hyperparameter file is missing.
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
                "a teacher is asked once for the clips of a manifest, not for shards: leave out"
                " --teacher or --webdataset"
            )
        self.output = Path(experiment.value("output_folder", **handed_in))
        self.manifest = manifest
        self.handed_in = handed_in
        self.data = data
        self.initial_model = None if initial_model is None else InitialModel(initial_model)
        self.threshold_metric = threshold_metric
        self.shards = shards
        self.teacher = teacher
        self.task = self._new_task()
        options = experiment.run_options
        if options.debug:  # a trial of the machinery, always from the start
            self.output /= "debug"
            run_on_main(shutil.rmtree, self.output, ignore_errors=True)
            # Otherwise each process would keep checkpoints in a temporary folder of its own.
            named = options.overridden_args | {"debug_persistently"}
            options = replace(options, debug_persistently=True, overridden_args=named)
        self.experiment = replace(experiment, run_options=options)

    def _new_task(self) -> Task:
        labels, multi_label = self.handed_in["labels"], self.handed_in["multi_label"]
        return make_task(labels, multi_label, self.threshold_metric)

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
            finished = run_on_main(self._open_folder, plan)
            if finished and not self.experiment.run_options.test_only:
                logger.info("%s is finished: %s", plan.name, self._folder(plan))
                continue
            self._run_fold(plan)
            content = run_on_main(self._write_results, plan)
        return content or run_on_main(self._write_results, plans[-1])

    def _folder(self, plan: FoldPlan) -> Path:
        return self.output / plan.name

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
            check_same_configuration(
                json.loads(path.read_text(encoding="utf-8")), configuration, folder
            )
        else:
            tree = self.experiment.resolved(**self._for_fold(plan))
            write_resolved(folder / "hyperparams.yaml", tree)
            write_json(path, configuration)
        return finished

    def _configuration(self, plan: FoldPlan) -> dict[str, dict[str, str]]:
        """List all that changes a fold's scores."""
        leaves = flatten(self.experiment.resolved(**self._for_fold(plan)))
        folder = str(self._folder(plan))
        options = self.experiment.run_options
        run = {name: str(options[name]) for name in RUN_OPTIONS}
        if self.initial_model is not None:
            run["initial_model"] = self.initial_model.name_for(plan)
            run["initial_model_source"] = str(self.initial_model.source)
        run |= {"teacher": "nothing"} if self.teacher is None else self.teacher.configuration(plan)
        if self.task.recoverables():
            run["threshold_metric"] = self.threshold_metric
        if not options.test_only:
            run["processes"] = str(number_of_processes())
            run["shards"] = "nothing"
        if self.shards is not None and not options.test_only:
            run["shards"] = self.shards.fingerprint(plan.train)
            run["num_workers"] = leaves.get("loader.num_workers", "0")  # they decide the order
        return {
            # The folder may be moved and the loader sped up: neither changes a score.
            "hyperparameters": {
                key: value.replace(folder, "<output>")
                for key, value in leaves.items()
                if "num_workers" not in key and key != "output_folder"
            },
            "folds": {key: json.dumps(value) for key, value in asdict(plan).items()},
            "run": run,
            "data": {"fingerprint": compute_manifest_fingerprint(self.manifest)},
        }

    def _run_fold(self, plan: FoldPlan) -> None:
        """Train and test one fold, going on from its last checkpoint."""
        self.task = self._new_task()  # thresholds are a fold's own
        if if_main_process():
            start_log(self._folder(plan))
        logger.info(describe_data(self.data))
        logger.info("test %s, validation %s, training %s", plan.test, plan.valid, plan.train)
        if self.shards is not None:
            sample_rate = self.experiment.value("sample_rate", **self.handed_in)
            judged = [*plan.valid, plan.test]
            run_on_main(self.shards.check, sample_rate, self.task.labels, self.manifest, judged)
        if self.teacher is not None:
            run_on_main(self.teacher.check, plan, self.handed_in["dataset"], self.task)
        brain, loader = self._built(plan)
        test_only = self.experiment.run_options.test_only
        trained = run_on_main(brain.trained_epochs)
        epochs = brain.hparams.epoch_counter.limit
        if test_only and trained < epochs:
            raise InputError(
                f"{self._folder(plan)}: --test_only expects a finished training, but {trained} of"
                f" {epochs} epochs are trained: give the command without --test_only"
            )
        begun = run_on_main(brain.checkpointer.find_checkpoint) is not None
        if begun:
            brain.checkpointer.recover_if_possible()
        elif self.initial_model is not None:
            dataset = self.handed_in["dataset"]
            self.initial_model.load(brain.tagger, plan, dataset, self.task.labels)
        else:
            train_set = self._train_set(plan, brain.hparams.seed, loader)
            run_on_main(
                fit_normalization,
                brain.tagger,
                train_set,
                brain.device,
                progress=not brain.noprogressbar,
                **loader,
            )
        clips = self._clips(brain, loader)
        if not test_only:
            streamed = self.shards is not None
            brain.fit(
                brain.hparams.epoch_counter,
                self._train_set(plan, brain.hparams.seed, loader)
                if streamed
                else self._add_teacher(clips(plan.train), brain, plan, loader),
                clips(plan.valid) if plan.valid else None,
                train_loader_kwargs={**loader, "shuffle": True},
                valid_loader_kwargs=loader,
            )
        brain.evaluate(clips([plan.test]), test_loader_kwargs=dict(loader))
        run_on_main(self._write_fold, brain, plan)

    def _train_set(
        self, plan: FoldPlan, seed: int, loader: Mapping[str, Any]
    ) -> DynamicItemDataset | StreamedClips:
        if self.shards is not None:
            batch_size = loader.get("batch_size", 1)
            return StreamedClips(self.shards, plan.train, self.task.target, seed, batch_size)
        return make_fold_dataset(self.manifest, self.task.target, plan.train)

    def _add_teacher(
        self,
        train_set: DynamicItemDataset,
        brain: TaggingBrain,
        plan: FoldPlan,
        loader: Mapping[str, Any],
    ) -> DynamicItemDataset:
        if self.teacher is None:
            return train_set
        how = {**loader, "progress": not brain.noprogressbar}
        folder = self._folder(plan)
        return self.teacher.add_soft_targets(
            train_set, plan, self.task, folder, str(brain.device), **how
        )

    def _clips(self, brain: TaggingBrain, loader: Mapping[str, Any]) -> Clips:
        """Say how the clips of some folds are given to a brain: waveforms or kept embeddings."""
        target = self.task.target
        if not isinstance(brain, FrozenEncoderBrain):
            return lambda folds: make_fold_dataset(self.manifest, target, folds)
        logger.info("the encoder stays frozen: its embeddings are computed once and kept")
        if brain.augmentation is not None and brain.augmentation.changes_sound:
            logger.info("they are those of the clips as they are: nothing is augmented or mixed")
        leaves = flatten(self.experiment.resolved(**self.handed_in))
        settings = [f"{key}={leaves[key]}" for key in sorted(leaves) if _decides_embeddings(key)]
        kept = run_on_main(
            cache_embeddings,
            brain.tagger,
            self.manifest,
            "\n".join(settings),
            progress=not brain.noprogressbar,
            **loader,
        )
        return lambda folds: embedding_dataset(self.manifest, kept, target, folds)

    def _built(self, plan: FoldPlan) -> tuple[TaggingBrain, dict[str, Any]]:
        """Build what the file describes; try what is built only later, while it can be named."""
        settings = self._for_fold(plan)
        tree = self.experiment.resolved(**settings)
        if "pretrained" in tree and any((self._folder(plan) / "save").glob("CKPT*")):
            settings["pretrained"] = None  # the checkpoint has all weights
        with self.experiment.named_mistakes():
            hparams = self.experiment.build(**settings) | {"task": self.task}
            loader = hparams["loader"]
            brain = make_brain(
                hparams,
                self.experiment.run_options,
                from_shards=self.shards is not None,
                pretrained=tree["encoder"].get("pretrained") is not None,
                from_initial_model=self.initial_model is not None,
            )
            np.random.SeedSequence(hparams["seed"])
            DataLoader(self._train_set(plan, hparams["seed"], loader), **loader)
            return brain, loader

    def _write_fold(self, brain: TaggingBrain, plan: FoldPlan) -> None:
        predictions, rows = brain.predictions, brain.history.rows
        folder = self._folder(plan)
        write_predictions(folder / "predictions.csv", predictions, self.task, plan.test)
        result = FoldResult(
            test_fold=plan.test,
            valid_folds=list(plan.valid),
            train_folds=list(plan.train),
            data_state=self.data["state"],
            clips=len(predictions.ids),
            metrics=self.task.metrics(predictions),
            epochs=len(rows),
            tested_epoch=brain.evaluated_epoch,
            seconds=sum(row["seconds"] for row in rows),
            processes=number_of_processes(),
            device=str(brain.device),
            precision=brain.precision,
            history=rows,
        )
        result.write(folder / "result.json")

    def _write_results(self, plan: FoldPlan) -> dict[str, Any]:
        """Sum up the finished folds whose configuration is that of a plan but for the folds."""
        wanted = self._configuration(plan)
        results = {}
        for path in self.output.glob("*/result.json"):
            configuration = json.loads(path.with_name("configuration.json").read_text("utf-8"))
            same = [configuration[part] == wanted[part] for part in ("hyperparameters", "data")]
            runs = [shared_configuration(part["run"]) for part in (configuration, wanted)]
            if all(same) and runs[0] == runs[1]:
                results[path.parent.name] = FoldResult.read(path)
        results = dict(sorted(results.items(), key=lambda item: str(item[1].test_fold).zfill(9)))
        name = f"{self.experiment.hparams_file.stem} on {self.handed_in['dataset']}"
        return write_results(self.output, results, self.task, name, self.data)


def _decides_embeddings(key: str) -> bool:
    return key == "tagger.repeat_to" or key.partition(".")[0] in {
        "sample_rate",
        "features",
        "normalization",
        "front_end",
        "encoder",
    }
