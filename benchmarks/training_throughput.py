"""Training throughput of the recipe against a bare PyTorch loop, in one run.

    python benchmarks/training_throughput.py [--clips 256] [--epochs 4]

Both train `hparams/resnet_dilated.yaml` on the same clips of 4 s (noise: the time does not depend
on what is heard). The recipe's side reads packed audio, pads batches, computes features, and goes
through SpeechBrain's loop, checkpoints and logs; the bare loop finds normalized features in
memory and does nothing but forward, backward and step. Their epochs take turns, so that both meet
the same machine; the first of each is left out. Prints clips per second and the ratio, whose bound
is 0.8.
"""

import argparse
import copy
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import nn

from aed_plugins.data import ClipSource, make_fold_dataset, pack_clips
from aed_plugins.experiments import parse_experiment
from aed_plugins.models import AudioTagger
from aed_plugins.training import SingleLabel, TaggingBrain, fit_normalization

SECONDS = 4.0
LABELS = [str(number) for number in range(10)]
HPARAMS = Path(__file__).resolve().parent.parent / "hparams/resnet_dilated.yaml"


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The benchmark hands nothing of its own to the hyperparameter file."""


def noise_manifest(folder: Path, clips: int, sample_rate: int) -> dict[str, dict[str, Any]]:
    """Pack clips of noise; give their manifest."""
    rng = np.random.default_rng(0)
    sources = {}
    for number in range(clips):
        path = folder / f"{number:05}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(round(SECONDS * sample_rate)), sample_rate)
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


def measure(folder: Path, clips: int, epochs: int) -> tuple[list[float], list[float]]:
    """Measure the seconds of each epoch of the recipe and of the bare loop."""
    task = SingleLabel(LABELS)
    handed_in = {"dataset": "noise", "labels": LABELS, "multi_label": False}
    handed_in["output_folder"] = str(folder / "run")
    options = [f"--number_of_epochs={epochs}", "--noprogressbar"]
    experiment = parse_experiment([str(HPARAMS), *options], NoOptions)
    hparams = experiment.build(**handed_in) | {"task": task}
    brain = TaggingBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=experiment.run_options,
        checkpointer=hparams["checkpointer"],
    )
    manifest = noise_manifest(folder, clips, hparams["sample_rate"])
    dataset = make_fold_dataset(manifest, task.target, [1])
    fit_normalization(brain.tagger, dataset, progress=False, **hparams["valid_dataloader_opts"])
    waveforms = torch.stack([item["waveform"] for item in dataset])
    targets = torch.tensor([item["target"] for item in dataset])
    with torch.no_grad():
        log_mel = brain.tagger.normalization(brain.tagger.features(waveforms))
    bare = bare_epoch(brain.tagger, log_mel, targets, hparams["batch_size"])
    recipe_seconds: list[float] = []
    bare_seconds: list[float] = []

    class Turns:
        limit = epochs

        def __iter__(self) -> Iterator[int]:
            for epoch in hparams["epoch_counter"]:
                started = time.perf_counter()
                bare()
                bare_seconds.append(time.perf_counter() - started)
                started = time.perf_counter()
                yield epoch
                recipe_seconds.append(time.perf_counter() - started)

    options = {**hparams["train_dataloader_opts"], "shuffle": True}
    brain.fit(Turns(), dataset, None, train_loader_kwargs=options)
    return recipe_seconds, bare_seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=4, help="the first is left out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recipe, bare = measure(Path(folder), arguments.clips, arguments.epochs)
    for name, seconds in (("recipe", recipe), ("bare loop", bare)):
        rate = arguments.clips / statistics.median(seconds[1:])
        print(f"{name:>9}: {rate:6.1f} clips per second (median of {len(seconds) - 1} epochs)")
    ratios = [b / r for r, b in zip(recipe[1:], bare[1:], strict=True)]
    print(f"    ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
