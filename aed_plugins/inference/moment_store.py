"""Where the index of moments is kept: embeddings in SQLite, and search graphs made of them.

One SQLite file holds all that is known about the recordings: names, sizes, times, and every
embedding, of length 1 and in half precision. A recording goes in or out in one transaction. Up to
`SHARD` moments (9 hours of 1 s moments) are compared one by one, which is exact. Of each further
`SHARD` a search graph is made: a memory-mapped file that is never changed and can be made again
from the embeddings at any time. Its file is written before the row that names it, so that a kill in
between leaves a file too many, which the next opening removes. Either way of searching names twice
as many candidates as are wanted, whose similarities are then computed in single precision.

Both ways are usearch's. Against faiss: it keeps int8 (half the memory of half precision) without
training on a sample, searches a memory-mapped graph in place, and brings no OpenMP of its own; the
one in faiss's wheels crashes on macOS beside PyTorch's. Neither adds to a file without rewriting it
whole, hence the shards.
"""

import contextlib
import importlib
import importlib.util
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aed_plugins.core import InputError, atomic_write

# Moments per search graph: as many as are compared one by one before a person notices.
SHARD = 32_768
# int8 alone would mix up near neighbours; as candidates are compared again it need not tell them
# apart. The default expansion, 128, takes twice as long to build and finds 1 in 1000 more.
GRAPH = {"metric": "cos", "dtype": "i8", "connectivity": 16, "expansion_add": 64}
# Moments per row: reading all takes a third of the time of rows of one, reading one hardly longer.
BLOCK = 64
ROWS = 64  # read at a time
# A moment's number is its file's number, which is never given again, times 2**32 plus its place in
# the file; a block's is that of its first moment.
PLACES = 32
FORMAT = 1
SCHEMA = """
CREATE TABLE about (format INTEGER, model TEXT, embedding_size INTEGER);
CREATE TABLE shard (id INTEGER PRIMARY KEY AUTOINCREMENT, moments INTEGER, bytes INTEGER);
CREATE TABLE file (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL,
    bytes INTEGER, modified INTEGER, moments INTEGER, shard INTEGER);
CREATE INDEX file_shard ON file (shard, id, moments);
CREATE TABLE block (id INTEGER PRIMARY KEY, onsets BLOB, offsets BLOB, embeddings BLOB)
"""
DAMAGED = "the index is damaged: delete its folder, it is made anew"
# What SQLite says, and how it is mended.
MENDS = {
    "locked": "another process is using the index: wait for it or give another --index folder",
    "full": "make room and try again",
    "not a database": DAMAGED,
    "malformed": DAMAGED,
    "no such": DAMAGED,
}


class Stamp(NamedTuple):
    """By what a changed file is known: its size in bytes and its time of change in nanoseconds."""

    size: int
    modified: int


class Moments(NamedTuple):
    """What is kept of one recording: `onsets` and `offsets (moment,)`, `embeddings (moment, e)`."""

    onsets: np.ndarray
    offsets: np.ndarray
    embeddings: np.ndarray


