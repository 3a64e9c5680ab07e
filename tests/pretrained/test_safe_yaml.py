"""Model folders that would do harm, if reading them did anything but read."""

import json
import sys

import pytest
from hyperpyyaml import load_hyperpyyaml
from tiny_model import LABELS, RUN_TEXT, TAGGER, TEXT, write_model, write_run

from aed_plugins import models
from aed_plugins.core import InputError
from aed_plugins.pretrained import load_model
from aed_plugins.pretrained.safe_yaml.allowed import CLASSES
from aed_plugins.pretrained.safe_yaml.hyperparameters import SafeHyperparameters

FEATURES = "!new:aed_plugins.models.LogMel {sample_rate: 8000, n_mels: 16, log_offset: 1e-5}"
ENCODER = "!new:aed_plugins.models.ResNet\n        width: 0.02"
BOMB = "\n".join(
    f"b{number}: &b{number} [{', '.join([f'*b{number - 1}'] * 9)}]" for number in range(1, 12)
)
LONG_CHAIN = "\n".join(f"c{number}: &c{number} [*c{number - 1}]" for number in range(1, 40))


def with_line(line):
    return f"{TEXT}{line}\n"


def in_place_of(part, other):
    assert part in TEXT
    return TEXT.replace(part, other)


# CANARY stands for a file that the payload would make.
HOSTILE = {
    "apply os.system": with_line("x: !apply:os.system ['touch CANARY']"),
    "apply subprocess": with_line("x: !apply:subprocess.check_output [[touch, CANARY]]"),
    "apply in the tagger": in_place_of(FEATURES, "!apply:os.system ['touch CANARY']"),
    "apply as sample rate": in_place_of(
        "sample_rate: 8000\n", "sample_rate: !apply:os.mkdir [CANARY]\n"
    ),
    "apply as a label": in_place_of('"dog"', "!apply:os.mkdir [CANARY]"),
    "applyref": with_line("x: !applyref:os.mkdir [CANARY]"),
    "a new Popen": with_line("x: !new:subprocess.Popen [[touch, CANARY]]"),
    "a new path of a class by other words": with_line("x: !new:pathlib.io.FileIO [CANARY, w]"),
    "a percent escape": with_line("x: !new:io%2EFileIO [CANARY, w]"),
    "a percent escape of the exclamation mark": with_line("x: !%6Eew:io.FileIO [CANARY, w]"),
    "a verbatim tag": with_line("x: !<!apply:os.mkdir> [CANARY]"),
    "a tag directive": f"%TAG !e! !apply:os.\n---\n{with_line('x: !e!mkdir [CANARY]')}",
    "a tag directive that renames our own": (
        f"%TAG !new: !apply:os.mkdir#\n---\n{with_line('x: !new:a [CANARY]')}"
    ),
    "python object apply": with_line("x: !!python/object/apply:os.mkdir [CANARY]"),
    "python object new": with_line("x: !!python/object/new:io.FileIO [CANARY, w]"),
    "python name": with_line("x: !!python/name:os.system"),
    "python module": with_line("x: !!python/module:antigravity"),
    "a name of a function": with_line("x: !name:os.mkdir {path: CANARY}"),
    "a module": with_line("x: !module:antigravity"),
    "include": with_line("x: !include:/etc/passwd"),
    "include beside": with_line("x: !include:payload.yaml"),
    "a placeholder": with_line("x: !PLACEHOLDER"),
    "copy": with_line("x: !copy <tagger>"),
    "a reference to an attribute": with_line("x: !ref <tagger.__class__>"),
    "a reference through an attribute": with_line("x: !ref <tagger[encoder].forward>"),
    "a reference to itself": with_line("x: !ref <x>"),
    "references in a circle": with_line("x: !ref <y>\ny: !ref <x>"),
    "a reference to nowhere": with_line("x: !ref <nowhere>"),
    "a reference with arithmetic": with_line("x: !ref <sample_rate> ** 99999999"),
    "getattr of what it may not": with_line("x: !apply:getattr [!ref <tagger>, __init__]"),
    "getattr of a text": with_line("x: !apply:getattr [abc, n_mels]"),
    "len of a program": with_line("x: !apply:builtins.len [!apply:os.listdir [/]]"),
    "len with much to count": with_line("x: !apply:builtins.len [[1], [2]]"),
    "another class of torch": with_line("x: !new:torch.nn.Linear [1, 1]"),
    "our own module that is no component": with_line(
        "x: !new:aed_plugins.models.VGGishPostprocessor {rounding: down}"
    ),
    "our own interface": with_line("x: !new:aed_plugins.models.Head {}"),
    "a class with ours in its name": with_line(
        "x: !new:aed_plugins.models.features.log_mel.torch.load {f: CANARY}"
    ),
    "our own function that writes": with_line(
        "x: !new:aed_plugins.core.files.write_json {path: CANARY, content: 1}"
    ),
    "stock pretrainer": in_place_of(
        "aed_plugins.pretrained.FolderPretrainer",
        "speechbrain.utils.parameter_transfer.Pretrainer",
    ),
    "pretrainer that collects elsewhere": with_line(
        "x: !new:aed_plugins.pretrained.FolderPretrainer {loadables: {}, collect_in: CANARY}"
    ),
    "pretrained from a URL": in_place_of(
        "width: 0.02", "width: 0.02\n        pretrained: http://127.0.0.1:9/w.pth"
    ),
    "pretrained from a file beside": in_place_of(
        "width: 0.02", "width: 0.02\n        pretrained: w.pth"
    ),
    "sha256": in_place_of("width: 0.02", "width: 0.02\n        sha256: aaaaaaaa"),
    "arguments without names": in_place_of(
        ENCODER, "!new:aed_plugins.models.ResNet [1, 18, 0.02, 2, w.pth]"
    ),
    "a path as an argument": in_place_of("pooling: mean", "pooling: ../mean"),
    "a home folder as an argument": in_place_of("pooling: mean", "pooling: ~root"),
    "a path through a reference": in_place_of("pooling: mean", "pooling: !ref <p>")
    + "p: /etc/passwd\n",
    "a path in a list": in_place_of("width: 0.02", "width: [/etc/passwd]"),
    "two documents": f"{TEXT}---\nx: 1\n",
    "a key twice": with_line("sample_rate: 16000"),
    "a key twice, deep down": in_place_of("width: 0.02", "width: 0.02\n        width: 0.03"),
    "a merged key": with_line("x: &x {width: 9}\ny: {<<: *x}"),
    "a merge into the tagger": in_place_of(
        "width: 0.02", "<<: {pretrained: w.pth}\n        width: 0.02"
    ),
    "a key that is an object": with_line("? !apply:os.mkdir [CANARY]\n: 1"),
    "a key that is a list": with_line("? [a]\n: 1"),
    "an alias bomb": f"b0: &b0 [a, a, a]\n{BOMB}\n{TEXT}",
    "an alias bomb as an argument": in_place_of("width: 0.02", "width: *b11").join(
        [f"b0: &b0 [1, 1, 1]\n{BOMB}\n", ""]
    ),
    "aliases one in another": f"c0: &c0 [a]\n{LONG_CHAIN}\n{TEXT}",
    "an alias within itself": with_line("x: &x [*x]"),
    "deep nesting": with_line("x: " + "[" * 3000 + "]" * 3000),
    "a huge file": with_line("x: [" + "1, " * 100_000 + "1]"),
    "many values": with_line("x: [" + "a," * 21_000 + "a]"),
    "an absurd width": in_place_of("width: 0.02", "width: 1.0e+6"),
    "a width within bounds that does not fit": in_place_of("width: 0.02", "width: 400"),
    "absurd layers": in_place_of("width: 0.02", "layers: 1000000"),
    "an absurd dilation": in_place_of(
        "!new:torch.nn.Identity", "!new:aed_plugins.models.DilatedFrontEnd {dilations: [1, 257]}"
    ),
    "an absurd repetition": in_place_of("    features:", "    repeat_to: 65536\n    features:"),
    "an absurd sample rate": in_place_of("{sample_rate: 8000", "{sample_rate: 1000000000000"),
    "an infinite number": in_place_of("width: 0.02", "width: .inf"),
    "no number": in_place_of("width: 0.02", "width: .nan"),
    "an endless number": in_place_of("width: 0.02", "width: " + "9" * 5000),
    "a tag that is not so": in_place_of("width: 0.02", "width: !!int abc"),
    "a date": in_place_of("width: 0.02", "width: 2001-01-01"),
    "binary": with_line("x: !!binary aGVsbG8="),
    "a set": with_line("x: !!set {a, b}"),
    "an argument that is not there": in_place_of("width: 0.02", "width: 0.02\n        hook: mean"),
    "components that are none": in_place_of(FEATURES, "{forward: mean}"),
    "no tagger": TEXT.replace(TAGGER, "tagger: !new:torch.nn.Identity\n"),
    "a list": "[1, 2]",
    "nothing": "",
    "not YAML": "a: [",
    "control characters": "a: \x01",
}


