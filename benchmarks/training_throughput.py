"""Measure how long the recipe's training takes, against a bare PyTorch loop.

    python benchmarks/training_throughput.py

Both train hparams/resnet_dilated.yaml on the same 256 clips of 4 s (noise: the time does not depend
on it). The recipe reads packed audio, pads batches, computes features, and goes through
SpeechBrain's loop, checkpoints and logs; the bare loop finds normalized features in memory and does
nothing but forward, backward and step. A turn is an epoch. The bound is 0.8 of the bare loop's
throughput, which is 1.25 of its time.
"""

import copy
import dataclasses
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from harness import Bound, Comparison, Contestant, Options, Turn, main
from harness_timing import stopwatch
from inputs import ROOT, write_noise
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from aed_plugins.data import ClipSource, make_fold_dataset, pack_clips
from aed_plugins.experiments import parse_experiment
from aed_plugins.models import AudioTagger
from aed_plugins.training import SingleLabel, TaggingBrain, fit_normalization

SECONDS = 4.0
LABELS = [str(number) for number in range(10)]


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The benchmark hands nothing of its own to the hyperparameter file."""


def noise_manifest(folder: Path, clips: int, sample_rate: int) -> dict[str, dict[str, Any]]:
    """Pack clips of noise; give their manifest."""
    sources = {}
    for number in range(clips):
        path = folder / f"{number:05}.wav"
        write_noise(path, SECONDS, seed=number)
        sources[path.name] = ClipSource(path, "noise")
    packed = pack_clips(sources, folder / "packed", sample_rate, progress=False)
    return {
        name: {**clip._asdict(), "labels": [LABELS[number % 10]], "fold": 1}
        for number, (name, clip) in enumerate(packed.clips.items())
    }


def bare_epoch(
    tagger: AudioTagger, log_mel: torch.Tensor, targets: torch.Tensor, batch_size: int
) -> Callable[[], None]:
    """Return a function that trains front-end, encoder and head for one epoch on features."""
    components = copy.deepcopy(nn.ModuleList([tagger.front_end, tagger.encoder, tagger.head]))
    optimizer = torch.optim.AdamW(components.parameters(), lr=1e-3)

    def epoch() -> None:
        components.train()
        for batch in torch.randperm(len(targets)).split(batch_size):
            maps = components[0](log_mel[batch].unsqueeze(1))
            _, clip_logits = components[2](components[1](maps))
            nn.functional.cross_entropy(clip_logits, targets[batch]).backward()
            optimizer.step()
            optimizer.zero_grad()

    return epoch


class Epochs:
    """The recipe's epochs, each a turn; the bare loop takes its turns between them."""

    def __init__(
        self, counter: EpochCounter, turns: Iterator[Turn], bare: Callable[[], None]
    ) -> None:
        self.limit = counter.limit
        self.counter = counter
        self.turns = turns
        self.bare = bare

    def __iter__(self) -> Iterator[int]:
        epochs = iter(self.counter)
        for turn in self.turns:
            with stopwatch() as sample:
                if turn.contestant.name == "recipe":
                    yield next(epochs)
                else:
                    self.bare()
            turn.record(sample)


def make_brain(folder: Path, epochs: int, task: SingleLabel) -> TaggingBrain:
    """Build what the recipe trains."""
    handed_in = {"dataset": "noise", "labels": LABELS, "multi_label": False}
    handed_in["output_folder"] = str(folder / "run")
    options = [f"--number_of_epochs={epochs}", "--noprogressbar"]
    yaml = str(ROOT / "hparams/resnet_dilated.yaml")
    experiment = parse_experiment([yaml, *options], NoOptions)
    hparams = experiment.resolve(**handed_in).build() | {"task": task}
    return TaggingBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=experiment.run_options,
        checkpointer=hparams["checkpointer"],
    )


def comparison_in(folder: Path, options: Options) -> Comparison:
    """Prepare both, and return their comparison."""
    clips = options.pick(256, 8)
    task = SingleLabel(LABELS)
    brain = make_brain(folder, options.rounds + 1, task)  # one round is discarded
    hparams = brain.hparams
    dataset = make_fold_dataset(
        noise_manifest(folder, clips, hparams.sample_rate), task.target, [1]
    )
    fit_normalization(brain.tagger, dataset, progress=False, **hparams.valid_dataloader_opts)
    waveforms = torch.stack([item["waveform"] for item in dataset])
    targets = torch.tensor([item["target"] for item in dataset])
    with torch.no_grad():
        log_mel = brain.tagger.normalization(brain.tagger.features(waveforms))
    bare = bare_epoch(brain.tagger, log_mel, targets, hparams.batch_size)

    def train(turns: Iterator[Turn]) -> None:
        epochs = Epochs(hparams.epoch_counter, turns, bare)
        loader = {**hparams.train_dataloader_opts, "shuffle": True}
        brain.fit(epochs, dataset, None, train_loader_kwargs=loader)

    return Comparison(
        f"an epoch of {clips} clips of {SECONDS:g} s",
        [Contestant("recipe", amount=clips), Contestant("bare loop", amount=clips)],
        "bare loop",
        "clip",
        bounds=[Bound("recipe", "wall ratio", 1.25)],
        drive=train,
    )


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare epochs."""
    with tempfile.TemporaryDirectory() as folder:
        yield comparison_in(Path(folder), options)


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
