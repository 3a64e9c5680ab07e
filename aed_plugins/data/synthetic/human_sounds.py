"""Rough models of people's sounds that stand for the paper's ten classes of AudioSet.

Each gives one stretch of sound. `size` scales a voice: 1 for an adult, below 1 for a child or a
baby, whose throat is smaller and whose pitch is higher. Music, children at play and the sounds of
none of the classes are those of the other demonstration corpus.
"""

from collections.abc import Callable

import numpy as np

from aed_plugins.core import FloatArray
from aed_plugins.data.synthetic.clip_synthesizer import ClipSynthesizer
from aed_plugins.data.synthetic.urban_sounds import SOUND_MODELS


def _unit(waveform: FloatArray) -> FloatArray:
    return waveform / (waveform.std() + 1e-9)


def _arches(
    synth: ClipSynthesizer, every: float, jitter: float, fraction: float, power: float = 1
) -> FloatArray:
    """Swell and fall once in each interval, over a fraction of it."""
    onsets = synth.onsets(every, jitter) - every
    rank, since = synth.since(onsets)
    lengths = every * fraction * synth.vary(rank[-1] + 1, (0.8, 1.2))[0][rank]
    return np.sin(np.pi * np.clip(since / lengths, 0, 1)).clip(0) ** power


def _vowels(synth: ClipSynthesizer, source: FloatArray, size: float, every: float) -> FloatArray:
    """Move a source between an open and a close vowel."""
    vowel = synth.curve(0, 1, every)
    wide = ((750, 120), (1250, 150), (2700, 250))
    narrow = ((380, 80), (2000, 180), (2800, 250))
    opened = synth.resonated(source, *((hertz / size, width / size) for hertz, width in wide))
    closed = synth.resonated(source, *((hertz / size, width / size) for hertz, width in narrow))
    return vowel * opened + (1 - vowel) * closed


def _claps(synth: ClipSynthesizer, rate: float, jitter: float) -> FloatArray:
    """Let hollow hands meet: short noise that rings between 0.8 and 2.5 kHz."""
    rank, since = synth.since(synth.onsets(1 / rate, jitter) - 1 / rate)
    force = synth.vary(rank[-1] + 1, (0.4, 1))[0][rank]
    burst = synth.noise() * np.exp(-since / synth.rng.uniform(0.006, 0.012)) * force
    low, high = synth.draw((800, 1300), (1600, 2500))
    return synth.resonated(burst, (low, low / 3), (high, high / 2))


def _applause(synth: ClipSynthesizer) -> FloatArray:
    """Fuse the claps of many pairs of hands into a bright rustle."""
    rates = synth.rng.uniform(25, 50, 4)
    hands = np.sum([_unit(_claps(synth, rate, 0.95)) for rate in rates], axis=0)
    patter = synth.high_passed(synth.noise(), 2500) * np.abs(synth.noise()) ** 2
    return _unit(hands) + 0.6 * _unit(patter)


def _clapping(synth: ClipSynthesizer) -> FloatArray:
    """Clap with one or two pairs of hands, each blow apart from the others, in a small room."""
    (rate,) = synth.draw((2.0, 4.5))
    claps = _claps(synth, rate, 0.08)
    _, since = synth.since(synth.onsets(1 / rate, 0.08) - 1 / rate)
    room = synth.low_passed(synth.noise(), 3000) * np.exp(-since / 0.05)
    return _unit(claps) + 0.05 * _unit(room)


def _cheering(synth: ClipSynthesizer) -> FloatArray:
    """Hold high open vowels in many voices at once, over a roar."""
    voices = []
    for _ in range(5):
        pitch = synth.rng.uniform(350, 750) * synth.curve(0.85, 1.15, 0.5)
        swell = 0.3 + _arches(synth, synth.rng.uniform(0.7, 1.4), 0.4, 0.9)
        voices.append(_unit(synth.tone(pitch, 0.75 ** np.arange(8)) * swell))
    roar = synth.resonated(synth.noise(), (900, 700), (2200, 1500))
    open_vowels = synth.resonated(np.sum(voices, axis=0), (850, 250), (1400, 350), (2900, 500))
    return _unit(open_vowels) + 0.8 * _unit(roar)


def _crowd(synth: ClipSynthesizer) -> FloatArray:
    """Murmur in so many low voices that no word is left."""
    voices = []
    for _ in range(7):
        pitch = synth.rng.uniform(90, 230) * synth.curve(0.9, 1.1, 0.3)
        syllables = _arches(synth, synth.rng.uniform(0.18, 0.3), 0.5, 0.9)
        voices.append(_unit(synth.tone(pitch, 0.8 ** np.arange(10)) * syllables))
    murmur = synth.resonated(np.sum(voices, axis=0), (450, 150), (1100, 300), (2300, 500))
    hall = synth.low_passed(synth.noise(), 700)
    return synth.low_passed(_unit(murmur) + 0.5 * _unit(hall), 1800)


