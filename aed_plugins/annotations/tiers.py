"""Tiers in which nothing overlaps, for formats that ask for that."""

import re
from collections.abc import Collection, Iterable

from aed_plugins.core import Event


def split_into_tiers(events: Iterable[Event]) -> list[list[Event]]:
    """Distribute events over as few lanes as needed, so that none overlap within a lane.

    Parameters
    ----------
    events : iterable of Event
        In the order of their onsets. One may begin where the one before ends, if both last.

    Returns
    -------
    list of list of Event
        The lanes, each in the order of onsets; none when there are no events.

    Examples
    --------
    >>> lanes = split_into_tiers([Event("dog", 0, 2), Event("dog", 1, 3), Event("dog", 2, 4)])
    >>> [[(event.onset, event.offset) for event in lane] for lane in lanes]
    [[(0, 2), (2, 4)], [(1, 3)]]
    """
    lanes: list[list[Event]] = []
    for event in events:
        for lane in lanes:
            if _follows(lane[-1], event):
                lane.append(event)
                break
        else:
            lanes.append([event])
    return lanes


def group_by_label(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Return the events of each label, the labels in the order of their first events.

    Parameters
    ----------
    events : iterable of Event
        In the order of their onsets.
    """
    labels: dict[str, list[Event]] = {}
    for event in events:
        labels.setdefault(event.label, []).append(event)
    return labels


def find_free_name(wanted: str, taken: Collection[str]) -> str:
    """Give a tier a name of one line that no other has.

    Parameters
    ----------
    wanted : str
        The name, kept where it is free. Tabs and line ends become spaces.
    taken : collection of str
        The names that are given already.

    Examples
    --------
    >>> find_free_name("dog", {"dog", "dog (2)"})
    'dog (3)'
    """
    line = re.sub(r"[\t\r\n]", " ", wanted)
    name, number = line, 1
    while name in taken:
        number += 1
        name = f"{line} ({number})"
    return name


def _follows(earlier: Event, later: Event) -> bool:
    both_last = earlier.duration > 0 and later.duration > 0
    return earlier.offset < later.onset or (both_last and earlier.offset == later.onset)
