"""Ten physical models that stand for the classes of UrbanSound8K in the demonstration corpus.

What belongs to a recording (pitch, rates, timbre, background) is drawn from one random generator,
what belongs to a slice (timing, phase, noise) from another, so the slices of a recording resemble
one another as they do in the official data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed_plugins.core import FloatArray, IntArray

DECIBELS = {1: (14, 25), 2: (10, 14)}  # sound over street noise, by salience


@dataclass(frozen=True)
class SoundVariant:
    """What one slice is made from; `traits` starts alike in every slice of a recording."""

    traits: np.random.Generator
    rng: np.random.Generator
    time: FloatArray  # seconds
    sample_rate: int

    def draw(self, *ranges: Sequence[float]) -> FloatArray:
        """Draw traits of the recording, one per (low, high)."""
        low, high = np.transpose(ranges)
        return self.traits.uniform(low, high)

    def vary(self, count: int, *ranges: Sequence[float]) -> FloatArray:
        """Draw (range, count) figures that differ within the slice."""
        low, high = np.transpose(ranges)
        return self.rng.uniform(low, high, (count, len(ranges))).T

    def noise(self) -> FloatArray:
        """Draw white noise of deviation 1."""
        return self.rng.standard_normal(len(self.time))

    def curve(self, low: float, high: float, every: float) -> FloatArray:
        """Wander between two values, with a new target every so many seconds."""
        targets = self.rng.uniform(low, high, int(self.time[-1] / every) + 3)
        return np.interp(self.time / every + self.rng.uniform(), np.arange(len(targets)), targets)

    def onsets(self, interval: float, jitter: float) -> FloatArray:
        """Draw the times, in seconds, of events about `interval` apart."""
        steps = 1 + jitter * self.rng.uniform(-1, 1, int(1.5 * self.time[-1] / interval) + 8)
        return interval * (np.cumsum(steps) - 1 + 0.5 * self.rng.uniform())

    def since(self, onsets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Give each sample's latest onset and the seconds since; infinite before the first."""
        index = np.searchsorted(onsets, self.time, side="right") - 1
        return np.maximum(index, 0), np.where(index < 0, np.inf, self.time - onsets[index])

    def tone(self, frequency: FloatArray | float, amplitudes: npt.ArrayLike) -> FloatArray:
        """Sum the harmonics of a frequency that may move, faded out below the Nyquist rate."""
        cycles = np.broadcast_to(frequency, self.time.shape) / self.sample_rate
        turn = np.exp(2j * np.pi * (np.cumsum(cycles) + self.rng.uniform()))
        total, power, highest = np.zeros(len(turn)), np.ones(len(turn), complex), cycles.max()
        for number, amplitude in enumerate(np.asarray(amplitudes), start=1):
            power *= turn
            fade = np.clip(10 - 20 * number * cycles, 0, 1) if number * highest > 0.45 else 1
            total += (amplitude * fade) * power.imag
        return total

    def filtered(
        self, waveform: FloatArray, response: Callable[[FloatArray], npt.NDArray]
    ) -> FloatArray:
        """Apply a response over hertz; a tenth of a second of zeros keeps tails from wrapping."""
        size = 2048 * ((len(waveform) + self.sample_rate // 10) // 2048 + 1)
        spectrum = np.fft.rfft(waveform, size)
        spectrum *= response(np.fft.rfftfreq(size, 1 / self.sample_rate))
        return np.fft.irfft(spectrum, size)[: len(waveform)]

    def sloped(self, waveform: FloatArray, slope: float) -> FloatArray:
        """Let amplitude fall with frequency to the power of `slope`, from 50 Hz up."""
        return self.filtered(waveform, lambda hertz: (np.maximum(hertz, 50) / 50) ** -slope)

    def low_passed(self, waveform: FloatArray, edge: float) -> FloatArray:
        """Fall by 12 dB per octave above an edge in hertz."""
        return self.filtered(waveform, lambda hertz: (1 + 1j * hertz / edge) ** -2)

    def high_passed(self, waveform: FloatArray, edge: float) -> FloatArray:
        """Fall by 12 dB per octave below an edge in hertz."""
        return self.filtered(waveform, lambda hertz: (1 - 1j * edge / (hertz + 1e-3)) ** -2)

    def resonated(self, waveform: FloatArray, *modes: tuple[float, float]) -> FloatArray:
        """Ring in damped modes, given as (center, width) in hertz, the first the strongest."""

        def response(hertz: FloatArray) -> npt.NDArray:
            total = np.zeros(len(hertz), complex)
            for rank, (center, width) in enumerate(modes):
                total += 0.8**rank / (1 + 2j * (hertz - center) / width)
            return total

        return self.filtered(waveform, response)


def _unit(waveform: FloatArray) -> FloatArray:
    return waveform / waveform.std()


def _air_conditioner(take: SoundVariant) -> FloatArray:
    """Fan noise through a duct, stirred by the blades, over the hum of the mains."""
    slope, depth, blades = take.draw((0.6, 1.2), (0.1, 0.4), (6, 25))
    duct, hum = take.draw((150, 600), (0.1, 0.6))
    mains = take.traits.choice([50.0, 60.0])
    air = _unit(take.sloped(take.noise(), slope))
    air += 0.5 * _unit(take.resonated(air, (duct, duct / 2)))
    stir = 1 + depth * take.tone(blades, [1, 0.3]) + take.curve(-0.1, 0.1, 0.4)
    return air * stir + hum * take.tone(2 * mains, [1, 0.6, 0.2, 0.3, 0.1, 0.1])


def _car_horn(take: SoundVariant) -> FloatArray:
    """Two horns a third apart, beating, in one to three honks."""
    low, interval, bright, bell = take.draw((330, 480), (1.18, 1.28), (0.75, 0.9), (1500, 3200))
    pitch = low * (1 - 0.05 * np.exp(-take.time / 0.03))
    harmonics = bright ** np.arange(18)
    horns = take.tone(pitch, harmonics) + take.tone(pitch * interval, harmonics)
    horns = _unit(horns) + 0.7 * _unit(take.resonated(horns, (bell, 600)))
    honks = int(take.rng.integers(1, 4))
    starts, lengths = take.vary(honks, (0.02, 0.2), (0.4, 0.75))
    room = take.time[-1] / honks
    rank, since = take.since(room * (np.arange(honks) + starts))
    left = room * lengths[rank] - since
    return horns * np.clip(since / 0.015, 0, 1) * np.clip(left / 0.04, 0, 1)


def _child(take: SoundVariant, pitch: float, size: float) -> FloatArray:
    """Shout in gliding syllables of changing vowels; `size` scales the formants."""
    rank, since = take.since(take.onsets(take.rng.uniform(0.25, 0.45), 0.6) - 0.2)
    length, rise, lift, loud = take.vary(
        rank[-1] + 1, (0.12, 0.32), (0.15, 0.5), (0.85, 1.35), (0, 1)
    )[:, rank]
    arch = np.sin(np.pi * np.clip(since / length, 0, 1)).clip(0)
    source = take.tone(pitch * lift * (1 + rise * arch), 0.85 ** np.arange(16))
    breath = (source + 0.05 * take.noise()) * np.sqrt(arch) * loud
    vowel = take.curve(0, 1, 0.15)
    broad = take.resonated(breath, (1000 * size, 140), (1700 * size, 180), (3400 * size, 300))
    narrow = take.resonated(breath, (480 * size, 90), (2600 * size, 200), (3700 * size, 300))
    return vowel * broad + (1 - vowel) * narrow


def _children_playing(take: SoundVariant) -> FloatArray:
    """Three to five children's voices at once, each nearer or farther away."""
    voices = [
        take.draw((250, 430), (0.9, 1.2), (0.4, 1.0)) for _ in range(take.traits.integers(3, 6))
    ]
    return np.sum([near * _child(take, pitch, size) for pitch, size, near in voices], axis=0)


def _dog_bark(take: SoundVariant) -> FloatArray:
    """Short rough barks whose pitch rises and falls, at irregular times."""
    pitch, snout, rough, noisy = take.draw((180, 600), (0.7, 1.4), (25, 70), (0.3, 1.0))
    interval, length = take.draw((0.28, 0.65), (0.09, 0.19))
    rank, since = take.since(take.onsets(interval, 0.5))
    stretch, lift, loud = take.vary(rank[-1] + 1, (0.85, 1.15), (0.9, 1.1), (0.6, 1))[:, rank]
    progress = np.clip(since / (length * stretch), 0, 1)
    glide = pitch * lift * (0.7 + 0.5 * np.sin(np.pi * progress**0.7))
    growl = 1 + 0.7 * take.tone(rough * take.curve(0.8, 1.2, 0.05), [1])
    source = take.tone(glide, 0.9 ** np.arange(16)) * growl + noisy * take.noise()
    breath = source * np.sin(np.pi * progress**0.6).clip(0) * loud
    return take.resonated(breath, (700 * snout, 250), (1300 * snout, 350), (2600 * snout, 600))


def _drilling(take: SoundVariant) -> FloatArray:
    """Mix a motor that slows under load, its gears, and the bit that grinds above 2 kHz."""
    rotation, teeth, bite = take.draw((100, 300), (6, 14), (0.4, 1.2))
    strength = take.traits.uniform(0.2, 1, 12) * 0.85 ** np.arange(12)
    load = take.curve(0, 1, 0.25)
    speed = rotation * (1 - 0.08 * load)
    motor = take.tone(speed, strength)
    gears = take.tone(speed * round(teeth), [1, 0.6, 0.3]) * (1 + 0.5 * take.tone(speed, [1]))
    turn = 1 + 0.6 * take.tone(speed / 4, [1, 0.5])
    grind = take.high_passed(take.noise(), 2200) * turn * (0.4 + load)
    return motor + 0.5 * gears + bite * grind


def _engine_idling(take: SoundVariant) -> FloatArray:
    """Four uneven cylinders that fire into an exhaust with low resonances."""
    firing, hiss, whine = take.draw((15, 40), (0.05, 0.25), (600, 1600))
    pipes = take.draw((55, 120), (160, 330), (420, 900))
    cylinders = take.traits.uniform(0.6, 1.0, 4)
    rank, since = take.since(take.onsets(1 / firing, 0.08) - 1 / firing)
    force = cylinders[rank % 4] * take.vary(rank[-1] + 1, (0.85, 1.15))[0][rank]
    pulse = np.exp(-since / 0.004) * force * (1 + 0.5 * take.noise())
    exhaust = take.resonated(pulse - pulse.mean(), *zip(pipes, pipes / 3, strict=True))
    valves = take.high_passed(take.noise(), 1000) * np.exp(-since / 0.008)
    belt = take.tone(whine * take.curve(0.99, 1.01, 0.2), [1, 0.3])
    return _unit(exhaust) + hiss * valves + 0.05 * belt


def _gun_shot(take: SoundVariant) -> FloatArray:
    """Fire one blast that dies within milliseconds, with ever duller echoes and a tail."""
    blast, edge, reverb, tail = take.draw((0.006, 0.025), (2500, 8000), (0.08, 0.3), (0.05, 0.25))
    echoes = np.append(0, np.cumsum(take.traits.uniform(0.04, 0.16, 4)))
    start = take.rng.uniform(0.02, 0.12)
    shot = np.zeros(len(take.time))
    for rank, delay in enumerate(echoes):
        decay = np.minimum(take.since(np.array([start + delay]))[1] / blast, 50)
        # A pressure wave overshoots below zero: Friedlander's form.
        burst = np.exp(-decay) * (1 - decay + take.noise())
        shot += 0.4**rank * take.low_passed(burst, edge * 0.7**rank)
    after = np.maximum(take.time - start, 0)
    fading = np.exp(-after / reverb) * (1 - np.exp(-after / 0.02))
    return shot + tail * take.low_passed(take.noise(), edge / 3) * fading


def _jackhammer(take: SoundVariant) -> FloatArray:
    """Blows of steel on stone: each a burst of noise that rings the bit, with compressed air."""
    rate, decay, ring, air = take.draw((8, 20), (0.006, 0.02), (0.4, 1.2), (0.02, 0.1))
    modes = take.traits.uniform(500, 4500, 4)
    rank, since = take.since(take.onsets(1 / rate, 0.06))
    force = take.vary(rank[-1] + 1, (0.7, 1.0))[0][rank]
    blow = take.noise() * np.exp(-since / decay) * force
    steel = take.resonated(np.exp(-since / 0.0005) * force, *((mode, 30) for mode in modes))
    hiss = take.high_passed(take.noise(), 3000) * (1 + np.exp(-since / 0.05))
    return _unit(blow) + ring * _unit(steel) + _unit(take.low_passed(blow, 400)) + air * hiss


def _siren(take: SoundVariant) -> FloatArray:
    """Sound one tone that wails slowly, yelps quickly or changes between two notes."""
    low, high, bright = take.draw((480, 700), (1100, 1600), (0.35, 0.7))
    wail, yelp = take.draw((0.2, 0.5), (2.5, 4.5))
    kind = take.traits.choice(["wail", "yelp", "two notes"], p=[0.45, 0.35, 0.2])
    phase = 2 * np.pi * (take.rng.uniform() + take.time * (yelp if kind == "yelp" else wail))
    sweep = 0.5 - 0.5 * np.cos(phase)
    if kind == "two notes":
        high = 1.33 * low
        sweep = np.clip(0.5 + 20 * np.sin(2 * phase), 0, 1)
    voice = take.tone(low * (high / low) ** sweep, bright ** np.arange(8))
    return take.high_passed(voice, 400) * take.curve(0.8, 1.0, 0.3)


def _street_music(take: SoundVariant) -> FloatArray:
    """Pluck a melody over sustained chords, with a drum on the beat and a shaker between."""
    beat, key, bright = take.draw((0.42, 0.65), (180, 330), (0.4, 0.75))
    pluck, drum, pad = take.draw((0.12, 0.4), (0.3, 1.0), (0.1, 0.3))
    eighths = beat / 2 * np.arange(2 * take.time[-1] / beat + 5) - take.rng.uniform(0, 2 * beat)
    rank, since = take.since(eighths)
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])  # semitones above the key
    steps = np.cumsum(take.rng.integers(-2, 3, rank[-1] + 1)) % len(scale)
    notes = 2 * key * 2 ** (scale[steps] / 12)
    melody = take.tone(notes[rank], bright ** np.arange(10)) * np.exp(-since / pluck)
    roots = key * 2 ** (take.rng.choice([0, 5, 7, 9], rank[-1] // 4 + 1) / 12)[rank // 4]
    chord = sum(take.tone(roots * 2 ** (n / 12), 0.5 ** np.arange(6)) for n in (0, 4, 7))
    after_beat = take.since(eighths[::2])[1]
    kick = take.tone(55 + 80 * np.exp(-after_beat / 0.03), [1]) * np.exp(-after_beat / 0.1)
    shaker = take.high_passed(take.noise(), 5000) * np.exp(-since / 0.03) * (rank % 2)
    return melody + pad * chord + drum * (kick + 0.3 * shaker)


SOUND_MODELS: dict[str, Callable[[SoundVariant], FloatArray]] = {
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


def in_the_street(take: SoundVariant, name: str, salience: int) -> FloatArray:
    """Synthesize a clip: the sound in street noise, heard from afar by some microphone.

    Parameters
    ----------
    take : Take
        The clip's random generators, times and rate.
    name : str
        A key of `SOUND_MODELS`.
    salience : {1, 2}
        1 for a sound in the foreground, 2 for one in the background.

    Returns
    -------
    ndarray
        `(sample,)`, within -1 and 1.
    """
    ratio, slope, traffic = take.draw(DECIBELS[salience], (0.2, 1.0), (60, 400))
    tilt, octaves, peak = take.draw((-0.5, 0.5), (0, 2.5), (0.15, 0.75))
    sound = _unit(SOUND_MODELS[name](take))
    passing = take.resonated(take.noise(), (traffic, traffic / 2)) * take.curve(0, 1, 0.6)
    street = _unit(take.sloped(take.noise(), slope)) + 0.7 * _unit(passing)
    mixed = take.sloped(sound + 10 ** (-ratio / 20) * _unit(street), tilt)
    mixed = take.low_passed(mixed, 2000 * 2**octaves)
    return peak * take.rng.uniform(0.8, 1.2) * mixed / np.abs(mixed).max()
