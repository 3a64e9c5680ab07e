"""Any speech recognizer that SpeechBrain has an interface for, from a folder or the Hub.

SpeechBrain builds whatever Python object a model's `hyperparams.yaml` names: loading a model runs
its author's code. Load only models that you trust.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from aed_plugins.audio import read_waveform
from aed_plugins.core import InputError, first_few, one_line
from asr.execution.stages import fingerprint_inputs
from asr.formats.ctm import CtmWord, read_ctm, write_ctm
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import DecodingWeights, Language, Recognizer

INTERFACES = ("EncoderASR", "EncoderDecoderASR", "WhisperASR")
HYPERPARAMS = "hyperparams.yaml"
SHORTEST = 0.5  # seconds; a shorter batch is padded with zeros: encoders need some frames
ROUNDING = 0.01  # seconds by which a segment may end after its recording

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
# What SpeechBrain raises for a model that is not there, is incomplete or of another interface.
_LOADING = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError)


class SpeechBrainRecognizer(Recognizer):
    """Decodes with a SpeechBrain interface, which brings words and language model of its own.

    Such an interface returns a text without times. The words of a segment are spread over it in
    proportion to their letters, so a word's times are rough, but stay inside its segment.

    Parameters
    ----------
    source : str or Path
        A folder with `hyperparams.yaml`, or `owner/name` on the Hugging Face Hub.
    interface : str
        The class of `speechbrain.inference.ASR` that the model was made for, as its page says:
        `EncoderASR`, `EncoderDecoderASR` or `WhisperASR`.
    device : str
        Such as `cpu` or `cuda:0`.
    batch_seconds : float
        Segments of similar length are decoded together, up to so many seconds with padding; a
        longer segment is decoded alone. Another value may change a word: few models ignore
        padding completely.

    Raises
    ------
    InputError
        If there is no such interface, or the seconds are not above 0.
    """

    systems = ("speechbrain",)
    weights = (DecodingWeights(1.0, 0.0),)
    trainable = False

    def __init__(
        self,
        source: str | Path,
        interface: str = "EncoderDecoderASR",
        device: str = "cpu",
        batch_seconds: float = 60.0,
    ) -> None:
        if interface not in INTERFACES:
            raise InputError(
                f"expected a SpeechBrain interface out of {', '.join(INTERFACES)}, "
                f"got {interface!r}"
            )
        if not batch_seconds > 0:
            raise InputError(f"expected batch_seconds above 0, got {batch_seconds}")
        self.source = str(source)
        self.interface = interface
        self.device = device
        self.batch_seconds = batch_seconds

    def check(self) -> None:
        """Check that the source can be a model; one on the Hub is not asked for yet.

        Raises
        ------
        InputError
            If it is neither a folder with `hyperparams.yaml` nor a name on the Hub.
        """
        folder = Path(self.source)
        if folder.is_dir() and not (folder / HYPERPARAMS).is_file():
            raise InputError(
                f"{folder}: expected {HYPERPARAMS} in it, but there is none; give the folder of a "
                "SpeechBrain model for inference, not that of its training"
            )
        if not folder.is_dir() and not _HUB_NAME.fullmatch(self.source):
            raise InputError(
                f"{self.source}: expected a folder, or owner/name on the Hugging Face Hub, "
                "but there is no such folder"
            )

    def decode(
        self,
        system: str,
        recordings: Mapping[str, Path],
        segments: Sequence[SpeechSegment],
        language: Language | None,
        weights: Sequence[DecodingWeights],
        models: Path,
        folder: Path,
    ) -> dict[DecodingWeights, list[CtmWord]]:
        """Recognize segments; finished talks are cached.

        Parameters
        ----------
        system : str
            `speechbrain`.
        recordings, segments
            As for `Recognizer.decode`.
        language : Language or None
            Not used: the model has its own.
        weights : sequence of DecodingWeights
            All of them get the same words: the model's weights are in its `hyperparams.yaml`.
        models : Path
            Not used.
        folder : Path
            Where a CTM file for each talk is cached.

        Returns
        -------
        dict of DecodingWeights to list of CtmWord
            Words in lower case without punctuation other than apostrophes, without confidences.

        Raises
        ------
        InputError
            If the model cannot be loaded, a talk has no recording, or a segment ends after it.
        """
        self.check()
        by_talk: dict[str, list[SpeechSegment]] = {}
        for segment in sorted(segments):
            by_talk.setdefault(segment.talk, []).append(segment)
        if missing := sorted(by_talk.keys() - recordings.keys()):
            raise InputError(
                f"expected a recording of every talk, but {first_few(missing)} has none"
            )
        words: list[CtmWord] = []
        for talk, own in tqdm(by_talk.items(), "recognizing", unit="talk", disable=None):
            depends_on = fingerprint_inputs(
                self._model_files, self.interface, self.batch_seconds, recordings[talk], own
            )
            cache = folder / f"{talk}-{depends_on}.ctm"
            if not cache.is_file():
                write_ctm(cache, self._recognize_talk(recordings[talk], own))
            words += read_ctm(cache)
        return dict.fromkeys(weights, words)

    @property
    def _model_files(self) -> list[Any]:
        """What the words depend on: the folder's files, or the name on the Hub."""
        folder = Path(self.source)
        if not folder.is_dir():
            return [self.source]
        return sorted(path for path in folder.rglob("*") if path.is_file())

    @functools.cached_property
    def _model(self) -> Any:
        from speechbrain.inference import ASR  # noqa: PLC0415  with torch, it takes seconds

        kind = getattr(ASR, self.interface)
        expected = f"{self.source}: expected a model that SpeechBrain's {self.interface} loads"
        hint = f"is it another of {', '.join(INTERFACES)}?"
        try:
            model = kind.from_hparams(source=self.source, run_opts={"device": self.device})
        except _LOADING as error:
            got = f"{type(error).__name__}: {one_line(error, first_line=True)[:200]}"
            raise InputError(f"{expected}, got {got}; {hint}") from error
        # SpeechBrain itself notices only when they are used.
        if missing := [name for name in kind.MODULES_NEEDED if name not in model.mods]:
            raise InputError(f"{expected}, but it has no module {missing[0]}; {hint}")
        return model

    def _recognize_talk(self, recording: Path, segments: Sequence[SpeechSegment]) -> list[CtmWord]:
        rate = self._model.audio_normalizer.sample_rate
        waveform = read_waveform(recording, rate)
        last = max(segments, key=lambda segment: segment.offset)
        if last.offset > len(waveform) / rate + ROUNDING:
            raise InputError(
                f"{recording}: expected audio up to {last.offset:.2f} s, where a segment of "
                f"{last.talk} ends, but it ends at {len(waveform) / rate:.2f} s; correct the "
                "segments or copy the recording again"
            )
        words: list[CtmWord] = []
        for batch in make_batches(segments, self.batch_seconds):
            clips = [waveform[int(s.onset * rate) : int(s.offset * rate)] for s in batch]
            for segment, text in zip(batch, self._transcribe(clips, rate), strict=True):
                words += spread_words(split_words(text), segment)
        return words

    def _transcribe(self, clips: Sequence[np.ndarray], rate: int) -> list[str]:
        import torch  # noqa: PLC0415  takes seconds

        samples = max(int(SHORTEST * rate), *(len(clip) for clip in clips))
        padded = torch.zeros(len(clips), samples)
        for row, clip in zip(padded, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(clip)
        lengths = torch.tensor([len(clip) / samples for clip in clips])
        texts, _ = self._model.transcribe_batch(padded, lengths)
        # A Whisper model that normalizes its transcripts gives lists of words.
        return [text if isinstance(text, str) else " ".join(text) for text in texts]


def make_batches(
    segments: Iterable[SpeechSegment], seconds: float
) -> Iterator[list[SpeechSegment]]:
    """Group segments of similar length.

    Parameters
    ----------
    segments : iterable of SpeechSegment
        In any order.
    seconds : float
        How long a batch may be: its longest segment's duration times its segments.

    Yields
    ------
    list of SpeechSegment
        From the longest to the shortest; a segment that is too long by itself comes alone.

    Examples
    --------
    >>> clips = [SpeechSegment("a", 0, 2), SpeechSegment("a", 2, 9), SpeechSegment("a", 9, 12)]
    >>> [[clip.duration for clip in batch] for batch in make_batches(clips, seconds=6)]
    [[7], [3, 2]]
    """
    batch: list[SpeechSegment] = []
    for segment in sorted(segments, key=lambda segment: (-segment.duration, segment)):
        if batch and (len(batch) + 1) * batch[0].duration > seconds:
            yield batch
            batch = []
        batch.append(segment)
    if batch:
        yield batch


def split_words(text: str) -> list[str]:
    """Split a recognized text into words as TED-LIUM writes them.

    Parameters
    ----------
    text : str
        With any case and punctuation.

    Returns
    -------
    list of str
        In lower case; of other characters than letters, marks and digits only apostrophes are
        left, straight ones. Tokens such as `<unk>` are left out.

    Examples
    --------
    >>> split_words("The well-known answer, isn't it: 42 <unk>!")
    ['the', 'well', 'known', 'answer', "isn't", 'it', '42']
    """
    text = re.sub(r"<[^<>\s]*>", " ", text.lower()).replace("\u2019", "'")
    characters = (c if c == "'" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return [word for word in "".join(characters).split() if word.strip("'")]


def spread_words(words: Sequence[str], segment: SpeechSegment) -> list[CtmWord]:
    """Spread words over a segment in proportion to their letters.

    Parameters
    ----------
    words : sequence of str
        In their order.
    segment : SpeechSegment
        Their segment.

    Examples
    --------
    >>> for word in spread_words(["a", "new", "idea"], SpeechSegment("talk", 8.0, 16.0)):
    ...     print(word.onset, word.duration, word.word)
    8.0 1.0 a
    9.0 3.0 new
    12.0 4.0 idea
    """
    letters = np.cumsum([0, *map(len, words)])
    edges = segment.onset + segment.duration * letters / max(letters[-1], 1)
    return [
        CtmWord(segment.talk, "A", float(onset), float(offset - onset), word)
        for word, onset, offset in zip(words, edges, edges[1:], strict=False)
    ]
