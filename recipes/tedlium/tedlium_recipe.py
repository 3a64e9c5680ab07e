"""Run the recipe: read the corpus, run the experiments, write tables and pages."""

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tedlium_demo import is_demonstration
from tedlium_demo_tagger import LABELS, train_demo_tagger
from tedlium_detectors import Detector, TaggerDetector, detect_speech_by_energy
from tedlium_language import make_training_set
from tedlium_nonspeech_tags import TrainedRecognizer, run_nonspeech_tags
from tedlium_pages import write_pages
from tedlium_prepare import TedliumCorpus, find_data, read_corpus, select_fraction
from tedlium_results import format_nonspeech_tags_table, format_segmentation_table
from tedlium_segmentation import METHODS, SegmentationExperiment, SegmentationTuning

from aed_plugins.core import Event, InputError, atomic_write, write_json
from aed_plugins.experiments import (
    Experiment,
    parse_experiment,
    provenance,
    start_log,
)
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import check_device
from asr.formats.stm import write_stm
from asr.formats.uem import write_uem
from asr.recognizers.interface import Recognizer
from asr.scoring.score import Score
from asr.scoring.speech_detection import make_uem

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

RECOGNIZERS = ("kaldi", "sphinx", "pocketsphinx", "speechbrain")
TAGGER = "mn10"
PAPER_FRACTION = 0.2
EXPERIMENTS = ("nonspeech_tags", "segmentation")
SHOWN_METHODS = ("human", "tagger")  # whose alignments have pages


@dataclass(frozen=True)
class TedliumOptions:
    """The command line's options, in addition to the keys of the hyperparameter file."""

    data_folder: str | None = None  # a release in data/, or a demonstration corpus if there is none
    language_model: str | None = None  # ARPA; the release's own, or one estimated from its text
    experiments: Sequence[str] = EXPERIMENTS


