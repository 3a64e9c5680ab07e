"""What the pages of talks have in common: their head and their style."""

from collections.abc import Mapping

from aed_plugins.report import escape_html, fill_template, read_asset

DEMONSTRATION = (
    "DEMONSTRATION with synthesized talks: no figure here says anything about real speech."
)


def framed(
    title: str, notes: Mapping[str, str], demonstration: bool, body: str, script: str = ""
) -> str:
    """Give a page whose only style and script are those that come with this package.

    Parameters
    ----------
    title : str
        What stands at its top.
    notes : mapping of str to str
        What else a reader should know; shown in its order.
    demonstration : bool
        Whether the talks are synthesized; the page says so.
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
    return fill_template(read_asset("frame.html", package), style, script, values)
