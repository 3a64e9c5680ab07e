"""A page that lists talks with their word error rates, and leads to the page of each."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from aed_plugins.core import atomic_write
from aed_plugins.report import escape_html
from asr.pages.frame import framed
from asr.scoring.score import ErrorCounts

COLUMNS = ("Word error rate", "Words said", "Substitutions", "Deletions", "Insertions")


class IndexEntry(NamedTuple):
    """A talk as recognised once.

    Attributes
    ----------
    group : str
        What it is listed under, such as `tri, with annotations, test`.
    talk : str
        Its name.
    page : Path
        The page of its alignment.
    counts : Counts
        Its words and errors.
    """

    group: str
    talk: str
    page: Path
    counts: ErrorCounts


def write_index(
    path: str | Path,
    entries: Sequence[IndexEntry],
    *,
    title: str,
    notes: Mapping[str, str],
    demonstration: bool,
) -> None:
    """Write a page that lists talks, a table for each group, with the group's sum below.

    Parameters
    ----------
    path : str or Path
        The page; it appears whole or not at all.
    entries : sequence of IndexEntry
        The talks. Groups come as they first come here, talks by their names.
    title : str
        What stands at its top.
    notes : mapping of str to str
        What else a reader should know; shown in its order.
    demonstration : bool
        Whether the talks are synthesized; the page says so.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> entry = IndexEntry("tri, dev", "AlGore_2009", folder / "AlGore.html", ErrorCounts(9, 1))
    >>> write_index(folder / "index.html", [entry], title="dev", notes={}, demonstration=False)
    >>> '<td>10.0 %</td>' in (folder / "index.html").read_text(encoding="utf-8")
    True
    """
    path = Path(path)
    groups: dict[str, list[IndexEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    body = "".join(_section(path, name, group) for name, group in groups.items())
    page = framed(title, notes, demonstration, f"<main>{body}</main>\n")
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _section(path: Path, name: str, group: Sequence[IndexEntry]) -> str:
    heads = "".join(f'<th scope="col">{column}</th>' for column in ("Talk", *COLUMNS))
    rows = [
        _row(f'<a href="{_address(path, entry.page)}">{escape_html(entry.talk)}</a>', entry.counts)
        for entry in sorted(group, key=lambda entry: entry.talk)
    ]
    total = sum((entry.counts for entry in group), ErrorCounts())
    rows.append(_row(f"All {len(group)}", total, ' class="sum"'))
    return (
        f'<section class="card"><h2>{escape_html(name)}</h2><div class="wide talks"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>\n"
    )


def _row(head: str, counts: ErrorCounts, attributes: str = "") -> str:
    wer = f"{100 * counts.wer:.1f} %" if counts.reference_words else "none said"
    figures = (
        wer,
        counts.reference_words,
        counts.substitutions,
        counts.deletions,
        counts.insertions,
    )
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    return f'<tr{attributes}><th scope="row">{head}</th>{cells}</tr>'


def _address(path: Path, page: Path) -> str:
    """Give a page's address as seen from another, so that both can be moved together."""
    relative = os.path.relpath(page.absolute(), path.absolute().parent)
    return quote(os.fsencode(Path(relative).as_posix()))
