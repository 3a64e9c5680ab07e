"""Retrieval by example: the segments of many recordings that are most similar to a query.

A segment is a stretch of audio with an embedding. `EmbeddingIndex` compares a query with every
segment, so that no similar one is missed: 200,000 embeddings of 384 numbers take 0.15 s on one
core. Embeddings are kept in half precision, which halves the memory and changes a cosine similarity
by less than 1e-3. Needs neither torch nor SpeechBrain.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aed_plugins.core import FloatArray, InputError
from aed_plugins.inference.outputs import Embeddings

BLOCK = 2048  # segments that are converted to single precision at a time: they stay in cache


class Hit(NamedTuple):
    """A segment similar to the query: recording, seconds, cosine similarity in [-1, 1]."""

    file: Path
    onset: float
    offset: float
    similarity: float


def normalize(embeddings: np.ndarray) -> np.ndarray:
    """Scale each row to length 1; rows of zeros stay.

    Parameters
    ----------
    embeddings : array `(segment, embedding)`
        Finite.

    Returns
    -------
    numpy.ndarray
        `(segment, embedding)`.

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    # By the largest number first: squares of large ones overflow.
    largest = np.abs(embeddings).max(axis=1, keepdims=True, initial=0)
    scaled = embeddings / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(lengths > 0, lengths, 1)


def pool(embeddings: np.ndarray) -> np.ndarray:
    """Compute one query from the embeddings of several segments: the mean of their directions.

    Each has the same weight, however large its embedding is, and their order does not matter.

    Parameters
    ----------
    embeddings : array `(embedding,)` or `(segment, embedding)`
        The segments'.

    Returns
    -------
    numpy.ndarray
        `(embedding,)`, float32, of length 1.

    Raises
    ------
    InputError
        If a number is NaN or infinite, or no direction is left: all are zero or cancel out.

    Examples
    --------
    >>> pool(np.array([[3.0, 0.0], [0.0, 0.5]])).round(3).tolist() == [np.float32(0.707)] * 2
    True
    """
    embeddings = np.atleast_2d(np.asarray(embeddings, np.float32))
    if not np.isfinite(embeddings).all():
        raise InputError("query: expected finite embeddings, got NaN or infinity; check the model")
    mean = normalize(embeddings).sum(axis=0) / max(1, len(embeddings))
    length = np.linalg.norm(mean)
    if not length > 1e-5:  # shorter is rounding error
        raise InputError("query: expected sound, got an embedding of zeros; give another recording")
    return mean / length


class EmbeddingIndex:
    """The segments of many recordings in memory: two bytes per number, and twice that while loaded.

    Parameters
    ----------
    recordings : iterable of (Path, Embeddings)
        Each recording once. Segments whose embedding is zero have no direction and are never found.

    Raises
    ------
    InputError
        If the recordings' embeddings differ in size.

    Examples
    --------
    >>> dog = np.array([[1, 0], [0, 1], [3, 4]], np.float32)
    >>> recordings = {Path("dog.wav"): Embeddings(np.arange(3.0), np.arange(3.0) + 1, dog, 3.0)}
    >>> EmbeddingIndex(recordings.items()).search(np.array([1, 0]), top=1)[0][1:]
    (0.0, 1.0, 1.0)
    """

    def __init__(self, recordings: Iterable[tuple[Path, Embeddings]]) -> None:
        self.files: list[Path] = []
        onsets: list[FloatArray] = [np.empty(0)]
        offsets: list[FloatArray] = [np.empty(0)]
        rows: list[np.ndarray] = []
        for file, found in recordings:
            size = found.embeddings.shape[1]
            if rows and size != rows[0].shape[1]:
                raise InputError(
                    f"{file}: expected embeddings of {rows[0].shape[1]} numbers as in"
                    f" {self.files[0]}, got {size}; embed both with the same model"
                )
            self.files.append(file)
            onsets.append(found.onsets)
            offsets.append(found.offsets)
            rows.append(normalize(found.embeddings).astype(np.float16))
        self._edges = np.cumsum([0, *map(len, rows)])  # of the files' segments
        self._onsets, self._offsets = np.concatenate(onsets), np.concatenate(offsets)
        self._embeddings = np.concatenate(rows) if rows else np.empty((0, 0), np.float16)
        self._zero = ~self._embeddings.any(axis=1)

    def __len__(self) -> int:
        return len(self._embeddings)

    def search(
        self,
        embeddings: np.ndarray,
        top: int = 10,
        *,
        exclude: tuple[Path, float, float] | None = None,
        min_gap: float = 1.0,
    ) -> list[Hit]:
        """Find the segments that are most similar to a query, the most similar first.

        Parameters
        ----------
        embeddings : array `(embedding,)` or `(segment, embedding)`
            The query's; several segments become one query by `pool`.
        top : int
            How many to return; fewer if there are fewer.
        exclude : (file, onset, offset), optional
            The query's own place, in a file of the index: it and its neighbors are left out.
        min_gap : float
            Seconds. Of segments in one file that overlap or lie less than this apart only the most
            similar is returned; with `math.inf` there is one per file.

        Returns
        -------
        list of Hit
            Of equally similar segments the first in the order of files and time comes first.

        Raises
        ------
        InputError
            If the query holds NaN, has no direction, or is of another size than the index.
        """
        query, size = pool(embeddings), self._embeddings.shape[1]
        if len(self) and len(query) != size:
            raise InputError(f"query: expected embeddings of {size} numbers, got {len(query)}")
        similarities = self._compare(query)
        if exclude is not None and exclude[0] in self.files:
            self._drop(similarities, self.files.index(exclude[0]), *exclude[1:], min_gap)
        hits: list[Hit] = []
        while len(hits) < top and similarities.max(initial=-np.inf) > -np.inf:
            best = int(similarities.argmax())  # the first of equals
            file = int(np.searchsorted(self._edges, best, side="right")) - 1
            place = (float(self._onsets[best]), float(self._offsets[best]))
            hits.append(Hit(self.files[file], *place, float(similarities[best])))
            similarities[best] = -np.inf
            self._drop(similarities, file, *place, min_gap)
        return hits

    def _compare(self, query: np.ndarray) -> np.ndarray:
        """Compute the similarity of each segment `(segment,)`; -inf where it has no direction."""
        similarities = np.empty(len(self), np.float32)
        for start in range(0, len(self), BLOCK):
            block = self._embeddings[start : start + BLOCK].astype(np.float32)
            # Row by row: with `@` the last bit of a row would depend on the block it is in.
            similarities[start : start + BLOCK] = np.einsum("ij,j->i", block, query)
        return np.where(self._zero, -np.inf, similarities.clip(-1, 1))

    def _drop(
        self, similarities: np.ndarray, file: int, onset: float, offset: float, min_gap: float
    ) -> None:
        """Let the segments of a file that overlap a stretch or are near it be found no more."""
        rows = slice(*self._edges[file : file + 2])
        gaps = np.maximum(self._onsets[rows] - offset, onset - self._offsets[rows])
        # A microsecond: windows that touch may overlap by a rounding error.
        similarities[rows][gaps < min_gap - 1e-6] = -np.inf
