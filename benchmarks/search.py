"""Search by example against an exact search with NumPy, in one run.

    python benchmarks/search.py [--moments 200000] [--size 384] [--queries 200]

Moments are drawn around one centre per hundred of them, as sounds of a kind lie near each other,
and put into an index in files of an hour; queries are new ones around the same centres. NumPy
compares a query with all of them in single precision in memory. Both take turns query by query.
Prints the time of building the index (all of it: SQLite, graphs, disk), the median time of a query
for the ten nearest, the share of the true ten that are found, and what stands on disk.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aed_plugins.inference import MomentIndex, Moments, directions

HOUR = 3600
NEAREST = 10
SPREAD = 1.0  # of a moment around its centre, as long as the centre itself: cosines of about 0.5


def moments_of(rng: np.random.Generator, centres: np.ndarray, count: int) -> np.ndarray:
    """Draw `(count, size)` embeddings around the centres."""
    size = centres.shape[1]
    noise = rng.standard_normal((count, size), np.float32) * np.float32(SPREAD / size**0.5)
    return centres[rng.integers(0, len(centres), count)] + noise


def true_nearest(embeddings: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Give the places of the nearest ones, by comparing all."""
    similarities = embeddings @ (query / np.linalg.norm(query))
    nearest = np.argpartition(-similarities, NEAREST)[:NEAREST]
    return nearest[np.argsort(-similarities[nearest])]


def files_of_an_hour(folder: Path, embeddings: np.ndarray) -> Iterator[tuple[Path, np.ndarray]]:
    """Make an empty file for each hour of moments."""
    for number, start in enumerate(range(0, len(embeddings), HOUR)):
        file = folder / f"{number:05}.wav"
        file.touch()
        yield file, embeddings[start : start + HOUR]


def measure(index: MomentIndex, embeddings: np.ndarray, queries: np.ndarray) -> None:
    """Ask both, in turns, and print."""
    ours, theirs, found = [], [], 0
    for query in queries:
        started = time.perf_counter()
        true = true_nearest(embeddings, query)
        between = time.perf_counter()
        hits = index.search(query, NEAREST, min_gap=0)
        ours.append(1000 * (time.perf_counter() - between))
        theirs.append(1000 * (between - started))
        places = {int(hit.file.stem) * HOUR + round(hit.onset) for hit in hits}
        found += len(places & set(true.tolist()))
    index_time, exact_time = statistics.median(ours), statistics.median(theirs)
    print(f"query: index {index_time:.1f} ms, NumPy {exact_time:.1f} ms", end="; ")
    print(f"NumPy / index {exact_time / index_time:.1f}; first query {ours[0]:.1f} ms")
    print(f"recall@{NEAREST}: {found / len(queries) / NEAREST:.4f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=384, help="numbers per embedding")
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    centres = directions(
        rng.standard_normal((max(1, options.moments // 100), options.size), np.float32)
    )
    embeddings = directions(moments_of(rng, centres, options.moments))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = dict(files_of_an_hour(folder, embeddings))

        def embed(file: Path) -> Moments:
            onsets = np.arange(len(files[file]), dtype=float)
            return Moments(onsets, onsets + 1, files[file])

        about = {"model": "benchmark", "embedding_size": options.size}
        started = time.perf_counter()
        with MomentIndex(folder / "index", folder, **about) as index:
            index.update(list(files), embed)
        seconds = time.perf_counter() - started
        disk = sum(file.stat().st_size for file in (folder / "index").iterdir())
        single = embeddings.nbytes
        print(f"{options.moments} moments of {options.size} numbers")
        print(f"built in {seconds:.1f} s, {options.moments / seconds:.0f} moments per second")
        print(f"on disk {disk / 1e6:.0f} MB, {disk / single:.2f} of single precision alone")
        with MomentIndex(folder / "index", folder, **about) as index:
            measure(index, embeddings, moments_of(rng, centres, options.queries))


if __name__ == "__main__":
    main()
