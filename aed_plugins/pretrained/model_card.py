"""The model card of a published model: what it is, what it was trained on and how good it is."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from aed_plugins.core import InputError, markdown_table
from aed_plugins.data import DEMONSTRATION, OWN_FOLDS, describe_data, find_dataset
from aed_plugins.pretrained.released_weights import describe_weights, find_repository
from aed_plugins.pretrained.trained_run import TrainedRun, read_summary

# The Hub's names of the metrics that it knows.
HUB_METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "micro_f1": "f1", "mAP": "mAP"}


def model_card(
    run: TrainedRun,
    summary: Mapping[str, Any] | None,
    name: str,
    license: str,  # noqa: A002  the Hub's own word
    title: str,
    training_data: str | None = None,
) -> str:
    """Write a model card.

    Parameters
    ----------
    run : TrainedRun
        The training.
    summary : mapping, optional
        The content of the recipe's `results.json`, over all its runs.
    name : str
        What the model is loaded by.
    license : str
        The Hub's identifier of the model's license.
    title : str
        The card's title.
    training_data : str, optional
        What it was trained on and on what terms; known for the datasets that recipes are for.

    Returns
    -------
    str
        Markdown with the Hub's front matter.
    """
    kind = "several labels per clip" if run.multi_label else "one label per clip"
    data = f"{training_data or _training_data(run, summary)}."
    parts = [
        f"---\n{_front_matter(run, license, title)}\n---",
        f"# {title}",
        (
            "Audio event detection with [SpeechBrain](https://speechbrain.github.io) and"
            f" `aed_plugins`: {len(run.labels)} classes, {kind}, {run.sample_rate} Hz. Recordings"
            " of any sample rate, length and number of channels are converted."
        ),
        f"**{_state(run, summary)}**",
        "## Use",
        _usage(name),
        "## Metrics",
        _metrics_table(run, summary),
        "## Training data",
        " ".join(filter(None, [data, _folds(run), _beginning(run), _distillation(run)])),
        "## Labels",
        ", ".join(f"`{label}`" for label in run.labels),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(run: TrainedRun, license_id: str, title: str) -> str:
    known = None if run.dataset.endswith(DEMONSTRATION) else find_dataset(run.dataset)
    data_name = run.dataset if known is None else known.title
    repositories = {find_repository(source) for source in _first_weights(_lineage(run)[-1])}
    metrics = {key: value for key, value in _scalars(run).items() if key in HUB_METRICS}
    data = ModelCardData(
        library_name="speechbrain",
        license=license_id,
        pipeline_tag="audio-classification",
        tags=["audio-event-detection", "sound-event-detection", "audio-tagging", "aed_plugins"],
        base_model=sorted(name for name in repositories if name is not None) or None,
        datasets=None if known is None else [data_name],
        metrics=sorted({HUB_METRICS[key] for key in metrics}),
        model_name=title,
        eval_results=[
            EvalResult(
                task_type="audio-classification",
                dataset_type=run.dataset,
                dataset_name=f"{data_name} ({run.result['data_state']} data)",
                dataset_split=str(run.result["test_fold"]),
                metric_type=HUB_METRICS[key],
                metric_name=key,
                metric_value=round(value, 6),
            )
            for key, value in metrics.items()
        ],
    )
    return data.to_yaml()


def _usage(name: str) -> str:
    return f"""```python
from aed_plugins.inference import PretrainedTagger

tagger = PretrainedTagger.from_hparams(source="{name}")
print(tagger.tag("recording.wav").top(3))
```

or, as a page with a timeline:

    aed report recording.wav --model {name}

SpeechBrain alone loads it too, with `aed_plugins` installed:

