"""The run of one fold: training, going on from the last checkpoint, and test."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.distributed import if_main_process
from torch.utils.data import DataLoader

from aed_plugins.core import InputError
from aed_plugins.data import FoldSplit, StreamedClips, describe_data, make_fold_dataset
from aed_plugins.experiments.command_line import flatten, start_log
from aed_plugins.experiments.results import FoldResult, write_predictions
from aed_plugins.experiments.run_setup import RunSetup
from aed_plugins.training import (
    ShardClips,
    TaggingBrain,
    cache_embeddings,
    embedding_dataset,
    fit_normalization,
    make_brain,
    number_of_processes,
    run_on_main,
)

logger = logging.getLogger(__name__)

Clips = Callable[[Sequence[int | str]], DynamicItemDataset]


class FoldRun:
    """Train and test one fold.

    Parameters
    ----------
    setup : RunSetup
        What the runs of all folds share.
    split : FoldSplit
        The folds to train, to validate and to test on.

    Raises
    ------
    InputError
        If a value in the hyperparameter file cannot be used.
    """

    def __init__(self, setup: RunSetup, split: FoldSplit) -> None:
        self.setup = setup
        self.split = split
        self.folder = setup.folder(split)
        self.task = setup.make_task()
        if if_main_process():
            start_log(self.folder)
        logger.info(describe_data(setup.data))
        logger.info("test %s, validation %s, training %s", split.test, split.valid, split.train)
        self._check_sources()
        self.brain, self.train_opts, self.valid_opts = self._build()

    def run(self) -> None:
        """Train what is not trained yet; test; write `predictions.csv` and `result.json`."""
        test_only = self.setup.experiment.run_options.test_only
        if test_only:
            self._check_finished()
        self._load_or_initialize()
        clips = self._choose_clips()
        if not test_only:
            self._fit(clips)
        self.brain.evaluate(clips([self.split.test]), test_loader_kwargs=dict(self.valid_opts))
        run_on_main(self._write)

    def _check_sources(self) -> None:
        """Check shards and teacher before anything is built."""
        setup, split = self.setup, self.split
        if setup.shards is not None:
            sample_rate = setup.experiment.value("sample_rate", **setup.handed_in)
            evaluated = [*split.valid, split.test]
            run_on_main(
                setup.shards.check, sample_rate, self.task.labels, setup.manifest, evaluated
            )
        if setup.teacher is not None:
            run_on_main(setup.teacher.check, split, setup.handed_in["dataset"], self.task)

    def _build(self) -> tuple[TaggingBrain, dict[str, Any], dict[str, Any]]:
        """Build what the file describes; try what is built later, while it can be named."""
        setup = self.setup
        values = setup.fold_values(self.split)
        tree = setup.experiment.resolved(**values)
        if "pretrained" in tree and any((self.folder / "save").glob("CKPT*")):
            values["pretrained"] = None  # the checkpoint has all weights
        with setup.experiment.named_mistakes():
            hparams = setup.experiment.build(**values) | {"task": self.task}
            train_opts = {"shuffle": True, **hparams["train_dataloader_opts"]}
            valid_opts = hparams["valid_dataloader_opts"]
            brain = make_brain(
                hparams,
                setup.experiment.run_options,
                from_shards=setup.shards is not None,
                pretrained=tree["encoder"].get("pretrained") is not None,
                from_initial_model=setup.initial_model is not None,
            )
            for opts in (hparams["train_dataloader_opts"], valid_opts):
                DataLoader(self._train_set(hparams["seed"], opts), **opts)
            return brain, train_opts, valid_opts

    def _check_finished(self) -> None:
        trained = run_on_main(self.brain.trained_epochs)
        epochs = self.brain.hparams.epoch_counter.limit
        if trained < epochs:
            raise InputError(
                f"{self.folder}: --test_only expects a finished training, but {trained} of"
                f" {epochs} epochs are trained: give the command without --test_only"
            )

    def _load_or_initialize(self) -> None:
        """Load the last checkpoint, or else the initial model, or fit the normalization."""
        brain, setup = self.brain, self.setup
        if run_on_main(brain.checkpointer.find_checkpoint) is not None:
            brain.checkpointer.recover_if_possible()
        elif setup.initial_model is not None:
            dataset = setup.handed_in["dataset"]
            setup.initial_model.load(brain.tagger, self.split, dataset, self.task.labels)
        else:
            run_on_main(
                fit_normalization,
                brain.tagger,
                self._train_set(brain.settings.seed, self.valid_opts),
                brain.device,
                progress=not brain.noprogressbar,
                **self.valid_opts,
            )

    def _fit(self, clips: Clips) -> None:
        brain, split = self.brain, self.split
        train_set: Any = None
        if self.setup.shards is None:
            train_set = self._add_soft_targets(clips(split.train))
        else:
            train_set = ShardClips(self._train_set(brain.settings.seed, self.train_opts))
        brain.fit(
            brain.hparams.epoch_counter,
            train_set,
            clips(split.valid) if split.valid else None,
            train_loader_kwargs=self.train_opts,
            valid_loader_kwargs=self.valid_opts,
        )

    def _train_set(self, seed: int, opts: dict[str, Any]) -> Any:
        shards, folds = self.setup.shards, self.split.train
        if shards is not None:
            return StreamedClips(shards, folds, self.task.target, seed, opts.get("batch_size", 1))
        return make_fold_dataset(self.setup.manifest, self.task.target, folds)

    def _add_soft_targets(self, train_set: DynamicItemDataset) -> DynamicItemDataset:
        if self.setup.teacher is None:
            return train_set
        return self.setup.teacher.add_soft_targets(
            train_set,
            self.split,
            self.task,
            self.folder,
            str(self.brain.device),
            **{**self.valid_opts, "progress": not self.brain.noprogressbar},
        )

    def _choose_clips(self) -> Clips:
        """Return a function that makes the dataset of some folds: waveforms or embeddings."""
        setup, brain, target = self.setup, self.brain, self.task.target
        if not brain.takes_embeddings:
            return lambda folds: make_fold_dataset(setup.manifest, target, folds)
        logger.info("the encoder stays frozen: its embeddings are computed once and cached")
        if brain.settings.augmentation is not None and brain.settings.augmentation.changes_sound:
            logger.info("they are those of the clips as they are: nothing is augmented or mixed")
        leaves = flatten(setup.experiment.resolved(**setup.handed_in))
        settings = [f"{key}={leaves[key]}" for key in sorted(leaves) if _decides_embeddings(key)]
        cached = run_on_main(
            cache_embeddings,
            brain.tagger,
            setup.manifest,
            "\n".join(settings),
            progress=not brain.noprogressbar,
            **self.valid_opts,
        )
        return lambda folds: embedding_dataset(setup.manifest, cached, target, folds)

    def _write(self) -> None:
        brain, split = self.brain, self.split
        predictions, rows = brain.predictions, brain.history.rows
        write_predictions(self.folder / "predictions.csv", predictions, self.task, split.test)
        result = FoldResult(
            test_fold=split.test,
            valid_folds=list(split.valid),
            train_folds=list(split.train),
            data_state=self.setup.data["state"],
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
        result.write(self.folder / "result.json")


def _decides_embeddings(key: str) -> bool:
    return key == "tagger.repeat_to" or key.partition(".")[0] in {
        "sample_rate",
        "features",
        "normalization",
        "front_end",
        "encoder",
    }
