"""How a model is to be loaded: the arguments of SpeechBrain's `from_hparams`, and ours."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from speechbrain.utils.fetching import FetchConfig, LocalStrategy, link_with_strategy
from speechbrain.utils.superpowers import import_from_path

from aed_plugins.core import InputError
from aed_plugins.pretrained.safe_yaml.overrides import Overrides

HPARAMS = "hyperparams.yaml"


@dataclass(frozen=True)
class LoadOptions:
    """How a model is to be loaded.

    Attributes
    ----------
    trust_remote_code : bool
        Build whatever the hyperparameter file names: that is to run its makers' program.
    revision : str, optional
        Of a model on the Hub: a branch, tag or commit.
    hparams_file : str
        The name of the hyperparameter file in a model folder.
    pymodule_file : str, optional
        The name of a Python file in a model folder, which is run before the hyperparameter file is
        loaded, so that this can name what it defines; only with `trust_remote_code`.
    overrides : mapping or str, optional
        Values instead of those in the hyperparameter file of a model folder: see `apply_overrides`.
    savedir : str or Path, optional
        A folder where the files of a model folder are linked or copied and then loaded from. Files
        that are there already are used as they are, and nothing is fetched.
    fetch_config : FetchConfig, optional
        SpeechBrain's: how files are fetched from the Hub. By default the environment counts, with a
        token if there is one; what is in the cache is compared with the Hub's. `overwrite`
        replaces the files in `savedir`, and so does `allow_updates` those that come from the Hub.
    local_strategy : LocalStrategy
        SpeechBrain's: whether files are linked to `savedir`, copied, or left where they are.

    Raises
    ------
    InputError
        If `pymodule_file` is given without `trust_remote_code`, or a name is no file's name.
    """

    trust_remote_code: bool = False
    revision: str | None = None
    hparams_file: str = HPARAMS
    pymodule_file: str | None = None
    overrides: Overrides | None = None
    savedir: str | Path | None = None
    fetch_config: FetchConfig | None = None
    local_strategy: LocalStrategy = LocalStrategy.SYMLINK

    def __post_init__(self) -> None:
        for option in ("hparams_file", "pymodule_file"):
            name = getattr(self, option)
            if name is not None and (not name or Path(name).name != name):
                raise InputError(f"{option}: expected the name of a file, got {name!r}")
        if self.pymodule_file is not None and not self.trust_remote_code:
            raise InputError(
                f"pymodule_file: {self.pymodule_file} would be run: if you trust its makers as you"
                " would trust a program of theirs, give trust_remote_code=True"
            )

    def check_unused(self, source: str, kind: str) -> None:
        """Refuse options that mean nothing for a source that is no model folder.

        Parameters
        ----------
        source, kind : str
            What was given, and what it is.

        Raises
        ------
        InputError
            If one is given.
        """
        # These do no harm: nothing of such a source is run, fetched or linked.
        harmless = {"trust_remote_code", "local_strategy"}
        for option in fields(self):
            if option.name not in harmless and getattr(self, option.name) != option.default:
                raise InputError(
                    f"{source}: {option.name} is for model folders and models on the Hub, not for"
                    f" {kind}"
                )

    def replaces(self, from_hub: bool) -> bool:
        """Return whether files that are in `savedir` already are replaced."""
        how = self.fetch_config
        return how is not None and (how.overwrite or (from_hub and how.allow_updates))

    def complete_savedir(self, needed: Sequence[str]) -> Path | None:
        """Return `savedir` if it has all the needed files, so that nothing need be fetched."""
        if self.savedir is None or self.replaces(from_hub=True):
            return None
        folder = Path(self.savedir).expanduser()
        return folder if all((folder / name).is_file() for name in needed) else None

    def kept(self, folder: Path, names: Sequence[str], from_hub: bool) -> Path:
        """Link or copy the files of a model folder to `savedir`; return where they are now.

        Parameters
        ----------
        folder : Path
            The model folder.
        names : sequence of str
            Its files; those that are not there are left out.
        from_hub : bool
            Whether it is the Hub's cache.
        """
        if self.savedir is None or self.local_strategy is LocalStrategy.NO_LINK:
            return folder
        kept = Path(self.savedir).expanduser()
        kept.mkdir(parents=True, exist_ok=True)
        for name in names:
            source, target = folder / name, kept / name
            new = self.replaces(from_hub) or not target.exists()
            if source.is_file() and new and source.absolute() != target.absolute():
                link_with_strategy(source, target, self.local_strategy)
        return kept

    def run_module(self, folder: Path) -> None:
        """Run the model's Python file, so that the hyperparameter file can name what is in it."""
        if self.pymodule_file is None:
            return
        path = folder / self.pymodule_file
        if not path.is_file():
            raise InputError(f"{path}: missing: pymodule_file names it")
        sys.modules[path.stem] = import_from_path(path)
