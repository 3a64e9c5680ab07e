"""From a training to a model folder that others can load, on disk or on the Hub."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import ruamel.yaml
import safetensors.torch
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aed_plugins.core import InputError, first_few
from aed_plugins.models import AudioTagger
from aed_plugins.pretrained.building import DESCRIBED
from aed_plugins.pretrained.hub import hub_id, upload_folder
from aed_plugins.pretrained.loaded_model import LoadedModel
from aed_plugins.pretrained.model_card import model_card
from aed_plugins.pretrained.model_folder import (
    ALL,
    CARD,
    INTERFACE,
    THRESHOLDS,
    WEIGHTS,
    read_timeline_settings,
    write_sums,
    write_timeline_settings,
)
from aed_plugins.pretrained.options import HPARAMS
from aed_plugins.pretrained.safe_yaml.allowed import PRETRAINER, THRESHOLDS as THRESHOLDS_TAG
from aed_plugins.pretrained.safe_yaml.hyperparameters import (
    VERSION,
    VERSION_KEY,
    SafeHyperparameters,
)
from aed_plugins.pretrained.safe_yaml.nodes import TAGS
from aed_plugins.pretrained.trained_run import (
    TrainedRun,
    find_run,
    load_run,
    read_summary,
    run_name,
)

LICENSE_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")
HEADER = """\
# An audio tagger of aed_plugins; README.md says how to use it. `model.safetensors` has its weights.
"""
INTERFACE_TEXT = '''\
"""What SpeechBrain's `foreign_class` takes from here: the interface of aed_plugins."""

from aed_plugins.inference import PretrainedTagger

