"""Tag, time-stamp and embed recordings with a trained model."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError
from speechbrain.utils.data_utils import split_path
from speechbrain.utils.fetching import FetchConfig, LocalStrategy, fetch
from speechbrain.utils.run_opts import RunOptions
from torch import Tensor

from aed_plugins.core import InputError, one_line
from aed_plugins.inference.batch_tagger import Classified, given_options
from aed_plugins.inference.recording_tagger import RecordingTagger
from aed_plugins.inference.recordings import read_recording
from aed_plugins.models import HUB_ERRORS, OFFLINE, Thresholds, check_device
from aed_plugins.pretrained import OnnxTagger, load_model

# What `from_hparams` hands on of a loaded model.
HPARAMS = ("labels", "multi_label", "sample_rate", "thresholds", "timeline", "name")
# What SpeechBrain's `fetch` raises where a file is not here and no request may be sent.
NOT_LOCAL = (ValueError, LocalEntryNotFoundError)
ELSEWHERE = re.compile(r"https?://.+|[\w.-]+/[\w.-]+/[^/]+")  # a URL, or owner/name/file


class PretrainedTagger(RecordingTagger):
    """Tag, time-stamp and embed recordings with a trained model.

    One label per clip or several, the interface is the same: probabilities are a softmax or
    sigmoids, as the model was trained. Load one with `from_hparams`.

    Parameters
    ----------
    modules : mapping
        `tagger`, an `AudioTagger` or `Ensemble`; nothing for a model in ONNX Runtime.
    hparams : mapping
        `labels`, `multi_label`, `sample_rate`; may have `thresholds` (`Thresholds` or `(class,)`),
        `timeline` (see `TimelineSettings.to_dict`) and `name`.
    run_opts : mapping, optional
        SpeechBrain's, such as `{"device": "cuda"}`.
    freeze_params : bool
        Whether to freeze parameters and statistics.
    onnx : OnnxTagger, optional
        What computes instead of the tagger.

    Attributes
    ----------
    labels : list of str
        The classes, in the order of all outputs: the model's, or those of `choose`.
    multi_label : bool
        Whether several may hold at once.
    sample_rate : int
        Of the model's input, in hertz. Files and streams of any rate are resampled.
    thresholds : ndarray
        `(class,)`; the probability from which a class counts as present.
    timeline_settings : TimelineSettings
        Those that were tuned and saved with the model or come with a released one; else windows of
        a second, and the thresholds. Others may be set.
    name : str
        The model's name.
    progress : callable or None
        Called with a file's path, its blocks of samples as they are read and the sample rate;
        yields the blocks, for example while it shows a progress bar.

    Examples
    --------
    >>> from aed_plugins.models import AudioTagger, DNNHead, LogMel, ResNet
    >>> nothing = torch.nn.Identity()
    >>> model = AudioTagger(LogMel(), nothing, nothing, ResNet(width=0.25), DNNHead(128, 2))
    >>> hparams = {"labels": ["dog", "siren"], "multi_label": False, "sample_rate": 16000}
    >>> tagger = PretrainedTagger({"tagger": model}, hparams, {"device": "cpu"})
    >>> probabilities, _, _, labels = tagger.classify_batch(torch.zeros(3, 16000))
    >>> probabilities.shape, len(labels)
    (torch.Size([3, 2]), 3)
    >>> tagger.timeline(np.zeros(16000), 16000, window=0.5, threshold=0.9).duration
    1.0
    """

    @classmethod
    def from_hparams(  # noqa: PLR0913  SpeechBrain's and ours
        cls,
        source: str | Path | Sequence[str | Path],
        hparams_file: str = "hyperparams.yaml",
        *,
        pymodule_file: str | None = None,
        overrides: Mapping[str, Any] | str | None = None,
        savedir: str | Path | None = None,
        fetch_config: FetchConfig | None = None,
        local_strategy: LocalStrategy = LocalStrategy.SYMLINK,
        run_opts: Mapping[str, Any] | RunOptions | None = None,
        freeze_params: bool = True,
        trust_remote_code: bool = False,
        revision: str | None = None,
        device: str = "auto",
    ) -> "PretrainedTagger":
        """Load a model, called as SpeechBrain's `Pretrained.from_hparams`.

        Nothing that comes with a model is run: its YAML may name classes of a short list only, and
        its weights must be plain tensors.

        Parameters
        ----------
        source : str, Path or FetchSource, or a sequence of them
            A published folder or a finished training run; a Hub id, `owner/name`; one of
            EfficientAT's released taggers of AudioSet's 527 classes, `mn01` to `mn40`, or its file
            of weights; or a `.onnx` file of `aed export`. Several make an `Ensemble`, whose
            probabilities are the means of theirs; so are its thresholds, where each has some.
        hparams_file : str
            The name of the YAML in a published folder.
        pymodule_file : str, optional
            The name of a Python file beside the YAML, which is run first, so that the YAML can name
            what it defines; only with `trust_remote_code`.
        overrides : mapping or str, optional
            Values, by name, instead of those in the YAML; checked as these are.
        savedir : str or Path, optional
            A folder where the model's files are linked or copied and then loaded from. Those that
            are there already are used, and nothing is fetched.
        fetch_config : FetchConfig, optional
            How files are fetched from the Hub; by default as `huggingface_hub`'s environment says,
            with a token if there is one. `overwrite` replaces files in `savedir`, and so does
            `allow_updates` those from the Hub.
        local_strategy : LocalStrategy
            Whether files in `savedir` are links or copies, or stay where they are.
        run_opts : mapping or RunOptions, optional
            SpeechBrain's, such as `{"precision": "bf16"}`; its `device` comes before ours.
        freeze_params : bool
            Whether to freeze parameters and statistics.
        trust_remote_code : bool
            Whether the YAML may name any Python object. It can then do anything on this machine.
        revision : str, optional
            Branch, tag or commit on the Hub.
        device : str
            Such as `cpu`, `cuda` or `cuda:1`; `auto` is a GPU if there is one.

        Raises
        ------
        InputError
            If there is no such model or device, or it is damaged, incomplete or not safe to load;
            or several differ in their classes or in their input; or an option does not apply.
        """
        options = given_options(run_opts)
        device = str(options.get("device", device))
        if str(source).endswith(".onnx"):
            if device not in {"auto", "cpu"}:
                raise InputError(f"device: a .onnx file runs on the cpu, got {device}")
            options["device"] = "cpu"
        else:
            options["device"] = check_device(device)
        model = load_model(
            source,
            hparams_file=hparams_file,
            pymodule_file=pymodule_file,
            overrides=overrides,
            savedir=savedir,
            fetch_config=fetch_config,
            local_strategy=local_strategy,
            trust_remote_code=trust_remote_code,
            revision=revision,
        )
        hparams = {name: getattr(model, name) for name in HPARAMS}
        if isinstance(model.tagger, OnnxTagger):
            return cls({}, hparams, options, freeze_params, onnx=model.tagger)
        return cls({"tagger": model.tagger}, hparams, options, freeze_params)

    def classify_file(self, path: str | Path, savedir: str | Path | None = None) -> Classified:
        """Classify a recording, as SpeechBrain's `EncoderClassifier.classify_file` does.

        Parameters
        ----------
        path : str or Path
            As for `tag`, with the same probabilities; or as for `load_audio`.
        savedir : str or Path, optional
            As for `load_audio`.

        Returns
        -------
        out_prob, score, index, text_lab
            As `classify_batch` returns them for a batch of one clip.

        Raises
        ------
        InputError
            If it cannot be used, or memory runs out.
        """
        values, _ = self._tag_all(_fetched(path, savedir), None)
        found = torch.from_numpy(values.astype(np.float32)).to(self.device).unsqueeze(0)
        return self._classified(self._of_chosen(found))

    def load_audio(self, path: str | Path, savedir: str | Path | None = None) -> Tensor:
        """Read a recording for `classify_batch` and `encode_batch`.

        Parameters
        ----------
        path : str or Path
            A file as for `tag`, or as for SpeechBrain's `fetch`: a URL, or a file on the Hub as
            `owner/name/file`.
        savedir : str or Path, optional
            Where a link to the file, or what was downloaded, is kept; a URL needs it.

        Returns
        -------
        Tensor
            `(sample,)`, float32, mono, at the model's rate, rounded to 16 bits as in training.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        blocks = read_recording(_fetched(path, savedir), None, self.sample_rate)
        return torch.from_numpy(np.concatenate(list(blocks))).to(self.device)

    def export_onnx(self, path: str | Path) -> None:
        """Write the model, with all its classes, as one ONNX file.

        Parameters
        ----------
        path : str or Path
            The file; it appears only if ONNX Runtime gives what PyTorch gives, within 1e-4.

        Raises
        ------
        InputError
            If the model cannot be exported or is in ONNX already, or a package is missing.
        """
        from aed_plugins.pretrained import export_onnx  # noqa: PLC0415  optional packages

        if self.onnx is not None:
            raise InputError(f"{path}: the model is an ONNX file already: copy it")
        kept = self.hparams.__dict__
        values = kept.get("thresholds")
        export_onnx(
            self.mods["tagger"],
            path,
            labels=[str(label) for label in kept["labels"]],
            multi_label=self.multi_label,
            thresholds=values.values if isinstance(values, Thresholds) else values,
            name=self.name,
            timeline=kept.get("timeline"),
        )


def _fetched(path: str | Path, savedir: str | Path | None) -> Path:
    """Return a recording's local file; SpeechBrain fetches what is somewhere else."""
    local = Path(path).exists() or not ELSEWHERE.fullmatch(str(path))
    if local and savedir is None:
        return Path(path)
    source, name = split_path(str(path))
    settings = FetchConfig(allow_network=not constants.HF_HUB_OFFLINE)
    try:
        return Path(fetch(name, source, savedir, fetch_config=settings))
    except HUB_ERRORS as error:
        if constants.HF_HUB_OFFLINE and isinstance(error, NOT_LOCAL):
            where = "in the cache" if savedir is None else f"in the cache or in {savedir}"
            raise InputError(f"{path}: not {where}, and {OFFLINE}") from error
        raise InputError(
            f"{path}: cannot be fetched: {one_line(error, first_line=True)}"
        ) from error
