"""The layout of all pages of talks: their head and their style."""

from collections.abc import Mapping

from aed_plugins.report import escape_html, fill_template, read_asset

DEMONSTRATION = "DEMONSTRATION with synthesized talks: no score here applies to real speech."


def render_page(
    title: str, notes: Mapping[str, str], demonstration: bool, body: str, script: str = ""
) -> str:
    """Render a page whose only style and script are those of this package.

    Parameters
    ----------
    title : str
        Its heading.
    notes : mapping of str to str
        Further facts, shown in this order.
    demonstration : bool
        Whether the talks are synthesized; the page then has a notice.
    body : str
        HTML.
    script : str
        JavaScript.

    Returns
    -------
    str
        HTML.
    """
    package = "asr.pages"
    values = {
        "title": escape_html(title),
        "notice": f'<p class="notice">{DEMONSTRATION}</p>\n' if demonstration else "",
        "notes": "".join(
            f"<div><dt>{escape_html(name)}</dt><dd>{escape_html(text)}</dd></div>"
            for name, text in notes.items()
        ),
        "body": body,
    }
    style = read_asset("page.css") + read_asset("talk.css", package)
    return fill_template(read_asset("layout.html", package), style, script, values)
