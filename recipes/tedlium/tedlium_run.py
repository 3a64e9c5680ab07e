"""A run of the recipe: what it was asked to do, in order."""

import json
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
from tedlium_detectors import Detector, TaggerDetector, energy_speech
from tedlium_language import training_set
from tedlium_pages import write_pages
from tedlium_prepare import Corpus, choose_share, find_data, read_corpus
from tedlium_results import annotations_table, segmentation_table
from tedlium_segmentation import METHODS, SegmentationExperiment, Tuning

from aed_plugins.core import Event, InputError, atomic_write, write_json
from aed_plugins.experiments import (
    Experiment,
    flatten,
    parse_experiment,
    provenance,
    start_log,
    write_resolved,
)
from aed_plugins.inference import PretrainedTagger
from asr.formats.stm import write_stm
from asr.formats.uem import write_uem
from asr.recognizers.interface import Recognizer
from asr.scoring.detection_error import uem_of
from asr.scoring.score import Score

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

RECOGNISERS = ("kaldi", "sphinx", "pocketsphinx", "speechbrain")
TAGGER = "mn10"
PAPER_SHARE = 0.2
EXPERIMENTS = ("annotations", "segmentation")
SHOWN_METHODS = ("human", "tagger")  # whose alignments have pages


@dataclass(frozen=True)
class Options:
    """What a run on TED-LIUM can choose, besides what is in the hyperparameter file."""

    data_folder: str | None = None  # a release in data/, or a demonstration corpus if there is none
    language_model: str | None = None  # ARPA; the release's own, or one estimated from its text
    experiments: Sequence[str] = EXPERIMENTS


