"""Model folders on the Hugging Face Hub: fetched by their files' names, and uploaded."""

import re
from collections.abc import Sequence
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from speechbrain.utils.fetching import FetchConfig

from aed_plugins.core import InputError, one_line
from aed_plugins.models import HUB_ERRORS, OFFLINE

PART = r"[A-Za-z0-9][\w.-]*"
HUB_ID = re.compile(rf"({PART}/{PART})(?:@(\S+))?")
ERRORS: tuple[type[BaseException], ...] = (*HUB_ERRORS, EntryNotFoundError)
LOGIN = "for a private one log in with `hf auth login`, or set HF_TOKEN"


def hub_id(source: str) -> tuple[str, str | None] | None:
    """Read `owner/name` or `owner/name@revision`, with or without `hf://` before it.

    Parameters
    ----------
    source : str
        What may be one.

    Returns
    -------
    tuple of str and (str or None), or None
        Repository and revision; None where it is no such name.

    Examples
    --------
    >>> hub_id("someone/talks@v1.0"), hub_id("someone/talks"), hub_id("models/talks/final")
    (('someone/talks', 'v1.0'), ('someone/talks', None), None)
    """
    found = HUB_ID.fullmatch(source.removeprefix("hf://"))
    return None if found is None else (found[1], found[2])


def fetch_folder(
    repository: str,
    names: Sequence[str],
    revision: str | None = None,
    config: FetchConfig | None = None,
    folder: Path | None = None,
) -> Path:
    """Return the local copy of files on the Hub; download what is not there yet.

    What has been downloaded is used offline from then on. `HF_ENDPOINT`, `HF_HOME`,
    `HF_HUB_OFFLINE`, `HF_TOKEN` and the login of `hf auth login` count.

    Parameters
    ----------
    repository : str
        `owner/name`.
    names : sequence of str
        The files that are wanted, at the top of the repository; no other is fetched, and those
        that are not there are left out.
    revision : str, optional
        A branch, tag or commit; the main branch otherwise.
    config : FetchConfig, optional
        SpeechBrain's: whether the network is used, the token, the folder of the cache.
    folder : Path, optional
        Where the files are to be, beside the cache.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If they cannot be had. What an interrupted download has got is kept for the next.
    """
    cache = constants.HF_HUB_CACHE
    if config is not None and config.huggingface_cache_dir is not None:
        cache = str(config.huggingface_cache_dir)
    try:
        found = huggingface_hub.snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(names),
            token=None if config is None else config.token,
            local_files_only=config is not None and not config.allow_network,
            cache_dir=cache,
            local_dir=folder,
        )
    except ERRORS as error:
        named = repository if revision is None else f"{repository} at revision {revision}"
        if (off := _switched_off(error, config)) is not None:
            raise InputError(
                f"{named}: not all of it is in the cache ({cache}), and {off}"
            ) from error
        raise InputError(
            f"{named}: not to be had from {constants.ENDPOINT}: {_reason(error)}"
        ) from error
    return Path(found)


def upload_folder(
    folder: Path, repository: str, names: Sequence[str], private: bool = False
) -> str:
    """Upload a folder's files to the Hub, into a repository that is made if there is none.

    Parameters
    ----------
    folder : Path
        The folder.
    repository : str
        `owner/name`.
    names : sequence of str
        What belongs to a model: of these, the files in the folder are uploaded, and what the
        repository has and the folder has not is deleted there.
    private : bool
        Whether a repository that is made now is private; one that is there stays as it is.

    Returns
    -------
    str
        The address of the commit.

    Raises
    ------
    InputError
        If it cannot be done.
    """
    api = huggingface_hub.HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(names),
            delete_patterns=list(names),
            commit_message="Publish the model",
        )
    except ERRORS as error:
        raise InputError(
            f"{repository}: cannot be uploaded to {constants.ENDPOINT}: {_reason(error)}; the model"
            " stays in your own folder if you give one instead"
        ) from error
    return str(commit.commit_url)


def _switched_off(error: BaseException, config: FetchConfig | None = None) -> str | None:
    """Say what switches the network off, if that is the error; its own advice is not for here."""
    if not isinstance(error, EntryNotFoundError | OfflineModeIsEnabled):
        return None
    if constants.HF_HUB_OFFLINE:
        return OFFLINE
    if config is not None and not config.allow_network:
        return "the network is switched off by allow_network=False in fetch_config"
    return None


def _reason(error: BaseException) -> str:
    """Describe in one line an error of the Hub's client, and what can be done."""
    if (off := _switched_off(error)) is not None:
        return off
    if isinstance(error, RevisionNotFoundError):
        return "there is no such revision; the names of its branches and tags are on its page"
    if isinstance(error, RepositoryNotFoundError):
        return f"there is no such model, or you may not see it: check the name; {LOGIN}"
    if isinstance(error, HfHubHTTPError) and error.response.status_code in {401, 403}:
        return f"you may not do that ({error.response.status_code}); {LOGIN}"
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = one_line(cause)
    if isinstance(error, EntryNotFoundError):
        return f"not all of it is in the cache ({constants.HF_HUB_CACHE}), and {text}"
    return f"{text}; give the same command again to go on"
