"""Labels in formats where some characters have no place: `Dog bark` becomes `Dog%20bark`.

Source: RFC 3986, section 2.1 (percent-encoding of UTF-8). Only what must be escaped is: a percent
sign stays as it is unless two hexadecimal digits follow it. So most labels look the same in the
file, and each is read back as it was. A file of another program in which `%20` stands for itself is
read as if it were a space.
"""

import re
from urllib.parse import quote, unquote_to_bytes

_PERCENT = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def escape(text: str, forbidden: str) -> str:
    r"""Replace characters by percent signs and digits.

    Parameters
    ----------
    text : str
        The label.
    forbidden : str
        A regular expression for one character that the format has no place for.

    Examples
    --------
    >>> escape("Dog bark", r"\s"), escape("50% noise", "\t"), escape("%20", "\t")
    ('Dog%20bark', '50% noise', '%2520')
    """
    text = _PERCENT.sub("%25", text)
    return re.sub(forbidden, lambda found: quote(found[0], safe=""), text)


def unescape(text: str) -> str:
    """Read what `escape` wrote.

    Parameters
    ----------
    text : str
        The label in the file. Escapes that are not UTF-8 stand for themselves.

    Examples
    --------
    >>> unescape("Dog%20bark"), unescape("%2520"), unescape("50% noise"), unescape("%FF")
    ('Dog bark', '%20', '50% noise', '%FF')
    """

    def decoded(found: re.Match[str]) -> str:
        try:
            return unquote_to_bytes(found[0]).decode()
        except UnicodeDecodeError:
            return found[0]

    return _ESCAPED.sub(decoded, text)
