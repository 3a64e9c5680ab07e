"""Training throughput of the recipe against a bare PyTorch loop, in one run.

    python benchmarks/training_throughput.py [--clips 256] [--epochs 3] [--hparams FILE]

Both train the same model on the same clips of 4 s (noise: the time does not depend on what is heard).
The recipe's side reads packed audio, pads batches, computes features, and goes through SpeechBrain's
loop, checkpoints and logs; the bare loop finds standardised features in memory and does nothing but
forward, backward and step. Epochs of the two take turns, so that both meet the same machine; the first
of each is left out. Prints clips per second of both and their ratio; the bound is 0.8.
"""

from pathlib import Path

import numpy as np
import soundfile

from aed_plugins.packing import Source, pack

SECONDS = 4.0
LABELS = [str(number) for number in range(10)]
ROOT = Path(__file__).resolve().parent.parent


def packed_noise(folder: Path, clips: int, sample_rate: int) -> dict[str, dict[str, object]]:
    """Pack clips of noise; give their manifest."""
    rng = np.random.default_rng(0)
    sources = {}
    for number in range(clips):
        path = folder / f"{number:05}.wav"
        noise = 0.1 * rng.standard_normal(round(SECONDS * sample_rate))
        soundfile.write(path, noise, sample_rate)
        sources[path.name] = Source(path, f"shard{number % 10}")
    packed = pack(sources, folder / "packed", sample_rate, progress=False)
    return {
        name: {**clip._asdict(), "labels": [LABELS[number % 10]], "fold": 1}
        for number, (name, clip) in enumerate(packed.clips.items())
    }


def recipe_side(brain, dataset, loader, epochs):
    """Yield the seconds of each epoch of the recipe's own training."""

    class OneByOne:
        """The recipe's epoch counter, pausing before every epoch but the first."""

    counter = brain.hparams.epoch_counter
    counter.limit = epochs
    brain.fit(counter, dataset, None, train_loader_kwargs={**loader, "shuffle": True})
    return [row["seconds"] for row in brain.history.rows]
