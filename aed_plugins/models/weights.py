"""Files of weights: found or fetched, checked, read without running what is in them.

A source is a local file, an `http` or `https` URL, or a file on the Hugging Face Hub,
`hf://owner/repo[@revision]/path/in/repo`. What is fetched once is used offline from then on.
"""

import hashlib
import http.client
import os
import pickle
import re
import struct
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import filelock
import huggingface_hub
import torch
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from torch import Tensor, nn
from tqdm import tqdm

from aed_plugins.core import InputError, atomic_write, first_few, one_line
from aed_plugins.models.safetensors_file import read_safetensors

CHUNK = 1 << 20  # bytes
# What torch.load raises for damaged files, found by damaging some; truncated ones from before
# PyTorch 1.6 (the published VGGish among them) raise LookupError and struct.error.
DAMAGE = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
# The last bytes of a table as LevelDB writes them: of TensorFlow's checkpoints in the old format
# (V1), Google's `vggish_model.ckpt` among them, and of the indexes of those in the new one (V2).
TENSORFLOW_END = bytes.fromhex("57fb808b247547db")
TIMEOUT = 30  # seconds without a byte
# The errors of the HTTP library under the Hub's client, which differs from version to version; a
# name that cannot be one is a ValueError, a failed transfer may be a RuntimeError.
HUB_ERRORS: tuple[type[BaseException], ...] = (*HfHubHTTPError.__bases__, ValueError, RuntimeError)


def fetch_weights(source: str | Path, sha256: str | None = None) -> Path:
    """Give the local file of a source; download it if there is no copy yet.

    Downloads from URLs are kept in `$AED_PLUGINS_CACHE/weights`, else in
    `aed_plugins/weights` under `$XDG_CACHE_HOME` or `~/.cache`; those from the Hub where
    `huggingface_hub` keeps them. `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and tokens count.

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


def load_weights(
    module: nn.Module, state: Mapping[str, Tensor], source: str, expected: str
) -> None:
    """Load tensors whose names and shapes are exactly a module's.

    Parameters
    ----------
    module : nn.Module
        Changed in place, or not at all.
    state : mapping of str to Tensor
        What to load. A `num_batches_tracked` may be missing: older files do not count the batches
        that batch norm has seen.
    source, expected : str
        What an error calls the file, and what it should have held.

    Raises
    ------
    InputError
        If a tensor is missing, has another shape or has no place in the module.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> load_weights(layer, {"weight": torch.ones(1, 2), "bias": torch.ones(1)}, "a.pth", "a layer")
    >>> layer(torch.ones(1, 2)).item()
    3.0
    """
    own = module.state_dict()
    state = {
        **{name: own[name] for name in own if name.endswith("num_batches_tracked")},
        **state,
    }
    odd = [name for name in {**own, **state} if name not in own or name not in state]
    odd += [name for name in own if name in state and own[name].shape != state[name].shape]
    if odd:
        raise InputError(
            f"{source}: expected {expected}, but {len(odd)} of {len(own)} tensors do not fit:"
            f" {first_few(odd)}"
        )
    module.load_state_dict(state)


def read_state_dict(path: str | Path) -> Mapping[str, Tensor]:
    """Read a file of plain tensors written by `torch.save`, or a `.safetensors` file.

    Parameters
    ----------
    path : str or Path
        The file; objects other than tensors in it are refused, never run.

    Returns
    -------
    mapping of str to Tensor
        The tensors on the CPU.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, a TensorFlow checkpoint or something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise InputError(
            f"{path}: expected weights saved with torch.save, got{_what_else(path, error)}"
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise InputError(f"{path}: expected a state dict of tensors, got {type(state).__name__}")
    return state


def _what_else(path: Path, error: BaseException) -> str:
    """Name what a file that torch.load refuses holds, as far as that can be told."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(TENSORFLOW_END)))
        if file.read() != TENSORFLOW_END:
            return f": {one_line(error, first_line=True)}"
    return (
        " a TensorFlow checkpoint; convert it to a PyTorch state dict or, for VGGish, use"
        " torchvggish's vggish-10086976.pth, which holds the same weights"
    )


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


def _check(path: Path, sha256: str | None, cure: str) -> Path:
    """Refuse a file of another SHA-256."""
    if sha256 is not None and not (found := _digest(path)).startswith(sha256):
        raise InputError(f"{path}: expected SHA-256 {sha256}, found {found}: {cure}")
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
        reason = error.__cause__ or error
        raise _unavailable(source, constants.HF_HUB_CACHE, url, reason) from error
    blob = Path(path).resolve()  # what must be deleted: the Hub's client links to it
    _check(blob, sha256, f"delete it to download {source} again, or correct the SHA-256")
    return Path(path)


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
    """Tell where downloads from URLs are kept."""
    own = os.environ.get("AED_PLUGINS_CACHE")
    if own:
        return Path(own).expanduser() / "weights"
    everyone = os.environ.get("XDG_CACHE_HOME")
    return (Path(everyone) if everyone else Path.home() / ".cache") / "aed_plugins/weights"


def _download(url: str, path: Path, sha256: str | None) -> None:
    """Download a file whole or not at all."""
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
