import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.data import ClipSource, collate, make_waveform_dataset, pack_clips
from aed_plugins.models import AudioTagger, DNNHead, FeatureNormalization, LogMel, ResNet
from aed_plugins.training import (
    SingleLabel,
    cache_embeddings,
    embedding_dataset,
    fit_normalization,
    predict_probabilities,
)

SECONDS = {"a": 1.0, "b": 2.5, "c": 0.05, "d": 1.7, "e": 3.0}


@pytest.fixture
def tagger():
    torch.manual_seed(0)
    normalization = FeatureNormalization(64)
    normalization.fit([(torch.randn(4, 50, 64), None)])
    return AudioTagger(
        LogMel(8000), normalization, nn.Identity(), ResNet(width=0.0625), DNNHead(32, 3)
    ).eval()


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    sources = {}
    for name, seconds in SECONDS.items():
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(round(8000 * seconds)), 8000)
        sources[name] = ClipSource(path, "first" if name in "abc" else "second")
    clips = pack_clips(sources, tmp_path / "packed", 8000, progress=False).clips
    return {
        name: {**clip._asdict(), "labels": [name], "fold": "train" if name in "abc" else "eval"}
        for name, clip in clips.items()
    }


def cache(tagger, manifest, settings="", **loader):
    return cache_embeddings(
        tagger, manifest, settings, progress=False, **({"batch_size": 2} | loader)
    )


def items(manifest, cached, folds=("train", "eval")):
    dataset = embedding_dataset(manifest, cached, lambda labels: ord(labels[0]), folds)
    return {dataset[i]["id"]: dataset[i] for i in range(len(dataset))}


def test_cached_embeddings_are_those_of_each_clip_alone(tagger, manifest):
    found = items(manifest, cache(tagger, manifest))
    assert set(found) == set(SECONDS)
    for name, entry in manifest.items():
        packed = np.load(entry["file"])[entry["start"] :][: entry["samples"]]
        waveform = torch.from_numpy(packed / np.float32(32768))[None]
        with torch.no_grad():
            alone, _ = tagger.embed(waveform)
        torch.testing.assert_close(found[name]["embeddings"], alone[0], atol=1e-4, rtol=1e-4)
        assert found[name]["target"] == ord(name)


@pytest.mark.parametrize("repeat_to", [0.0, 2.0])
def test_a_batch_of_them_gives_the_head_what_waveforms_would(repeat_to, tagger, manifest):
    tagger.repeat_to = repeat_to
    found = items(manifest, cache(tagger, manifest))
    batch = collate([found["a"], found["b"]])
    with torch.no_grad():
        from_cache = tagger.head(*batch.embeddings).clip_logits
    waveforms = [
        np.load(manifest[n]["file"])[manifest[n]["start"] :][: manifest[n]["samples"]] for n in "ab"
    ]
    padded = torch.zeros(2, 20000)
    for row, samples in zip(padded, waveforms, strict=True):
        row[: len(samples)] = torch.from_numpy(samples / np.float32(32768))
    with torch.no_grad():
        direct = tagger(padded, torch.tensor([8000 / 20000, 1.0])).clip_logits
    torch.testing.assert_close(from_cache, direct, atol=1e-4, rtol=1e-4)


def test_only_the_chosen_folds_are_given(tagger, manifest):
    assert set(items(manifest, cache(tagger, manifest), ["eval"])) == {"d", "e"}


def times(cached):
    return {location[0]: Path(location[0]).stat().st_mtime_ns for location in cached.values()}


def test_what_is_cached_is_not_computed_again(tagger, manifest):
    before = times(cache(tagger, manifest))
    assert times(cache(tagger, manifest)) == before
    part = {name: entry for name, entry in manifest.items() if name in "ae"}
    cached = cache(tagger, part)
    assert set(cached) == {"a", "e"}
    assert times(cached) == before


def test_other_weights_or_settings_are_cached_apart_but_another_head_is_not(tagger, manifest):
    first = cache(tagger, manifest)
    nn.init.zeros_(tagger.head.classifier.weight)
    assert cache(tagger, manifest) == first
    assert {p[0] for p in cache(tagger, manifest, "n_mels=32").values()}.isdisjoint(times(first))
    nn.init.zeros_(tagger.encoder.conv1.weight)
    assert {p[0] for p in cache(tagger, manifest).values()}.isdisjoint(times(first))


def test_an_interrupted_computation_goes_on_after_the_last_finished_shard(
    tagger, manifest, monkeypatch
):
    embed, calls = tagger.embed, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:  # two batches make the first shard
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(tagger, "embed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache(tagger, manifest)
    cached = cache(tagger, manifest)
    assert len(calls) == 4
    monkeypatch.undo()
    after = items(manifest, cached)
    shutil.rmtree(Path(next(iter(cached.values()))[0]).parent)
    for name, item in items(manifest, cache(tagger, manifest)).items():
        assert item["embeddings"].equal(after[name]["embeddings"])


def test_runs_that_want_the_same_embeddings_at_once_share_them(tagger, manifest):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cache(tagger, manifest), range(8)))
    assert all(cached == found[0] for cached in found)
    assert set(items(manifest, found[0])) == set(SECONDS)


def test_audio_that_was_packed_again_is_embedded_again(tagger, manifest):
    before = times(cache(tagger, manifest))
    file = manifest["a"]["file"]
    os.utime(file, ns=(1, 1))
    after = times(cache(tagger, manifest))
    assert [before[f] == after[f] for f in before] == ["second" in f for f in before]


def test_a_damaged_index_is_written_again(tagger, manifest):
    cached = cache(tagger, manifest)
    for location in cached.values():
        Path(location[0]).with_suffix(".json").write_text('{"packed"')
    assert cache(tagger, manifest) == cached


def test_a_tagger_in_training_is_left_in_training(tagger, manifest):
    tagger.train()
    statistics = tagger.encoder.bn1.running_mean.clone()
    cache(tagger, manifest)
    assert tagger.training
    assert tagger.encoder.bn1.running_mean.equal(statistics)


class Greedy(nn.Module):
    """Want more memory than a GPU has."""

    def forward(self, *_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


def test_memory_that_runs_out_is_one_line_with_the_batch_size_to_try(tagger, manifest):
    normalization, tagger.normalization = tagger.normalization, Greedy()
    line = "^cpu: out of memory with a batch of 2; try a batch size of 1"
    with pytest.raises(InputError, match=line):
        cache(tagger, manifest)
    task = SingleLabel(list("abc"))
    with pytest.raises(InputError, match=line):
        predict_probabilities(tagger, task, manifest, batch_size=2, progress=False)
    tagger.normalization, tagger.features = normalization, Greedy()
    with pytest.raises(InputError, match=line):
        fit_normalization(tagger, make_waveform_dataset(manifest), batch_size=2, progress=False)
