"""Write AudioSet's training clips as WebDataset shards, for several machines to stream.

    python recipes/audioset/write_shards.py hparams/mobilenet_transfer.yaml --shards=FOLDER

The hyperparameter file says the sample rate; the other options are those of the preparation, as
train.py has them. A second call writes what has changed. Then, on any machine that has the clips of
validation and evaluation, and the shards by a path or a URL:

    python recipes/audioset/train.py hparams/mobilenet_transfer.yaml --webdataset=FOLDER_OR_URL
"""

from dataclasses import dataclass

from aed_plugins.core import InputError, combine_options, option, take_options
from aed_plugins.data import AudioSet, import_webdataset, read_manifest, write_shards
from aed_plugins.experiments import parse_experiment, run_program


@dataclass(frozen=True)
class ShardOptions:
    """Where the shards go, besides the options of the dataset."""

    shards: str | None = option(None, "the folder to write to")
    per_shard: int = option(1000, "clips, on average")


def main(arguments: list[str]) -> None:
    """Prepare the data, write the shards, say what there is."""
    own = combine_options(AudioSet, ShardOptions, without={"webdataset"})
    experiment = parse_experiment(arguments, own)
    options = take_options(experiment.options, ShardOptions)
    if not options.shards:
        raise InputError("expected --shards=FOLDER, the folder to write the shards to")
    import_webdataset()  # is it installed? The preparation may take hours
    fixed = {"dataset": "audioset", "labels": [], "multi_label": True}
    sample_rate = experiment.value("sample_rate", **fixed)
    dataset = take_options(experiment.options, AudioSet)
    # Those who train need validation clips, and have them besides the shards.
    data = dataset.prepare(sample_rate, needed=("train", "eval"))
    index = write_shards(
        read_manifest(data.manifest),
        str(options.shards),
        dataset.labels,
        sample_rate,
        per_shard=options.per_shard,
    )
    train = index.folds["train"]
    print(f"{index.source}: {train['clips']} training clips in {len(train['shards'])} shards")


if __name__ == "__main__":
    run_program(main)
