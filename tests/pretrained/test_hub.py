"""Models on the Hub, through its own client, from a server on the loopback address."""

import json
import os
import subprocess
import sys

import pytest
import torch
from hub_server import COMMITS, TOKEN
from huggingface_hub import constants
from speechbrain.inference.interfaces import foreign_class
from speechbrain.utils.fetching import FetchConfig
from tiny_model import LABELS, write_run

from aed_plugins.core import InputError
from aed_plugins.pretrained import load_model, publish_model
from aed_plugins.pretrained.hub import hub_id

OFFLINE = "the network is switched off by HF_HUB_OFFLINE"


def refused(source, **options):
    with pytest.raises(InputError) as caught:
        load_model(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fetched(hub):
    return {
        request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /owner")
    }


# Fetching


def test_a_model_is_fetched_with_its_own_files_alone(hub, model, tmp_path):
    loaded = load_model("owner/name")
    assert (loaded.name, loaded.labels) == ("owner/name", LABELS)
    assert fetched(hub) == set(model)
    expected = load_model(tmp_path / "uploaded").tagger.state_dict()
    state = loaded.tagger.state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in state.items())


def test_the_second_time_no_server_is_needed(hub, model, monkeypatch):
    load_model("owner/name")
    before = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_model("owner/name").labels == LABELS
    assert len(hub.requests) == before
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.go_away()
    assert load_model("hf://owner/name").labels == LABELS


def test_the_client_s_environment_counts(hub, model, tmp_path):
    """In a process of its own, as a user would: settings come from the environment."""
    program = (
        "from aed_plugins.pretrained import load_model; print(load_model('owner/name').folder)"
    )
    environment = os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": TOKEN,
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "home"))
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_an_interrupted_download_is_one_line_and_goes_on(hub, model, monkeypatch):
    size = len(model["model.safetensors"])
    hub.cuts["model.safetensors"] = 1000
    message = refused("owner/name")
    assert message.startswith(f"owner/name: not to be had from {hub.url}: ")
    assert message.endswith("give the same command again to go on")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "not all of it is in the cache" in refused("owner/name")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.cuts.clear()
    loaded = load_model("owner/name")
    assert (loaded.folder / "model.safetensors").stat().st_size == size


def test_a_revision_is_fetched_and_cached_apart(hub, model):
    other = model["hyperparams.yaml"].replace(b'"dog"', b'"cat"')
    old = {"hyperparams.yaml": other, "model.safetensors": model["model.safetensors"]}
    hub.models["owner/name"]["v1.0"] = old
    assert load_model("owner/name").labels[0] == "dog"
    assert load_model("owner/name", revision="v1.0").labels[0] == "cat"
    assert load_model("owner/name@v1.0").labels[0] == "cat"
    assert load_model(f"owner/name@{COMMITS['v1.0']}").labels[0] == "cat"
    assert load_model("owner/name@v1.0", revision="v1.0").labels[0] == "cat"
    assert "expected one revision, got main besides" in refused("owner/name@v1.0", revision="main")
    assert "at revision v9: not to be had" in (message := refused("owner/name@v9"))
    assert "there is no such revision" in message


def test_altered_weights_are_one_line(hub, model):
    content = model["model.safetensors"]
    hub.models["owner/name"]["main"]["model.safetensors"] = content[:-1] + b"x"
    message = refused("owner/name")
    assert "model.safetensors: expected SHA-256 " in message
    assert message.startswith(constants.HF_HUB_CACHE)


def test_a_hostile_model_is_refused(hub, model, tmp_path):
    canary = tmp_path / "canary"
    files = hub.models["owner/name"]["main"]
    files["hyperparams.yaml"] += f"x: !apply:os.mkdir [{canary}]\n".encode()
    del files["SHA256SUMS"]
    assert "!apply:os.mkdir is not allowed" in refused("owner/name")
    assert not canary.exists()


@pytest.mark.parametrize("name", ["hyperparams.yaml", "model.safetensors"])
def test_a_file_that_the_repository_lacks_is_named(name, hub, model):
    del hub.models["owner/name"]["main"][name]
    assert f"{name}: missing" in refused("owner/name")


def test_a_repository_that_is_not_there_is_one_line(hub):
    message = refused("owner/none")
    assert message.startswith(f"owner/none: not to be had from {hub.url}: there is no such model")
    assert "HF_TOKEN" in message


def test_a_hub_that_is_gone_is_one_line(hub, monkeypatch):
    hub.go_away()
    message = refused("owner/name")
    assert "not all of it is in the cache" in message
    assert "Connection refused" in message
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refused("owner/name").endswith(f"and {OFFLINE}")


