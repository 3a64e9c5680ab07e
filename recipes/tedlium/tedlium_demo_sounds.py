"""Synthesize the parts of the demonstration's talks: voices, and non-speech sounds.

The voices are those of the speech synthesizer espeak-ng, the sounds rough models.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aed_plugins.audio import read_waveform
from aed_plugins.core import FloatArray, InputError
from aed_plugins.data import ClipSynthesizer

SILENT = 0.003  # of the largest amplitude


class Voice(NamedTuple):
    """A voice: a variant of espeak-ng's American English.

    Attributes
    ----------
    part : {"train", "dev", "test"}
        The set of its talk.
    variant : str
        Such as `m3`; the first letter is `m` for men and `f` for women.
    speed : int
        Words a minute.
    pitch : int
        From 0 to 99.
    """

    part: str
    variant: str
    speed: int
    pitch: int

    @property
    def talk(self) -> str:
        """The name of its talk."""
        return f"Espeak{self.variant.upper()}_2014"


def check_synthesizer() -> None:
    """Check that there is espeak-ng.

    Raises
    ------
    InputError
        If not; the message names the command to install it.
    """
    if shutil.which("espeak-ng") is None:
        raise InputError(
            "espeak-ng: the demonstration's talks are spoken by this speech synthesizer, but there "
            "is none; install it (apt install espeak-ng), or name the folder of TED-LIUM"
        )


def synthesize_speech(voice: Voice, text: str, sample_rate: int) -> FloatArray:
    """Synthesize a text.

    Parameters
    ----------
    voice : Voice
        The voice.
    text : str
        English, or phones in espeak-ng's own spelling, in double square brackets.
    sample_rate : int
        Hertz.

    Returns
    -------
    ndarray
        `(sample,)`, of deviation 1, without the silence before and after.

    Raises
    ------
    InputError
        If espeak-ng fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        options = ["-v", f"en-us+{voice.variant}", "-s", str(voice.speed), "-p", str(voice.pitch)]
        done = subprocess.run(
            ["espeak-ng", *options, "-w", str(path), text],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not path.is_file():
            message = " ".join(done.stderr.split()) or f"it ended with status {done.returncode}"
            raise InputError(
                f"espeak-ng: expected it to speak as en-us+{voice.variant}, but: {message}; "
                "install it again: apt install espeak-ng"
            )
        waveform = read_waveform(path, sample_rate).astype(float)
    audible = np.flatnonzero(np.abs(waveform) > SILENT * np.abs(waveform).max())
    waveform = waveform[audible[0] : audible[-1] + 1]
    return waveform / waveform.std()


def _breath(synth: ClipSynthesizer) -> FloatArray:
    """Draw air through mouth and nose: noise that swells and breaks off."""
    throat, mouth = synth.draw((900, 1400), (2200, 3200))
    swell = np.sin(np.pi * (synth.time / synth.time[-1]) ** 1.5)
    return synth.resonated(synth.noise(), (throat, 500), (mouth, 900)) * swell


def _cough(synth: ClipSynthesizer) -> FloatArray:
    """Burst out twice: a hoarse onset that dies away, the second weaker."""
    throat, mouth = synth.draw((450, 700), (1300, 1800))
    rank, since = synth.since(np.array([0.01, 0.5 * synth.time[-1]]))
    force = np.where(rank == 0, 1.0, 0.6) * np.exp(-since / 0.06)
    hoarse = synth.noise() + synth.tone(synth.rng.uniform(110, 190), 0.9 ** np.arange(8))
    return synth.resonated(hoarse * force, (throat, 250), (mouth, 400))


def _knock(synth: ClipSynthesizer) -> FloatArray:
    """Knock on wood, about five times a second."""
    wood, panel = synth.draw((180, 320), (600, 900))
    _, since = synth.since(synth.onsets(0.2, 0.15) - 0.15)
    return synth.resonated(synth.noise() * np.exp(-since / 0.004), (wood, 60), (panel, 150))


def _smack(synth: ClipSynthesizer) -> FloatArray:
    """Part the lips: two clicks, close together and bright."""
    _, since = synth.since(np.array([0.4, 0.55]) * synth.time[-1])
    click = synth.noise() * np.exp(-since / 0.003)
    return synth.resonated(click, (1800, 500), (3600, 900))


# By non-speech tag: its model, and its shortest and longest duration in seconds.
NONSPEECH_SOUNDS: dict[str, tuple[Callable[[ClipSynthesizer], FloatArray], float, float]] = {
    "BREATH": (_breath, 0.3, 0.5),
    "COUGH": (_cough, 0.4, 0.6),
    "NOISE": (_knock, 0.4, 0.8),
    "SMACK": (_smack, 0.12, 0.2),
}


def synthesize_nonspeech_sound(tag: str, rng: np.random.Generator, sample_rate: int) -> FloatArray:
    """Synthesize the sound of a non-speech tag.

    Parameters
    ----------
    tag : str
        A key of `NONSPEECH_SOUNDS`.
    rng : numpy.random.Generator
        The source of its random variation.
    sample_rate : int
        Hertz.

    Returns
    -------
    ndarray
        `(sample,)`, of deviation 1, faded in and out.

    Examples
    --------
    >>> synthesize_nonspeech_sound("SMACK", np.random.default_rng(1), 16000).std().round(6)
    1.0
    """
    model, shortest, longest = NONSPEECH_SOUNDS[tag]
    time = np.arange(round(rng.uniform(shortest, longest) * sample_rate)) / sample_rate
    waveform = model(ClipSynthesizer(rng, rng, time, sample_rate))
    waveform *= np.clip(np.minimum(time, time[-1] - time) / 0.01, 0, 1)
    return waveform / waveform.std()
