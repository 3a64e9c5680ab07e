"""Model folders that are whole, moved, damaged or put together from parts of two."""

import json
import shutil
import subprocess

import pytest
import safetensors.torch
import torch
from tiny_model import LABELS, RUN_TEXT, TAGGER, TEXT, tiny_state, write_model, write_run

from aed_plugins.core import InputError
from aed_plugins.pretrained import find_run, load_model, write_timeline_settings
from aed_plugins.pretrained.model_folder import check_sums, read_timeline_settings, write_sums


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "model")


def refused(source, **options):
    """The one line that a source is refused with."""
    with pytest.raises(InputError) as caught:
        load_model(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_has_all_that_using_it_takes(folder):
    model = load_model(folder)
    assert (model.labels, model.multi_label, model.sample_rate) == (LABELS, True, 8000)
    assert (model.name, model.folder) == ("model", folder)
    assert model.thresholds is None
    assert model.timeline is None
    assert not model.tagger.training
    state = tiny_state(folder / "hyperparams.yaml")
    assert all(torch.equal(state[name], kept) for name, kept in model.tagger.state_dict().items())


def test_a_folder_may_be_moved_and_named_from_anywhere(folder, tmp_path, monkeypatch):
    waveform = torch.randn(2, 8000)
    before = load_model(folder).tagger(waveform).clip_logits
    moved = shutil.move(folder, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert torch.equal(load_model("elsewhere").tagger(waveform).clip_logits, before)
    monkeypatch.chdir(moved)
    model = load_model(".")
    assert model.name == "elsewhere"
    assert torch.equal(model.tagger(waveform).clip_logits, before)


def test_a_folder_that_looks_like_a_hub_id_wins(folder, tmp_path, monkeypatch):
    (tmp_path / "owner").mkdir()
    shutil.move(folder, tmp_path / "owner/name")
    monkeypatch.chdir(tmp_path)
    assert load_model("owner/name").name == "name"


def test_thresholds_and_settings_come_along(folder):
    values = dict(zip(LABELS, (0.1, 0.2, 0.9), strict=True))
    (folder / "thresholds.json").write_text(json.dumps({"metric": "f1", "thresholds": values}))
    write_timeline_settings(folder, {"hop": 0.5, "post": {"onset": [0.1]}})
    model = load_model(folder)
    assert model.thresholds.values.tolist() == [0.1, 0.2, 0.9]
    assert model.timeline == {"hop": 0.5, "post": {"onset": [0.1]}}


@pytest.mark.parametrize("fold", [True, False])
def test_a_training_loads_as_it_was_tested(fold, tmp_path):
    run = write_run(tmp_path / "out/fold3")
    write_timeline_settings(run, {"hop": 2})
    model = load_model(run if fold else run.parent)
    waveform = torch.randn(2, 8000)
    expected = find_run(run).tagger()(waveform).clip_logits
    assert torch.equal(model.tagger(waveform).clip_logits, expected)
    assert model.thresholds.values.tolist() == find_run(run).thresholds.values.tolist()
    assert model.thresholds.metric == "f1"
    assert (model.labels, model.name, model.folder) == (LABELS, "fold3", run)
    assert model.timeline == {"hop": 2}
    trusted = load_model(run, trust_remote_code=True)  # nor is anything fetched then
    assert torch.equal(trusted.tagger(waveform).clip_logits, expected)


def test_a_training_with_one_label_per_clip_has_no_thresholds(tmp_path):
    text = RUN_TEXT.replace("multi_label: true", "multi_label: false")
    model = load_model(write_run(tmp_path / "fold3", text))
    assert not model.multi_label
    assert model.thresholds is None


def test_pickled_weights_are_read_as_plain_tensors_only(tmp_path):
    run = write_run(tmp_path / "fold3")
    canary = tmp_path / "canary"

    class Payload:
        def __reduce__(self):
            return canary.touch, ()

    (weights,) = run.glob("save/*/tagger.ckpt")
    torch.save({"features": Payload()}, weights)
    assert refused(run).startswith(f"{weights}: expected weights saved with torch.save")
    assert not canary.exists()
    assert refused(run, trust_remote_code=True).startswith(f"{weights}: ")
    assert not canary.exists()


# What is not there


def test_what_is_no_model_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    assert "is a file: expected a model's folder" in refused(tmp_path / "file")
    assert "is no folder: expected a model's folder" in refused(tmp_path / "nowhere")
    for name in ("mn99", "resnet"):
        message = refused(name)
        assert message.startswith(f"{name} is no folder: expected a model's folder")
        assert "`mn01` to `mn40`, a `.pt` file of their weights, or a `.onnx` file" in message
    for nothing in ("", " ", None):
        message = refused(nothing)
        assert message.startswith("expected a model's folder")
        assert message.endswith(f"got {nothing!r}")
    assert "owner/name@revision on the Hugging Face Hub" in refused("a/b/c")
    assert refused(tmp_path / "empty").startswith(f"{tmp_path}/empty/hyperparams.yaml: missing")


@pytest.mark.parametrize("name", ["hyperparams.yaml", "model.safetensors"])
def test_a_missing_file_is_named(name, folder):
    (folder / name).unlink()
    assert refused(folder).startswith(f"{folder}/{name}: missing")


def test_a_revision_of_a_folder_is_refused(folder):
    assert "revision=main is for models on the Hub" in refused(folder, revision="main")


def test_a_training_that_is_not_finished_is_refused(tmp_path):
    run = write_run(tmp_path / "fold3")
    (run / "result.json").unlink()
    assert "there is no result.json" in refused(run)


# What is damaged


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_truncated_weights_are_named(cut, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    assert refused(folder).startswith(f"{path}: expected a safetensors file, got: ")


def test_a_header_that_promises_more_than_there_is_is_refused(folder):
    path = folder / "model.safetensors"
    header = json.dumps(
        {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert refused(folder).startswith(f"{path}: expected a safetensors file, got: ")


def test_weights_that_are_no_numbers_are_refused(folder):
    path = folder / "model.safetensors"
    state = safetensors.torch.load_file(path)
    state["head.classifier.bias"].fill_(torch.nan)
    safetensors.torch.save_file(state, path)
    assert "the weights are damaged: silence gives no number" in refused(folder)


@pytest.mark.parametrize("name", ["timeline.json", "thresholds.json"])
@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff", b"[" * 100_000, b"3"])
def test_damaged_json_is_named(name, content, folder):
    (folder / name).write_bytes(content)
    assert refused(folder).startswith(f"{folder}/{name}: expected ")


def test_thresholds_of_other_labels_are_refused(folder):
    (folder / "thresholds.json").write_text('{"metric": null, "thresholds": {"dog": 0.5}}')
    assert refused(folder).startswith(f"{folder}/thresholds.json: ")


# Parts that do not fit one another


@pytest.mark.parametrize(
    ("part", "other", "problem"),
    [
        (json.dumps(LABELS), '["dog", "cat"]', "2 labels, but the model has 3 classes"),
        (json.dumps(LABELS), '["dog", "dog", "cat"]', "expected labels that differ"),
        (json.dumps(LABELS), '["dog", "", "cat"]', "none of them empty"),
        (json.dumps(LABELS), "dog", "expected a list of texts for labels"),
        ("sample_rate: 8000\n", "sample_rate: 16000\n", "for 8000 Hz, but sample_rate is 16000"),
        ("sample_rate: 8000\n", "sample_rate: 8 kHz\n", "a number of 1 or more for sample_rate"),
        ("sample_rate: 8000\n", "", "expected a value for sample_rate, found none"),
        ("multi_label: true\nd", "multi_label: maybe\nd", "true or false for multi_label"),
        ("front_end: !new:torch.nn.Identity", "front_end: mean", "do not fit one another"),
        (
            "features: !new:aed_plugins.models.LogMel {sample_rate: 8000, n_mels: 16",
            "features: !new:aed_plugins.models.LogMel {sample_rate: 8000, n_mels: 20",
            "the components do not fit one another",
        ),
        (TAGGER, "", "expected a value for tagger, found none"),
    ],
)
def test_what_does_not_fit_is_named(part, other, problem, tmp_path):
    assert part in TEXT
    text = TEXT.replace(part, other)
    if not other:
        text = text.replace("!ref <tagger>", "nothing")
    folder = write_model(tmp_path / "model", text)
    message = refused(folder)
    assert message.startswith(f"{folder}/hyperparams.yaml")
    assert problem in message


@pytest.mark.parametrize("trusted", [False, True])
def test_weights_of_another_model_are_named(trusted, tmp_path):
    folder = write_model(
        tmp_path / "model", TEXT.replace("width: 0.02", "depth: 34\n        width: 0.02")
    )
    message = refused(folder, trust_remote_code=trusted)
    assert message.startswith(f"{folder}/model.safetensors: expected the weights of {folder}/hyper")
    assert "tensors do not fit: encoder.layer" in message


def test_weights_that_do_not_fit_cost_no_memory(tmp_path):
    """A ResNet of 400 times the usual width has 1.8e12 parameters."""
    folder = write_model(tmp_path / "model", TEXT.replace("width: 0.02", "width: 400"))
    assert "model.safetensors: expected the weights of" in refused(folder)


# Versions


@pytest.mark.parametrize("trusted", [False, True])
def test_a_folder_of_a_newer_version_is_one_line(trusted, tmp_path):
    newer = TEXT + "schema_version: 2\nnovel: !new:aed_plugins.models.Novelty {}\n"
    folder = write_model(tmp_path / "newer", newer)
    assert refused(folder, trust_remote_code=trusted) == (
        f"{folder}/hyperparams.yaml: was written by a newer aed_plugins (schema version 2, this one"
        " reads up to 1): upgrade aed_plugins"
    )
    folder = write_model(tmp_path / "odd", TEXT + "schema_version: new\n")
    assert "a number of 1 or more for schema_version" in refused(folder)
    assert load_model(write_model(tmp_path / "same", TEXT + "schema_version: 1\n")).labels == LABELS


# Checksums


def test_checksums_are_those_of_sha256sum(folder):
    write_timeline_settings(folder, {})
    write_sums(folder)
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=folder, check=True, capture_output=True
    )
    assert len(done.stdout.splitlines()) == 3
    check_sums(folder)


def test_a_wrong_checksum_is_one_line(folder):
    write_sums(folder)
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert refused(folder).startswith(f"{path}: expected SHA-256 ")


def test_checksums_of_sha256sum_in_binary_mode_count_too(folder):
    write_sums(folder)
    path = folder / "SHA256SUMS"
    path.write_text(
        path.read_text()
        .replace("  ", " *")
        .upper()
        .replace("MODEL.SAFETENSORS", "model.safetensors")
        .replace("HYPERPARAMS.YAML", "hyperparams.yaml")
    )
    load_model(folder)


@pytest.mark.parametrize(
    "line", ["no checksum", f"{'0' * 64}  ../../etc/passwd", f"{'0' * 63}  README.md"]
)
def test_a_damaged_list_of_checksums_is_named(line, folder):
    (folder / "SHA256SUMS").write_text(f"{line}\n")
    assert refused(folder).startswith(
        f"{folder}/SHA256SUMS line 1: expected a checksum and the name"
    )


def test_settings_that_are_tuned_later_keep_the_checksums_right(folder):
    write_sums(folder)
    write_timeline_settings(folder, {"hop": 1})
    write_timeline_settings(folder, {"hop": 2})
    assert load_model(folder).timeline == {"hop": 2}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_timeline_settings(folder, {"hop": float("nan")})
    assert read_timeline_settings(folder) == {"hop": 2}
