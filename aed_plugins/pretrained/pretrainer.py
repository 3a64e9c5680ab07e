"""How stock SpeechBrain loads a model folder: its `Pretrainer`, for weights in safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speechbrain.utils.fetching import FetchSource
from speechbrain.utils.parameter_transfer import Pretrainer
from torch import nn

from aed_plugins.models import load_weights, read_safetensors
from aed_plugins.pretrained.model_folder import THRESHOLDS, WEIGHTS

FILES = {"tagger": WEIGHTS, "thresholds": THRESHOLDS}


class FolderPretrainer(Pretrainer):
    """SpeechBrain's `Pretrainer` for what lies beside the hyperparameter file in a model folder.

    SpeechBrain's own looks for `tagger.ckpt`, which it reads with pickle, and takes a bare name in
    `paths` for a file in the working directory. This one looks for `model.safetensors` where the
    hyperparameter file came from, on disk or on the Hub, and loads all of it or nothing.

    Parameters
    ----------
    loadables : mapping
        `tagger`, the `AudioTagger`; may have `thresholds`, the `Thresholds`.

    Raises
    ------
    ValueError
        If there is anything else.
    """

    def __init__(self, loadables: Mapping[str, Any]) -> None:
        if "tagger" not in loadables or not set(loadables) <= set(FILES):
            raise ValueError(f"expected tagger, and maybe thresholds, got {', '.join(loadables)}")
        super().__init__(loadables=loadables, custom_hooks={"tagger": _load})

    def collect_files(
        self, default_source: str | Path | FetchSource | None = None, *given: Any, **options: Any
    ) -> dict[str, Path]:
        """Find or fetch the files.

        Parameters
        ----------
        default_source : str, Path or FetchSource
            Where the hyperparameter file came from.
        *given, **options
            As for SpeechBrain's.

        Raises
        ------
        ValueError
            If there is no `default_source`.
        """
        if default_source is None:
            raise ValueError("expected default_source, the model's folder or Hub id, got none")
        for name in self.loadables:
            if isinstance(default_source, FetchSource):
                kind, place = default_source
                self.add_paths({name: FetchSource(kind, f"{place}/{FILES[name]}")})
            else:
                self.add_paths({name: f"{default_source}/{FILES[name]}"})
        return super().collect_files(default_source, *given, **options)


def _load(module: nn.Module, path: str | Path) -> None:
    load_weights(module, read_safetensors(path), str(path), "the weights of the model in its YAML")