```python
from speechbrain.inference.interfaces import foreign_class

tagger = foreign_class(
    source="{name}", pymodule_file="custom_interface.py", classname="PretrainedTagger"
)
```"""


def _state(run: TrainedRun, summary: Mapping[str, Any] | None) -> str:
    if summary is not None:
        return describe_data(summary["data"])
    data = {"state": "demonstration", "bad_clips": 0}
    state = run.result["data_state"]
    return describe_data(data) if state == "demonstration" else f"Trained on {state} data."


def _metrics_table(run: TrainedRun, summary: Mapping[str, Any] | None) -> str:
    intervals = run.result["metrics"].get("intervals", {})
    folds = 0 if summary is None else len(summary["folds"])
    several = summary is not None and folds > 1
    rows = [["metric", f"test on {_named([run.result['test_fold']])}, {run.result['clips']} clips"]]
    if several:
        rows[0].append(f"mean of {folds} runs like it")
    for key, value in _scalars(run).items():
        cell = f"{value:.3f}"
        if key in intervals:
            cell += " (95 %: {:.3f} to {:.3f})".format(*intervals[key])
        rows.append([key, cell, *([_mean((summary or {}).get(key))] if several else [])])
    return "\n".join(markdown_table(rows, text_columns=3))


def _scalars(run: TrainedRun) -> dict[str, float]:
    metrics = run.result["metrics"]
    return {key: float(value) for key, value in metrics.items() if type(value) in (int, float)}


def _mean(metric: Mapping[str, float | None] | None) -> str:
    if metric is None or metric["mean"] is None:
        return ""
    deviation = metric["deviation"]
    return f"{metric['mean']:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}")


def _training_data(run: TrainedRun, summary: Mapping[str, Any] | None) -> str:
    """Name the training data and their terms: as the recipe wrote them, else as known here."""
    if run.dataset.endswith(DEMONSTRATION):
        return "Synthesized sounds that come with `aed_plugins`, under its license (Apache-2.0)"
    known, data = find_dataset(run.dataset), {} if summary is None else summary["data"]
    if "license" in data:
        terms = [str(data[key]) for key in ("title", "link", "license")]
    elif known is not None:
        terms = [known.title, known.link, known.license]
    else:
        return run.dataset
    title, link, license_name = terms
    named = f"[{title}]({link})" if "://" in link else title
    return f"{named}, {license_name if known else f'license: {license_name}'}"


def _lineage(run: TrainedRun) -> list[TrainedRun]:
    """Return a run and those that it began with, the last one first trained; some may be gone."""
    found = [run]
    for later in found:  # it grows
        source = later.configuration["run"].get("initial_model")
        if source is not None and all(Path(source) != other.folder for other in found):
            with contextlib.suppress(InputError):
                found.append(TrainedRun(Path(source)))
    return found


def _first_weights(run: TrainedRun) -> list[str]:
    """Return the sources of the weights that a run began with, if not those of another run."""
    if "initial_model" in run.configuration["run"]:
        return []
    hparams = run.configuration["hyperparameters"]
    sources = {hparams.get(f"{component}.pretrained", "None") for component in ("encoder", "head")}
    return sorted(sources - {"None"})


def _folds(run: TrainedRun) -> str:
    trained, chosen = run.result["train_folds"], run.result["valid_folds"]
    by = f"; checkpoint chosen on {_named(chosen)}" if chosen else ""
    own = " These folds are not the official ones." if OWN_FOLDS in run.dataset else ""
    return f"Trained on {_named(trained)}{by}; tested on {_named([run.result['test_fold']])}.{own}"


def _named(folds: Sequence[int | str]) -> str:
    """Name folds: those without a number have names, such as `eval`."""
    kind = "fold" if len(folds) == 1 else "folds"
    named = ", ".join(str(fold) for fold in folds)
    return named if any(isinstance(fold, str) for fold in folds) else f"{kind} {named}"


def _beginning(run: TrainedRun) -> str:
    """Describe where the weights come from that the training started from."""
    lineage, sources = _lineage(run), _first_weights(_lineage(run)[-1])
    sentences = []
    if "initial_model" in run.configuration["run"]:
        data = [_training_data(other, read_summary(other)) for other in lineage[1:]]
        on = f", on {'; before that on '.join(data)}" if data else ""
        sentences.append(
            f"It began with the weights of another model that was trained with `aed_plugins`{on}."
        )
    if sources:
        which = "That" if sentences else "It"
        sentences.append(f"{which} began with the weights in {describe_weights(sources)}.")
    return " ".join(sentences)


def _distillation(run: TrainedRun) -> str:
    teacher = run.configuration["run"].get("teacher", "nothing")
    if teacher == "nothing":
        return ""
    on = ""
    with contextlib.suppress(InputError):
        other = TrainedRun(Path(teacher))
        on = f", which was trained on {_training_data(other, read_summary(other))}"
    return f"It was also trained on the probabilities of another model, its teacher{on}."
