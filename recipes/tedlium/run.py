"""Measure what annotations and automatic segmentation do to word error rates on TED-LIUM.

    python recipes/tedlium/run.py hparams/tedlium.yaml [--option=value ...]

README.md beside this file lists the options, the files that a run leaves and our figures.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechbrain.utils.distributed import infer_device
from tedlium_annotations import Trained, run_annotations
from tedlium_demo import is_demonstration
from tedlium_demo_tagger import LABELS, train_demo_tagger
from tedlium_language import training_set
from tedlium_pages import write_pages
from tedlium_prepare import Corpus, find_data, read_corpus
from tedlium_results import annotations_table, segmentation_table
from tedlium_segmentation import SegmentationExperiment, TaggerDetector, Tuning, energy_speech

from aed_plugins.errors import InputError
from aed_plugins.experiment import Experiment, flattened, parse, run, start_log, write_resolved
from aed_plugins.files import write_json, written_beside
from aed_plugins.inference import PretrainedTagger
from aed_plugins.results import origin
from aed_plugins.speech.alignment import Score
from aed_plugins.speech.recognisers.interface import Recogniser
from aed_plugins.speech.stm import write_stm
from aed_plugins.timeline import Event

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

RECOGNISERS = ("kaldi", "sphinx", "pocketsphinx", "speechbrain")
TAGGER = "mn10"


@dataclass(frozen=True)
class Options:
    """What a run on TED-LIUM can choose, besides what is in the hyperparameter file."""

    data_folder: str | None = None  # a release in data/, or a demonstration corpus if there is none
    language_model: str | None = None  # ARPA; the release's own, or one estimated from its text
    experiments: Sequence[str] = ("annotations", "segmentation")


class Run:
    """A run of the recipe: its data, its hyperparameters and what it has found.

    Parameters
    ----------
    experiment : Experiment
        The command line and the hyperparameter file.
    """

    def __init__(self, experiment: Experiment[Options]) -> None:
        options = experiment.options
        _check_experiments(options.experiments)
        folder = find_data(options.data_folder)
        self.demonstration = is_demonstration(folder)
        dataset = "tedlium_demonstration" if self.demonstration else "tedlium"
        self.hparams = experiment.build(dataset=dataset)
        self.output = Path(self.hparams["output_folder"])
        start_log(self.output)
        resolved = experiment.resolved(dataset=dataset)
        write_resolved(self.output / "hyperparams.yaml", resolved)
        self.tuning = Tuning(**self.hparams["tuning"])
        self.device = experiment.run_options.device or infer_device()
        self.corpus: Corpus = read_corpus(folder, options.language_model)
        self.results: dict[str, Any] = {
            "demonstration": self.demonstration,
            "data": self._data(),
            "configuration": flattened(resolved),
            **origin(),
        }
        # What is missing is told before hours of work.
        self.recognisers = {
            name: self._recogniser(f"{name}_recogniser") for name in options.experiments
        }
        self.tagger = self._released_tagger() if "segmentation" in options.experiments else None
        self.scores: dict[str, Mapping[str, Score]] = {}
        self.events: Callable[[str, Path], Sequence[Event]] = lambda _talk, _recording: ()
        for part, talks in self.corpus.talks.items():
            write_stm(self.output / f"stm/{part}.stm", talks.stm)

    def _data(self) -> dict[str, Any]:
        return {
            part: {
                "talks": len(talks.recordings),
                "hours": round(sum(talks.durations.values()) / 3600, 4),
                "utterances": len(talks.utterances),
            }
            for part, talks in self.corpus.talks.items()
        }

    def _recogniser(self, key: str) -> Recogniser:
        """Build the recogniser of an experiment, and see that what it needs is there."""
        name = self.hparams[key]
        if name == "auto":
            name = "kaldi" if os.environ.get("KALDI_ROOT") else "sphinx"
            logger.info("%s: %s", key, name)
        if name not in RECOGNISERS:
            known = ", ".join(RECOGNISERS)
            raise InputError(f"{key}: expected a recogniser of {known}, got {name!r}")
        recogniser: Recogniser = self.hparams[name]()
        if key == "annotations_recogniser" and not recogniser.trainable:
            raise InputError(f"{key}: expected one that is trained, kaldi or sphinx, got {name}")
        recogniser.check()
        return recogniser

    def _released_tagger(self) -> PretrainedTagger | None:
        """Load the tagger, unless it is the demonstration's own, which is still to be trained."""
        self.tagger_source = self.hparams["tagger"]
        if self.tagger_source is None and self.demonstration:
            return None
        if self.tagger_source is None:
            self.tagger_source = TAGGER
        return PretrainedTagger.from_hparams(self.tagger_source, run_opts={"device": self.device})

    def annotations(self) -> None:
        """Run experiment 1."""
        recogniser = self.recognisers["annotations"]
        share, seed = self.hparams["training_share"], self.hparams["seed"]
        found, scores = run_annotations(
            self.corpus, recogniser, share, seed, self.output / "annotations"
        )
        self.results["annotations"] = found
        self.scores[f"{recogniser.systems[-1]}, without annotations"] = scores
        self._write("annotations.md", annotations_table(self.results))

    def segmentation(self) -> None:
        """Run experiment 2."""
        folder = self.output / "segmentation"
        trained = self._trained(self.recognisers["segmentation"])
        tagger = self._detector(folder)
        experiment = SegmentationExperiment(self.corpus, trained, self.tuning, folder)
        detectors = {"tagger": tagger.speech, "energy": energy_speech}
        found, scores = experiment.run(detectors, self.hparams["seed"])
        self.results["segmentation"] = {"tagger": tagger.source, **found}
        self.scores |= {f"segmented by {name}": scores[name] for name in ("human", "tagger")}
        self.events = tagger.other_events
        self._write("segmentation.md", segmentation_table(self.results))

    def pages(self) -> Path:
        """Write the alignment pages."""
        return write_pages(
            self.output / "pages", self.corpus, self.scores, self.events, self.demonstration
        )

    def _trained(self, recogniser: Recogniser) -> Trained:
        """Train without annotations, in experiment 1's folder, what needs training."""
        share, seed = self.hparams["training_share"], self.hparams["seed"]
        folder = self.output / "annotations/without_annotations"
        data = training_set(self.corpus, False, share, seed, folder)
        if recogniser.trainable:
            recogniser.train(data, folder / "models")
        return Trained(recogniser, recogniser.systems[-1], data.language, folder / "models")

    def _detector(self, folder: Path) -> TaggerDetector:
        """Let the tagger detect speech; the demonstration's own is trained before."""
        model, source = self.tagger, self.tagger_source
        speech, events = self.hparams["speech_classes"], self.hparams["event_classes"]
        if model is None:
            speech, events = LABELS[:1], LABELS
            train, dev = self.corpus.talks["train"], self.corpus.talks["dev"]
            source = str(train_demo_tagger(train, dev, folder / "tagger_training", self.device))
            model = PretrainedTagger.from_hparams(source, run_opts={"device": self.device})
        hop_length = self.hparams["hop_length"]
        return TaggerDetector(
            model, source, speech, events, hop_length, folder / "tagger/timelines"
        )

    def _write(self, name: str, table: str) -> None:
        """Write what was found so far, and a table of it."""
        write_json(self.output / "results.json", self.results)
        with written_beside(self.output / name) as temporary:
            temporary.write_text(table, encoding="utf-8")
        print(f"\n{table}")


def _check_experiments(names: Any) -> None:
    known = Options.experiments
    if isinstance(names, str) or not names or any(name not in known for name in names):
        raise InputError(f"--experiments: expected a list of {', '.join(known)}, got {names!r}")


def main(arguments: list[str]) -> None:
    """Read the corpus, run the experiments, print the tables."""
    experiment = parse(arguments, Options)
    run_ = Run(experiment)
    if "annotations" in experiment.options.experiments:
        run_.annotations()
    if "segmentation" in experiment.options.experiments:
        run_.segmentation()
    print("look at:", run_.pages(), run_.output / "results.json", sep="\n  ")


if __name__ == "__main__":
    run(main)
