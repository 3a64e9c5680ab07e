"""A finished training: found, loaded, or started from."""

import io
import json
from collections.abc import MutableMapping, MutableSequence, Sequence
from pathlib import Path
from typing import Any

import ruamel.yaml
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.checkpoints import Checkpoint, Checkpointer

from aed_plugins.core import InputError, one_line
from aed_plugins.models import AudioTagger, Thresholds, load_weights, read_state_dict
from aed_plugins.pretrained.building import DESCRIBED, build_checked, read_labels
from aed_plugins.pretrained.loaded_model import LoadedModel
from aed_plugins.pretrained.model_folder import read_json_object, read_timeline_settings
from aed_plugins.pretrained.options import HPARAMS
from aed_plugins.pretrained.safe_yaml.hyperparameters import SafeHyperparameters

CONFIGURATION = "configuration.json"  # what only a training has


class TrainedRun:
    """A finished run of a recipe on one fold: the folder with `save` and `result.json`.

    Parameters
    ----------
    folder : Path
        The fold's folder, such as `results/urbansound/resnet_dilated/1986/fold10`.

    Attributes
    ----------
    labels : list of str
        The model's classes.
    dataset : str
        What it was trained on.
    multi_label : bool
        Whether a clip may have several of the labels.
    sample_rate : int
        Of its input, in hertz.
    checkpoint : Checkpoint
        The one that was tested.

    Raises
    ------
    InputError
        If the folder holds no finished run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        needed = (HPARAMS, CONFIGURATION, "result.json", "save")
        missing = [name for name in needed if not (folder / name).exists()]
        if missing:
            raise InputError(
                f"{folder}: expected a finished run of a recipe, but there is no {missing[0]}"
            )
        try:
            hparams = ruamel.yaml.YAML().load((folder / HPARAMS).read_text("utf-8"))
            self.labels = [str(label) for label in hparams["labels"]]
            self.dataset = str(hparams["dataset"])
            self.multi_label = bool(hparams["multi_label"])
            self.sample_rate = int(hparams["sample_rate"])
            self.configuration = json.loads((folder / CONFIGURATION).read_text("utf-8"))
            self.result = json.loads((folder / "result.json").read_text("utf-8"))
        except (KeyError, ValueError, ruamel.yaml.error.YAMLError) as error:
            raise InputError(
                f"{folder}: what describes the run is damaged or older than this version: {error!r}"
            ) from error
        self.checkpoint = self._tested()

    def _tested(self) -> Checkpoint:
        epoch = self.result["tested_epoch"]
        for checkpoint in Checkpointer(self.folder / "save").list_checkpoints():
            if checkpoint.meta.get("epoch") == epoch:
                return checkpoint
        raise InputError(f"{self.folder}/save: the tested checkpoint (epoch {epoch}) is not there")

    @property
    def weights(self) -> Path:
        """The tagger's state dict."""
        return self.checkpoint.paramfiles["tagger"]

    def seen_folds(self, dataset: str) -> list[int | str]:
        """Return the folds of a dataset that it was trained or validated on."""
        folds = self.configuration["folds"]
        seen = json.loads(folds["train"]) + json.loads(folds["valid"])
        return seen if self.dataset == dataset else []

    def check_unseen(self, dataset: str, folds: Sequence[int | str] | None) -> list[str]:
        """Refuse the model if it, or a model that it was made from, was trained on these clips.

        It was made from its initial model and its teacher, and those from theirs.

        Parameters
        ----------
        dataset : str
            The dataset that it is to be evaluated on.
        folds : sequence of int or str, or None
            Its folds; None for all.

        Returns
        -------
        list of str
            What could not be checked.

        Raises
        ------
        InputError
            If it was, by whatever many steps.
        """
        found, unknown = [self], []
        for run in found:  # it grows
            known = run.seen_folds(dataset)
            seen = [str(fold) for fold in (known if folds is None else folds) if fold in known]
            if seen:
                raise InputError(
                    f"{run.folder} was trained on {dataset} {', '.join(seen)}, which it is to be"
                    " evaluated on: the scores would mean nothing; evaluate on other clips, or name"
                    " a model that was not trained on these"
                )
            for how, source in run.source_models():
                if source in {other.folder for other in found}:
                    continue
                try:
                    found.append(TrainedRun(source))
                except InputError:
                    unknown.append(
                        f"It {how} {source}, which is gone: what that was trained on is unknown."
                    )
        return unknown

    def source_models(self) -> list[tuple[str, Path]]:
        """List the runs of its initial model and of its teacher, each with how it was used."""
        uses = {"initial_model": "started from", "teacher": "was distilled from"}
        runs = {option: self.configuration["run"].get(option, "nothing") for option in uses}
        return [(uses[option], Path(run)) for option, run in runs.items() if run != "nothing"]

    @property
    def thresholds(self) -> Thresholds:
        """The decision threshold of each label.

        Raises
        ------
        InputError
            If it is a model with one label per clip, or they are not in the checkpoint.
        """
        if not self.multi_label:
            raise InputError(
                f"{self.folder}: thresholds were asked of a model with one label per clip, which"
                " has none: its most probable label is its answer"
            )
        path = self.checkpoint.paramfiles.get("thresholds")
        if path is None:
            raise InputError(f"{self.checkpoint.path}: expected thresholds in it, found none")
        thresholds = Thresholds(self.labels)
        thresholds.load(path)
        return thresholds

    def tagger(self) -> AudioTagger:
        """Build the model, with the weights that were tested, for inference.

        Raises
        ------
        InputError
            If it cannot be built, or the weights are of another.
        """
        described = self.folder / HPARAMS
        tagger = build_tagger(described)
        expected = f"the weights of the model in {described.name}"
        load_weights(tagger, read_state_dict(self.weights), str(self.weights), expected)
        return tagger.eval()


