"""A recording of noise."""

import numpy as np
import soundfile

RATE = 8000


def write_noise(path, seconds=3.0, seed=0):
    """Write noise that changes its level every second."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.choice([0.003, 0.05, 0.8], int(seconds) + 1), RATE)
    count = round(seconds * RATE)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rng.uniform(-1, 1, count) * levels[:count], RATE)
    return path