# By which rule: some of these would come to nothing anyway, by luck.
REASONS = {
    "a percent escape": "!new:io.FileIO is not allowed",
    "a tag directive": "!apply:os.mkdir is not allowed",
    "python object new": "!!python/object/new:io.FileIO is not allowed",
    "a reference to an attribute": "expected a reference like <name>, got '<tagger.__class__>'",
    "a reference to itself": "leads back to itself",
    "getattr of what it may not": "of a component can be read",
    "len with much to count": "only the items of one list can be counted",
    "pretrainer that collects elsewhere": "expected loadables alone",
    "pretrained from a file beside": "pretrained would fetch weights from elsewhere",
    "arguments without names": "expected named arguments for !new:aed_plugins.models.ResNet",
    "a path as an argument": "expected a plain word for pooling",
    "a path through a reference": "expected a plain word for pooling",
    "a path in a list": "expected a plain word for width",
    "two documents": "expected one YAML document",
    "a key twice, deep down": "width stands there twice",
    "a merge into the tagger": "no merging with <<",
    "an alias bomb": "with every alias written out",
    "an alias bomb as an argument": "with every alias written out",
    "aliases one in another": "nested more than 24 deep",
    "an alias within itself": "nested more than 24 deep",
    "deep nesting": "nested more than 24 deep",
    "a huge file": "at most 262144 bytes",
    "many values": "too many values",
    "an absurd width": "expected at most 65536 for width",
    "a width within bounds that does not fit": "tensors do not fit",
    "absurd layers": "expected at most 16 for layers",
    "an absurd dilation": "expected at most 256 for dilations",
    "an absurd repetition": "expected at most 60 for repeat_to",
    "an infinite number": "expected a finite number",
    "components that are none": "do not fit one another",
    "no tagger": "expected tagger to be an AudioTagger",
}