def test_what_is_not_in_the_cache_says_what_switches_the_network_off(hub, model, monkeypatch):
    cache = constants.HF_HUB_CACHE
    config = FetchConfig(allow_network=False)
    by = "the network is switched off by allow_network=False in fetch_config"
    expected = f"owner/name: not all of it is in the cache ({cache}), and {by}"
    assert refused("owner/name", fetch_config=config) == expected
    elsewhere = FetchConfig(allow_network=False, huggingface_cache_dir=f"{cache}/other")
    assert f"in the cache ({cache}/other), and" in refused("owner/name", fetch_config=elsewhere)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    expected = f"owner/name at revision v1: not all of it is in the cache ({cache}), and {OFFLINE}"
    assert refused("owner/name@v1") == expected
    assert hub.requests == []


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("owner/name", ("owner/name", None)),
        ("hf://owner/name@main", ("owner/name", "main")),
        ("owner/name@refs/pr/1", ("owner/name", "refs/pr/1")),
        ("./owner/name", None),
        ("/owner/name", None),
        ("../name", None),
        ("owner", None),
        ("owner/name/file", None),
        ("https://huggingface.co/owner/name", None),
        ("owner/na me", None),
    ],
)
def test_what_is_a_name_on_the_hub(source, read):
    assert hub_id(source) == read


# Uploading


@pytest.fixture
def logged_in(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    # What is tested here is the client's way without its optional package.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return hub


def test_a_training_is_uploaded_and_loads_from_there(logged_in, tmp_path):
    run = write_run(tmp_path / "out/fold3")
    address = publish_model(run, "owner/new", license="cc-by-4.0", hub=True, private=True)
    assert address == f"{logged_in.url}/owner/new/commit/{'c' * 40}"
    assert logged_in.commits == 1
    assert {"name": "new", "organization": "owner"}.items() <= logged_in.created.items()
    assert "private" in json.dumps(logged_in.created)
    files = logged_in.models["owner/new"]["main"]
    publish_model(run, tmp_path / "folder", license="cc-by-4.0")
    for path in (tmp_path / "folder").iterdir():
        if path.name not in {"README.md", "SHA256SUMS"}:  # the card says how to load it
            assert files[path.name] == path.read_bytes()
    assert b'source="owner/new"' in files["README.md"]
    loaded = load_model("owner/new")
    expected = load_model(run)
    waveform = torch.randn(2, 8000)
    assert torch.equal(loaded.tagger(waveform).clip_logits, expected.tagger(waveform).clip_logits)
    assert loaded.thresholds.values.tolist() == expected.thresholds.values.tolist()


def test_stock_speechbrain_loads_it_from_the_hub(logged_in, tmp_path):
    run = write_run(tmp_path / "fold3")
    publish_model(run, "owner/new", license="cc-by-4.0", hub=True)
    waveform = torch.randn(2, 8000)
    expected = load_model(run).tagger(waveform).clip_logits
    for options in ({}, {"savedir": tmp_path / "linked"}):
        stock = foreign_class(
            source="owner/new",
            pymodule_file="custom_interface.py",
            classname="PretrainedTagger",
            run_opts={"device": "cpu"},
            **options,
        )
        given = stock.mods["tagger"](waveform).clip_logits
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-5)
        assert stock.thresholds.tolist() == load_model(run).thresholds.values.tolist()


def test_a_second_upload_replaces_the_model_and_keeps_the_rest(logged_in, tmp_path):
    run = write_run(tmp_path / "fold3")
    (run / "timeline.json").write_text("{}")
    publish_model(run, "owner/new", license="cc-by-4.0", hub=True)
    files = logged_in.models["owner/new"]["main"]
    assert "timeline.json" in files
    files["picture.png"] = b"theirs"
    (run / "timeline.json").unlink()
    publish_model(run, "owner/new", license="apache-2.0", hub=True)
    assert "timeline.json" not in files
    assert files["picture.png"] == b"theirs"
    assert b"license: apache-2.0" in files["README.md"]
    assert load_model("owner/new").timeline is None


def test_an_upload_without_permission_is_refused_in_one_line(hub, tmp_path):
    run = write_run(tmp_path / "fold3")
    with pytest.raises(InputError) as caught:
        publish_model(run, "owner/new", license="cc-by-4.0", hub=True)
    message = str(caught.value)
    assert message.startswith(
        f"owner/new: cannot be uploaded to {hub.url}: you may not do that (401)"
    )
    assert "hf auth login" in message
    assert "\n" not in message
    assert hub.models == {}


def test_an_upload_without_a_network_says_what_switches_it_off(logged_in, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=f"cannot be uploaded to .*: {OFFLINE}; the model stays"):
        publish_model(write_run(tmp_path / "fold3"), "owner/new", license="cc-by-4.0", hub=True)