class TedliumRecipe:
    """A run of the recipe: its data, its hyperparameters and its results.

    Everything is checked when it is made, before hours of work.

    Parameters
    ----------
    experiment : Experiment
        The command line and the hyperparameter file.
    """

    def __init__(self, experiment: Experiment[TedliumOptions]) -> None:
        options = experiment.options
        self.experiments = _check_names("--experiments", options.experiments, EXPERIMENTS)
        folder = find_data(options.data_folder)
        self.demonstration = is_demonstration(folder)
        self.device = check_device(experiment.run_options.device)
        handed_in = {"dataset": _name_dataset(folder, self.demonstration), "device": self.device}
        resolved = experiment.resolve(**handed_in)
        self.hparams = resolved.build()
        self.output = Path(self.hparams["output_folder"])
        start_log(self.output)
        resolved.write(self.output / "hyperparams.yaml")
        self.corpus: TedliumCorpus = read_corpus(folder, options.language_model)
        with resolved.named_mistakes():
            self.tuning = SegmentationTuning(**self.hparams["tuning"])
            self.fraction = self._read_training_fraction()
            self.recognizers = {
                name: self._build_recognizer(f"{name}_recognizer") for name in self.experiments
            }
        self.methods = _check_names("methods", self.hparams["methods"], METHODS)
        self.detector = self._load_detector() if "segmentation" in self.experiments else None
        self.scores: dict[str, Mapping[str, Score]] = {}
        self._write_references()
        self.results = self._add_earlier_results(
            {
                "demonstration": self.demonstration,
                "data": self._describe_data(),
                "configuration": resolved.leaves,
                **provenance(),
            }
        )

    def _read_training_fraction(self) -> float:
        fraction = self.hparams["training_fraction"]
        if fraction is None:
            fraction = 1.0 if self.demonstration else PAPER_FRACTION
        if isinstance(fraction, bool) or not isinstance(fraction, int | float):
            raise InputError(f"expected a training_fraction above 0 and up to 1, got {fraction!r}")
        select_fraction((), fraction, 0)
        return float(fraction)

    def _build_recognizer(self, key: str) -> Recognizer:
        """Build the recognizer of an experiment, and check that its programs are there."""
        name = self.hparams[key]
        if name == "auto":
            name = "kaldi" if os.environ.get("KALDI_ROOT") else "sphinx"
            logger.info("%s: %s", key, name)
        if name not in RECOGNIZERS:
            known = ", ".join(RECOGNIZERS)
            raise InputError(f"{key}: expected a recognizer of {known}, got {name!r}")
        recognizer: Recognizer = self.hparams[name]()
        if key == "nonspeech_tags_recognizer" and not recognizer.trainable:
            raise InputError(f"{key}: expected one that is trained, kaldi or sphinx, got {name}")
        recognizer.check()
        return recognizer

    def _load_detector(self) -> TaggerDetector | None:
        """Load the tagger, unless it is the demonstration's own, which is trained later."""
        source = self.hparams["tagger"]
        if "tagger" not in self.methods or (source is None and self.demonstration):
            return None
        return self._make_detector(
            TAGGER if source is None else str(source),
            self.hparams["speech_classes"],
            self.hparams["event_classes"],
        )

    def _make_detector(
        self, source: str, speech: Sequence[str], events: Sequence[str]
    ) -> TaggerDetector:
        model = PretrainedTagger.from_hparams(source, run_opts={"device": self.device})
        timelines = self.output / "segmentation/tagger/timelines"
        hop_length = self.hparams["hop_length"]
        return TaggerDetector(model, source, speech, events, hop_length, timelines)

    def _write_references(self) -> None:
        """Write the references of the scores, and the regions in which detection is evaluated."""
        for part, talks in self.corpus.talks.items():
            write_stm(self.output / f"stm/{part}.stm", talks.stm)
            write_uem(self.output / f"uem/{part}.uem", make_uem(talks.stm, talks.durations))

    def _describe_data(self) -> dict[str, Any]:
        return {
            part: {
                "talks": len(talks.recordings),
                "hours": round(sum(talks.durations.values()) / 3600, 4),
                "utterances": len(talks.utterances),
            }
            for part, talks in self.corpus.talks.items()
        }

    def _add_earlier_results(self, new: dict[str, Any]) -> dict[str, Any]:
        """Add the results of another experiment with the same configuration and data."""
        path = self.output / "results.json"
        if path.is_file():
            old = json.loads(path.read_text(encoding="utf-8"))
            if all(old.get(key) == new[key] for key in ("data", "configuration")):
                new |= {name: old[name] for name in EXPERIMENTS if name in old}
        return new

    def run_nonspeech_tags(self) -> None:
        """Run experiment 1."""
        recognizer, seed = self.recognizers["nonspeech_tags"], self.hparams["seed"]
        folder = self.output / "nonspeech_tags"
        found, scores = run_nonspeech_tags(self.corpus, recognizer, self.fraction, seed, folder)
        self.results["nonspeech_tags"] = found
        self.scores[f"{recognizer.systems[-1]}, without tags"] = scores
        print(f"\n{self._write('nonspeech_tags.md', format_nonspeech_tags_table(self.results))}")

    def run_segmentation(self) -> None:
        """Run experiment 2; the results of a method are written before the next begins."""
        folder = self.output / "segmentation"
        trained = self._train_recognizer(self.recognizers["segmentation"], folder)
        if self.detector is None and "tagger" in self.methods:
            train, dev = self.corpus.talks["train"], self.corpus.talks["dev"]
            trained_tagger = train_demo_tagger(train, dev, folder / "tagger_training", self.device)
            self.detector = self._make_detector(str(trained_tagger), LABELS[:1], LABELS)
        detectors: dict[str, Detector] = {"energy": detect_speech_by_energy}
        if self.detector is not None:
            detectors["tagger"] = self.detector.speech
        experiment = SegmentationExperiment(self.corpus, trained, self.tuning, detectors, folder)
        source = None if self.detector is None else self.detector.source
        entries: dict[str, Any] = {}
        found = {"tagger": source, **experiment.describe(), "methods": entries}
        self.results["segmentation"] = found
        for method in self.methods:
            entries[method], scores = experiment.run(method, self.hparams["seed"])
            if method in SHOWN_METHODS:
                self.scores[f"segmented by {method}"] = scores
            table = self._write("segmentation.md", format_segmentation_table(self.results))
        print(f"\n{table}")

    def write_pages(self) -> Path:
        """Write the alignment pages."""
        events: Callable[[str, Path], Sequence[Event]] = lambda _talk, _recording: ()  # noqa: E731
        if self.detector is not None:
            events = self.detector.other_events
        return write_pages(
            self.output / "pages", self.corpus, self.scores, events, self.demonstration
        )

    def _train_recognizer(self, recognizer: Recognizer, folder: Path) -> TrainedRecognizer:
        """Train a recognizer without tags, in experiment 1's folder, if it needs training."""
        place = self.output / "nonspeech_tags/without_tags"
        data = make_training_set(self.corpus, False, self.fraction, self.hparams["seed"], place)
        system = recognizer.systems[-1]
        decodings = folder / "human"
        if recognizer.trainable:
            recognizer.train(data, place / "models")
            decodings = place / system
        return TrainedRecognizer(recognizer, system, data.language, place / "models", decodings)

    def _write(self, name: str, table: str) -> str:
        """Write the results so far, and a table of them."""
        write_json(self.output / "results.json", self.results)
        with atomic_write(self.output / name) as temporary:
            temporary.write_text(table, encoding="utf-8")
        return table


def _name_dataset(folder: Path, demonstration: bool) -> str:
    """Name the release after its folder, so that each has results of its own."""
    if demonstration:
        return "tedlium_demonstration"
    name = (folder.parent if folder.name == "legacy" else folder).resolve().name.lower()
    return name if name.startswith("tedlium") else f"tedlium_{name}"


def _check_names(option: str, names: Any, known: Sequence[str]) -> list[str]:
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_list or not names or any(name not in known for name in names):
        raise InputError(f"{option}: expected a list of {', '.join(known)}, got {names!r}")
    return list(names)


def main(arguments: list[str]) -> None:
    """Read the corpus, run the experiments, print the tables."""
    experiment = parse_experiment(arguments, TedliumOptions)
    recipe = TedliumRecipe(experiment)
    if "nonspeech_tags" in recipe.experiments:
        recipe.run_nonspeech_tags()
    if "segmentation" in recipe.experiments:
        recipe.run_segmentation()
    print("look at:", recipe.write_pages(), recipe.output / "results.json", sep="\n  ")
