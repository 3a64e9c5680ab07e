"""Search by example: the moments of a folder of recordings that sound like a query.

A moment is a stretch of a recording with an embedding. `MomentIndex` keeps those of all recordings
of a folder on disk, brings them up to date, and finds the nearest by cosine similarity. How they
are kept, and by which library, is told in `moment_store`.

Needs neither torch nor SpeechBrain.
"""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aed_plugins.core import InputError
from aed_plugins.inference.moment_store import Moments, MomentStore, Stamp

__all__ = ["Hit", "MomentIndex", "Moments", "UpdateReport", "directions", "pooled"]


class Hit(NamedTuple):
    """A moment that sounds like the query: file, seconds, cosine similarity in [-1, 1]."""

    file: Path
    onset: float
    offset: float
    similarity: float


class UpdateReport(NamedTuple):
    """How many recordings an update met, and the bad ones with what is wrong with them."""

    added: int
    replaced: int
    removed: int
    unchanged: int
    bad: dict[Path, str]


def directions(embeddings: np.ndarray) -> np.ndarray:
    """Scale each row to length 1; rows of zeros stay.

    Parameters
    ----------
    embeddings : array `(moment, embedding)`
        Finite.

    Returns
    -------
    numpy.ndarray
        `(moment, embedding)`.

    Examples
    --------
    >>> directions(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    # By the largest number first: squares of large ones overflow.
    largest = np.abs(embeddings).max(axis=1, keepdims=True, initial=0)
    scaled = embeddings / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(lengths > 0, lengths, 1)


def pooled(embeddings: np.ndarray) -> np.ndarray:
    """Make one query of the embeddings of a sound's moments: the mean of their directions.

    Each moment counts the same, however large its embedding is, and their order is of no account:
    a bark followed by a siren finds moments that resemble both, and recordings need not be cut
    into moments as the query happens to be.

    Parameters
    ----------
    embeddings : array `(embedding,)` or `(moment, embedding)`
        At least one moment.

    Returns
    -------
    numpy.ndarray
        `(embedding,)`, float32, of length 1.

    Raises
    ------
    InputError
        If there is no moment, a number is NaN or infinite, or nothing is left to compare by: all
        are zero, or their directions cancel out.

    Examples
    --------
    >>> pooled(np.array([[3.0, 0.0], [0.0, 0.5]])).tolist() == [np.float32(0.5**0.5)] * 2
    True
    """
    embeddings = np.atleast_2d(np.asarray(embeddings, np.float32))
    if not np.isfinite(embeddings).all():
        raise InputError("query: expected finite embeddings, but got NaN; check the model")
    query = directions(embeddings).sum(axis=0)
    length = float(np.linalg.norm(query))
    if not length > 1e-5:
        raise InputError("query: expected sound, but its embedding is zero; give another recording")
    return query / np.float32(length)


class MomentIndex:
    """The moments of a folder of recordings, kept in a folder of the index's own.

    It belongs to one process from here to `close`, or to the end of a `with` block.

    Parameters
    ----------
    folder : str or Path
        Where the index is or will be: no folder yet, an empty one, or an index.
    recordings : str or Path
        The folder of recordings. The index knows them by their path within it, so that both may be
        moved.
    model : str
        What the embeddings come from, in words that change with them: model, weights, window.
    embedding_size : int
        Numbers per embedding.
    wait : float
        Seconds to wait for another process that uses the index.

    Raises
    ------
    InputError
        If usearch is missing, the folder holds something else or the index of another model,
        another process keeps using it, or it is damaged.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "dog.wav").write_bytes(b"woof")
    >>> def embed(file):
    ...     return Moments(np.arange(3), np.arange(3) + 1, np.array([[1, 0], [0, 1], [3, 4]]))
    >>> with MomentIndex(folder / ".index", folder, model="a", embedding_size=2) as index:
    ...     report = index.update([folder / "dog.wav"], embed)
    ...     hits = index.search(np.array([1, 0]), min_gap=0)
    >>> report.added, len(hits)
    (1, 3)
    >>> hits[1].file.name, hits[1].onset, hits[1].offset, round(hits[1].similarity, 3)
    ('dog.wav', 2.0, 3.0, 0.6)
    """

    def __init__(
        self,
        folder: str | Path,
        recordings: str | Path,
        *,
        model: str,
        embedding_size: int,
        wait: float = 10.0,
    ) -> None:
        self.folder = Path(folder)
        self.recordings = Path(recordings)
        self.embedding_size = embedding_size
        self._store = MomentStore(self.folder, model, embedding_size, wait)

    def __enter__(self) -> "MomentIndex":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes use the index."""
        self._store.close()

    def __len__(self) -> int:
        return len(self._store)

    def update(
        self,
        files: Sequence[Path],
        embed: Callable[[Path], Moments],
        *,
        progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
        on_bad: Callable[[Path, InputError], object] | None = None,
    ) -> UpdateReport:
        """Make the index hold these recordings and no others, as they are now.

        New ones and those whose size or time of change is another are embedded. Each is kept at
        once: after an interruption only the one at hand is embedded again.

        Parameters
        ----------
        files : sequence of Path
            All recordings of the folder that are to be found, in any order.
        embed : callable
            Gives a recording's `Moments`, or raises InputError.
        progress : callable
            Wraps the sequence of those to be embedded, as `tqdm` does.
        on_bad : callable, optional
            Is told at once of a recording that cannot be used. It is left out of the index, and
            tried again at the next update.

        Returns
        -------
        UpdateReport
            What was done.

        Raises
        ------
        InputError
            If a file lies outside the folder of recordings, none of those that the index holds is
            among them (it belongs to another folder), or the index cannot be written.
        ValueError
            If moments have wrong shapes or times.
        """
        names = {self._name_inside(file): Path(file) for file in files}
        known = self._store.files()
        gone = sorted(known.keys() - names.keys())
        if known and len(gone) == len(known):
            raise InputError(
                f"{self.folder}: expected an index of {self.recordings}, but none of its "
                f"recordings, such as {gone[0]}, is there; give another --index folder or delete it"
            )
        self._store.forget(gone)
        stamps = {name: _stamp(file) for name, file in names.items()}
        due = {
            file: name
            for name, file in names.items()
            if stamps[name] is None or known.get(name) != stamps[name]
        }
        bad: dict[Path, str] = {}
        for file in progress(list(due)):
            name = due[file]
            try:
                stamp = _checked_stamp(name, stamps[name])
                moments = self._checked(file, embed(file))
            except InputError as error:
                bad[file] = str(error)
                if name in known:
                    self._store.forget([name])
                if on_bad is not None:
                    on_bad(file, error)
            else:
                self._store.keep(name, stamp, moments)
                self._store.seal()
        self._store.tidy()
        good = [name for file, name in due.items() if file not in bad]
        replaced = sum(name in known for name in good)
        unchanged = len(names) - len(due)
        return UpdateReport(len(good) - replaced, replaced, len(gone), unchanged, bad)

    def search(
        self,
        embeddings: np.ndarray,
        top_k: int = 10,
        *,
        exclude: tuple[str | Path, float, float] | None = None,
        min_gap: float = 1.0,
    ) -> list[Hit]:
        """Give the moments that are most like a sound, the most similar first.

        Parameters
        ----------
        embeddings : array `(embedding,)` or `(moment, embedding)`
            The sound's; several moments become one query by `pooled`.
        top_k : int
            How many to give; fewer if there are fewer.
        exclude : (file, onset, offset), optional
            The query's own moment, counted as given already: it and its neighbours are left out.
        min_gap : float
            Seconds. Of moments in one file that overlap or lie less than this apart only the most
            similar is given; with `math.inf` there is one per file.

        Returns
        -------
        list of Hit
            Exact while the index has no search graphs (9 hours of 1 s moments). Of more, those
            that the graphs miss are not there. Similarities are of half-precision embeddings.

        Raises
        ------
        InputError
            If the query holds NaN or nothing but zeros, or the index is damaged.
        ValueError
            If the query's embeddings are not as long as those of the index.
        """
        query = pooled(embeddings)
        if len(query) != self.embedding_size:
            raise ValueError(f"expected embeddings of {self.embedding_size}, got {len(query)}")
        own = None if exclude is None else self._name(exclude[0])
        hits: list[Hit] = []
        for candidates in self._store.nearest(query):
            taken = {} if exclude is None or own is None else {own: [exclude[1:]]}
            hits = self._distinct(candidates, top_k, taken, min_gap)
            if len(hits) == top_k:
                break
        return hits

    def _distinct(
        self,
        candidates: list[tuple[int, float]],
        top_k: int,
        taken: dict[str, list[tuple[float, float]]],
        min_gap: float,
    ) -> list[Hit]:
        """Go through the candidates and leave out those too near to a better one."""
        hits: list[Hit] = []
        for number, similarity in candidates:
            if len(hits) == top_k:
                break
            name, onset, offset = self._store.place(number)
            near = taken.setdefault(name, [])
            # A microsecond: windows that touch may overlap by a rounding error.
            if all(max(onset - end, start - offset) >= min_gap - 1e-6 for start, end in near):
                near.append((onset, offset))
                hits.append(Hit(self.recordings / name, onset, offset, similarity))
        return hits

    def _name(self, file: str | Path) -> str | None:
        """Give the path within the folder of recordings, or None if it lies elsewhere."""
        for inside, folder in (
            # A link within the folder is known by its own name.
            (os.path.abspath(file), os.path.abspath(self.recordings)),  # noqa: PTH100
            (Path(file).resolve(), self.recordings.resolve()),
        ):
            if Path(inside).is_relative_to(folder):
                return Path(inside).relative_to(folder).as_posix()
        return None

    def _name_inside(self, file: Path) -> str:
        name = self._name(file)
        if name is None:
            raise InputError(f"{file}: expected a file in {self.recordings}; leave it out")
        return name

    def _checked(self, file: Path, moments: Moments) -> Moments:
        """Give the moments with embeddings of length 1 in half precision."""
        onsets, offsets, embeddings = (np.asarray(part) for part in moments)
        if onsets.ndim != 1 or offsets.shape != onsets.shape:
            raise ValueError(
                f"{file}: expected (moment,) twice, got {onsets.shape}, {offsets.shape}"
            )
        if embeddings.shape != (len(onsets), self.embedding_size):
            expected = f"{len(onsets)} moments of {self.embedding_size} numbers"
            raise ValueError(f"{file}: expected {expected}, got {embeddings.shape}")
        if not ((onsets >= 0) & (onsets <= offsets) & (offsets < math.inf)).all():
            raise ValueError(f"{file}: expected 0 <= onsets <= offsets, got {onsets}, {offsets}")
        if not np.isfinite(embeddings).all():
            raise InputError(f"{file}: expected finite embeddings, but got NaN; check the model")
        return Moments(onsets, offsets, directions(embeddings).astype("<f2"))


def _stamp(file: Path) -> Stamp | None:
    """Give size and time of change, or None if there is no such file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


def _checked_stamp(name: str, stamp: Stamp | None) -> Stamp:
    """Refuse a file that has no stamp, or a name that cannot be kept."""
    if stamp is None:
        raise InputError(f"{name}: expected a file, but there is none; leave it out")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name!r}: expected a name in UTF-8; rename the file") from error
    return stamp
