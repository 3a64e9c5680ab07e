"""That benchmarks/mfcc_forest.py summarises clips as it says; its figures are no matter."""

import json

import librosa
import numpy as np
import pytest
import torch
from conftest import load_benchmark, run_benchmark

from aed_plugins.errors import InputError


@pytest.fixture
def mfcc_forest(monkeypatch):
    return load_benchmark("mfcc_forest", monkeypatch)


def test_every_fold_and_seed_is_tested(tmp_path, corpus):
    options = [f"--data_folder={corpus}", "--prepared_folder=prepared", "--output=out.json"]
    options += ["--test_folds", "3", "--seeds", "1", "2", "--trees=20"]
    printed = run_benchmark("mfcc_forest", options, tmp_path)
    assert "DEMONSTRATION" in printed
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    runs = written["runs"]
    assert [(run["fold"], run["seed"]) for run in runs] == [(3, 1), (3, 2)]
    assert written["accuracy"] == pytest.approx(np.mean([run["accuracy"] for run in runs]))
    assert f"mean: accuracy {written['accuracy']:.1%}" in printed


def test_the_numbers_of_a_coefficient_are_those_of_the_paper(mfcc_forest):
    found = mfcc_forest.statistics(np.array([[1.0, 3.0, 3.0, 9.0]]))
    # First differences 2, 0, 6; second -2, 6. Moments about the mean 4: 9, 24, 177.
    skewness, kurtosis = 24 / 9**1.5, 177 / 81 - 3
    expected = [1, 9, 3, 4, 9, skewness, kurtosis, 8 / 3, 56 / 9, 2, 16]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_frames_that_are_alike_have_finite_numbers(mfcc_forest, frames):
    found = mfcc_forest.statistics(np.full((25, frames), 0.1))
    assert found.shape == (275,)
    assert found.reshape(11, 25)[4:] == pytest.approx(0)


def test_mfccs_are_those_of_librosa(mfcc_forest):
    noise = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    found = mfcc_forest.mfcc_transform()(noise).numpy()
    spectrum = {"n_fft": 512, "win_length": 371, "hop_length": 186, "n_mels": 40}
    options = spectrum | {"htk": True, "norm": None, "center": True, "pad_mode": "reflect"}
    power = librosa.feature.melspectrogram(y=noise.numpy(), sr=16000, **options)
    expected = librosa.feature.mfcc(S=librosa.power_to_db(power), n_mfcc=25)
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--trees=0"], "--trees above 0"), (["--seeds", "-1"], "--seeds not below")],
)
def test_a_mistake_is_told_in_one_line(mfcc_forest, options, said):
    with pytest.raises(InputError, match=said):
        mfcc_forest.main(options)
