"""Clips to be packed, and what is packed of them."""

import numpy as np
import soundfile

from aed_plugins.data import pack_clips
from aed_plugins.data.packing import load_clip

RATE = 16000


def write(path, value, samples):
    soundfile.write(path, np.full(samples, value, np.int16), RATE, "PCM_16")


def packed(sources, folder, rate=RATE):
    return pack_clips(sources, folder, rate, progress=False)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def check(result, expected):
    """Check that clip id -> (value, samples) is what was packed, and that nothing else was."""
    got = {}
    for clip, place in result.clips.items():
        y = load_clip(*place)
        assert y.dtype == np.float32
        assert len(set(y)) == 1
        got[clip] = (y[0] * 32768, len(y))
    assert got == expected


ALL = {f"clip{k}": (k + 1, 100 + k) for k in range(6)}
