"""Synthesize a talk: its waveform, transcript and ground truth.

Pronunciations: the CMU Pronouncing Dictionary.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tedlium_demo_sounds import Voice, synthesize_nonspeech_sound, synthesize_speech

from aed_plugins.core import FloatArray
from aed_plugins.data import ClipSynthesizer, synthesize_sound

SAMPLE_RATE = 16_000
PHONES = {
    "zero": ("Z IH R OW", "Z IY R OW"),
    "one": ("W AH N", "HH W AH N"),
    "two": ("T UW",),
    "three": ("TH R IY",),
    "four": ("F AO R",),
    "five": ("F AY V",),
    "six": ("S IH K S",),
    "seven": ("S EH V AH N",),
    "eight": ("EY T",),
    "nine": ("N AY N",),
}
# The synthesizer's own phones for tags that are voices.
VOICED_TAGS = {"UM": "[[V:m]]", "UH": "[[V:]]"}
NONSPEECH_TAGS = (
    "{BREATH}",
    "{NOISE}",
    "[NOISE]",
    "{COUGH}",
    "{BREATH}",
    "{SMACK}",
    "{UM}",
    "{UH}",
)
UNKNOWN_WORDS = ("banana", "window", "yesterday")  # none of them in the dictionary
PAUSE_SOUNDS = ("Applause", "Laughter", "Music")
# What comes before or between the digits of an utterance, and how often.
INTERRUPTIONS = {"nonspeech": 0.5, "silence": 0.2, "unknown": 0.06, "nothing": 0.24}


class GroundTruth(NamedTuple):
    """A sound of a talk with its time.

    Attributes
    ----------
    onset, offset : float
        Seconds.
    kind : {"words", "nonspeech", "sound"}
        Words spoken without a pause, a sound with a tag in the transcript, or one without.
    label : str
        The words, the non-speech tag, or the class.
    """

    onset: float
    offset: float
    kind: str
    label: str


class TranscriptLine(NamedTuple):
    """A line of the transcript: onset and offset in seconds, and its tokens."""

    onset: float
    offset: float
    tokens: list[str]


class SyntheticTalk:
    """A talk to which sounds are appended: waveform, transcript and ground truth at once."""

    def __init__(self, voice: Voice, rng: np.random.Generator) -> None:
        self.voice = voice
        self.rng = rng
        self.lines: list[TranscriptLine] = []
        self.ground_truth: list[GroundTruth] = []
        self._waveforms: list[FloatArray] = []
        self._samples = 0
        self._digits = _cycle_shuffled(rng, tuple(PHONES))
        self._tags = _cycle_shuffled(rng, NONSPEECH_TAGS)
        self._sounds = _cycle_shuffled(rng, PAUSE_SOUNDS)

    @property
    def now(self) -> float:
        """Seconds so far."""
        return self._samples / SAMPLE_RATE

    def waveform(self) -> FloatArray:
        """Return the whole waveform with the quiet noise of a room."""
        clean = np.concatenate(self._waveforms)
        room = ClipSynthesizer(self.rng, self.rng, np.arange(len(clean)) / SAMPLE_RATE, SAMPLE_RATE)
        noise = room.sloped(room.noise(), 0.7)
        return clean + noise / noise.std() * _amplitude(self.rng.uniform(-64, -58))

    def speak(self, utterances: int) -> None:
        """Append strings of digits, with pauses before, between and after."""
        self._append_pause(long=self.rng.random() < 0.5)
        for number in range(utterances):
            if number:
                self._append_pause(long=self.rng.random() < 0.25)
            self._append_utterance()
        self._append_pause(long=True)

    def _append(self, waveform: FloatArray, decibels: float) -> tuple[float, float]:
        """Append a sound of deviation 1; return its onset and offset."""
        onset = self.now
        self._waveforms.append(waveform * _amplitude(decibels))
        self._samples += len(waveform)
        return onset, self.now

    def _record(self, span: tuple[float, float], kind: str, label: str) -> None:
        self.ground_truth.append(GroundTruth(*span, kind, label))

    def _append_silence(self, shortest: float, longest: float) -> None:
        silence = np.zeros(round(self.rng.uniform(shortest, longest) * SAMPLE_RATE))
        self._append(silence, 0)

    def _append_pause(self, long: bool) -> None:
        """Append a short silence, or a long pause with a sound that has no tag."""
        if not long:
            self._append_silence(0.25, 1.6)
            return
        self._append_silence(0.3, 0.6)
        time = np.arange(round(self.rng.uniform(2.2, 4.2) * SAMPLE_RATE)) / SAMPLE_RATE
        label = next(self._sounds)
        sound = synthesize_sound(ClipSynthesizer(self.rng, self.rng, time, SAMPLE_RATE), label)
        self._record(self._append(sound, self.rng.uniform(-30, -24)), "sound", label)
        self._append_silence(0.3, 0.6)

    def _append_utterance(self) -> None:
        """Append digits, in two parts where something comes before or between them."""
        onset = self.now
        digits = [next(self._digits) for _ in range(self.rng.integers(3, 9))]
        cut = int(self.rng.integers(0, len(digits)))
        kind = self.rng.choice(list(INTERRUPTIONS), p=list(INTERRUPTIONS.values()))
        if kind == "nothing" or (kind == "silence" and cut == 0):
            tokens = self._append_words(digits)
        else:
            first, mark = self._append_words(digits[:cut]), self._append_interruption(kind)
            tokens = [*first, mark, *self._append_words(digits[cut:])]
        self.lines.append(TranscriptLine(onset, self.now, tokens))

    def _append_words(self, words: Sequence[str]) -> list[str]:
        """Append spoken words; return their tokens, some marked as variants."""
        if not words:
            return []
        text = " ".join(words)
        self._record(self._append_speech(text), "words", text)
        marked = [len(PHONES[word]) > 1 and self.rng.random() < 0.15 for word in words]
        return [f"{word}(2)" if mark else word for word, mark in zip(words, marked, strict=True)]

    def _append_interruption(self, kind: str) -> str:
        """Append a tagged sound, a silence, or an unknown word; return its token."""
        if kind == "silence":
            self._append_silence(0.35, 0.6)
            return "<sil>"
        self._append_silence(0.05, 0.15)
        if kind == "unknown":
            token = "<unk>"
            self._record(self._append_speech(self.rng.choice(UNKNOWN_WORDS)), "words", token)
        else:
            token = next(self._tags)
            name = token[1:-1]
            self._record(self._append_nonspeech(name), "nonspeech", f"[{name}]")
        self._append_silence(0.05, 0.15)
        return token

    def _append_nonspeech(self, name: str) -> tuple[float, float]:
        if name in VOICED_TAGS:
            return self._append_speech(VOICED_TAGS[name])
        sound = synthesize_nonspeech_sound(name, self.rng, SAMPLE_RATE)
        return self._append(sound, self.rng.uniform(-34, -28))

    def _append_speech(self, text: str) -> tuple[float, float]:
        return self._append(
            synthesize_speech(self.voice, text, SAMPLE_RATE), self.rng.uniform(-26, -23)
        )


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _cycle_shuffled(rng: np.random.Generator, items: Sequence[str]) -> Iterator[str]:
    """Yield items without end, in shuffled rounds."""
    while True:
        yield from (items[place] for place in rng.permutation(len(items)))
