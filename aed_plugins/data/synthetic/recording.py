"""A recording of synthesized sounds with known times, to try timelines and pages on.

    python -m aed_plugins.data.synthetic.recording results/demonstration/synthesized_street.wav

Beside the recording a table of the same name, `.csv`, lists its events.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aed_plugins.core import Event, atomic_write
from aed_plugins.data.synthetic.clip_synthesizer import ClipSynthesizer
from aed_plugins.data.synthetic.corpus import write_wav
from aed_plugins.data.synthetic.urban_sounds import synthesize_urban_clip
from aed_plugins.data.synthetic.urbansound import URBANSOUND_CLASSES

SAMPLE_RATE = 22050
SEED = 20_000  # no recording of the demonstration corpus begins with it
SHORTEST, LONGEST = 2.0, 4.0  # seconds of a sound
FADE = 0.1  # seconds in which one sound goes over into the next


def build_demonstration_recording(
    path: str | Path, sounds: int = 20, sample_rate: int = SAMPLE_RATE
) -> list[Event]:
    """Synthesize one sound after the other, of the demonstration's ten classes in turn.

    The same arguments give the same bytes. The sounds are in no corpus of `build_demonstration`.

    Parameters
    ----------
    path : str or Path
        The WAV file, 16-bit mono; the table has its name with the suffix `.csv`.
    sounds : int
        How many, 2 to 4 s each.
    sample_rate : int
        Hertz.

    Returns
    -------
    list of Event
        Its events, one after the other.

    Examples
    --------
    >>> import tempfile
    >>> events = build_demonstration_recording(Path(tempfile.mkdtemp()) / "street.wav", 2, 8000)
    >>> [event.label for event in events], events[0].offset == events[1].onset
    (['engine_idling', 'car_horn'], True)
    """
    path = Path(path)
    order = np.random.default_rng(SEED)
    classes: list[int] = []
    while len(classes) < sounds:
        classes += order.permutation(len(URBANSOUND_CLASSES)).tolist()
    fade = round(FADE * sample_rate)
    waveform = np.zeros(fade)
    events = []
    for number, class_id in enumerate(classes[:sounds]):
        sound = _sound(number, class_id, sample_rate)
        start = len(waveform) - fade
        ramp = np.linspace(0, 1, fade)
        waveform[start:] = waveform[start:] * (1 - ramp) + sound[:fade] * ramp
        waveform = np.concatenate([waveform, sound[fade:]])
        edges = (start + fade / 2 if number else 0, len(waveform) - fade / 2)
        onset, offset = (round(edge / sample_rate, 3) for edge in edges)
        events.append(Event(URBANSOUND_CLASSES[class_id], onset, offset))
    with atomic_write(path) as temporary:
        write_wav(temporary, waveform, sample_rate)
    rows = [("onset", "offset", "label"), *((e.onset, e.offset, e.label) for e in events)]
    with (
        atomic_write(path.with_suffix(".csv")) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as table,
    ):
        csv.writer(table, lineterminator="\n").writerows(rows)
    return events


def _sound(number: int, class_id: int, sample_rate: int) -> np.ndarray:
    rng = np.random.default_rng([SEED, number])
    time = np.arange(round(rng.uniform(SHORTEST, LONGEST) * sample_rate)) / sample_rate
    traits = np.random.default_rng([SEED, class_id, number])
    return synthesize_urban_clip(
        ClipSynthesizer(traits, rng, time, sample_rate), URBANSOUND_CLASSES[class_id], salience=1
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m aed_plugins.data.synthetic.recording", description=__doc__.splitlines()[0]
    )
    parser.add_argument("path", type=Path, help="the WAV file")
    path = parser.parse_args(arguments).path
    events = build_demonstration_recording(path)
    sys.stdout.write(f"{path}: {len(events)} SYNTHESIZED sounds, {events[-1].offset:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
