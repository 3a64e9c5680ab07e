"""That the benchmarks still run; what they measure is nothing for a test."""

import re

import pytest
from benchmark_program import run_benchmark


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("training_throughput", ["--clips=8", "--epochs=2"], r"ratio: \d"),
        ("timeline", ["--minutes", "0.1", "--turns=1"], r"0.1 minutes: .* ratio: \d"),
        ("embedding_index", ["--segments=5000", "--queries=5"], r"ratio: \d"),
        ("onnx_speed", ["--turns=1", "--threads=1", "--models", "mn04"], r"ratio: \d"),
        ("scoring", ["--segments=50", "--turns=1"], r"WER \d"),
        ("tedlium_preparation", ["--talks=100", "--hours=1"], r"read 400 segments of 100 talks"),
        ("vggish", ["--turns=1", "--threads=1"], r"network, batch of 1: ours \d"),
    ],
)
def test_a_benchmark_runs(name, arguments, said, tmp_path):
    assert re.search(said, run_benchmark(name, arguments, tmp_path))
