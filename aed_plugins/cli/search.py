"""Find the segments that are most similar to a recording.

    aed search bark.wav recordings/ --model mn10
    aed search bark.wav --index embeddings/ --model mn10

The folder's recordings are embedded as `aed embed` does, into a folder next to it: new and changed
ones only, and after an interruption the same command continues where it stopped. Without FOLDER,
the embeddings that `aed embed` wrote are searched as they are. The query is the mean of the whole
recording's segments, or of those from --start to --end: leave silence out.
"""

import json
import math
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.embed import Embedder
from aed_plugins.cli.inputs import find_recordings
from aed_plugins.cli.models import add_model
from aed_plugins.cli.outputs import (
    RUN,
    add_progress,
    format_table,
    read_run,
)
from aed_plugins.cli.result_folder import Folder
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.inference import Embeddings, Hit


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("query", metavar="QUERY", help="the recording to find more of, or -")
    parser.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", help="where to look")
    add_model(parser, classes=False)
    parser.add_argument("--start", type=float, default=0.0, help="seconds of the query; 0")
    parser.add_argument("--end", type=float, help="seconds of the query; its end")
    parser.add_argument("--top", type=int, default=10, help="how many segments; 10")
    parser.add_argument(
        "--window", type=float, help="seconds of a segment; as in the index, else 1"
    )
    parser.add_argument(
        "--index", type=Path, help="a folder of embeddings; FOLDER.index next to FOLDER"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Embed what has no embeddings yet, and search."""
    _check(given)
    index = given.index or given.folder.resolve().with_name(f"{given.folder.resolve().name}.index")
    path = _query(given)
    embedder = Embedder(given, *_windows(given, index))
    query = _cut(embedder.embedded(path), given)
    files, status = _embedded(given, embedder, embedder.folder(index, "--index"))
    min_gap = 1.0 if embedder.window is None else embedder.window
    _print(_search(files, path, query, given.top, min_gap), given.format)
    return status


def _check(given: Namespace) -> None:
    if given.folder is None and given.index is None:
        raise InputError("expected FOLDER, or --index with embeddings that `aed embed` wrote")
    if given.folder is not None and not given.folder.is_dir():
        raise InputError(f"{given.folder}: expected a folder to look in")
    if given.folder is None and not (given.index / RUN).is_file():
        raise InputError(f"{given.index}: expected embeddings that `aed embed` wrote, found none")
    if given.top < 1:
        raise InputError(f"--top: expected 1 or more, got {given.top}")
    if given.start < 0 or (given.end is not None and given.end <= given.start):
        raise InputError(f"expected 0 <= --start < --end, got {given.start} and {given.end}")


def _windows(given: Namespace, index: Path) -> tuple[float | None, float | None]:
    """Return the window and hop of the command line, or else of the index, in seconds."""
    if given.window is not None:
        return given.window, None
    if not (index / RUN).is_file():
        return 1.0, None
    before = read_run(index / RUN, index, "--index")
    return before.get("window"), before.get("hop")


def _query(given: Namespace) -> Path:
    found = find_recordings([given.query])
    if len(found) > 1:
        raise InputError(f"{given.query}: expected one recording to find more of, got {len(found)}")
    return found[0].path


def _cut(query: "Embeddings", given: Namespace) -> "Embeddings":
    """Return the query's segments from --start to --end."""
    wanted = (query.offsets > given.start) & (query.onsets < (given.end or math.inf))
    if not wanted.any():
        raise InputError(f"--start: {given.query} ends before {given.start} s")
    parts = {name: getattr(query, name)[wanted] for name in ("onsets", "offsets", "embeddings")}
    return replace(query, **parts)


def _embedded(given: Namespace, embedder: Embedder, folder: Folder) -> tuple[dict[Path, Path], int]:
    """Return the files of embeddings, by recording, and 1 if a recording had to be skipped."""
    if given.folder is None:
        return folder.all_results(), 0
    recordings = find_recordings([str(given.folder)])
    status = embedder.embed(recordings, folder)
    return folder.results(recordings), status


def _search(
    files: dict[Path, Path], path: Path, query: "Embeddings", top: int, min_gap: float
) -> "list[Hit]":
    from aed_plugins.inference import EmbeddingIndex, Embeddings  # noqa: PLC0415

    index = EmbeddingIndex((name, Embeddings.load(file)) for name, file in files.items())
    place = (float(query.onsets[0]), float(query.offsets[-1]))
    own = [(file, *place) for file in files if file.resolve() == path.resolve()]
    return index.search(query.embeddings, top, exclude=own[0] if own else None, min_gap=min_gap)


def _print(hits: "list[Hit]", kind: str) -> None:
    if kind == "json":
        rows: list[dict[str, Any]] = [hit._asdict() | {"file": str(hit.file)} for hit in hits]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    cells = [["recording", "from", "to", "similarity"]]
    cells += [
        [str(hit.file), f"{hit.onset:.2f}", f"{hit.offset:.2f}", f"{hit.similarity:.3f}"]
        for hit in hits
    ]
    print(*format_table(cells), sep="\n")
