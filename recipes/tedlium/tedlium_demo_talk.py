"""A synthesized talk: what is said in it, how it sounds, and what its transcript says of it.

Pronunciations: the CMU Pronouncing Dictionary.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tedlium_demo_sounds import Voice, annotation_sound, spoken

from aed_plugins.core import FloatArray
from aed_plugins.data import SoundVariant, synthesize_sound

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
# What the synthesizer is to say for annotations that are voices, in its own phones.
VOICED = {"UM": "[[V:m]]", "UH": "[[V:]]"}
ANNOTATIONS = ("{BREATH}", "{NOISE}", "[NOISE]", "{COUGH}", "{BREATH}", "{SMACK}", "{UM}", "{UH}")
UNKNOWN = ("banana", "window", "yesterday")  # none of them in the dictionary
PAUSE_SOUNDS = ("Applause", "Laughter", "Music")
# What comes before or between the digits of an utterance, and how often.
INTERRUPTIONS = {"annotation": 0.5, "silence": 0.2, "unknown": 0.06, "nothing": 0.24}


class Truth(NamedTuple):
    """What is really to be heard in a talk, and when.

    Attributes
    ----------
    onset, offset : float
        Seconds.
    kind : {"words", "annotation", "sound"}
        Words spoken without a pause, a sound that the transcript names, or one that it does not.
    label : str
        The words, the annotation, or the class.
    """

    onset: float
    offset: float
    kind: str
    label: str


class Segment(NamedTuple):
    """A line of the transcript: seconds, and what stands there."""

    onset: float
    offset: float
    tokens: list[str]


class Talk:
    """A talk that grows at its end: sound, transcript and truth at once."""

    def __init__(self, voice: Voice, rng: np.random.Generator) -> None:
        self.voice = voice
        self.rng = rng
        self.segments: list[Segment] = []
        self.truth: list[Truth] = []
        self._pieces: list[FloatArray] = []
        self._samples = 0
        self._digits = _dealt(rng, tuple(PHONES))
        self._annotations = _dealt(rng, ANNOTATIONS)
        self._sounds = _dealt(rng, PAUSE_SOUNDS)

    @property
    def now(self) -> float:
        """Seconds so far."""
        return self._samples / SAMPLE_RATE

    def waveform(self) -> FloatArray:
        """Give all of it in the quiet noise of a room."""
        clean = np.concatenate(self._pieces)
        room = SoundVariant(self.rng, self.rng, np.arange(len(clean)) / SAMPLE_RATE, SAMPLE_RATE)
        noise = room.sloped(room.noise(), 0.7)
        return clean + noise / noise.std() * _amplitude(self.rng.uniform(-64, -58))

    def speak(self, utterances: int) -> None:
        """Say so many strings of digits, with pauses before, between and after."""
        self._pause(long=self.rng.random() < 0.5)
        for number in range(utterances):
            if number:
                self._pause(long=self.rng.random() < 0.25)
            self._utterance()
        self._pause(long=True)

    def _add(self, waveform: FloatArray, decibels: float) -> tuple[float, float]:
        """Put a sound of deviation 1 at the end, and give its onset and offset."""
        onset = self.now
        self._pieces.append(waveform * _amplitude(decibels))
        self._samples += len(waveform)
        return onset, self.now

    def _rest(self, shortest: float, longest: float) -> None:
        silence = np.zeros(round(self.rng.uniform(shortest, longest) * SAMPLE_RATE))
        self._add(silence, 0)

    def _pause(self, long: bool) -> None:
        """Be silent for a moment, or long enough for a sound that no transcript names."""
        if not long:
            self._rest(0.25, 1.6)
            return
        self._rest(0.3, 0.6)
        time = np.arange(round(self.rng.uniform(2.2, 4.2) * SAMPLE_RATE)) / SAMPLE_RATE
        label = next(self._sounds)
        sound = synthesize_sound(SoundVariant(self.rng, self.rng, time, SAMPLE_RATE), label)
        self.truth.append(Truth(*self._add(sound, self.rng.uniform(-30, -24)), "sound", label))
        self._rest(0.3, 0.6)

    def _utterance(self) -> None:
        """Say digits, in two parts where something comes before or between them."""
        onset = self.now
        digits = [next(self._digits) for _ in range(self.rng.integers(3, 9))]
        cut = int(self.rng.integers(0, len(digits)))
        kind = self.rng.choice(list(INTERRUPTIONS), p=list(INTERRUPTIONS.values()))
        if kind == "nothing" or (kind == "silence" and cut == 0):
            tokens = self._said(digits)
        else:
            first, mark = self._said(digits[:cut]), self._interruption(kind)
            tokens = [*first, mark, *self._said(digits[cut:])]
        self.segments.append(Segment(onset, self.now, tokens))

    def _said(self, words: Sequence[str]) -> list[str]:
        """Say words; give them as the transcript has them, some marked as variants."""
        if not words:
            return []
        self.truth.append(Truth(*self._voiced(" ".join(words)), "words", " ".join(words)))
        marked = [len(PHONES[word]) > 1 and self.rng.random() < 0.15 for word in words]
        return [f"{word}(2)" if mark else word for word, mark in zip(words, marked, strict=True)]

    def _interruption(self, kind: str) -> str:
        """Make an annotated sound, a silence, or a word out of the dictionary; give its token."""
        if kind == "silence":
            self._rest(0.35, 0.6)
            return "<sil>"
        self._rest(0.05, 0.15)
        if kind == "unknown":
            token = "<unk>"
            self.truth.append(Truth(*self._voiced(self.rng.choice(UNKNOWN)), "words", token))
        else:
            token = next(self._annotations)
            self.truth.append(
                Truth(*self._annotated(token[1:-1]), "annotation", f"[{token[1:-1]}]")
            )
        self._rest(0.05, 0.15)
        return token

    def _annotated(self, name: str) -> tuple[float, float]:
        if name in VOICED:
            return self._voiced(VOICED[name])
        sound = annotation_sound(name, self.rng, SAMPLE_RATE)
        return self._add(sound, self.rng.uniform(-34, -28))

    def _voiced(self, text: str) -> tuple[float, float]:
        return self._add(spoken(self.voice, text, SAMPLE_RATE), self.rng.uniform(-26, -23))


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _dealt(rng: np.random.Generator, cards: Sequence[str]) -> Iterator[str]:
    """Give cards without end, each about as often as the others."""
    while True:
        yield from (cards[place] for place in rng.permutation(len(cards)))
