"""Import the wheel `pocketsphinx`, which only some recognizers need."""

import importlib
from pathlib import Path
from types import ModuleType

from aed_plugins.core import InputError


def import_pocketsphinx(name: str = "pocketsphinx") -> ModuleType:
    """Import the wheel, or raise an error that names the command to install it.

    Parameters
    ----------
    name : str
        A module of it.

    Raises
    ------
    InputError
        If it is not installed.

    Examples
    --------
    >>> import_pocketsphinx("pocketsphinx.lm").ArpaBoLM.__name__
    'ArpaBoLM'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            "expected the package pocketsphinx, but it is not installed; install it: "
            "pip install 'aed-plugins[speech]'"
        ) from error


def find_english_model() -> Path:
    """Find the folder of the wheel's own English model.

    Raises
    ------
    InputError
        If the wheel is not installed, or the model is not in it.
    """
    folder = Path(import_pocketsphinx().get_model_path("en-us"))
    if not (folder / "en-us/mdef").is_file():
        raise InputError(
            f"{folder}: expected pocketsphinx's English model, but there is none; "
            "install the wheel again, and leave the variable POCKETSPHINX_PATH unset"
        )
    return folder
