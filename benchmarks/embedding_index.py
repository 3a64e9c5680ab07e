"""Measure how long a query to `EmbeddingIndex` takes, against a product with a matrix.

    python benchmarks/embedding_index.py

Embeddings of 384 random numbers, 200,000 of them, in recordings of an hour. The reference is what
NumPy needs at least: a matrix product with all embeddings in single precision, and the places of
the ten largest. A turn is 30 queries. Then: the files of `aed embed` read into an index, against
the same files read by NumPy. No bound.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import Comparison, Contestant, Options, main

from aed_plugins.inference import EmbeddingIndex, Embeddings, normalize

HOUR = 3600
SIZE = 384
TOP = 10


def write_recordings(folder: Path, embeddings: np.ndarray) -> list[Path]:
    """Write a file for each hour of segments."""
    files = []
    for start in range(0, len(embeddings), HOUR):
        part = embeddings[start : start + HOUR]
        seconds = np.arange(len(part) + 1, dtype=float)
        files.append(folder / f"{start:09}.npz")
        Embeddings(seconds[:-1], seconds[1:], part, seconds[-1]).save(files[-1])
    return files


def find_by_product(embeddings: np.ndarray, queries: np.ndarray) -> list[set[int]]:
    """Return the rows of the `TOP` largest products with each query."""
    return [set(np.argpartition(-(embeddings @ query), TOP)[:TOP].tolist()) for query in queries]


def find(index: EmbeddingIndex, queries: np.ndarray) -> list[set[int]]:
    """Return the same of the index."""
    every = (index.search(query, TOP, min_gap=0) for query in queries)
    return [{int(hit.file.stem) + round(hit.onset) for hit in hits} for hits in every]


def read_index(files: list[Path]) -> EmbeddingIndex:
    """Read files into an index."""
    return EmbeddingIndex((file, Embeddings.load(file)) for file in files)


def read_arrays(files: list[Path]) -> None:
    """Read every array of the same files."""
    for file in files:
        with np.load(file) as arrays:
            for name in arrays:
                arrays[name]


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare queries, then reading."""
    rng = np.random.default_rng(0)
    shapes = (options.pick(200_000, 5000), SIZE), (options.pick(30, 5), SIZE)
    embeddings, queries = (normalize(rng.standard_normal(shape, np.float32)) for shape in shapes)
    with tempfile.TemporaryDirectory() as folder:
        files = write_recordings(Path(folder), embeddings)
        index = read_index(files)
        ours, theirs = find(index, queries), find_by_product(embeddings, queries)
        both = sum(len(a & b) for a, b in zip(ours, theirs, strict=True)) / len(queries) / TOP
        yield Comparison(
            f"{TOP} most similar of {len(index)} segments",
            [
                Contestant("EmbeddingIndex", lambda: find(index, queries), len(queries)),
                Contestant("product", lambda: find_by_product(embeddings, queries), len(queries)),
            ],
            "product",
            "query",
            notes=[f"Of the {TOP} most similar segments both find {both:.3f}."],
        )
        yield Comparison(
            f"reading {len(index)} segments",
            [
                Contestant("EmbeddingIndex", lambda: read_index(files), len(files)),
                Contestant("NumPy", lambda: read_arrays(files), len(files)),
            ],
            "NumPy",
            "file",
        )


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
