"""Files of weights, wherever they are: found or downloaded, and their checksums compared.

A source is a local file, an `http` or `https` URL, or a file on the Hugging Face Hub,
`hf://owner/repo[@revision]/path/in/repo`. What is fetched once is used offline from then on.
"""

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import filelock
import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from tqdm import tqdm

from aed_plugins.core import InputError, atomic_write, one_line

CHUNK = 1 << 20  # bytes
TIMEOUT = 30  # seconds without a byte
OFFLINE = "the network is switched off by HF_HUB_OFFLINE"
# The errors of the HTTP library under the Hub's client, which differs from version to version; a
# name that cannot be one is a ValueError, a failed transfer may be a RuntimeError.
HUB_ERRORS: tuple[type[BaseException], ...] = (*HfHubHTTPError.__bases__, ValueError, RuntimeError)


def fetch_weights(source: str | Path, sha256: str | None = None) -> Path:
    """Return the local file of a source; download it if there is no copy yet.

    Downloads from URLs are kept in `$AED_PLUGINS_CACHE/weights`, else in
    `aed_plugins/weights` under `$XDG_CACHE_HOME` or `~/.cache`; those from the Hub where
    `huggingface_hub` keeps them. `HF_ENDPOINT`, `HF_HOME` and tokens count; with `HF_HUB_OFFLINE`
    no request is sent to any server.

    Parameters
    ----------
    source : str or Path
        A path (`~` is the home folder), a URL, or `hf://owner/repo[@revision]/path/in/repo`; a text
        may end in `#sha256:...`, which then stands for `sha256`.
    sha256 : str, optional
        The file's SHA-256 in hexadecimal digits, or the first 8 or more of them.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If `sha256` is no such string.
    InputError
        If there is no such file, it cannot be downloaded, or its SHA-256 is another.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.pth"
    >>> _ = path.write_bytes(b"abc")
    >>> fetch_weights(path, sha256="ba7816bf8f01cfea") == path
    True
    """
    if isinstance(source, str):
        source, _, digits = source.partition("#sha256:")
        sha256 = digits or sha256
    if sha256 is not None:
        sha256 = _checked_digits(sha256)
    scheme, separator, rest = str(source).partition("://")
    if not separator or isinstance(source, Path):
        return _local(Path(source).expanduser(), sha256)
    if scheme == "hf":
        return _from_hub(str(source), rest, sha256)
    if scheme in {"http", "https"}:
        return _from_url(str(source), sha256)
    raise InputError(f"{source}: expected a path, a URL (http or https) or hf://owner/repo/file")


def _checked_digits(sha256: str) -> str:
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-fA-F]{8,64}", sha256):
        raise ValueError(
            "sha256 must be 8 to 64 hexadecimal digits, as a string (in YAML: quoted),"
            f" got {sha256!r}"
        )
    return sha256.lower()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _check(path: Path, sha256: str | None, fix: str) -> Path:
    """Refuse a file of another SHA-256."""
    if sha256 is not None and not (found := _digest(path)).startswith(sha256):
        raise InputError(f"{path}: expected SHA-256 {sha256}, found {found}: {fix}")
    return path


def _local(path: Path, sha256: str | None) -> Path:
    if not path.is_file():
        raise InputError(
            f"{path}: no such file of weights; expected a path, a URL or hf://owner/repo/file"
        )
    return _check(path, sha256, "not the file that was asked for, or damaged")


def _from_hub(source: str, rest: str, sha256: str | None) -> Path:
    parts = re.fullmatch(r"([^/@]+/[^/@]+)(?:@([^/]+))?/(.+)", rest)
    if parts is None:
        raise InputError(
            f"{source}: expected hf://owner/repo/file or hf://owner/repo@revision/file"
        )
    repository, revision, name = parts.groups()
    revision = urllib.parse.unquote(revision) if revision is not None else None
    try:
        path = huggingface_hub.hf_hub_download(repository, name, revision=revision)
    except HUB_ERRORS as error:
        url = f"{constants.ENDPOINT}/{repository}/resolve/{revision or 'main'}/{name}"
        reason = ConnectionError(OFFLINE) if _is_offline(error) else error.__cause__ or error
        raise _unavailable(source, constants.HF_HUB_CACHE, url, reason) from error
    blob = Path(path).resolve()  # what must be deleted: the Hub's client links to it
    _check(blob, sha256, f"delete it to download {source} again, or correct the SHA-256")
    return Path(path)


def _is_offline(error: BaseException) -> bool:
    """Return whether the Hub's client failed as it may send no request; its advice is not ours."""
    missing = isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled)
    return constants.HF_HUB_OFFLINE and missing


def _from_url(url: str, sha256: str | None) -> Path:
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
    folder = _cache_folder()
    path = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name}"
    if not path.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{path}.lock"):  # of several processes one downloads
                if not path.is_file():
                    _download(url, path, sha256)
        except (OSError, http.client.HTTPException) as error:
            raise _unavailable(url, f"{folder}, see AED_PLUGINS_CACHE", url, error) from error
    return _check(path, sha256, "delete it to download it again, or correct the SHA-256")


def _unavailable(source: str, cache: str, url: str, error: BaseException) -> InputError:
    return InputError(
        f"{source}: not in the cache ({cache}), and the download failed:"
        f" {one_line(error, first_line=True)};"
        f" without a network get {url} elsewhere, put the file anywhere and give its path instead"
    )


def _cache_folder() -> Path:
    """Return the folder of what is downloaded from URLs."""
    own = os.environ.get("AED_PLUGINS_CACHE")
    if own:
        return Path(own).expanduser() / "weights"
    everyone = os.environ.get("XDG_CACHE_HOME")
    return (Path(everyone) if everyone else Path.home() / ".cache") / "aed_plugins/weights"


def _download(url: str, path: Path, sha256: str | None) -> None:
    """Download a file whole or not at all."""
    if constants.HF_HUB_OFFLINE:
        raise ConnectionError(OFFLINE)
    request = urllib.request.Request(url, headers={"User-Agent": "aed_plugins"})
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(request, timeout=TIMEOUT) as response,
        atomic_write(path) as temporary,
    ):
        size = None if response.length is None else int(response.length)
        with (
            temporary.open("wb") as file,
            tqdm(total=size, desc=path.name, unit="B", unit_scale=True, leave=False) as progress,
        ):
            while chunk := response.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                progress.update(len(chunk))
            if size is not None and file.tell() != size:  # torch.hub would keep such a file
                raise ConnectionError(f"it broke off after {file.tell()} of {size} bytes")
        if sha256 is not None and not digest.hexdigest().startswith(sha256):
            raise InputError(
                f"{url}: expected SHA-256 {sha256}, found {digest.hexdigest()}: not kept; another"
                " file is offered there now, or the SHA-256 is not this file's"
            )
