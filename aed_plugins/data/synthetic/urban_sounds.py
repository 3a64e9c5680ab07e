"""Ten physical models that stand for the classes of UrbanSound8K in the demonstration corpus.

What belongs to a recording (pitch, rates, timbre, background) is drawn from one random generator,
what belongs to a slice (timing, phase, noise) from another, so that the slices of a recording are
similar, as they are in the official data.
"""

from collections.abc import Callable

import numpy as np

from aed_plugins.core import FloatArray
from aed_plugins.data.synthetic.clip_synthesizer import ClipSynthesizer

DECIBELS = {1: (14, 25), 2: (10, 14)}  # sound over street noise, by salience


def _unit(waveform: FloatArray) -> FloatArray:
    return waveform / waveform.std()


def _air_conditioner(synth: ClipSynthesizer) -> FloatArray:
    """Fan noise through a duct, stirred by the blades, over the hum of the mains."""
    slope, depth, blades = synth.draw((0.6, 1.2), (0.1, 0.4), (6, 25))
    duct, hum = synth.draw((150, 600), (0.1, 0.6))
    mains = synth.traits.choice([50.0, 60.0])
    air = _unit(synth.sloped(synth.noise(), slope))
    air += 0.5 * _unit(synth.resonated(air, (duct, duct / 2)))
    stir = 1 + depth * synth.tone(blades, [1, 0.3]) + synth.curve(-0.1, 0.1, 0.4)
    return air * stir + hum * synth.tone(2 * mains, [1, 0.6, 0.2, 0.3, 0.1, 0.1])


def _car_horn(synth: ClipSynthesizer) -> FloatArray:
    """Two horns a third apart, beating, in one to three honks."""
    low, interval, bright, bell = synth.draw((330, 480), (1.18, 1.28), (0.75, 0.9), (1500, 3200))
    pitch = low * (1 - 0.05 * np.exp(-synth.time / 0.03))
    harmonics = bright ** np.arange(18)
    horns = synth.tone(pitch, harmonics) + synth.tone(pitch * interval, harmonics)
    horns = _unit(horns) + 0.7 * _unit(synth.resonated(horns, (bell, 600)))
    honks = int(synth.rng.integers(1, 4))
    starts, lengths = synth.vary(honks, (0.02, 0.2), (0.4, 0.75))
    room = synth.time[-1] / honks
    rank, since = synth.since(room * (np.arange(honks) + starts))
    left = room * lengths[rank] - since
    return horns * np.clip(since / 0.015, 0, 1) * np.clip(left / 0.04, 0, 1)


def _child(synth: ClipSynthesizer, pitch: float, size: float) -> FloatArray:
    """Shout in gliding syllables of changing vowels; `size` scales the formants."""
    rank, since = synth.since(synth.onsets(synth.rng.uniform(0.25, 0.45), 0.6) - 0.2)
    length, rise, lift, loud = synth.vary(
        rank[-1] + 1, (0.12, 0.32), (0.15, 0.5), (0.85, 1.35), (0, 1)
    )[:, rank]
    arch = np.sin(np.pi * np.clip(since / length, 0, 1)).clip(0)
    source = synth.tone(pitch * lift * (1 + rise * arch), 0.85 ** np.arange(16))
    breath = (source + 0.05 * synth.noise()) * np.sqrt(arch) * loud
    vowel = synth.curve(0, 1, 0.15)
    broad = synth.resonated(breath, (1000 * size, 140), (1700 * size, 180), (3400 * size, 300))
    narrow = synth.resonated(breath, (480 * size, 90), (2600 * size, 200), (3700 * size, 300))
    return vowel * broad + (1 - vowel) * narrow


def _children_playing(synth: ClipSynthesizer) -> FloatArray:
    """Three to five children's voices at once, each nearer or farther away."""
    voices = [
        synth.draw((250, 430), (0.9, 1.2), (0.4, 1.0)) for _ in range(synth.traits.integers(3, 6))
    ]
    return np.sum([near * _child(synth, pitch, size) for pitch, size, near in voices], axis=0)


