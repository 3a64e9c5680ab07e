"""The run of one fold: training, going on from the last checkpoint, and test."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.distributed import if_main_process
from torch.utils.data import DataLoader

from aed_plugins.core import InputError, write_json
from aed_plugins.data import FoldSplit, StreamedClips, describe_data, make_fold_dataset
from aed_plugins.experiments.command_line import start_log
from aed_plugins.experiments.configuration import check_same_configuration
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
SETS = ("train", "valid")

Clips = Callable[[Sequence[int | str]], DynamicItemDataset]


class FoldRun:
    """Train and test one fold.

    Its phases on the main process are `open`, the look at what is trained already, the
    normalization or the cache of embeddings where they are needed, and the writing of the result;
    all processes build, train and evaluate.

    Parameters
    ----------
    setup : RunSetup
        What the runs of all folds share.
    split : FoldSplit
        The folds to train, to validate and to test on.

    Attributes
    ----------
    folder : Path
        The run's.
    hyperparameters : Hyperparameters
        The file, resolved for this fold.
    configuration : dict
        All that the fold's scores depend on.

    Raises
    ------
    InputError
        If an override has no place in the hyperparameter file.
    """

    brain: TaggingBrain
    train_opts: dict[str, Any]
    valid_opts: dict[str, Any]

    def __init__(self, setup: RunSetup, split: FoldSplit) -> None:
        self.setup = setup
        self.split = split
        self.folder = setup.folder(split)
        self.task = setup.make_task()
        self.hyperparameters = setup.resolve(split)
        self.configuration = setup.configuration(split, self.hyperparameters.leaves)

    def open(self) -> bool:
        """Make the folder, check configuration, shards and teacher; return whether it is finished.

        Raises
        ------
        InputError
            If the folder holds a run of another configuration, or shards or teacher do not fit.
        """
        finished = (self.folder / "result.json").is_file()
        path = self.folder / "configuration.json"
        # A run without a checkpoint, such as one with a mistake in its command, does not count.
        if path.is_file() and (finished or self._has_checkpoint()):
            before = json.loads(path.read_text(encoding="utf-8"))
            check_same_configuration(before, self.configuration, self.folder)
        else:
            self.hyperparameters.write(self.folder / "hyperparams.yaml")
            write_json(path, self.configuration)
        if not finished or self.setup.experiment.run_options.test_only:
            self._check_sources()
        return finished

    def run(self) -> None:
        """Train what is not trained yet; test; write `predictions.csv` and `result.json`.

        Raises
        ------
        InputError
            If a value in the hyperparameter file cannot be used.
        """
        if if_main_process():
            start_log(self.folder)
        logger.info(describe_data(self.setup.data))
        logger.info(describe_split(self.split))
        self._build()
        trained, has_checkpoint = run_on_main(self._look_up)
        test_only = self.setup.experiment.run_options.test_only
        if test_only:
            self._check_finished(trained)
        self._load_or_initialize(has_checkpoint)
        clips = self._choose_clips()
        if not test_only:
            self._fit(clips)
        self.brain.evaluate(clips([self.split.test]), test_loader_kwargs=dict(self.valid_opts))
        run_on_main(self._write)

    def _has_checkpoint(self) -> bool:
        return any((self.folder / "save").glob("CKPT*"))

    def _check_sources(self) -> None:
        setup, split = self.setup, self.split
        if setup.shards is not None:
            sample_rate = self.hyperparameters.value("sample_rate")
            evaluated = [*split.valid, split.test]
            setup.shards.check(sample_rate, self.task.labels, setup.manifest, evaluated)
        if setup.teacher is not None:
            setup.teacher.check(split, setup.handed_in["dataset"], self.task)

    def _build(self) -> None:
        """Build what the file describes; try what is built later, while it can be named."""
        setup, file = self.setup, self.hyperparameters
        built = file.build(pretrained=not self._has_checkpoint())
        with file.named_mistakes():
            self.brain = make_brain(
                built | {"task": self.task},
                setup.experiment.run_options,
                from_shards=setup.shards is not None,
                pretrained=file.leaves.get("encoder.pretrained", "None") != "None",
                from_initial_model=setup.initial_model is not None,
            )
            train_opts, self.valid_opts = (built[f"{it}_dataloader_opts"] for it in SETS)
            for opts in (train_opts, self.valid_opts):
                DataLoader(self._train_set(opts), **opts)
            self.train_opts = {"shuffle": True, **train_opts}

    def _look_up(self) -> tuple[int, bool]:
        """Return how many epochs are trained, and whether there is a checkpoint."""
        found = self.brain.checkpointer.find_checkpoint()
        return self.brain.trained_epochs(), found is not None

    def _check_finished(self, trained: int) -> None:
        epochs = self.brain.hparams.epoch_counter.limit
        if trained < epochs:
            raise InputError(
                f"{self.folder}: --test_only expects a finished training, but {trained} of"
                f" {epochs} epochs are trained: give the command without --test_only"
            )

    def _load_or_initialize(self, has_checkpoint: bool) -> None:
        """Load the last checkpoint, or else the initial model, or fit the normalization."""
        brain, setup = self.brain, self.setup
        if has_checkpoint:
            brain.checkpointer.recover_if_possible()
        elif setup.initial_model is not None:
            dataset = setup.handed_in["dataset"]
            setup.initial_model.load(brain.tagger, self.split, dataset, self.task.labels)
        else:
            run_on_main(
                fit_normalization,
                brain.tagger,
                self._train_set(self.valid_opts),
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
            train_set = ShardClips(self._train_set(self.train_opts))
        brain.fit(
            brain.hparams.epoch_counter,
            train_set,
            clips(split.valid) if split.valid else None,
            train_loader_kwargs=self.train_opts,
            valid_loader_kwargs=self.valid_opts,
        )

    def _train_set(self, opts: dict[str, Any]) -> Any:
        shards, folds, seed = self.setup.shards, self.split.train, self.brain.settings.seed
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
        leaves = self.hyperparameters.leaves
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


def describe_split(split: FoldSplit) -> str:
    """Say which folds are tested, validated and trained on.

    Parameters
    ----------
    split : FoldSplit
        The folds.

    Examples
    --------
    >>> describe_split(FoldSplit(5, [4], [1, 2, 3]))
    'test fold 5, validation fold 4, training folds 1, 2, 3'
    >>> describe_split(FoldSplit(5, [], [1]))
    'test fold 5, no validation fold, training fold 1'
    """

    def named(kind: str, folds: Sequence[int | str]) -> str:
        noun = "fold" if len(folds) < 2 else "folds"
        return f"{kind} {noun} {', '.join(map(str, folds))}" if folds else f"no {kind} fold"

    parts = {"test": [split.test], "validation": split.valid, "training": split.train}
    return ", ".join(named(kind, folds) for kind, folds in parts.items())


def _decides_embeddings(key: str) -> bool:
    return key == "tagger.repeat_to" or key.partition(".")[0] in {
        "sample_rate",
        "features",
        "normalization",
        "front_end",
        "encoder",
    }
