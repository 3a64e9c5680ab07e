"""Training clips as WebDataset shards: written, and streamed by any number of processes."""

import functools
import math
import shutil
import sys
import tarfile
import threading
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
import torch
from torch.utils.data import DataLoader

from aed_plugins.core import InputError
from aed_plugins.data import (
    ClipSource,
    StreamedClips,
    make_fold_dataset,
    pack_clips,
    read_shard_index,
    write_shards,
)
from aed_plugins.training import MultiLabel

webdataset = pytest.importorskip("webdataset")

RATE = 8000
LABELS = ["Speech", "Crying, sobbing", "Siren"]
TASK = MultiLabel(LABELS)
CLIPS = 61  # a prime: no number of shards, processes or batches divides it
ODD_IDS = ("-a.b-c_30.5", "__x__", "ü/../é", "A" * 150, "a", "A")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Noise of 1 to 50 ms, full scale and a single sample among it, labels in turn."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    names = [*ODD_IDS, *(f"clip{number:03d}_30.000" for number in range(CLIPS - len(ODD_IDS)))]
    entries, sources = {}, {}
    for number, name in enumerate([*names, "valid0", "eval0"]):
        samples = rng.integers(-(2**15), 2**15, 1 if number == 3 else 8 * (number % 50 + 1))
        path = folder / f"{number}.wav"
        soundfile.write(path, samples.astype(np.int16), RATE)
        fold = name[:-1] if name in {"valid0", "eval0"} else "train"
        sources[name] = ClipSource(path, fold)
        entries[name] = {"labels": LABELS[: number % 3], "fold": fold}
    packed = pack_clips(sources, folder / "packed", RATE, progress=False)
    assert not packed.bad
    return {name: {**packed.clips[name]._asdict(), **entries[name]} for name in entries}


def write(manifest, folder, per_shard=10):
    return write_shards(manifest, folder, LABELS, RATE, per_shard=per_shard, progress=False)


@pytest.fixture(scope="module")
def shards(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write(manifest, folder)
    return folder


def streamed(source, batch_size=4, seed=1, **options):
    return StreamedClips(
        read_shard_index(source), ["train"], TASK.target, seed, batch_size, **options
    )


def ids(dataset, workers=0, batch_size=4):
    """The ids of each batch."""
    loader = DataLoader(dataset, batch_size, num_workers=workers, collate_fn=list)
    return [[clip["id"] for clip in batch] for batch in loader]


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.tar"))}


def test_streamed_clips_are_the_packed_ones_bit_by_bit(manifest, shards):
    packed = make_fold_dataset(manifest, TASK.target, ["train"])
    by_id = {clip["id"]: clip for clip in streamed(shards)}
    assert set(by_id) == {name for name, entry in manifest.items() if entry["fold"] == "train"}
    for clip in packed:
        came = by_id[clip["id"]]
        assert came["waveform"].dtype == torch.float32
        assert torch.equal(came["waveform"], clip["waveform"])
        assert np.array_equal(came["target"], clip["target"])
        assert set(came) == set(clip)


def test_any_reader_of_webdataset_reads_the_shards(manifest, shards):
    urls = sorted(map(str, shards.glob("train-??????.tar")))
    plain = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode()
    samples = list(plain)
    assert len({sample["__key__"] for sample in samples}) == len(samples) == CLIPS
    assert {sample["json"]["id"] for sample in samples} == {
        name for name, entry in manifest.items() if entry["fold"] == "train"
    }
    keys = {sample["json"]["id"]: sample["__key__"] for sample in samples}
    assert keys["-a.b-c_30.5"] == "-a%2Eb-c_30%2E5"


def test_the_index_counts_clips_labels_and_shards(manifest, shards):
    index = read_shard_index(shards)
    train = index.folds["train"]
    having = Counter(
        label for e in manifest.values() if e["fold"] == "train" for label in e["labels"]
    )
    assert train["positives"] == {label: having[label] for label in LABELS}
    assert train["positives"]["Siren"] == 0
    assert train["clips"] == CLIPS == sum(clips for _, clips in train["shards"])
    assert [name for name, _ in train["shards"]] == [path.name for path in tars(shards)]
    assert index.folds["eval"]["shards"] == []
    assert (index.sample_rate, index.labels) == (RATE, LABELS)
    counts, clips = streamed(shards).part(1, 2).label_counts()
    assert (counts.tolist(), clips) == ([having[label] for label in LABELS], CLIPS)


def tars(folder):
    return sorted(folder.glob("*.tar"))


def test_finished_shards_are_kept_and_changed_ones_written_anew(manifest, tmp_path):
    write(manifest, tmp_path)
    before = times(tmp_path)
    content = (tmp_path / "train-000002.tar").read_bytes()
    (tmp_path / "train-000002.tar").unlink()
    (tmp_path / "train-000004.tar").write_bytes(b"damaged")
    write(manifest, tmp_path)
    after = times(tmp_path)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"train-000002.tar", "train-000004.tar"}
    assert (tmp_path / "train-000002.tar").read_bytes() == content  # the same bytes each time

    relabelled = manifest | {"a": manifest["a"] | {"labels": ["Siren"]}}
    write(relabelled, tmp_path)
    assert sum(times(tmp_path)[name] != after[name] for name in after) == 1
    by_id = {clip["id"]: clip for clip in streamed(tmp_path)}
    assert by_id["a"]["target"].tolist() == [0, 0, 1]

    (tmp_path / "other-000000.tar").write_bytes(b"of somebody else")
    write(relabelled, tmp_path, per_shard=1000)
    assert [path.name for path in tars(tmp_path)] == ["other-000000.tar", "train-000000.tar"]


