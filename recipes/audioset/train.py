"""Train and evaluate a model on AudioSet, several labels per clip.

    python recipes/audioset/train.py hparams/mobilenet_transfer.yaml [--option=value ...]

README.md in this folder lists the options, the files that a run leaves and our scores.
"""

from dataclasses import dataclass, replace

from audioset_lists import FOLDS
from audioset_prepare import (
    AudioSetSelection,
    PreparedAudioSet,
    find_data,
    is_demonstration,
    prepare,
)
from speechbrain.utils.distributed import if_main_process

from aed_plugins.data import FoldSplit, ShardIndex, read_manifest, read_shard_index
from aed_plugins.experiments import (
    CrossValidation,
    join_processes,
    parse_experiment,
    results_table,
    run_program,
)
from aed_plugins.labels import audioset_labels
from aed_plugins.training import run_on_main

FILES = ("per_class.png", "training_curve.png", "results.json", "predictions.csv")


@dataclass(frozen=True)
class Options(AudioSetSelection):
    """What a run on AudioSet can choose, besides what is in the hyperparameter file."""

    data_folder: str | None = None  # data/AudioSet, or a demonstration corpus if there is none
    prepared_folder: str | None = None  # decoded audio; by default a folder in data/prepared
    threshold_metric: str = "f1"  # what the classes' thresholds are tuned for on validation clips
    initial_model: str | None = None  # a trained run whose weights to start from
    webdataset: str | None = None  # folder or URL of write_shards.py's, to train on its clips


def _with_training_clips(data: PreparedAudioSet, shards: ShardIndex) -> PreparedAudioSet:
    """Count the training clips in the shards, not those that may be here besides."""
    train = shards.folds.get("train", {"clips": 0, "positives": {}})
    clips = {"train": train["clips"]} | {k: n for k, n in data.clips.items() if k != "train"}
    positives = {
        label: counts | {"train": train["positives"].get(label, 0)}
        for label, counts in data.positives.items()
    }
    whole = "complete" if sum(clips.values()) == data.expected_clips else "partial"
    state = data.state if data.state == "demonstration" else whole
    return replace(data, clips=clips, positives=positives, state=state, folds=list(clips))


def main(arguments: list[str]) -> None:
    """Prepare the data, train, evaluate, print the table."""
    experiment = parse_experiment(arguments, Options)
    join_processes(experiment.run_options)
    options = experiment.options
    folder = run_on_main(find_data, options.data_folder)
    dataset = "audioset_demonstration" if is_demonstration(folder) else "audioset"
    handed_in = {"dataset": dataset, "labels": [], "multi_label": True}
    sample_rate = experiment.value("sample_rate", **handed_in)
    shards = (
        None if options.webdataset is None else run_on_main(read_shard_index, options.webdataset)
    )
    needed = [fold for fold in FOLDS if shards is None or fold != "train"]
    data = run_on_main(prepare, folder, options.prepared_folder, sample_rate, options, needed)
    if shards is not None:
        data = _with_training_clips(data, shards)
    handed_in["labels"] = data.labels
    if experiment.has("audioset_names"):
        known = set(audioset_labels())
        handed_in["audioset_names"] = [name if name in known else None for name in data.labels]
    cross_validation = CrossValidation(
        experiment,
        read_manifest(data.manifest),
        handed_in,
        data.summary(),
        options.initial_model,
        options.threshold_metric,
        shards,
    )
    valid = ["valid"] if "valid" in data.folds else []
    results = cross_validation.run([FoldSplit("eval", valid, ["train"])])
    if if_main_process():
        print(results_table(results, cross_validation.task))
        print("\nlook at:", *(cross_validation.output / name for name in FILES), sep="\n  ")


if __name__ == "__main__":
    run_program(main)
