"""What the physical models of sounds are made of: random traits, oscillators and filters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed_plugins.core import FloatArray, IntArray


@dataclass(frozen=True)
class ClipSynthesizer:
    """Random numbers, oscillators and filters for the sound of one clip.

    Attributes
    ----------
    traits, rng : Generator
        Of what a recording's clips have in common, in the same state for each of them, and of what
        differs from clip to clip.
    time : ndarray
        `(sample,)`, seconds.
    sample_rate : int
        Hertz.
    """

    traits: np.random.Generator
    rng: np.random.Generator
    time: FloatArray
    sample_rate: int

    def draw(self, *ranges: Sequence[float]) -> FloatArray:
        """Draw traits of the recording, one per (low, high)."""
        low, high = np.transpose(ranges)
        return self.traits.uniform(low, high)

    def vary(self, count: int, *ranges: Sequence[float]) -> FloatArray:
        """Draw numbers `(range, count)` that differ within the clip."""
        low, high = np.transpose(ranges)
        return self.rng.uniform(low, high, (count, len(ranges))).T

    def noise(self) -> FloatArray:
        """Draw white noise of deviation 1."""
        return self.rng.standard_normal(len(self.time))

    def curve(self, low: float, high: float, every: float) -> FloatArray:
        """Draw a curve between two values, with a new target every so many seconds."""
        targets = self.rng.uniform(low, high, int(self.time[-1] / every) + 3)
        return np.interp(self.time / every + self.rng.uniform(), np.arange(len(targets)), targets)

    def onsets(self, interval: float, jitter: float) -> FloatArray:
        """Draw the times, in seconds, of events about `interval` apart."""
        steps = 1 + jitter * self.rng.uniform(-1, 1, int(1.5 * self.time[-1] / interval) + 8)
        return interval * (np.cumsum(steps) - 1 + 0.5 * self.rng.uniform())

    def since(self, onsets: FloatArray) -> tuple[IntArray, FloatArray]:
        """Find each sample's latest onset and the seconds since; infinite before the first."""
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
        """Filter so that amplitude falls with frequency to the power of `slope`, from 50 Hz up."""
        return self.filtered(waveform, lambda hertz: (np.maximum(hertz, 50) / 50) ** -slope)

    def low_passed(self, waveform: FloatArray, edge: float) -> FloatArray:
        """Filter by 12 dB per octave above an edge in hertz."""
        return self.filtered(waveform, lambda hertz: (1 + 1j * hertz / edge) ** -2)

    def high_passed(self, waveform: FloatArray, edge: float) -> FloatArray:
        """Filter by 12 dB per octave below an edge in hertz."""
        return self.filtered(waveform, lambda hertz: (1 - 1j * edge / (hertz + 1e-3)) ** -2)

    def resonated(self, waveform: FloatArray, *modes: tuple[float, float]) -> FloatArray:
        """Filter by damped modes, given as (center, width) in hertz, the first the strongest."""

        def response(hertz: FloatArray) -> npt.NDArray:
            total = np.zeros(len(hertz), complex)
            for rank, (center, width) in enumerate(modes):
                total += 0.8**rank / (1 + 2j * (hertz - center) / width)
            return total

        return self.filtered(waveform, response)
