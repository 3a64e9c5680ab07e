"""Files that appear whole or not at all."""

import contextlib
import errno
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; rename it to `path` when the block succeeds.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.

    Yields
    ------
    Path
        The temporary name, with the same suffix. It is removed when the block raises; what a kill
        left behind is removed an hour later.

    Raises
    ------
    OSError
        If it cannot be written; on a full disk the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "new" / "scores.txt"
    >>> with atomic_write(target) as temporary:
    ...     _ = temporary.write_text("83.9")
    ...     target.exists()
    False
    >>> target.read_text()
    '83.9'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    own = re.compile(rf"\.{re.escape(path.stem)}\.\d+{re.escape(path.suffix)}")
    for leftover in path.parent.iterdir():
        with contextlib.suppress(OSError):
            if own.fullmatch(leftover.name) and time.time() - leftover.stat().st_mtime > 3600:
                leftover.unlink()
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise OSError(
            error.errno, f"{error.strerror}: make room and try again", str(path)
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as JSON, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write.
    content : object
        Anything `json.dumps` takes, except NaN and infinities, which are not JSON.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    with atomic_write(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
