"""Settings of the post-processing that turns probabilities into events, see `EventDetector`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from aed_plugins.core import FloatArray, InputError

PerClass = float | Mapping[str, float]


@dataclass(frozen=True)
class PostProcessing:
    """Settings of the post-processing, each one value for all classes or a mapping by label.

    A label that a mapping does not name has the default.

    Attributes
    ----------
    onset : float or mapping
        An event begins where the probability reaches it.
    offset : float or mapping, optional
        An event goes on as long as the probability is not below it; by default `onset`.
    min_duration_on : float or mapping
        Seconds; shorter events are left out, after gaps were closed.
    min_duration_off : float or mapping
        Seconds; gaps up to this length are closed.
    median_filter : float or mapping
        Seconds; rounded to an odd number of frames, over which the median is taken first.

    Raises
    ------
    InputError
        If a threshold is not in [0, 1], an offset lies above its onset, or a length is negative.

    Examples
    --------
    >>> settings = PostProcessing(onset={"dog": 0.3}, min_duration_on=0.5)
    >>> settings.values("onset", ["dog", "siren"]), settings.values("offset", ["dog", "siren"])
    (array([0.3, 0.5]), array([0.3, 0.5]))
    >>> PostProcessing.from_dict(settings.to_dict()) == settings
    True
    """

    onset: PerClass = 0.5
    offset: PerClass | None = None
    min_duration_on: PerClass = 0.0
    min_duration_off: PerClass = 0.0
    median_filter: PerClass = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            named = given if isinstance(given, Mapping) else {"all classes": given}
            for label, value in named.items():
                if value is None and field.name == "offset":
                    continue
                _check(field.name, label, value)
        labels = [label for m in (self.onset, self.offset) if isinstance(m, Mapping) for label in m]
        for label in [*labels, ""]:  # stands for the classes without a value of their own
            onset, offset = (self.values(name, [label])[0] for name in ("onset", "offset"))
            if offset > onset:
                raise InputError(
                    f"expected an offset threshold not above the onset's {onset:g}, got {offset:g}"
                    f" for {label or 'all classes'}"
                )

    def values(self, name: str, labels: Sequence[str]) -> FloatArray:
        """Return one of the settings for each label, `(class,)`.

        Parameters
        ----------
        name : str
            Such as `"onset"`.
        labels : sequence of str
            The classes.
        """
        given = getattr(self, name)
        default = getattr(PostProcessing, name)
        if name == "offset":
            onsets = self.values("onset", labels)
            if given is None:
                return onsets
            if isinstance(given, Mapping):
                return np.array([given.get(x, on) for x, on in zip(labels, onsets, strict=True)])
        if isinstance(given, Mapping):
            return np.array([given.get(label, default) for label in labels], np.float64)
        return np.full(len(labels), given, np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in types that JSON has; `from_dict` reads them."""
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "PostProcessing":
        """Make settings from what `to_dict` returned.

        Raises
        ------
        InputError
            If there is something else in it.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in content if name not in known]
        if unknown:
            raise InputError(f"expected settings of {', '.join(known)}, got {unknown[0]!r}")
        return cls(**content)


def _check(name: str, label: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise InputError(f"expected {name} to be 0 or more for {label}, got {value!r}")
    if name in {"onset", "offset"} and value > 1:
        raise InputError(f"expected {name} to be in [0, 1] for {label}, got {value}")


def update_classes(
    start: PostProcessing, labels: Sequence[str], tuned: PostProcessing, chosen: Sequence[str]
) -> PostProcessing:
    """Replace the settings of some classes; the rest keep theirs.

    Parameters
    ----------
    start : PostProcessing
        What all classes have.
    labels : sequence of str
        All classes.
    tuned : PostProcessing
        What the chosen ones are to have.
    chosen : sequence of str
        These classes.

    Examples
    --------
    >>> dog = PostProcessing({"dog": 0.6})
    >>> update_classes(PostProcessing(0.2), ["dog", "cat"], dog, ["dog"]).onset
    {'dog': 0.6, 'cat': 0.2}
    """
    together: dict[str, PerClass] = {}
    for field in fields(PostProcessing):
        values = dict(zip(labels, start.values(field.name, labels).tolist(), strict=True))
        values |= dict(zip(chosen, tuned.values(field.name, chosen).tolist(), strict=True))
        same = set(values.values())
        together[field.name] = same.pop() if len(same) == 1 else values
    return PostProcessing(**together)