def test_an_interrupted_shard_leaves_nothing_and_no_index(manifest, tmp_path):
    write(manifest, tmp_path)
    lost = manifest | {"a": manifest["a"] | {"start": 10**9}}
    with pytest.raises(InputError, match="pack again"):
        write(lost, tmp_path)
    assert not (tmp_path / "index.json").exists()
    assert not list(tmp_path.glob(".*"))
    assert len(times(tmp_path)) == math.ceil(CLIPS / 10)  # each old or new, all of them whole
    write(manifest, tmp_path)
    assert sum(1 for _ in streamed(tmp_path)) == CLIPS


@pytest.mark.parametrize("per_shard", [5, 1000])
@pytest.mark.parametrize(("processes", "workers"), [(1, 0), (2, 0), (3, 2), (2, 3)])
def test_each_clip_comes_once_in_an_epoch(manifest, tmp_path, per_shard, processes, workers):
    write(manifest, tmp_path, per_shard)
    parts = [streamed(tmp_path).part(rank, processes) for rank in range(processes)]
    lefts = []
    for epoch in (1, 2):
        seen = []
        for part in parts:
            part.start_at(epoch)
            batches = ids(part, workers)
            assert len(part) == CLIPS // processes
            assert len(batches) == len(DataLoader(part, 4))
            assert sum(map(len, batches)) == len(part)
            seen += [clip for batch in batches for clip in batch]
        assert len(seen) == len(set(seen)) == CLIPS // processes * processes
        lefts.append(set(manifest) - set(seen))
    if per_shard == 5 and processes > 1:
        assert lefts[0] != lefts[1]  # what is left out in one epoch comes in another


def test_the_order_depends_on_seed_and_epoch_alone(shards):
    def order(seed=1, epoch=1, **options):
        dataset = streamed(shards, seed=seed, **options)
        dataset.start_at(epoch)
        return [clip["id"] for clip in dataset]

    assert order() == order()
    assert order(epoch=2) != order()
    assert order(seed=2) != order()
    assert order(buffer=1) != order()
    assert order(buffer=1, epoch=2) != order(buffer=1)  # the shards, too, come in another order