def _crying(synth: ClipSynthesizer, size: float) -> FloatArray:
    """Wail about once a second: the pitch leaps up and sinks, and the voice sobs."""
    pitch, every, hoarse, sob = synth.draw((330, 420), (0.9, 1.4), (0.05, 0.2), (7, 10))
    onsets = synth.onsets(every, 0.15) - every
    progress = np.clip(synth.since(onsets)[1] / (0.85 * every), 0, 1)
    glide = pitch / size * (1.25 - 0.55 * progress) * (1 + 0.03 * synth.tone(sob, [1]))
    breath = np.sin(np.pi * progress**0.5).clip(0) * (1 + 0.6 * synth.tone(sob, [1]))
    voice = synth.tone(glide, 0.9 ** np.arange(14)) + hoarse * synth.noise()
    return synth.resonated(voice * breath, (1100 / size, 200), (2600 / size, 300))


def _laughter(synth: ClipSynthesizer, size: float) -> FloatArray:
    """Breathe out in short voiced puffs, five a second, that sink; then draw breath."""
    pitch, rate, breath = synth.draw((180, 280), (4.5, 6.0), (0.4, 0.8))
    bout = _arches(synth, 1.8, 0.2, 0.8, 0.3)
    puffs = _arches(synth, 1 / rate, 0.08, 0.55)
    glide = pitch / size * (0.8 + 0.35 * puffs) * synth.curve(0.9, 1.15, 0.6)
    voice = _unit(synth.tone(glide, 0.7 ** np.arange(12))) + breath * synth.noise()
    ha = synth.resonated(voice * puffs, (800 / size, 150), (1300 / size, 200), (2800 / size, 400))
    return ha * bout


def _shout(synth: ClipSynthesizer, size: float) -> FloatArray:
    """Call one long bright syllable at a time, the pitch held high, with pauses."""
    pitch, every = synth.draw((260, 380), (0.9, 1.5))
    call = _arches(synth, every, 0.3, 0.5, 0.3)
    glide = pitch / size * (0.8 + 0.25 * call) * synth.curve(0.98, 1.02, 0.1)
    voice = synth.tone(glide, 0.95 ** np.arange(18)) + 0.1 * synth.noise()
    return _vowels(synth, voice * call, size**0.5, 0.8)


def _speech(synth: ClipSynthesizer, size: float) -> FloatArray:
    """Speak four or five syllables a second in phrases, with hissed consonants between."""
    pitch, rate = synth.draw((95, 190), (3.8, 5.2))
    phrase = _arches(synth, 2.2, 0.3, 0.85, 0.2)
    syllables = _arches(synth, 1 / rate, 0.35, 0.85)
    melody = pitch / size * synth.curve(0.8, 1.25, 0.25)
    voice = _vowels(synth, synth.tone(melody, 0.88 ** np.arange(20)) * syllables, size**0.5, 0.12)
    hiss = synth.high_passed(synth.noise(), 2800) * (1 - syllables) ** 8 * synth.curve(0, 1, 0.2)
    return (_unit(voice) + 0.12 * _unit(hiss)) * phrase


VOICES: dict[str, Callable[[ClipSynthesizer, float], FloatArray]] = {
    "Crying, sobbing": _crying,
    "Laughter": _laughter,
    "Shout": _shout,
    "Speech": _speech,
}
MODELS: dict[str, Callable[[ClipSynthesizer], FloatArray]] = {
    "Applause": _applause,
    "Cheering": _cheering,
    "Children playing": SOUND_MODELS["children_playing"],
    "Clapping": _clapping,
    "Crowd": _crowd,
    "Music": SOUND_MODELS["street_music"],
    # None of the ten classes:
    "Air conditioning": SOUND_MODELS["air_conditioner"],
    "Idling": SOUND_MODELS["engine_idling"],
    "Jackhammer": SOUND_MODELS["jackhammer"],
    "Siren": SOUND_MODELS["siren"],
}


def synthesize_sound(synth: ClipSynthesizer, name: str, size: float = 1.0) -> FloatArray:
    """Synthesize one stretch of a sound, faded in and out.

    Parameters
    ----------
    synth : ClipSynthesizer
        The stretch's.
    name : str
        A key of `VOICES` or `MODELS`.
    size : float
        The size of a voice: 1 for an adult, about 0.6 for a child. No matter to `MODELS`.

    Returns
    -------
    ndarray
        `(sample,)`, of deviation 1.

    Examples
    --------
    >>> time = np.arange(16000) / 8000
    >>> synth = ClipSynthesizer(np.random.default_rng(1), np.random.default_rng(2), time, 8000)
    >>> synthesize_sound(synth, "Laughter", 0.6).shape
    (16000,)
    """
    waveform = VOICES[name](synth, size) if name in VOICES else MODELS[name](synth)
    edge = np.minimum(synth.time, synth.time[-1] - synth.time) / 0.1
    return _unit(waveform * np.clip(edge, 0, 1))