__all__ = ["PretrainedTagger"]
'''


def publish_model(
    run: str | Path,
    dest: str | Path,
    *,
    license: str,  # noqa: A002  the Hub's own word
    title: str | None = None,
    training_data: str | None = None,
    hub: bool = False,
    private: bool = False,
    force: bool = False,
) -> str:
    """Write a finished training as a model folder, on disk or on the Hub.

    Parameters
    ----------
    run : str or Path
        A fold's folder, or the output folder of a recipe that holds but one.
    dest : str or Path
        A folder; with `hub`, `owner/name`.
    license : str
        The Hub's identifier of the model's license, such as `apache-2.0` or `cc-by-nc-4.0`.
    title : str, optional
        Of the model card; what the training's results are called otherwise.
    training_data : str, optional
        What the card says of the training data and its terms; known for the recipes' datasets.
    hub : bool
        Upload to the Hugging Face Hub, with the token of `hf auth login` or `HF_TOKEN`.
    private : bool
        Make a repository on the Hub that only its owner can see; one that is there stays as it is.
    force : bool
        Replace a model folder that is there. What is on the Hub is replaced by a new commit.

    Returns
    -------
    str
        The folder, or the address of the commit on the Hub.

    Raises
    ------
    InputError
        If there is no finished training, the license is no identifier, or `dest` cannot be used.
    OSError
        If the folder cannot be written: nothing is left of it then.
    """
    if not LICENSE_ID.fullmatch(license):
        raise InputError(
            f"license: expected an identifier such as apache-2.0, cc-by-nc-4.0 or other, got"
            f" {license!r}"
        )
    source = Path(run).expanduser()
    model, trained = load_run(source), find_run(source)
    if hub:
        repository = _repository(str(dest))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            _write(folder, model, trained, repository, license, title, training_data)
            return upload_folder(folder, repository, ALL, private)
    if private:
        raise InputError(f"{dest}: only a model on the Hub is private or public: give hub, too")
    folder = Path(dest).expanduser()
    check_replaceable(folder, force)
    with _replaced_when_done(folder) as temporary:
        _write(temporary, model, trained, folder.resolve().name, license, title, training_data)
    return str(folder)


def check_replaceable(folder: Path, force: bool) -> None:
    """Check that writing a model folder destroys nothing that was not to be replaced.

    Parameters
    ----------
    folder : Path
        Where a model is to be written.
    force : bool
        Whether a model that is there may be replaced.

    Raises
    ------
    InputError
        If it would.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: expected a folder, or one that is not there yet")
    # Stock SpeechBrain imports a file of the folder, and Python leaves what it compiled.
    names = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
    others = [name for name in names if name not in ALL]
    if others or (names and HPARAMS not in names):
        raise InputError(
            f"{folder} is no model folder (there is {first_few(others or names)} in it): expected"
            " one, or a folder that is not there yet"
        )
    if names and not force:
        raise InputError(f"{folder} holds a model: give --force to replace it, or another folder")


def _repository(dest: str) -> str:
    named = hub_id(dest)
    if named is None or named[1] is not None:
        raise InputError(f"{dest}: expected owner/name on the Hugging Face Hub, and no revision")
    return named[0]


@contextlib.contextmanager
def _replaced_when_done(folder: Path) -> Iterator[Path]:
    """Yield a new folder; rename it to `folder` when the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        temporary.mkdir()
        yield temporary
        if folder.exists():
            folder.rename(old)
        try:
            temporary.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def _write(
    folder: Path,
    model: LoadedModel,
    run: TrainedRun,
    name: str,
    license: str,  # noqa: A002
    title: str | None,
    training_data: str | None,
) -> None:
    described = SafeHyperparameters(run.folder / HPARAMS, DESCRIBED, without_sources=True)
    text = HEADER + _resolved(described, model.thresholds is not None)
    (folder / HPARAMS).write_text(text, encoding="utf-8")
    assert isinstance(model.tagger, AudioTagger)
    state = {key: tensor.clone() for key, tensor in model.tagger.state_dict().items()}
    # Written by Python, whose errors name the file and the reason.
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(state, {"format": "pt"}))
    if model.thresholds is not None:
        model.thresholds.save(folder / THRESHOLDS)
    settings = read_timeline_settings(run.folder)
    if settings is not None:
        write_timeline_settings(folder, settings)
    card = model_card(run, read_summary(run), name, license, title or run_name(run), training_data)
    (folder / CARD).write_text(card, encoding="utf-8")
    (folder / INTERFACE).write_text(INTERFACE_TEXT, encoding="utf-8")
    write_sums(folder)


def _resolved(file: SafeHyperparameters, with_thresholds: bool) -> str:
    """Write the YAML of all that using the model needs: no placeholder, no path, no training."""
    labels = [_text(label) for label in file.texts("labels")]
    loaded = {"tagger": _reference("tagger")}
    parts = {
        VERSION_KEY: ScalarNode(TAGS + "int", str(VERSION)),
        "sample_rate": file.resolved("sample_rate"),
        "labels": SequenceNode(TAGS + "seq", labels, flow_style=True),
        "multi_label": file.resolved("multi_label"),
        "dataset": _text(file.value("dataset").value),
        "tagger": file.resolved("tagger"),
        "modules": _mapping(tagger=_reference("tagger")),
    }
    if with_thresholds:
        parts["thresholds"] = _mapping(THRESHOLDS_TAG, labels=_reference("labels"))
        loaded["thresholds"] = _reference("thresholds")
    parts["pretrainer"] = _mapping(PRETRAINER, loadables=_mapping(**loaded))
    yaml, text = ruamel.yaml.YAML(typ="safe", pure=True), StringIO()
    yaml.indent, yaml.width, yaml.allow_unicode = 4, 100, True
    yaml.serialize(_mapping(**parts), text)
    return text.getvalue()


def _mapping(tag: str = TAGS + "map", /, **entries: Node) -> MappingNode:
    pairs = [(ScalarNode(TAGS + "str", name), node) for name, node in entries.items()]
    return MappingNode(tag, pairs, flow_style=False)


def _text(text: str) -> ScalarNode:
    """Quote a text, so that no reader takes it for a number, a tuple or a truth."""
    return ScalarNode(TAGS + "str", text, style='"')


def _reference(name: str) -> ScalarNode:
    return ScalarNode("!ref", f"<{name}>")