@pytest.mark.parametrize(("name", "text"), HOSTILE.items(), ids=HOSTILE.keys())
def test_a_hostile_folder_is_one_line_and_nothing_is_run(name, text, tmp_path, monkeypatch):
    canary = tmp_path / "canary"
    folder = write_model(tmp_path / "model", text.replace("CANARY", str(canary)))
    (folder / "payload.yaml").write_text(f"x: !apply:os.mkdir [{canary}]")
    (folder / "w.pth").write_bytes(b"x")
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    with pytest.raises(InputError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert message.startswith((str(folder / "hyperparams.yaml"), str(folder / "model.safetensors")))
    assert REASONS.get(name, "") in message
    assert "\n" not in message
    assert len(message) < 600
    assert not canary.exists()
    assert "antigravity" not in sys.modules
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_payloads_are_real(tmp_path):
    """HyperPyYAML itself runs what is refused above: else nothing would have been shown."""
    for name in ("apply os.system", "a percent escape", "a verbatim tag", "a tag directive"):
        canary = tmp_path / name.replace(" ", "_")
        load_hyperpyyaml(HOSTILE[name].replace("CANARY", str(canary)))
        assert canary.exists(), name


@pytest.mark.parametrize("name", ["apply in the tagger", "pretrained from a file beside"])
def test_a_hostile_training_is_refused_too(name, tmp_path):
    canary = tmp_path / "canary"
    run = write_run(tmp_path / "run")
    load_model(run)
    text = RUN_TEXT.replace(FEATURES, f"!apply:os.mkdir [{canary}]")
    if name != "apply in the tagger":
        text = RUN_TEXT.replace("embedding_size: !apply:getattr", "embedding_size: !apply:open")
    (run / "hyperparams.yaml").write_text(text)
    with pytest.raises(
        InputError, match=r"run/hyperparams\.yaml line \d+: !apply:\S+ is not allowed"
    ):
        load_model(run)
    assert not canary.exists()


def test_trust_is_the_only_way_round_and_of_the_tagger_alone(tmp_path):
    canary, other = tmp_path / "canary", tmp_path / "other"
    payload = f"!new:tiny_trusted.Recorded {{path: {canary}}}"
    text = in_place_of("!new:torch.nn.Identity", payload) + f"x: !apply:os.mkdir [{other}]\n"
    folder = write_model(tmp_path / "model", text)
    (tmp_path / "tiny_trusted.py").write_text(
        "from pathlib import Path\nfrom torch import nn\n\nclass Recorded(nn.Identity):\n"
        "    def __init__(self, path):\n        super().__init__()\n        Path(path).touch()\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(InputError, match="trust_remote_code=True"):
            load_model(folder)
        assert not canary.exists()
        model = load_model(folder, trust_remote_code=True)
    finally:
        sys.path.remove(str(tmp_path))
    assert canary.exists()
    assert not other.exists()
    assert model.labels == LABELS
    assert type(model.tagger.front_end).__name__ == "Recorded"


def test_the_program_in_a_folder_is_not_run(tmp_path):
    folder = write_model(tmp_path / "model")
    (folder / "custom_interface.py").write_text("raise SystemExit(3)")
    for trusted in (False, True):
        assert load_model(folder, trust_remote_code=trusted).labels == LABELS


def test_what_is_built_is_what_hyperpyyaml_builds(tmp_path):
    path = write_model(tmp_path / "model") / "hyperparams.yaml"
    ours = SafeHyperparameters(path).build("tagger")
    theirs = load_hyperpyyaml(path.read_text())["tagger"]
    assert str(ours) == str(theirs)
    assert ours.features.log_offset == theirs.features.log_offset == 1e-5
    shapes = SafeHyperparameters(path).build("tagger", shapes_only=True)
    assert {parameter.device.type for parameter in shapes.parameters()} == {"meta"}
    wanted = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    assert {name: tensor.shape for name, tensor in shapes.state_dict().items()} == wanted


def test_an_object_named_twice_is_one(tmp_path):
    text = "a: &a !new:aed_plugins.models.FeatureNormalization {n_mels: 4}\n"
    text += "b:\n- *a\n- !ref <a>\n- !ref <c[d]>\n"
    path = tmp_path / "hyperparams.yaml"
    path.write_text(text + "c: {d: *a}\n")
    first, second, third = SafeHyperparameters(path).build("b")
    assert first is second is third


def test_the_components_of_a_tagger_can_be_built_and_nothing_else():
    components = (
        "AudioTagger DNNHead DilatedFrontEnd EfficientATLogMel FeatureNormalization ForestHead"
        " LogMel MFCCStatistics MobileNet PooledDNNHead RNNHead ResNet VGG VGGish VGGishLogMel"
    )
    tags = {f"!new:aed_plugins.models.{name}" for name in components.split()}
    assert set(CLASSES) == tags | {"!new:torch.nn.Identity"}
    # Not wrappers of a tagger, nor interfaces, nor functions, nor what reads files.
    others = (
        "EmbeddingModel Ensemble Encoder FittedHead Thresholds VGGishPostprocessor load_weights"
    )
    assert set(others.split()) <= set(dir(models)) - set(components.split())


def test_many_classes_are_not_too_much(tmp_path):
    labels = json.dumps([f"class {number}: a/b \\ c" for number in range(527)])
    text = RUN_TEXT.replace(json.dumps(LABELS), labels)
    path = tmp_path / "hyperparams.yaml"
    path.write_text(text)
    file = SafeHyperparameters(path, only=["labels", "tagger"], without_sources=True)
    assert len(file.texts("labels")) == 527
    assert file.build("tagger").head.classifier.out_features == 527


def test_names_that_chose_published_weights_do_not_keep_a_run_from_being_used(tmp_path):
    head = "!new:aed_plugins.models.PooledDNNHead"
    text = f"labels: [a, b]\ntagger: {head}\n    embedding_size: 8\n    num_classes: 2\n"
    text += "    pretrained: mn04.pt\n    new_classifier: true\n"
    text += '    audioset_names: ["Vehicle horn, car horn, honking", null]\n'
    path = tmp_path / "hyperparams.yaml"
    path.write_text(text)
    file = SafeHyperparameters(path, only=["labels", "tagger"], without_sources=True)
    assert file.build("tagger").classifier.out_features == 2
    assert "audioset_names" not in repr(file.resolved("tagger"))
