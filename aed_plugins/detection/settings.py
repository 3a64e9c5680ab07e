"""Settings of a timeline: windows, then post-processing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from aed_plugins.core import InputError, Steps
from aed_plugins.detection.post_processing import PostProcessing
from aed_plugins.detection.windows import Windows, plan_windows

# What the options of `aed` are called, and the fields that they set.
SHORT_NAMES = {
    "window": "window_length",
    "hop": "hop_length",
    "threshold": "onset",
    "offset_threshold": "offset",
    "min_duration": "min_duration_on",
    "max_gap": "min_duration_off",
    "median": "median_filter",
}
POST_PROCESSING = tuple(entry.name for entry in fields(PostProcessing))


@dataclass(frozen=True)
class TimelineSettings:
    """Settings of a timeline: windows, then post-processing.

    Attributes
    ----------
    window_length : float
        Seconds of a window. 1 s is the paper's.
    hop_length : float, optional
        Seconds from one window to the next; by default the window's length.
    resolution : {"window", "step"}
        Whether the model predicts a window as a clip, or each of the encoder's own steps in it.
    batch_size : int, optional
        Windows that go to the model together; by default about half a minute of audio.
    post_processing : PostProcessing
        How probabilities become events.

    Raises
    ------
    InputError
        If a value is of another type.

    Examples
    --------
    >>> settings = TimelineSettings(2.0, 0.5, post_processing=PostProcessing(onset=0.3))
    >>> TimelineSettings.from_dict(settings.to_dict()) == settings
    True
    """

    window_length: float = 1.0
    hop_length: float | None = None
    resolution: str = "window"
    batch_size: int | None = None
    post_processing: PostProcessing = field(default_factory=PostProcessing)

    def __post_init__(self) -> None:
        for name in ("window_length", "hop_length"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number and not (value is None and name == "hop_length"):
                raise InputError(f"expected {name} in seconds, got {value!r}")
        if self.batch_size is not None and type(self.batch_size) is not int:
            raise InputError(f"expected a whole number as batch_size, got {self.batch_size!r}")

    def updated(self, **options: Any) -> "TimelineSettings":
        """Return the settings with some of them replaced.

        Parameters
        ----------
        **options
            Fields of these settings or of `PostProcessing`, by their own names or as the options
            of `aed` are called: `window`, `hop`, `resolution`, `batch_size`, `threshold`,
            `offset_threshold`, `min_duration`, `max_gap`, `median`. A window without a hop means
            windows side by side, a threshold without that of the offset one for both.

        Raises
        ------
        TypeError
            If there is no setting of a name, or one is given by two, or `post_processing` is
            something else.
        InputError
            If a value cannot be used.

        Examples
        --------
        >>> settings = TimelineSettings(2.0, 0.5).updated(threshold=0.3, window=1.0)
        >>> settings.window_length, settings.hop_length, settings.post_processing.onset
        (1.0, None, 0.3)
        """
        given = _by_field(options)
        if "window_length" in given:
            given.setdefault("hop_length", None)
        if "onset" in given:
            given.setdefault("offset", None)
        how = {name: given.pop(name) for name in POST_PROCESSING if name in given}
        post_processing = given.pop("post_processing", self.post_processing)
        if not isinstance(post_processing, PostProcessing):
            raise TypeError(f"expected PostProcessing, got {type(post_processing).__name__}")
        return replace(self, **given, post_processing=replace(post_processing, **how))

    def windows(self, steps: Steps) -> Windows:
        """Lay the windows for a model.

        Parameters
        ----------
        steps : Steps
            The model's own.

        Raises
        ------
        InputError
            If a value is out of range.
        """
        return plan_windows(
            steps, self.window_length, self.hop_length, self.resolution, self.batch_size
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in types that JSON has; `from_dict` reads them."""
        return asdict(self) | {"post_processing": self.post_processing.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "TimelineSettings":
        """Make settings from what `to_dict` returned.

        Parameters
        ----------
        content : mapping
            Missing values have their defaults.

        Raises
        ------
        InputError
            If there is something else in it.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = [name for name in content if name not in known]
        if unknown:
            raise InputError(f"expected settings of {', '.join(known)}, got {unknown[0]!r}")
        given = dict(content)
        how = given.get("post_processing", {})
        if not isinstance(how, Mapping):
            raise InputError(f"expected post_processing to be settings by name, got {how!r}")
        given["post_processing"] = PostProcessing.from_dict(how)
        return cls(**given)


def _by_field(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by the names of the fields that they set."""
    known = [*(entry.name for entry in fields(TimelineSettings)), *POST_PROCESSING]
    given: dict[str, Any] = {}
    for name, value in options.items():
        field_name = SHORT_NAMES.get(name, name)
        if field_name not in known:
            names = ", ".join([*SHORT_NAMES, *known])
            raise TypeError(f"there is no setting {name!r}; known are {names}")
        if field_name in given:
            raise TypeError(f"{name} is the same setting as another that is given: {field_name}")
        given[field_name] = value
    return given
