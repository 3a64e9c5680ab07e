"""Format the results of the experiments for `results.json` and the two tables."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from asr.scoring.score import ErrorCounts, Score
from asr.scoring.significance import compute_wer_difference, compute_wer_interval

PER_CENT = 100.0


def summarize_wer(score: Score, seed: int) -> dict[str, Any]:
    """Summarize the word error rate of a set.

    Parameters
    ----------
    score : Score
        Of a set.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        `wer` in per cent, its 95 % interval `low` and `high` and `bootstrap_unit`; the counts, over
        all and per talk and speaker; `engine`.
    """
    interval = compute_wer_interval(score, seed)
    return {
        **_summarize_counts(score.total),
        "low": _per_cent(interval.low),
        "high": _per_cent(interval.high),
        "bootstrap_unit": interval.unit,
        "engine": score.engine,
        "talks": {talk: _summarize_counts(counts) for talk, counts in score.per_talk.items()},
        "speakers": {name: _summarize_counts(counts) for name, counts in score.per_speaker.items()},
    }


def summarize_difference(first: Score, second: Score, seed: int) -> dict[str, Any]:
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
    difference = compute_wer_difference(first, second, seed)
    return {
        "points": difference.points,
        "low": difference.low,
        "high": difference.high,
        "p_value": difference.p_value,
        "bootstrap_unit": difference.unit,
    }


def _summarize_counts(counts: ErrorCounts) -> dict[str, Any]:
    return {
        "wer": _per_cent(counts.wer),
        "reference_words": counts.reference_words,
        "correct": counts.correct,
        "substitutions": counts.substitutions,
        "insertions": counts.insertions,
        "deletions": counts.deletions,
    }


def _per_cent(fraction: float) -> float | None:
    return None if math.isnan(fraction) else round(PER_CENT * fraction, 3)


def format_nonspeech_tags_table(results: Mapping[str, Any]) -> str:
    """Format the paper's table in Markdown: a row per acoustic model, best first.

    Parameters
    ----------
    results : mapping
        The content of `results.json`, with `nonspeech_tags`.
    """
    found = results["nonspeech_tags"]
    lines = [
        _format_title("Word error rates (%) with and without non-speech tags", results),
        "",
        (
            f"Recognizer: {found['recognizer']}. 95 % intervals of a bootstrap over "
            f"{_name_units(found['systems'].values(), lambda entry, part: entry['without'][part])}."
        ),
        "",
        "| | with tags | | without tags | | with minus without | |",
        "|---|---|---|---|---|---|---|",
        "| | dev | test | dev | test | dev | test |",
    ]
    for system, entry in reversed(found["systems"].items()):
        cells = [
            _format_interval(entry[variant][part])
            for variant in ("with", "without")
            for part in _PARTS
        ]
        cells += [_format_difference(entry["difference"][part]) for part in _PARTS]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_PARTS = ("dev", "test")


def format_segmentation_table(results: Mapping[str, Any]) -> str:
    """Format the table of experiment 2 in Markdown: a row per segmentation and set.

    Parameters
    ----------
    results : mapping
        The content of `results.json`, with `segmentation`.
    """
    found = results["segmentation"]
    lines = [
        _format_title(
            "Segmentation of the talks: detection errors and word error rate (%)", results
        ),
        "",
        (
            f"Recognizer: {found['recognizer']}. Tagger: {found['tagger']}. Detection errors "
            "are fractions of the transcribed speech. 95 % intervals of a bootstrap over "
            f"{_name_units(found['methods'].values(), lambda entry, part: entry[part]['wer'])}. "
            f"Evaluated: {_format_evaluated(found['evaluated'])}."
        ),
        "",
        (
            "| set | segmentation | segments | audio covered | miss | false alarm | error "
            "| error, collar 0.25 s | WER | ins | del | sub |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for part in _PARTS:
        for method, entry in found["methods"].items():
            lines.append(
                f"| {part} | {method.replace('_', ' ')} | {_format_segmentation_row(entry[part])} |"
            )
    return "\n".join(lines) + "\n"


def _format_evaluated(seconds: Mapping[str, Mapping[str, float]]) -> str:
    return ", ".join(
        f"{entry['speech']:.0f} s of speech and {entry['other']:.0f} s of anything else on {part}"
        for part, entry in seconds.items()
    )


def _format_segmentation_row(entry: Mapping[str, Any]) -> str:
    detection, near = entry["detection"]["0"], entry["detection"]["0.25"]
    words, total = entry["wer"], entry["wer"]["reference_words"]
    cells = [
        f"{entry['segments']}",
        f"{PER_CENT * entry['audio_fraction']:.1f}",
        *(f"{PER_CENT * detection[name]:.1f}" for name in ("miss", "false_alarm", "error")),
        f"{PER_CENT * near['error']:.1f}",
        _format_interval(words),
        *(
            f"{PER_CENT * words[name] / total:.1f}"
            for name in ("insertions", "deletions", "substitutions")
        ),
    ]
    return " | ".join(cells)


def _format_title(title: str, results: Mapping[str, Any]) -> str:
    return (
        f"**{title}{' — DEMONSTRATION of synthesized talks' if results['demonstration'] else ''}**"
    )


def _name_units(
    entries: Iterable[Mapping[str, Any]],
    select: Callable[[Mapping[str, Any], str], Mapping[str, Any]],
) -> str:
    """Name the units that the bootstraps drew."""
    return " and ".join(
        sorted({select(entry, part)["bootstrap_unit"] for entry in entries for part in _PARTS})
    )


def _format_interval(entry: Mapping[str, Any]) -> str:
    return f"{entry['wer']:.1f} ({entry['low']:.1f} to {entry['high']:.1f})"


def _format_difference(entry: Mapping[str, Any]) -> str:
    p = f"p = {entry['p_value']:.2g}"
    return f"{entry['points']:+.1f} ({entry['low']:+.1f} to {entry['high']:+.1f}; {p})"
