"""Time of a query to `EmbeddingIndex` against a product with a matrix in single precision.

    python benchmarks/embedding_index.py [--segments 200000] [--size 384] [--queries 30]

Embeddings are random, in recordings of an hour. The baseline is what NumPy needs at least: a
matrix product with all embeddings in single precision, and the places of the ten largest. Both take
turns, query by query. Prints how long the index takes to read the files of `aed embed`, the median
time of a query of each, their ratio, and how much of the ten most similar segments is the same.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aed_plugins.inference import EmbeddingIndex, Embeddings, normalize

HOUR = 3600
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


def milliseconds(work: Callable[[], object]) -> float:
    """Measure one call."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def find_by_product(embeddings: np.ndarray, query: np.ndarray) -> set[int]:
    """Return the rows of the `TOP` largest products."""
    return set(np.argpartition(-(embeddings @ query), TOP)[:TOP].tolist())


def find(index: EmbeddingIndex, query: np.ndarray) -> set[int]:
    """Return the same of the index."""
    hits = index.search(query, TOP, min_gap=0)
    return {int(hit.file.stem) + round(hit.onset) for hit in hits}


def measure(index: EmbeddingIndex, embeddings: np.ndarray, queries: np.ndarray) -> None:
    """Ask both in turns, and print."""
    ours, product, shared = [], [], 0
    for query in queries:
        product.append(milliseconds(lambda query=query: find_by_product(embeddings, query)))
        ours.append(milliseconds(lambda query=query: find(index, query)))
        shared += len(find(index, query) & find_by_product(embeddings, query))
    medians = (statistics.median(ours), statistics.median(product))
    print("query: index {:.1f} ms, product {:.1f} ms".format(*medians), end="; ")
    print(f"ratio: {medians[0] / medians[1]:.2f}")
    print(f"of the ten most similar segments both find {shared / len(queries) / TOP:.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=384, help="numbers per embedding")
    parser.add_argument("--queries", type=int, default=30)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    embeddings = normalize(rng.standard_normal((options.segments, options.size), np.float32))
    queries = normalize(rng.standard_normal((options.queries, options.size), np.float32))
    with tempfile.TemporaryDirectory() as name:
        files = write_recordings(Path(name), embeddings)
        started = time.perf_counter()
        index = EmbeddingIndex((file, Embeddings.load(file)) for file in files)
        print(f"{len(index)} segments of {options.size} numbers", end=": ")
        print(f"{len(files)} files read in {time.perf_counter() - started:.1f} s")
    measure(index, embeddings, queries)


if __name__ == "__main__":
    main()