def _dog_bark(synth: ClipSynthesizer) -> FloatArray:
    """Short rough barks whose pitch rises and falls, at irregular times."""
    pitch, snout, rough, noisy = synth.draw((180, 600), (0.7, 1.4), (25, 70), (0.3, 1.0))
    interval, length = synth.draw((0.28, 0.65), (0.09, 0.19))
    rank, since = synth.since(synth.onsets(interval, 0.5))
    stretch, lift, loud = synth.vary(rank[-1] + 1, (0.85, 1.15), (0.9, 1.1), (0.6, 1))[:, rank]
    progress = np.clip(since / (length * stretch), 0, 1)
    glide = pitch * lift * (0.7 + 0.5 * np.sin(np.pi * progress**0.7))
    growl = 1 + 0.7 * synth.tone(rough * synth.curve(0.8, 1.2, 0.05), [1])
    source = synth.tone(glide, 0.9 ** np.arange(16)) * growl + noisy * synth.noise()
    breath = source * np.sin(np.pi * progress**0.6).clip(0) * loud
    return synth.resonated(breath, (700 * snout, 250), (1300 * snout, 350), (2600 * snout, 600))


def _drilling(synth: ClipSynthesizer) -> FloatArray:
    """Mix a motor that slows under load, its gears, and the bit that grinds above 2 kHz."""
    rotation, teeth, bite = synth.draw((100, 300), (6, 14), (0.4, 1.2))
    strength = synth.traits.uniform(0.2, 1, 12) * 0.85 ** np.arange(12)
    load = synth.curve(0, 1, 0.25)
    speed = rotation * (1 - 0.08 * load)
    motor = synth.tone(speed, strength)
    gears = synth.tone(speed * round(teeth), [1, 0.6, 0.3]) * (1 + 0.5 * synth.tone(speed, [1]))
    turn = 1 + 0.6 * synth.tone(speed / 4, [1, 0.5])
    grind = synth.high_passed(synth.noise(), 2200) * turn * (0.4 + load)
    return motor + 0.5 * gears + bite * grind


def _engine_idling(synth: ClipSynthesizer) -> FloatArray:
    """Four uneven cylinders that fire into an exhaust with low resonances."""
    firing, hiss, whine = synth.draw((15, 40), (0.05, 0.25), (600, 1600))
    pipes = synth.draw((55, 120), (160, 330), (420, 900))
    cylinders = synth.traits.uniform(0.6, 1.0, 4)
    rank, since = synth.since(synth.onsets(1 / firing, 0.08) - 1 / firing)
    force = cylinders[rank % 4] * synth.vary(rank[-1] + 1, (0.85, 1.15))[0][rank]
    pulse = np.exp(-since / 0.004) * force * (1 + 0.5 * synth.noise())
    exhaust = synth.resonated(pulse - pulse.mean(), *zip(pipes, pipes / 3, strict=True))
    valves = synth.high_passed(synth.noise(), 1000) * np.exp(-since / 0.008)
    belt = synth.tone(whine * synth.curve(0.99, 1.01, 0.2), [1, 0.3])
    return _unit(exhaust) + hiss * valves + 0.05 * belt


def _gun_shot(synth: ClipSynthesizer) -> FloatArray:
    """Fire one blast that dies within milliseconds, with ever duller echoes and a tail."""
    blast, edge, reverb, tail = synth.draw((0.006, 0.025), (2500, 8000), (0.08, 0.3), (0.05, 0.25))
    echoes = np.append(0, np.cumsum(synth.traits.uniform(0.04, 0.16, 4)))
    start = synth.rng.uniform(0.02, 0.12)
    shot = np.zeros(len(synth.time))
    for rank, delay in enumerate(echoes):
        decay = np.minimum(synth.since(np.array([start + delay]))[1] / blast, 50)
        # A pressure wave overshoots below zero: Friedlander's form.
        burst = np.exp(-decay) * (1 - decay + synth.noise())
        shot += 0.4**rank * synth.low_passed(burst, edge * 0.7**rank)
    after = np.maximum(synth.time - start, 0)
    fading = np.exp(-after / reverb) * (1 - np.exp(-after / 0.02))
    return shot + tail * synth.low_passed(synth.noise(), edge / 3) * fading


def _jackhammer(synth: ClipSynthesizer) -> FloatArray:
    """Blows of steel on stone: each a burst of noise that rings the bit, with compressed air."""
    rate, decay, ring, air = synth.draw((8, 20), (0.006, 0.02), (0.4, 1.2), (0.02, 0.1))
    modes = synth.traits.uniform(500, 4500, 4)
    rank, since = synth.since(synth.onsets(1 / rate, 0.06))
    force = synth.vary(rank[-1] + 1, (0.7, 1.0))[0][rank]
    blow = synth.noise() * np.exp(-since / decay) * force
    steel = synth.resonated(np.exp(-since / 0.0005) * force, *((mode, 30) for mode in modes))
    hiss = synth.high_passed(synth.noise(), 3000) * (1 + np.exp(-since / 0.05))
    return _unit(blow) + ring * _unit(steel) + _unit(synth.low_passed(blow, 400)) + air * hiss


