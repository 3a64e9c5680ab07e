"""What all pages have in common: one style, one script, data, and a policy that lets nothing in."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from aed_plugins.report.sound import encode_mp3


def read_asset(name: str, package: str = "aed_plugins.report") -> str:
    """Read a text that comes with a package.

    Parameters
    ----------
    name : str
        The file.
    package : str
        Whose it is.
    """
    return resources.files(package).joinpath(name).read_text("utf-8")


def join_scripts(parts: Sequence[str]) -> str:
    """Make one script, whose names nothing else on the page can reach.

    Parameters
    ----------
    parts : sequence of str
        JavaScript, in this order.
    """
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def escape_html(text: str) -> str:
    """Make any text fit for HTML and for UTF-8.

    Parameters
    ----------
    text : str
        Such as the name of a talk.

    Examples
    --------
    >>> escape_html("rock & <i>roll</i>")
    'rock &amp; &lt;i&gt;roll&lt;/i&gt;'
    """
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


def fill_template(template: str, style: str, script: str, values: Mapping[str, str]) -> str:
    """Fill in a page's template.

    Parameters
    ----------
    template : str
        HTML with `{{name}}` for each of the values, and for `style`, `script`, and `style_hash` and
        `script_hash`, which its content security policy needs.
    style, script : str
        The only ones that the page allows.
    values : mapping of str to str
        HTML.
    """
    texts = {
        **values,
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: texts[found[1]], template)


def data_element(name: str, content: Any) -> bytes:
    """Put data into a page, for its script to read.

    Parameters
    ----------
    name : str
        The element's id.
    content : object
        What JSON can say, and NumPy's numbers.
    """
    # With `<` spelled out nothing in the data can end the element or open a comment.
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, default=float)
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'.encode()


def sound_element(number: int, recording: Path) -> Iterator[bytes]:
    """Put a recording into a page, for its player.

    Parameters
    ----------
    number : int
        Which of the page's recordings it is.
    recording : Path
        Its file.

    Yields
    ------
    bytes
        Parts that are joined, in memory that does not grow with the recording.
    """
    yield b'<script type="text/plain" id="sound-%d">' % number
    yield from encode_mp3(recording)
    yield b"</script>\n"


def _hash(text: str) -> str:
    """Name a text in the way of a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
