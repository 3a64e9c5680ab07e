"""A trained model as a folder: its files, read and checked.

`hyperparams.yaml`      the model, as HyperPyYAML
`model.safetensors`     its weights; the statistics of its features are among them
`thresholds.json`       the decision thresholds of its classes; optional
`timeline.json`         settings of timelines; optional
`SHA256SUMS`            as `sha256sum` writes them; optional
`README.md`             the model card, and `custom_interface.py`, for SpeechBrain: not read here
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, atomic_write, one_line, write_json
from aed_plugins.models import Thresholds, read_safetensors, read_tensor_shapes
from aed_plugins.pretrained.building import DESCRIBED, build_any, build_checked, read_labels
from aed_plugins.pretrained.loaded_model import LoadedModel
from aed_plugins.pretrained.options import HPARAMS, LoadOptions
from aed_plugins.pretrained.safe_yaml.hyperparameters import SafeHyperparameters

WEIGHTS = "model.safetensors"
THRESHOLDS = "thresholds.json"
TIMELINE = "timeline.json"
SUMS = "SHA256SUMS"
CARD = "README.md"
INTERFACE = "custom_interface.py"
# What is loaded besides the hyperparameter file; nothing else is fetched from the Hub.
LOADED = (WEIGHTS, THRESHOLDS, TIMELINE, SUMS)
ALL = (HPARAMS, *LOADED, CARD, INTERFACE)
SUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](\S.*)")
MAX_BYTES = 1 << 24  # of a JSON or text file


def load_folder(
    folder: Path,
    name: str,
    options: LoadOptions = LoadOptions(),  # noqa: B008  it is frozen
) -> LoadedModel:
    """Load a model folder.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        What to call the model.
    options : LoadOptions
        Which hyperparameter file it has, what of it is overridden, and whether it is trusted.

    Raises
    ------
    InputError
        If a file is missing, damaged, not allowed or does not fit the others.
    """
    described, trusted = options.hparams_file, options.trust_remote_code
    for needed in (described, WEIGHTS):
        if not (folder / needed).is_file():
            raise InputError(
                f"{folder / needed}: missing: a model folder has {described}, {WEIGHTS}"
            )
    check_sums(folder)
    options.run_module(folder)
    plain = [key for key in DESCRIBED if key != "tagger"]
    file = SafeHyperparameters(
        folder / described, plain if trusted else None, overrides=options.overrides
    )
    labels, weights = read_labels(file), folder / WEIGHTS
    tagger = build_checked(
        file,
        labels,
        {} if trusted else read_tensor_shapes(weights),
        lambda: read_safetensors(weights),
        weights,
        (lambda path: build_any(path, options.overrides)) if trusted else None,
    )
    thresholds = None
    if (folder / THRESHOLDS).is_file():
        read_json_object(folder / THRESHOLDS)
        thresholds = Thresholds(labels)
        thresholds.load(folder / THRESHOLDS)
    return LoadedModel(
        tagger,
        labels,
        file.flag("multi_label"),
        file.number("sample_rate"),
        thresholds,
        read_timeline_settings(folder),
        name,
        folder,
    )


def check_sums(folder: Path) -> None:
    """Compare files with the checksums of `SHA256SUMS`, if there is one.

    Parameters
    ----------
    folder : Path
        A model folder. What of it is not there, or not listed, is not compared.

    Raises
    ------
    InputError
        If a file's checksum is another, or the list is damaged.
    """
    path = folder / SUMS
    if not path.is_file():
        return
    for number, line in enumerate(_text(path).splitlines(), start=1):
        found = SUM_LINE.fullmatch(line)
        if found is None or found[2] not in ALL:
            raise InputError(
                f"{path} line {number}: expected a checksum and the name of a model's file, got"
                f" {line[:100]!r}"
            )
        listed = folder / found[2]
        if listed.is_file() and (digest := sha256_of(listed)) != found[1].lower():
            raise InputError(
                f"{listed}: expected SHA-256 {found[1].lower()}, as in {SUMS}, got {digest}: it was"
                " damaged or changed; fetch it again, or publish the model again"
            )


def sha256_of(path: Path) -> str:
    """Compute a file's SHA-256 in hexadecimal digits.

    Parameters
    ----------
    path : Path
        The file.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_timeline_settings(folder: Path) -> dict[str, Any] | None:
    """Read the settings of timelines that belong to a model.

    Parameters
    ----------
    folder : Path
        A model's or a training's folder.

    Returns
    -------
    dict or None
        The content of `timeline.json`; None where there is none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    path = folder / TIMELINE
    return read_json_object(path) if path.is_file() else None


def write_timeline_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings of timelines beside a model, and their checksum if it has any.

    Parameters
    ----------
    folder : Path
        A model's or a training's folder.
    settings : mapping
        Anything JSON can hold.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_timeline_settings(folder, {"hop": 0.5})
    >>> read_timeline_settings(folder)
    {'hop': 0.5}
    """
    write_json(folder / TIMELINE, dict(settings))
    if (folder / SUMS).is_file():
        write_sums(folder)


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS` over the files of a model that are there.

    Parameters
    ----------
    folder : Path
        A model folder.
    """
    names = sorted(name for name in ALL if name != SUMS and (folder / name).is_file())
    with atomic_write(folder / SUMS) as temporary:
        lines = [f"{sha256_of(folder / name)}  {name}\n" for name in names]
        temporary.write_text("".join(lines), encoding="utf-8")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: expected at most {MAX_BYTES} bytes")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8: {error}") from error


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        If it holds something else.
    """
    try:
        content = json.loads(_text(path))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON: {one_line(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content
