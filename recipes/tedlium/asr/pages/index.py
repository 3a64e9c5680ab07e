"""Write a page that lists talks with their word error rates, and links to their pages."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from aed_plugins.core import atomic_write
from aed_plugins.report import escape_html
from asr.pages.layout import render_page
from asr.scoring.score import ErrorCounts

COLUMNS = ("Word error rate", "Reference words", "Substitutions", "Deletions", "Insertions")


class IndexEntry(NamedTuple):
    """A recognized talk.

    Attributes
    ----------
    group : str
        Its table, such as `tri, with tags, test`.
    talk : str
        Its name.
    page : Path
        The page of its alignment.
    counts : ErrorCounts
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
        The talks. Groups keep the order of their first entries, talks are sorted by name.
    title : str
        Its heading.
    notes : mapping of str to str
        Further facts, shown in this order.
    demonstration : bool
        Whether the talks are synthesized; the page then has a notice.

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
    body = "".join(_render_section(path, name, group) for name, group in groups.items())
    page = render_page(title, notes, demonstration, f"<main>{body}</main>\n")
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _render_section(path: Path, name: str, group: Sequence[IndexEntry]) -> str:
    heads = "".join(f'<th scope="col">{column}</th>' for column in ("Talk", *COLUMNS))
    rows = [
        _render_row(_render_link(path, entry), entry.counts)
        for entry in sorted(group, key=lambda entry: entry.talk)
    ]
    total = sum((entry.counts for entry in group), ErrorCounts())
    rows.append(_render_row(f"All {len(group)}", total, ' class="sum"'))
    return (
        f'<section class="card"><h2>{escape_html(name)}</h2><div class="wide talks"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>\n"
    )


def _render_row(head: str, counts: ErrorCounts, attributes: str = "") -> str:
    wer = f"{100 * counts.wer:.1f} %" if counts.reference_words else "none"
    values = (
        wer,
        counts.reference_words,
        counts.substitutions,
        counts.deletions,
        counts.insertions,
    )
    cells = "".join(f"<td>{value}</td>" for value in values)
    return f'<tr{attributes}><th scope="row">{head}</th>{cells}</tr>'


def _render_link(path: Path, entry: IndexEntry) -> str:
    """Render a link to a talk's page; it is relative, so that all pages can be moved together."""
    relative = os.path.relpath(entry.page.absolute(), path.absolute().parent)
    address = quote(os.fsencode(Path(relative).as_posix()))
    return f'<a href="{address}">{escape_html(entry.talk)}</a>'