def _siren(synth: ClipSynthesizer) -> FloatArray:
    """Sound one tone that wails slowly, yelps quickly or changes between two notes."""
    low, high, bright = synth.draw((480, 700), (1100, 1600), (0.35, 0.7))
    wail, yelp = synth.draw((0.2, 0.5), (2.5, 4.5))
    kind = synth.traits.choice(["wail", "yelp", "two notes"], p=[0.45, 0.35, 0.2])
    phase = 2 * np.pi * (synth.rng.uniform() + synth.time * (yelp if kind == "yelp" else wail))
    sweep = 0.5 - 0.5 * np.cos(phase)
    if kind == "two notes":
        high = 1.33 * low
        sweep = np.clip(0.5 + 20 * np.sin(2 * phase), 0, 1)
    voice = synth.tone(low * (high / low) ** sweep, bright ** np.arange(8))
    return synth.high_passed(voice, 400) * synth.curve(0.8, 1.0, 0.3)


def _street_music(synth: ClipSynthesizer) -> FloatArray:
    """Pluck a melody over sustained chords, with a drum on the beat and a shaker between."""
    beat, key, bright = synth.draw((0.42, 0.65), (180, 330), (0.4, 0.75))
    pluck, drum, pad = synth.draw((0.12, 0.4), (0.3, 1.0), (0.1, 0.3))
    eighths = beat / 2 * np.arange(2 * synth.time[-1] / beat + 5) - synth.rng.uniform(0, 2 * beat)
    rank, since = synth.since(eighths)
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])  # semitones above the key
    steps = np.cumsum(synth.rng.integers(-2, 3, rank[-1] + 1)) % len(scale)
    notes = 2 * key * 2 ** (scale[steps] / 12)
    melody = synth.tone(notes[rank], bright ** np.arange(10)) * np.exp(-since / pluck)
    roots = key * 2 ** (synth.rng.choice([0, 5, 7, 9], rank[-1] // 4 + 1) / 12)[rank // 4]
    chord = sum(synth.tone(roots * 2 ** (n / 12), 0.5 ** np.arange(6)) for n in (0, 4, 7))
    after_beat = synth.since(eighths[::2])[1]
    kick = synth.tone(55 + 80 * np.exp(-after_beat / 0.03), [1]) * np.exp(-after_beat / 0.1)
    shaker = synth.high_passed(synth.noise(), 5000) * np.exp(-since / 0.03) * (rank % 2)
    return melody + pad * chord + drum * (kick + 0.3 * shaker)


SOUND_MODELS: dict[str, Callable[[ClipSynthesizer], FloatArray]] = {
    "air_conditioner": _air_conditioner,
    "car_horn": _car_horn,
    "children_playing": _children_playing,
    "dog_bark": _dog_bark,
    "drilling": _drilling,
    "engine_idling": _engine_idling,
    "gun_shot": _gun_shot,
    "jackhammer": _jackhammer,
    "siren": _siren,
    "street_music": _street_music,
}


def synthesize_urban_clip(synth: ClipSynthesizer, name: str, salience: int) -> FloatArray:
    """Synthesize a clip: a sound of a class in street noise, from afar, by some microphone.

    Parameters
    ----------
    synth : ClipSynthesizer
        The clip's.
    name : str
        A key of `SOUND_MODELS`.
    salience : {1, 2}
        1 for a sound in the foreground, 2 for one in the background.

    Returns
    -------
    ndarray
        `(sample,)`, within -1 and 1.
    """
    ratio, slope, traffic = synth.draw(DECIBELS[salience], (0.2, 1.0), (60, 400))
    tilt, octaves, peak = synth.draw((-0.5, 0.5), (0, 2.5), (0.15, 0.75))
    sound = _unit(SOUND_MODELS[name](synth))
    passing = synth.resonated(synth.noise(), (traffic, traffic / 2)) * synth.curve(0, 1, 0.6)
    street = _unit(synth.sloped(synth.noise(), slope)) + 0.7 * _unit(passing)
    mixed = synth.sloped(sound + 10 ** (-ratio / 20) * _unit(street), tilt)
    mixed = synth.low_passed(mixed, 2000 * 2**octaves)
    return peak * synth.rng.uniform(0.8, 1.2) * mixed / np.abs(mixed).max()
