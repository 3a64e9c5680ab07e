"""Tables that grow row by row."""

import resource
import signal

import pytest

from aed_plugins.cli.outputs import Table


def test_a_row_that_does_not_fit_on_the_disk_is_taken_back(tmp_path):
    table = Table(tmp_path / "t.jsonl", "jsonl", ["file"], {})
    table.write({"file": "a.wav"})
    before = table.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(OSError, match=r"too large: '.*t\.jsonl'"):
            table.write({"file": "b" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert table.path.read_bytes() == before
