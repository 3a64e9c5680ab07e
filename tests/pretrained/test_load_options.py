"""`from_hparams` called as SpeechBrain's: an option does what it says, or one line says why not."""

import pytest
import torch
from speechbrain.utils.fetching import FetchConfig, FetchFrom, FetchSource, LocalStrategy
from speechbrain.utils.run_opts import RunOptions
from tiny_model import LABELS, TEXT, write_model, write_run

from aed_plugins.core import InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.pretrained.model_folder import write_sums

load = PretrainedTagger.from_hparams
PYMODULE = """\
from aed_plugins.models import DNNHead
class QuietHead(DNNHead):
    def forward(self, embeddings, lengths=None):
        return super().forward(embeddings * 0, lengths)
"""
CUSTOM = TEXT.replace("!new:aed_plugins.models.DNNHead", "!new:quiet.QuietHead")
FILES = {"hyperparams.yaml", "model.safetensors", "SHA256SUMS"}


@pytest.fixture
def folder(tmp_path):
    write_model(tmp_path / "model")
    write_sums(tmp_path / "model")
    return tmp_path / "model"


def refused(*arguments, **options):
    with pytest.raises(InputError) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(folder):
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


# The hyperparameter file


def test_another_hyperparameter_file_of_the_folder_is_read(folder):
    other = TEXT.replace('"dog"', '"cat"')
    (folder / "other.yaml").write_text(other)
    assert load(folder, "other.yaml").labels[0] == "cat"
    assert load(folder).labels[0] == "dog"
    assert refused(folder, hparams_file="none.yaml").endswith(
        "a model folder has none.yaml, model.safetensors"
    )
    assert "expected the name of a file, got '../x.yaml'" in refused(folder, "../x.yaml")


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    "overrides",
    [
        {"labels": ["a", "b", "c"], "tagger": {"repeat_to": 2.0}},
        "labels: [a, b, c]\ntagger:\n    repeat_to: 2.0\n",
    ],
)
def test_overrides_replace_values_and_their_parts(folder, overrides, trusted):
    tagger = load(folder, overrides=overrides, trust_remote_code=trusted)
    assert tagger.labels == ["a", "b", "c"]
    assert tagger.mods["tagger"].repeat_to == 2.0
    plain, wavs = load(folder), torch.randn(1, 16000)
    assert torch.equal(plain.classify_batch(wavs)[0], tagger.classify_batch(wavs)[0])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"nothing": 1}, "overrides: the hyperparameter file has no 'nothing'"),
        ({"labels": [torch]}, "overrides: expected plain values by name"),
        ("- a", "overrides: expected values by name, got something else"),
        ("a: [", "overrides: expected plain values by name"),
        ({"labels": ["a", "b"]}, "2 labels, but the model has 3 classes"),
        ({"tagger": {"head": {"dropout": "a lot"}}}, "line 12: expected a plain word for dropout"),
        ("tagger: !apply:os.mkdir [{canary}]", "line 5: !apply:os.mkdir is not allowed"),
        ("tagger: {{encoder: !new:os.mkdir {{path: {canary}}}}}", "!new:os.mkdir is not allowed"),
    ],
)
def test_what_overrides_make_of_the_file_is_checked(folder, tmp_path, overrides, message):
    canary = tmp_path / "canary"
    if isinstance(overrides, str):
        overrides = overrides.format(canary=canary)
    assert message in refused(folder, overrides=overrides)
    assert not canary.exists()


def test_a_python_file_is_run_only_if_it_is_trusted(folder):
    (folder / "hyperparams.yaml").write_text(CUSTOM)
    (folder / "SHA256SUMS").unlink()
    (folder / "quiet.py").write_text(PYMODULE)
    options = {"pymodule_file": "quiet.py"}
    assert "!new:quiet.QuietHead is not allowed" in refused(folder)
    assert refused(folder, **options).startswith("pymodule_file: quiet.py would be run: if you")
    tagger = load(folder, trust_remote_code=True, **options)
    values = tagger.classify_batch(torch.randn(2, 8000))[0]
    assert torch.equal(values[0], values[1])
    message = refused(folder, trust_remote_code=True, pymodule_file="none.py")
    assert message.endswith("none.py: missing: pymodule_file names it")


# Where the files are kept


@pytest.mark.parametrize(
    ("strategy", "linked"), [(LocalStrategy.SYMLINK, True), (LocalStrategy.COPY, False)]
)
def test_files_are_linked_or_copied_to_savedir_and_stay_until_overwritten(
    folder, tmp_path, strategy, linked
):
    kept = tmp_path / "kept"
    options = {"savedir": kept, "local_strategy": strategy}
    assert load(str(folder), **options).labels == LABELS
    assert names(kept) == FILES
    assert all(path.is_symlink() == linked for path in kept.iterdir())
    (folder / "hyperparams.yaml").write_text(TEXT.replace('"dog"', '"cat"'))
    write_sums(folder)
    if not linked:
        assert load(folder, **options).labels[0] == "dog"
    assert load(folder, fetch_config=FetchConfig(overwrite=True), **options).labels[0] == "cat"