class Run:
    """A run of the recipe: its data, its hyperparameters and what it has found.

    All that it needs is looked for when it is made, before hours of work.

    Parameters
    ----------
    experiment : Experiment
        The command line and the hyperparameter file.
    """

    def __init__(self, experiment: Experiment[Options]) -> None:
        options = experiment.options
        self.experiments = _checked("--experiments", options.experiments, EXPERIMENTS)
        folder = find_data(options.data_folder)
        self.demonstration = is_demonstration(folder)
        self.device = experiment.run_options.device or infer_device()
        handed_in = {"dataset": _dataset(folder, self.demonstration), "device": self.device}
        self.hparams = experiment.build(**handed_in)
        self.output = Path(self.hparams["output_folder"])
        start_log(self.output)
        resolved = experiment.resolved(**handed_in)
        write_resolved(self.output / "hyperparams.yaml", resolved)
        self.corpus: Corpus = read_corpus(folder, options.language_model)
        with experiment.named_mistakes():
            self.tuning = Tuning(**self.hparams["tuning"])
            self.share = self._training_share()
            self.recognisers = {
                name: self._recogniser(f"{name}_recogniser") for name in self.experiments
            }
        self.methods = _checked("methods", self.hparams["methods"], METHODS)
        self.detector = self._detector() if "segmentation" in self.experiments else None
        self.scores: dict[str, Mapping[str, Score]] = {}
        self._write_references()
        self.results = self._earlier_results(
            {
                "demonstration": self.demonstration,
                "data": self._data(),
                "configuration": flatten(resolved),
                **provenance(),
            }
        )

    def _training_share(self) -> float:
        share = self.hparams["training_share"]
        if share is None:
            share = 1.0 if self.demonstration else PAPER_SHARE
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise InputError(f"expected a training_share above 0 and up to 1, got {share!r}")
        choose_share((), share, 0)
        return float(share)

    def _recogniser(self, key: str) -> Recognizer:
        """Build the recogniser of an experiment, and see that what it needs is there."""
        name = self.hparams[key]
        if name == "auto":
            name = "kaldi" if os.environ.get("KALDI_ROOT") else "sphinx"
            logger.info("%s: %s", key, name)
        if name not in RECOGNISERS:
            known = ", ".join(RECOGNISERS)
            raise InputError(f"{key}: expected a recogniser of {known}, got {name!r}")
        recogniser: Recognizer = self.hparams[name]()
        if key == "annotations_recogniser" and not recogniser.trainable:
            raise InputError(f"{key}: expected one that is trained, kaldi or sphinx, got {name}")
        recogniser.check()
        return recogniser

    def _detector(self) -> TaggerDetector | None:
        """Load the tagger, unless it is the demonstration's own, which is still to be trained."""
        source = self.hparams["tagger"]
        if "tagger" not in self.methods or (source is None and self.demonstration):
            return None
        return self._detector_of(
            TAGGER if source is None else str(source),
            self.hparams["speech_classes"],
            self.hparams["event_classes"],
        )

    def _detector_of(
        self, source: str, speech: Sequence[str], events: Sequence[str]
    ) -> TaggerDetector:
        model = PretrainedTagger.from_hparams(source, run_opts={"device": self.device})
        timelines = self.output / "segmentation/tagger/timelines"
        hop_length = self.hparams["hop_length"]
        return TaggerDetector(model, source, speech, events, hop_length, timelines)

    def _write_references(self) -> None:
        """Write what is scored, and what detection is judged on."""
        for part, talks in self.corpus.talks.items():
            write_stm(self.output / f"stm/{part}.stm", talks.stm)
            write_uem(self.output / f"uem/{part}.uem", uem_of(talks.stm, talks.durations))

    def _data(self) -> dict[str, Any]:
        return {
            part: {
                "talks": len(talks.recordings),
                "hours": round(sum(talks.durations.values()) / 3600, 4),
                "utterances": len(talks.utterances),
            }
            for part, talks in self.corpus.talks.items()
        }

    def _earlier_results(self, new: dict[str, Any]) -> dict[str, Any]:
        """Keep what another experiment found here with the same configuration and data."""
        path = self.output / "results.json"
        if path.is_file():
            old = json.loads(path.read_text(encoding="utf-8"))
            if all(old.get(key) == new[key] for key in ("data", "configuration")):
                new |= {name: old[name] for name in EXPERIMENTS if name in old}
        return new

    def annotations(self) -> None:
        """Run experiment 1."""
        recogniser, seed = self.recognisers["annotations"], self.hparams["seed"]
        folder = self.output / "annotations"
        found, scores = run_annotations(self.corpus, recogniser, self.share, seed, folder)
        self.results["annotations"] = found
        self.scores[f"{recogniser.systems[-1]}, without annotations"] = scores
        print(f"\n{self._write('annotations.md', annotations_table(self.results))}")

    def segmentation(self) -> None:
        """Run experiment 2; what a method found is written before the next begins."""
        folder = self.output / "segmentation"
        trained = self._trained(self.recognisers["segmentation"], folder)
        if self.detector is None and "tagger" in self.methods:
            train, dev = self.corpus.talks["train"], self.corpus.talks["dev"]
            source = train_demo_tagger(train, dev, folder / "tagger_training", self.device)
            self.detector = self._detector_of(str(source), LABELS[:1], LABELS)
        detectors: dict[str, Detector] = {"energy": energy_speech}
        if self.detector is not None:
            detectors["tagger"] = self.detector.speech
        experiment = SegmentationExperiment(self.corpus, trained, self.tuning, detectors, folder)
        source = None if self.detector is None else self.detector.source
        entries: dict[str, Any] = {}
        found = {"tagger": source, **experiment.about(), "methods": entries}
        self.results["segmentation"] = found
        for method in self.methods:
            entries[method], scores = experiment.run(method, self.hparams["seed"])
            if method in SHOWN_METHODS:
                self.scores[f"segmented by {method}"] = scores
            table = self._write("segmentation.md", segmentation_table(self.results))
        print(f"\n{table}")

    def pages(self) -> Path:
        """Write the alignment pages."""
        events: Callable[[str, Path], Sequence[Event]] = lambda _talk, _recording: ()  # noqa: E731
        if self.detector is not None:
            events = self.detector.other_events
        return write_pages(
            self.output / "pages", self.corpus, self.scores, events, self.demonstration
        )

    def _trained(self, recogniser: Recognizer, folder: Path) -> Trained:
        """Train without annotations, in experiment 1's folder, what needs training."""
        place = self.output / "annotations/without_annotations"
        data = training_set(self.corpus, False, self.share, self.hparams["seed"], place)
        system = recogniser.systems[-1]
        decodings = folder / "human"
        if recogniser.trainable:
            recogniser.train(data, place / "models")
            decodings = place / system
        return Trained(recogniser, system, data.language, place / "models", decodings)

    def _write(self, name: str, table: str) -> str:
        """Write what was found so far, and a table of it."""
        write_json(self.output / "results.json", self.results)
        with atomic_write(self.output / name) as temporary:
            temporary.write_text(table, encoding="utf-8")
        return table


def _dataset(folder: Path, demonstration: bool) -> str:
    """Name the release after its folder, so that each has results of its own."""
    if demonstration:
        return "tedlium_demonstration"
    name = (folder.parent if folder.name == "legacy" else folder).resolve().name.lower()
    return name if name.startswith("tedlium") else f"tedlium_{name}"


def _checked(option: str, names: Any, known: Sequence[str]) -> list[str]:
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_list or not names or any(name not in known for name in names):
        raise InputError(f"{option}: expected a list of {', '.join(known)}, got {names!r}")
    return list(names)


def main(arguments: list[str]) -> None:
    """Read the corpus, run the experiments, print the tables."""
    experiment = parse_experiment(arguments, Options)
    run_ = Run(experiment)
    if "annotations" in run_.experiments:
        run_.annotations()
    if "segmentation" in run_.experiments:
        run_.segmentation()
    print("look at:", run_.pages(), run_.output / "results.json", sep="\n  ")
