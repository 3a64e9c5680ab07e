"""Tags and embeddings of a recording."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed_plugins.core import FloatArray, InputError, atomic_write, error_prefix

# What NumPy raises for a file that is no .npz, or a damaged one.
UNREADABLE = (
    EOFError, IndexError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError,
    ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Tags:
    """The probabilities and predicted classes of a recording.

    Attributes
    ----------
    labels : list of str
        The classes.
    probabilities : ndarray
        `(class,)`.
    predicted : list of str
        The classes whose probability reaches their threshold, most probable first; with one label
        per clip, the most probable one.
    duration : float
        Seconds of the recording.
    """

    labels: list[str]
    probabilities: FloatArray
    predicted: list[str]
    duration: float

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Return the most probable classes with their probabilities.

        Parameters
        ----------
        count : int
            How many, if there are as many.
        """
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[place], float(self.probabilities[place])) for place in order]


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of a recording's segments.

    Parameters
    ----------
    onsets, offsets : ndarray
        `(segment,)`, seconds: the stretch of audio that each embedding belongs to.
    embeddings : ndarray
        `(segment, embedding)`, float32, finite.
    duration : float
        Seconds of the recording.

    Raises
    ------
    InputError
        If shapes, times or embeddings are not as described.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "dog.npz"
    >>> Embeddings(np.array([0.0]), np.array([1.0]), np.ones((1, 2), np.float32), 1.0).save(path)
    >>> Embeddings.load(path).embeddings.tolist()
    [[1.0, 1.0]]
    """

    onsets: FloatArray
    offsets: FloatArray
    embeddings: npt.NDArray[np.float32]
    duration: float

    def __post_init__(self) -> None:
        onsets, offsets, embeddings = self.onsets, self.offsets, self.embeddings
        if embeddings.ndim != 2 or not embeddings.shape[:1] == onsets.shape == offsets.shape:
            raise InputError(
                "expected onsets and offsets (segment,) and embeddings (segment, embedding),"
                f" got the shapes {onsets.shape}, {offsets.shape} and {embeddings.shape}"
            )
        if not ((onsets >= 0) & (onsets <= offsets) & (offsets < np.inf)).all():
            raise InputError("expected 0 <= onsets <= offsets, got other times")
        if not np.isfinite(embeddings).all():
            raise InputError("expected finite embeddings, got NaN or infinity; check the model")

    def save(self, path: str | Path) -> None:
        """Write an .npz file with an array per attribute, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file to write. Missing folders are made.
        """
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: str | Path) -> "Embeddings":
        """Read a file that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file to read.

        Raises
        ------
        InputError
            If it is damaged or holds something else.
        """
        content = Path(path).read_bytes()
        with error_prefix(path):
            try:
                arrays = np.load(io.BytesIO(content))  # refuses pickled objects
                onsets, offsets, duration = (
                    arrays[name].astype(np.float64, casting="same_kind")
                    for name in ("onsets", "offsets", "duration")
                )
                embeddings = arrays["embeddings"].astype(np.float32, casting="same_kind")
                seconds = duration.item()
            except UNREADABLE as error:
                raise InputError(
                    "expected embeddings that `aed embed` wrote, got another or a damaged file;"
                    " delete it and embed the recording again"
                ) from error
            return cls(onsets, offsets, embeddings, seconds)
