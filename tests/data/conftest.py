import collections
import threading
from pathlib import Path

import pytest
from packed_clips import write

from aed_plugins.data import ClipSource, packing


@pytest.fixture
def sources(tmp_path):
    """Make 6 clips of 100 to 105 samples in 2 shards; every sample of clip k is k + 1."""
    made = {}
    for k in range(6):
        path = tmp_path / f"{k}.wav"
        write(path, k + 1, 100 + k)
        made[f"clip{k}"] = ClipSource(path, f"fold{k // 3 + 1}")
    return made


@pytest.fixture
def decoded(monkeypatch):
    """Count the calls of `read_waveform` by file name."""
    calls = collections.Counter()
    lock = threading.Lock()
    real = packing.read_waveform

    def counted(path, sample_rate):
        with lock:
            calls[Path(path).name] += 1
        return real(path, sample_rate)

    monkeypatch.setattr(packing, "read_waveform", counted)
    return calls
