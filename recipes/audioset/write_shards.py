"""Write AudioSet's training clips as WebDataset shards, for several machines to stream.

    python recipes/audioset/write_shards.py hparams/mobilenet_transfer.yaml --shards=FOLDER

The hyperparameter file says the sample rate; the other options are those of the preparation, as
train.py has them. A second call writes what has changed. Then, on any machine that has the clips of
validation and evaluation, and the shards by a path or a URL:

    python recipes/audioset/train.py hparams/mobilenet_transfer.yaml --webdataset=FOLDER_OR_URL
"""

from dataclasses import dataclass

from audioset_prepare import AudioSetSelection, find_data, prepare

from aed_plugins.core import InputError
from aed_plugins.data import import_webdataset, read_manifest, write_shards
from aed_plugins.experiments import parse_experiment, run_program


@dataclass(frozen=True)
class Options(AudioSetSelection):
    """What the shards are made of, and where they go."""

    data_folder: str | None = None  # data/AudioSet, or a demonstration corpus if there is none
    prepared_folder: str | None = None  # decoded audio; by default a folder in data/prepared
    shards: str | None = None  # the folder to write to
    per_shard: int = 1000  # clips, on average


def main(arguments: list[str]) -> None:
    """Prepare the data, write the shards, say what there is."""
    experiment = parse_experiment(arguments, Options)
    options = experiment.options
    if not options.shards:
        raise InputError("expected --shards=FOLDER, the folder to write the shards to")
    import_webdataset()  # is it installed? The preparation may take hours
    fixed = {"dataset": "audioset", "labels": [], "multi_label": True}
    sample_rate = experiment.value("sample_rate", **fixed)
    folder = find_data(options.data_folder)
    # Those who train need validation clips, and have them besides the shards.
    needed = ("train", "eval")
    data = prepare(folder, options.prepared_folder, sample_rate, options, needed)
    manifest = read_manifest(data.manifest)
    index = write_shards(
        manifest, str(options.shards), data.labels, sample_rate, per_shard=options.per_shard
    )
    train = index.folds["train"]
    print(f"{index.source}: {train['clips']} training clips in {len(train['shards'])} shards")


if __name__ == "__main__":
    run_program(main)