class MomentStore:
    """Files, their moments, and the search for the nearest; `MomentIndex` is what one uses.

    Parameters
    ----------
    folder : Path
        No folder yet, an empty one, or a store. It belongs to this object until `close`.
    model : str
        What the embeddings come from.
    embedding_size : int
        Numbers per embedding.
    wait : float
        Seconds to wait for another process.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """

    def __init__(self, folder: Path, model: str, embedding_size: int, wait: float) -> None:
        if importlib.util.find_spec("usearch") is None:
            raise InputError(
                "search needs the package usearch, but it is not installed; "
                "run: pip install 'aed-plugins[index]'"
            )
        self.folder = folder
        self.embedding_size = embedding_size
        self._graphs: dict[int, Any] = {}
        path = folder / "moments.sqlite"
        with self._mistakes():
            folder.mkdir(parents=True, exist_ok=True)
            if not path.exists() and any(folder.iterdir()):
                raise InputError(
                    f"{folder}: expected an index or an empty folder, but it holds something else; "
                    "give another --index folder"
                )
            self._database = sqlite3.connect(path, timeout=wait)
            try:
                self._prepare(model)
                self._repair()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        """Let other processes use the folder."""
        self._graphs.clear()
        self._database.close()

    def __len__(self) -> int:
        with self._mistakes():
            return self._number("SELECT sum(moments) FROM file")

    def files(self) -> dict[str, Stamp]:
        """Give the stamps of all files that are kept, by name."""
        with self._mistakes():
            rows = self._database.execute("SELECT name, bytes, modified FROM file")
            return {name: Stamp(size, modified) for name, size, modified in rows}

    def keep(self, name: str, stamp: Stamp, moments: Moments) -> None:
        """Put a file in, in place of what was there under its name.

        Parameters
        ----------
        name : str
            Any text.
        stamp : Stamp
            The file's.
        moments : Moments
            With embeddings of length 1 in half precision, `<f2`.
        """
        onsets, offsets, embeddings = moments
        with self._mistakes(), self._database:
            self._forget(name)
            number = self._database.execute(
                "INSERT INTO file (name, bytes, modified, moments) VALUES (?, ?, ?, ?)",
                (name, *stamp, len(onsets)),
            ).lastrowid
            assert number is not None
            for start in range(0, len(onsets), BLOCK):
                parts = [part[start : start + BLOCK] for part in (onsets, offsets, embeddings)]
                times = [part.astype("<f8").tobytes() for part in parts[:2]]
                self._database.execute(
                    "INSERT INTO block VALUES (?, ?, ?, ?)",
                    ((number << PLACES) + start, *times, parts[2].tobytes()),
                )

    def forget(self, names: Iterable[str]) -> None:
        """Take files out; names that are not there are none to be taken out."""
        with self._mistakes(), self._database:
            for name in names:
                self._forget(name)

    def seal(self) -> None:
        """Make graphs of what is compared one by one, as long as there is enough for one."""
        with self._mistakes():
            while self._number("SELECT sum(moments) FROM file WHERE shard IS NULL") >= SHARD:
                self._seal_one()

    def tidy(self) -> None:
        """Make those graphs again of whose moments more than half are no longer there."""
        alive = "SELECT coalesce(sum(moments), 0) FROM file WHERE shard = shard.id"
        with self._mistakes():
            shards = self._database.execute(
                f"SELECT id FROM shard WHERE 2 * ({alive}) < moments"
            ).fetchall()
            for (shard,) in shards:
                self._dissolve(shard)
        self.seal()

    def nearest(self, query: np.ndarray) -> Iterator[list[tuple[int, float]]]:
        """Give the nearest moments, and more of them each time, until all are given.

        Parameters
        ----------
        query : array `(embedding,)`
            Of length 1.

        Yields
        ------
        list of (int, float)
            Number and similarity, the most similar first; each list begins with the one before, as
            far as no graph finds something better in its second try.
        """
        with self._mistakes():
            wanted = 64
            while True:
                yield self._nearest(query, wanted)
                if wanted >= len(self):
                    return
                wanted *= 4

    def place(self, number: int) -> tuple[str, float, float]:
        """Give the file's name, onset and offset of a moment."""
        with self._mistakes():
            block, place = _block_and_place(number)
            name, onsets, offsets = self._database.execute(
                f"""SELECT name, onsets, offsets FROM block JOIN file
                ON file.id = block.id >> {PLACES} WHERE block.id = ?""",
                (block,),
            ).fetchone()
            onset, offset = (np.frombuffer(times, "<f8")[place] for times in (onsets, offsets))
            return name, float(onset), float(offset)

    @contextlib.contextmanager
    def _mistakes(self) -> Iterator[None]:
        """Say in one line what stands in the way of reading or writing the index."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            said = (isinstance(error, OSError) and error.strerror) or str(error)
            mend = next((MENDS[key] for key in MENDS if key in said), "check folder and disk")
            raise InputError(
                f"{self.folder}: expected an index to read and write, but got: {said}; {mend}"
            ) from error

    def _number(self, query: str) -> int:
        return self._database.execute(query).fetchone()[0] or 0

    def _prepare(self, model: str) -> None:
        """Take the file for this process; make its tables, or check that it is this model's."""
        for setting in (
            "page_size = 16384",  # a block takes some fifty kilobytes
            "locking_mode = EXCLUSIVE",  # the system lets go of it when the process is killed
            "journal_mode = WAL",  # many small transactions
            "synchronous = NORMAL",  # a power failure may undo the last ones, each whole
        ):
            self._database.execute(f"PRAGMA {setting}")
        ours = (FORMAT, model, self.embedding_size)
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            if not self._number("SELECT count(*) FROM sqlite_master"):
                for statement in SCHEMA.split(";"):
                    self._database.execute(statement)
                self._database.execute("INSERT INTO about VALUES (?, ?, ?)", ours)
            kept = self._database.execute("SELECT * FROM about").fetchone()
        if kept != ours:
            raise InputError(
                f"{self.folder}: expected an index of {model} ({self.embedding_size} numbers), but "
                f"it is one of {kept[1]} ({kept[2]}); give another --index folder or delete it"
            )

    def _repair(self) -> None:
        """Drop graphs that are not as they were written, and files that no row names."""
        whole = set()
        for shard, size in self._database.execute("SELECT id, bytes FROM shard").fetchall():
            path = self._graph_path(shard)
            if path.is_file() and path.stat().st_size == size:
                whole.add(path)
            else:
                self._dissolve(shard)
        for path in self.folder.glob("*graph-*.usearch"):
            if path not in whole:
                path.unlink()

    def _graph_path(self, shard: int) -> Path:
        return self.folder / f"graph-{shard}.usearch"

    def _forget(self, name: str) -> None:
        """Take a file out, within the caller's transaction."""
        query = "SELECT id, moments FROM file WHERE name = ?"
        for number, moments in self._database.execute(query, (name,)).fetchall():
            first = number << PLACES
            self._database.execute(
                "DELETE FROM block WHERE id BETWEEN ? AND ?", (first, first + moments)
            )
            self._database.execute("DELETE FROM file WHERE id = ?", (number,))

    def _tail(self, last: int = 2**31) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give numbers `(moment,)` and embeddings of what is in no graph, up to a file's number."""
        cursor = self._database.execute(
            f"""SELECT block.id, embeddings FROM file JOIN block
            ON block.id BETWEEN file.id << {PLACES} AND (file.id << {PLACES}) + moments
            WHERE shard IS NULL AND file.id <= ?""",
            (last,),
        )
        while rows := cursor.fetchmany(ROWS):
            counts = [len(kept) // (2 * self.embedding_size) for _, kept in rows]
            places = [
                np.arange(first, first + n) for (first, _), n in zip(rows, counts, strict=True)
            ]
            yield np.concatenate(places).astype(np.uint64), self._as_array([r[1] for r in rows])

    def _as_array(self, kept: Sequence[bytes]) -> np.ndarray:
        return np.frombuffer(b"".join(kept), "<f2").reshape(-1, self.embedding_size)

    def _seal_one(self) -> None:
        """Make a graph of the first files that are in none."""
        last, size = 0, 0
        query = "SELECT id, moments FROM file WHERE shard IS NULL ORDER BY id"
        for number, moments in self._database.execute(query):
            last, size = number, size + moments
            if size >= SHARD:
                break
        graph = _usearch().Index(ndim=self.embedding_size, **GRAPH)
        for numbers, embeddings in self._tail(last):
            sounding = embeddings.any(axis=1)  # zeros have no direction to be found by
            graph.add(numbers[sounding], embeddings[sounding])
        content = graph.save(None)
        with self._database:
            shard = self._database.execute(
                "INSERT INTO shard (moments, bytes) VALUES (?, ?)", (size, len(content))
            ).lastrowid
            assert shard is not None
            with atomic_write(self._graph_path(shard)) as temporary:
                temporary.write_bytes(content)
            self._database.execute(
                "UPDATE file SET shard = ? WHERE shard IS NULL AND id <= ?", (shard, last)
            )

    def _dissolve(self, shard: int) -> None:
        """Let the moments of a graph be compared one by one."""
        self._graphs.pop(shard, None)
        with self._database:
            self._database.execute("UPDATE file SET shard = NULL WHERE shard = ?", (shard,))
            self._database.execute("DELETE FROM shard WHERE id = ?", (shard,))
        self._graph_path(shard).unlink(missing_ok=True)

    def _nearest(self, query: np.ndarray, wanted: int) -> list[tuple[int, float]]:
        """Give number and similarity of the nearest."""
        select = "SELECT substr(embeddings, ?, ?) FROM block WHERE id = ?"
        length = 2 * self.embedding_size
        named, kept = [], []
        for number in self._named(query, 2 * wanted):  # half of a graph's may be gone
            block, place = _block_and_place(number)
            row = self._database.execute(select, (place * length + 1, length, block)).fetchone()
            if row is not None:
                named.append(number)
                kept.append(row[0])
        similarities = (self._as_array(kept).astype(np.float32) @ query).clip(-1, 1)
        order = np.lexsort((named, -similarities))[:wanted]
        return [(named[place], float(similarities[place])) for place in order]

    def _named(self, query: np.ndarray, wanted: int) -> list[int]:
        """Give the numbers of about the nearest: by half precision, and by the graphs."""
        numbers, distances = [np.empty(0, np.uint64)], [np.empty(0, np.float32)]
        for block, embeddings in self._tail():
            found = _usearch().search(
                embeddings,
                query.astype(np.float16),
                min(wanted, len(block)),
                metric="ip",
                exact=True,
                threads=1,  # starting one takes longer
            )
            numbers.append(block[found.keys])
            distances.append(found.distances)
        for graph in self._all_graphs():
            found = graph.search(query, min(wanted, len(graph)), threads=1)
            numbers.append(found.keys)
            distances.append(found.distances)
        order = np.concatenate(distances).argsort()[:wanted]
        return np.concatenate(numbers)[order].tolist()

    def _all_graphs(self) -> Iterator[Any]:
        """Give the graphs that have anything in them, as they stand in their files."""
        for (shard,) in self._database.execute("SELECT id FROM shard").fetchall():
            if shard not in self._graphs:
                path = str(self._graph_path(shard))
                self._graphs[shard] = _usearch().Index.restore(path, view=True)
            if len(self._graphs[shard]):
                yield self._graphs[shard]


def _block_and_place(number: int) -> tuple[int, int]:
    """Give the number of a moment's block and its place there: files begin at multiples of it."""
    return number - number % BLOCK, number % BLOCK


def _usearch() -> Any:
    return importlib.import_module("usearch.index")
