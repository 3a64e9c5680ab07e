"""What a user is told when the input is wrong."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was expected, what came, how to mend it, and which file and row.
    Command-line programs print that line alone and exit with status 1; every other exception is a
    defect of the program and keeps its traceback.
    """


def first_few(items: list[str], shown: int = 3) -> str:
    """Name the first few of many items in one line.

    Parameters
    ----------
    items : list of str
        What is to be named.
    shown : int
        How many to name.

    Examples
    --------
    >>> first_few(["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"])
    'a.wav, b.wav, c.wav and 2 more'
    >>> first_few(["a.wav"])
    'a.wav'
    """
    named = ", ".join(items[:shown])
    return named if len(items) <= shown else f"{named} and {len(items) - shown} more"


@contextlib.contextmanager
def error_prefix(path: str | Path) -> Iterator[None]:
    """Let an `InputError` that a block raises begin with the name of a file.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        In place of one.

    Examples
    --------
    >>> with error_prefix("dog.wav"):
    ...     raise InputError("it is too short")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: dog.wav: it is too short
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