def build_tagger(path: Path) -> AudioTagger:
    """Build the model of a run, with random weights, and nothing else of its hyperparameter file.

    Weights that the training began with are neither needed nor fetched.

    Parameters
    ----------
    path : Path
        The run's `hyperparams.yaml`: no placeholders, no overrides.

    Raises
    ------
    InputError
        If the file describes no model, or one that cannot be built.
    """
    yaml = ruamel.yaml.YAML()
    text = io.StringIO()
    try:
        tree = yaml.load(path.read_text("utf-8"))["tagger"]
        _start_at_random(tree)
        yaml.dump({"tagger": tree}, text)
        return load_hyperpyyaml(text.getvalue())["tagger"]
    except (ValueError, TypeError, KeyError, ImportError, ruamel.yaml.error.YAMLError) as error:
        raise InputError(f"{path}: the model in it cannot be built: {one_line(error)}") from error


def _start_at_random(tree: Any) -> None:
    """Set every `pretrained` to None, wherever it is."""
    if isinstance(tree, MutableMapping):
        if "pretrained" in tree:
            tree["pretrained"] = None
        tree = list(tree.values())
    if isinstance(tree, MutableSequence):
        for branch in tree:
            _start_at_random(branch)


def find_run(source: Path, name: str | None = None, option: str = "") -> TrainedRun:
    """Find a finished run.

    Parameters
    ----------
    source : Path
        A fold's folder, or the output folder of a recipe.
    name : str, optional
        The fold of an output folder to take if it is there; else there must be just one.
    option : str
        Prefix of an error's message.

    Raises
    ------
    InputError
        If there is none, or there are several.
    """
    if not source.is_dir():
        raise InputError(f"{option}there is no folder {source}")
    if (source / CONFIGURATION).is_file():
        return TrainedRun(source)
    if name is not None and (source / name).is_dir():
        return TrainedRun(source / name)
    folders = sorted(path.parent for path in source.glob("*/result.json"))
    if len(folders) != 1:
        names = ", ".join(folder.name for folder in folders) or "no finished run"
        raise InputError(f"{option}expected one run in {source}, found {names}; name its folder")
    return TrainedRun(folders[0])


def load_run(source: Path, trusted: bool = False) -> LoadedModel:
    """Load the model of a finished run.

    Parameters
    ----------
    source : Path
        A fold's folder, or the output folder of a recipe that has but one.
    trusted : bool
        Build whatever its hyperparameter file names.

    Raises
    ------
    InputError
        If there is none, or a file of it is missing, damaged, not allowed or does not fit the
        others.
    """
    # Checked before anything else reads them: a run's folder may come from elsewhere, too.
    described = [source / HPARAMS, *sorted(source.glob(f"*/{HPARAMS}"))]
    files = {path: _run_file(path, trusted) for path in described if path.is_file()}
    run = find_run(source)
    file = files[run.folder / HPARAMS]
    labels, state = read_labels(file), read_state_dict(run.weights)
    tagger = build_checked(
        file,
        labels,
        {name: tuple(tensor.shape) for name, tensor in state.items()},
        lambda: state,
        run.weights,
        build_tagger if trusted else None,
    )
    return LoadedModel(
        tagger,
        labels,
        run.multi_label,
        run.sample_rate,
        run.thresholds if run.multi_label else None,
        read_timeline_settings(run.folder),
        run_name(run),
        run.folder,
    )


def read_summary(run: TrainedRun) -> dict[str, Any] | None:
    """Return the content of `results.json` beside a run, over all runs of its recipe; None if gone.

    Parameters
    ----------
    run : TrainedRun
        The run.
    """
    path = run.folder.parent / "results.json"
    return read_json_object(path) if path.is_file() else None


def run_name(run: TrainedRun) -> str:
    """Return the name of a training: that of its results, else of its folder.

    Parameters
    ----------
    run : TrainedRun
        The run.
    """
    name = (read_summary(run) or {}).get("name")
    return name if isinstance(name, str) else run.folder.resolve().name


def _run_file(path: Path, trusted: bool) -> SafeHyperparameters:
    only = [key for key in DESCRIBED if not trusted or key != "tagger"]
    return SafeHyperparameters(path, only, without_sources=True)
