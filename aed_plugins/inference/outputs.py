"""What a tagger finds in a recording: tags, a time line, embeddings."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed_plugins.core import Event


@dataclass(frozen=True)
class Tags:
    """What is heard in a recording.

    Attributes
    ----------
    labels : list of str
        The classes.
    probabilities : ndarray
        `(class,)`.
    said : list of str
        Those that the model says are there: the classes whose probability reaches their threshold,
        most probable first; with one label per clip, the most probable one.
    duration : float
        Seconds of the recording.
    """

    labels: list[str]
    probabilities: npt.NDArray[np.float64]
    said: list[str]
    duration: float

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Give the most probable classes with their probabilities.

        Parameters
        ----------
        count : int
            How many, if there are as many.
        """
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[place], float(self.probabilities[place])) for place in order]


@dataclass(frozen=True)
class Timeline:
    """What is heard in a recording, and when.

    Attributes
    ----------
    events : list of Event
        By onset.
    duration : float
        Seconds of the recording.
    """

    events: list[Event]
    duration: float


@dataclass(frozen=True)
class Embeddings:
    """What a recording sounds like, over time.

    Attributes
    ----------
    onsets, offsets : ndarray
        `(moment,)`, seconds: what each embedding is of.
    embeddings : ndarray
        `(moment, embedding)`, float32.
    duration : float
        Seconds of the recording.
    """

    onsets: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]
    embeddings: npt.NDArray[np.float32]
    duration: float