@pytest.mark.parametrize("workers", [0, 1, 2, 3, 9])
def test_an_interrupted_epoch_goes_on_with_the_batch_it_came_to(shards, workers):
    dataset = streamed(shards).part(1, 2)
    dataset.start_at(3)
    whole = ids(dataset, workers)
    for step in (1, 2, 5, len(whole)) if workers < 9 else (3,):
        dataset.start_at(3, step)
        assert ids(dataset, workers) == whole[step:]


def test_workers_that_outlive_an_epoch_are_told_of_the_next(shards):
    dataset = streamed(shards)
    loader = DataLoader(dataset, 4, num_workers=1, collate_fn=list, persistent_workers=True)
    orders = []
    for epoch in (1, 2, 1):
        dataset.start_at(epoch)
        orders.append([clip["id"] for batch in loader for clip in batch])
    assert orders[0] == orders[2] != orders[1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="webdataset reads URLs with curl")
def test_shards_are_streamed_over_http(shards):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(shards)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        remote, local = streamed(f"{url}/"), streamed(shards)
        for part in (0, 1):
            assert ids(remote.part(part, 2)) == ids(local.part(part, 2))
        with pytest.raises(InputError, match=r"/nowhere/index.json: expected the index"):
            read_shard_index(f"{url}/nowhere")
    finally:
        server.shutdown()
        server.server_close()


def test_mistakes_are_named_in_one_line(manifest, shards, tmp_path):
    def refused(match, function, *arguments):
        with pytest.raises(InputError, match=match) as caught:
            function(*arguments)
        assert "\n" not in str(caught.value)

    refused("index.json: .*No such file", read_shard_index, tmp_path)
    refused("name the folder or URL", read_shard_index, "what://is/this")
    (tmp_path / "index.json").write_text("[1]")
    refused("name the folder or URL", read_shard_index, tmp_path)
    (tmp_path / "index.json").write_text('{"version": 0}')
    refused("expected version 1", read_shard_index, tmp_path)
    refused("one clip per shard or more", write, manifest, tmp_path, 0)
    refused(
        "no shards of eval", StreamedClips, read_shard_index(shards), ["eval"], TASK.target, 1, 4
    )
    refused("61 clips are too few for 62", streamed(shards).part, 0, 62)
    index = read_shard_index(shards)
    index.check(RATE, LABELS, manifest, ["valid", "eval"])
    refused("at 16000 Hz, but they are at 8000", index.check, 16000, LABELS, manifest, [])
    refused("expected the labels", index.check, RATE, LABELS[:2], manifest, [])
    moved = manifest | {"a": manifest["a"] | {"fold": "eval"}}
    refused("the eval clips here are not those", index.check, RATE, LABELS, moved, ["eval"])


@pytest.mark.parametrize("damage", ["cut", "short", "noise", "gone"])
def test_a_damaged_shard_is_named(manifest, tmp_path, damage):
    write(manifest, tmp_path, per_shard=1000)
    shard = tmp_path / "train-000000.tar"
    content = bytearray(shard.read_bytes())
    with tarfile.open(shard) as tar:
        flac = next(member for member in tar if member.name.endswith(".flac"))
    if damage == "cut":
        content = content[: len(content) // 2 // 512 * 512 + 100]
    elif damage == "short":
        content = content[: flac.offset]  # where a member ends, as if nothing came after
    elif damage == "noise":
        content[flac.offset_data : flac.offset_data + flac.size] = bytes(flac.size)
    shard.write_bytes(content)
    if damage == "gone":
        shard.unlink()
    expected = {
        "cut": "train-000000.tar: cannot be read",
        "short": r"train-000000.tar: expected 61 clips .* found 0",
        "noise": "train-000000.tar: clip .* is damaged",
        "gone": "train-000000.tar: cannot be read as a shard: No such file",
    }
    with pytest.raises(InputError, match=expected[damage]) as caught:
        list(streamed(tmp_path))
    assert "\n" not in str(caught.value)


def test_without_the_package_a_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(InputError, match=r"pip install 'aed-plugins\[webdataset\]'"):
        read_shard_index(tmp_path)
