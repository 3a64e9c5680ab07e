"""Errors in what a user gave, and their messages on one line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was expected, what came, how to fix it, and which file and row.
    Command-line programs print that line alone and exit with status 1; every other exception is a
    defect of the program and keeps its traceback.
    """


def one_line(error: BaseException, first_line: bool = False) -> str:
    r"""Return the message of any exception on one line.

    Parameters
    ----------
    error : BaseException
        The exception. One of the operating system gives the file and the reason, one of a YAML
        reader the line and the problem, one without a message the name of its type.
    first_line : bool
        Whether to leave out all but the first line, where the others are no part of the message:
        PyTorch and SQLAlchemy append traces and links.

    Examples
    --------
    >>> one_line(ValueError("too\nlong")), one_line(ValueError("too\nlong"), first_line=True)
    ('too long', 'too')
    >>> one_line(KeyError()), one_line(FileNotFoundError(2, "No such file", "dog.wav"))
    ('KeyError', 'dog.wav: No such file')
    """
    text = _message(error).strip()
    if first_line:
        text = text.partition("\n")[0]
    return " ".join(text.split()) or type(error).__name__


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if (mark := getattr(error, "problem_mark", None)) is not None:
        return f"line {mark.line + 1}: {getattr(error, 'problem', None) or error}"
    if len(error.args) > 1 and type(error).__str__ is BaseException.__str__:
        # HyperPyYAML puts a message before the first, webdataset objects behind it.
        return ": ".join(part for part in error.args if isinstance(part, str))
    return str(error)


def printable(path: str | Path) -> str:
    r"""Return a file's name for a message, on one line whatever characters it has.

    Parameters
    ----------
    path : str or Path
        The file.

    Examples
    --------
    >>> printable("two\nlines.wav")
    'two\\nlines.wav'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


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
    """Prefix the message of an `InputError` that a block raises with the name of a file.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        With the longer message.

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