def test_files_that_are_not_linked_stay_where_they_are(folder, tmp_path):
    options = {"savedir": tmp_path / "kept", "local_strategy": LocalStrategy.NO_LINK}
    assert load(folder, **options).labels == LABELS
    assert not (tmp_path / "kept").exists()
    assert load(folder, savedir=folder).labels == LABELS
    assert names(folder) == FILES


# The Hub


def test_files_of_the_hub_are_kept_in_savedir_and_not_asked_for_again(hub, model, tmp_path):
    for strategy in (LocalStrategy.SYMLINK, LocalStrategy.COPY_SKIP_CACHE):
        kept = tmp_path / strategy.name
        source = FetchSource(FetchFrom.HUGGING_FACE, "owner/name")
        assert load(source, savedir=kept, local_strategy=strategy).labels == LABELS
        assert names(kept) == set(model)
        before = len(hub.requests)
        files = hub.models["owner/name"]["main"]
        files["hyperparams.yaml"] = model["hyperparams.yaml"].replace(b'"dog"', b'"cat"')
        del files["SHA256SUMS"]
        assert load("owner/name", savedir=kept, local_strategy=strategy).labels == LABELS
        assert len(hub.requests) == before
        files |= model
    skipped = [path for path in (tmp_path / "hub").rglob("*") if path.is_file()]
    assert skipped  # of the first strategy


def test_updates_are_fetched_where_they_are_allowed(hub, model, tmp_path):
    kept = tmp_path / "kept"
    load("owner/name", savedir=kept)
    files = hub.models["owner/name"]["main"]
    files["hyperparams.yaml"] = model["hyperparams.yaml"].replace(
        b"multi_label: true", b"multi_label: false", 1
    )
    sums = write_model(tmp_path / "new", files["hyperparams.yaml"].decode())
    write_sums(sums)
    files["SHA256SUMS"] = (sums / "SHA256SUMS").read_bytes()
    hub_commit = {"fetch_config": FetchConfig(allow_updates=True, revision="v1.0")}
    hub.models["owner/name"]["v1.0"] = files
    assert load("owner/name", savedir=kept).multi_label
    assert not load("owner/name", savedir=kept, **hub_commit).multi_label


def test_no_request_is_sent_where_the_network_is_not_allowed(hub, model, tmp_path):
    offline = FetchConfig(allow_network=False)
    assert "not all of it is in the cache" in refused("owner/name", fetch_config=offline)
    assert hub.requests == []
    load("owner/name")
    before = len(hub.requests)
    assert load("owner/name", fetch_config=offline).labels == LABELS
    assert len(hub.requests) == before


def test_token_revision_and_cache_of_fetch_config_count(hub, model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    config = FetchConfig(huggingface_cache_dir=str(tmp_path / "own"), token=False)
    load("owner/name", fetch_config=config)
    assert hub.tokens == {None}
    assert any((tmp_path / "own").rglob("model.safetensors"))
    assert not (tmp_path / "hub").exists()
    load("owner/name", fetch_config=FetchConfig(token=True))
    assert hub.tokens == {None, "Bearer hf_secret"}
    hub.models["owner/name"]["v1.0"] = hub.models["owner/name"]["main"]
    pinned = FetchConfig(revision="v1.0")
    before = len(hub.requests)
    assert load("owner/name", fetch_config=pinned).labels == LABELS
    assert any("v1.0" in request or "b" * 40 in request for request in hub.requests[before:])
    message = refused("owner/name", fetch_config=pinned, revision="main")
    assert message == "owner/name: expected one revision, got v1.0 besides"


# Other sources, and run options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hparams_file", "other.yaml"),
        ("overrides", {"labels": []}),
        ("savedir", "kept"),
        ("fetch_config", FetchConfig(allow_network=False)),
        ("revision", "main"),
    ],
)
def test_an_option_that_means_nothing_for_a_source_is_one_line(option, value, tmp_path):
    for source, kind in (("mn10", "released weights"), ("model.onnx", "a .onnx file")):
        message = refused(source, **{option: value})
        assert message == (
            f"{source}: {option} is for model folders and models on the Hub, not for {kind}"
        )
    if option != "revision":
        run = write_run(tmp_path / "fold3")
        assert refused(run, **{option: value}).endswith("not for a training")
        assert refused([run, run], **{option: value}).endswith("not for several models")


def test_run_options_come_before_the_device(folder):
    given = RunOptions.from_dictionary({"device": "cpu", "precision": "bf16"})
    for run_opts in (given, {"device": "cpu", "precision": "bf16"}):
        tagger = load(folder, run_opts=run_opts, device="cuda:9")
        assert (tagger.device, tagger.precision) == ("cpu", "bf16")
    assert not any(p.requires_grad for p in tagger.mods.parameters())
    free = load(folder, freeze_params=False)
    assert any(p.requires_grad for p in free.mods.parameters())
