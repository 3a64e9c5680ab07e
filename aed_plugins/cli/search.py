"""Find the moments of a folder that sound like a recording.

    aed search bark.wav recordings/ --model mn10

Embeddings of the folder's recordings are kept in an index beside the folder and brought up to date;
interrupted, the command goes on where it stopped. The query is heard as a whole, or from --start
to --end.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import find_recordings
from aed_plugins.cli.models import add_model, digest_of, load
from aed_plugins.cli.outputs import add_progress, quiet, text_table
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.inference import Hit, Moments


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("query", metavar="QUERY", help="the recording to find more of, or -")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where to look")
    add_model(parser, classes=False)
    parser.add_argument("--start", type=float, default=0.0, help="seconds of the query; 0")
    parser.add_argument("--end", type=float, help="seconds of the query; its end")
    parser.add_argument("--top", type=int, default=10, help="how many moments; 10")
    parser.add_argument("--window", type=float, default=1.0, help="seconds of a moment; 1")
    parser.add_argument("--index", type=Path, help="a folder; FOLDER.index beside FOLDER")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text")
    add_progress(parser)


def _checked(given: Namespace) -> None:
    if not given.folder.is_dir():
        raise InputError(f"{given.folder}: expected a folder to look in")
    if given.top < 1:
        raise InputError(f"--top: expected 1 or more, got {given.top}")
    if given.start < 0 or (given.end is not None and given.end <= given.start):
        raise InputError(f"expected 0 <= --start < --end, got {given.start} and {given.end}")


def run(given: Namespace) -> int:
    """Bring the index up to date, and search it."""
    _checked(given)
    from tqdm import tqdm  # noqa: PLC0415  not for --help

    from aed_plugins.detection import TimelineSettings  # noqa: PLC0415
    from aed_plugins.inference import MomentIndex  # noqa: PLC0415

    tagger = load(given)
    how = TimelineSettings(given.window)
    how.windows(tagger.steps)

    def embed(path: Path) -> "Moments":
        from aed_plugins.inference import Moments  # noqa: PLC0415  not for --help

        found = tagger.embed_file(path, how)
        return Moments(found.onsets, found.offsets, found.embeddings)

    asked = find_recordings([given.query])
    if len(asked) > 1:
        raise InputError(f"{given.query}: expected one recording to find more of, got {len(asked)}")
    query = embed(asked[0].path)
    wanted = (query.offsets > given.start) & (query.onsets < (given.end or float("inf")))
    if not wanted.any():
        raise InputError(f"--start: {given.query} ends before {given.start} s")
    span = (float(query.onsets[wanted][0]), float(query.offsets[wanted][-1]))
    index = given.index or given.folder.resolve().with_name(f"{given.folder.resolve().name}.index")
    files = [recording.path for recording in find_recordings([str(given.folder)])]
    with MomentIndex(
        index,
        given.folder,
        model=f"{digest_of(given.model, tagger)}, windows of {given.window:g} s",
        embedding_size=query.embeddings.shape[1],
    ) as kept:
        report = kept.update(
            files,
            embed,
            progress=lambda due: tqdm(due, "embedding", disable=quiet(given), unit="file"),
            on_bad=lambda _, error: tqdm.write(f"skipped: {error}", file=sys.stderr),
        )
        hits = kept.search(
            query.embeddings[wanted],
            given.top,
            exclude=(asked[0].path, *span),
            min_gap=given.window,
        )
    _print(hits, given.format)
    if report.bad:
        sys.stderr.write(f"error: {len(report.bad)} of {len(files)} recordings were skipped\n")
    return 1 if report.bad else 0


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
    print(*text_table(cells), sep="\n")
