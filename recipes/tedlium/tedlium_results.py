"""What the experiments found, as `results.json` and the two tables have it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from asr.scoring.score import ErrorCounts, Score
from asr.scoring.significance import paired_difference, wer_interval

PER_CENT = 100.0


def wer_entry(score: Score, seed: int) -> dict[str, Any]:
    """Say how well talks were recognised.

    Parameters
    ----------
    score : Score
        Of a set.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        `wer` in per cent, its 95 % interval `low` and `high` and what was drawn for it, `over`;
        the counts, over all and per talk and speaker; `engine`.
    """
    interval = wer_interval(score, seed)
    return {
        **_counts(score.total),
        "low": _per_cent(interval.low),
        "high": _per_cent(interval.high),
        "over": interval.over,
        "engine": score.engine,
        "talks": {talk: _counts(counts) for talk, counts in score.per_talk.items()},
        "speakers": {name: _counts(counts) for name, counts in score.per_speaker.items()},
    }


def difference_entry(first: Score, second: Score, seed: int) -> dict[str, Any]:
    """Compare two recognitions of the same talks.

    Parameters
    ----------
    first, second : Score
        Of the same segments.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        `points`, the second's word error rate minus the first's in per cent, its 95 % interval and
        its p-value.
    """
    found = paired_difference(first, second, seed)
    return {
        "points": found.points,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "over": found.over,
    }


def _counts(counts: ErrorCounts) -> dict[str, Any]:
    return {
        "wer": _per_cent(counts.wer),
        "reference_words": counts.reference_words,
        "correct": counts.correct,
        "substitutions": counts.substitutions,
        "insertions": counts.insertions,
        "deletions": counts.deletions,
    }


def _per_cent(share: float) -> float | None:
    return None if math.isnan(share) else round(PER_CENT * share, 3)


def annotations_table(results: Mapping[str, Any]) -> str:
    """Write the paper's table in Markdown: a row per acoustic model, best first.

    Parameters
    ----------
    results : mapping
        The content of `results.json`; `annotations` in it.
    """
    found = results["annotations"]
    lines = [
        _title("Word error rates (%) with and without annotations", results),
        "",
        (
            f"Recogniser: {found['recogniser']}. 95 % intervals of a bootstrap over "
            f"{_over(found['systems'].values(), lambda entry, part: entry['without'][part])}."
        ),
        "",
        "| | with annotations | | without annotations | | with minus without | |",
        "|---|---|---|---|---|---|---|",
        "| | dev | test | dev | test | dev | test |",
    ]
    for system, entry in reversed(found["systems"].items()):
        cells = [
            _with_interval(entry[variant][part])
            for variant in ("with", "without")
            for part in _PARTS
        ]
        cells += [_difference(entry["difference"][part]) for part in _PARTS]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_PARTS = ("dev", "test")


def segmentation_table(results: Mapping[str, Any]) -> str:
    """Write the table of experiment 2 in Markdown: a row per segmentation and set.

    Parameters
    ----------
    results : mapping
        The content of `results.json`; `segmentation` in it.
    """
    found = results["segmentation"]
    lines = [
        _title("Who segments the talks: detection error and word error rate (%)", results),
        "",
        (
            f"Recogniser: {found['recogniser']}. Tagger: {found['tagger']}. Errors of detection "
            "are shares of the speech that people marked. 95 % intervals of a bootstrap over "
            f"{_over(found['methods'].values(), lambda entry, part: entry[part]['wer'])}. "
            f"Judged: {_judged(found['judged'])}."
        ),
        "",
        (
            "| set | segmentation | segments | audio kept | miss | false alarm | error "
            "| error, collar 0.25 s | WER | ins | del | sub |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for part in _PARTS:
        for method, entry in found["methods"].items():
            lines.append(
                f"| {part} | {method.replace('_', ' ')} | {_segmentation_row(entry[part])} |"
            )
    return "\n".join(lines) + "\n"


def _judged(seconds: Mapping[str, Mapping[str, float]]) -> str:
    return ", ".join(
        f"{judged['speech']:.0f} s of speech and {judged['other']:.0f} s of anything else on {part}"
        for part, judged in seconds.items()
    )


def _segmentation_row(entry: Mapping[str, Any]) -> str:
    detection, near = entry["detection"]["0"], entry["detection"]["0.25"]
    words, said = entry["wer"], entry["wer"]["reference_words"]
    cells = [
        f"{entry['segments']}",
        f"{PER_CENT * entry['share']:.1f}",
        *(f"{PER_CENT * detection[name]:.1f}" for name in ("miss", "false_alarm", "error")),
        f"{PER_CENT * near['error']:.1f}",
        _with_interval(words),
        *(
            f"{PER_CENT * words[name] / said:.1f}"
            for name in ("insertions", "deletions", "substitutions")
        ),
    ]
    return " | ".join(cells)


def _title(title: str, results: Mapping[str, Any]) -> str:
    return (
        f"**{title}{' — DEMONSTRATION of synthesized talks' if results['demonstration'] else ''}**"
    )


def _over(
    entries: Iterable[Mapping[str, Any]],
    judged: Callable[[Mapping[str, Any], str], Mapping[str, Any]],
) -> str:
    """Say what the bootstraps drew."""
    return " and ".join(
        sorted({judged(entry, part)["over"] for entry in entries for part in _PARTS})
    )


def _with_interval(entry: Mapping[str, Any]) -> str:
    return f"{entry['wer']:.1f} ({entry['low']:.1f} to {entry['high']:.1f})"


def _difference(entry: Mapping[str, Any]) -> str:
    p = f"p = {entry['p_value']:.2g}"
    return f"{entry['points']:+.1f} ({entry['low']:+.1f} to {entry['high']:+.1f}; {p})"
