"""Decode with Kaldi: segments to lattices, once, and lattices to words for each pair of weights.

Source: the recipes `egs/tedlium/s5` and `s5_r2`, and their `local/score_sclite.sh` for the
way from lattices to words: scaled, pruned to a beam of 7, aligned, minimum Bayes risk.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aed_plugins.annotations import read_number
from aed_plugins.core import InputError, atomic_write
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.formats.ctm import CtmWord
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment
from asr.recognizers.interface import DecodingWeights, Language
from asr.recognizers.kaldi_features import KaldiData, KaldiJobs, make_data
from asr.recognizers.kaldi_language import UNKNOWN, make_grammar, make_lang
from asr.recognizers.kaldi_work import KaldiWorkFolder

SHORTEST = 0.1  # seconds; a shorter segment has too few frames for a word

# What Kaldi's scripts look for in a decoding's parent folder; not all systems have all.
_MODEL_FILES = (
    *("final.mdl", "final.alimdl", "final.mat", "full.mat", "tree", "phones.txt"),
    *("cmvn_opts", "delta_opts", "splice_opts"),
)

# Its argument is the number of a line of `weights.txt`: weight, penalty and the file to write.
_WORDS_SCRIPT = """\
set -e -o pipefail
. ./path.sh
cd {folder}
read -r weight penalty words < <(sed -n "$1p" weights.txt)
lattice-scale --inv-acoustic-scale="$weight" "ark:gunzip -c lat.*.gz|" ark:- |
  lattice-add-penalty --word-ins-penalty="$penalty" ark:- ark:- |
  lattice-prune --beam=7 ark:- ark:- |
  lattice-align-words --output-error-lats=true --max-expand=10.0 --test=false \\
    {graph}/phones/word_boundary.int {model} ark:- ark:- |
  lattice-to-ctm-conf --decode-mbr=true ark:- - |
  int2sym.pl -f 5 {graph}/words.txt > "$words.part"
mv "$words.part" "$words"
"""


@dataclass(frozen=True)
class KaldiDecoding:
    """A system and a set of segments.

    Attributes
    ----------
    models : KaldiWorkFolder
        Where the system was trained; graphs are written there.
    work : KaldiWorkFolder
        Where segments, lattices and words are written; prepared.
    jobs : KaldiJobs
        How parts are started.
    system : str
        The system's name.
    """

    models: KaldiWorkFolder
    work: KaldiWorkFolder
    jobs: KaldiJobs
    system: str

    def decode(
        self,
        recordings: Mapping[str, Path],
        segments: Sequence[SpeechSegment],
        language: Language,
        weights: Sequence[DecodingWeights],
    ) -> dict[DecodingWeights, list[CtmWord]]:
        """Recognize segments.

        Parameters
        ----------
        recordings, segments, language, weights
            As for `Recognizer.decode`.

        Raises
        ------
        InputError
            If the system was not trained, or a stage fails.
        """
        long_enough = sorted({segment for segment in segments if segment.duration >= SHORTEST})
        if not long_enough:
            return {weight: [] for weight in weights}
        graph, model_depends_on = self._make_graph(language)
        utterances = [
            StmSegment(segment.talk, "A", segment.talk, segment.onset, segment.offset, "", ())
            for segment in long_enough
        ]
        data = make_data(self.work, "segments", recordings, utterances, self.jobs)
        lattices = self._make_lattices(graph, data, model_depends_on)
        by_name = {segment.name: segment for segment in long_enough}
        paths = self._make_words(graph, lattices, weights)
        return {weight: read_decoded_words(paths[weight], by_name) for weight in weights}

    def _make_graph(self, language: Language) -> tuple[Path, str]:
        """Make the decoding graph; return it and a hash of the model and the graph."""
        model = self.models.folder / "exp" / self.system
        mark = self.models.folder / f".done-{self.system}.json"
        if not mark.is_file() or not (model / "final.mdl").is_file():
            raise InputError(
                f"{model}: expected the trained system {self.system}, but it is not there; "
                "train it first"
            )
        trained = json.loads(mark.read_text(encoding="utf-8"))
        lang = make_lang(self.models, language.lexicon, model / "phones.txt")
        grammar = make_grammar(self.models, lang, language.arpa)
        graph = model / grammar.name.replace("grammar", "graph")
        depends_on = fingerprint_inputs(trained, graph.name)

        def make() -> None:
            shutil.rmtree(graph, ignore_errors=True)
            stage = f"{self.system}-graph"
            self.models.run(stage, "utils/mkgraph.sh", grammar, model, graph)

        outputs = [graph / "HCLG.fst", graph / "words.txt"]
        run_stage(f"{self.system}-{graph.name}", self.models.folder, depends_on, outputs, make)
        return graph, depends_on

    def _make_lattices(self, graph: Path, data: KaldiData, depends_on: str) -> Path:
        """Decode; the returned folder also holds the words of each pair of weights."""
        # The scripts look for the model one folder above the decoding's.
        model = self.work.folder / "exp" / self.system
        folder = model / "decode"
        options = self.jobs.options(data.folder)
        adapts = (self.models.folder / "exp" / self.system / "final.alimdl").is_file()
        script = "steps/decode_fmllr.sh" if adapts else "steps/decode.sh"

        def make() -> None:
            shutil.rmtree(model, ignore_errors=True)
            model.mkdir(parents=True)
            for name in _MODEL_FILES:
                source = self.models.folder / "exp" / self.system / name
                if source.is_file():
                    (model / name).symlink_to(source)
            stage = f"{self.system}-decode"
            skip = ("--skip-scoring", "true")
            self.work.run(stage, script, *options, *skip, graph, data.folder, folder)

        outputs = [folder / f"lat.{part}.gz" for part in range(1, int(options[-1]) + 1)]
        depends_on = fingerprint_inputs(depends_on, data.depends_on)
        run_stage(f"{self.system}-decode", self.work.folder, depends_on, outputs, make)
        return folder

    def _make_words(
        self, graph: Path, lattices: Path, weights: Sequence[DecodingWeights]
    ) -> dict[DecodingWeights, Path]:
        """Write the words of each pair of weights, unless they were written before."""
        paths = {
            weight: lattices / f"words-{weight.language_weight:g}-{weight.insertion_penalty:g}.txt"
            for weight in weights
        }
        missing = {weight: path for weight, path in paths.items() if not path.is_file()}
        if missing:
            lines = [
                f"{w.language_weight} {w.insertion_penalty} {p.name}" for w, p in missing.items()
            ]
            script = _WORDS_SCRIPT.format(
                folder=lattices,
                graph=graph,
                model=self.models.folder / "exp" / self.system / "final.mdl",
            )
            for path, text in (
                (lattices / "weights.txt", "".join(f"{line}\n" for line in lines)),
                (lattices / "words.sh", script),
            ):
                with atomic_write(path) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            parts = ("--max-jobs-run", str(self.jobs.count), f"JOB=1:{len(lines)}")
            log = lattices / "log" / "words.JOB.log"
            stage = f"{self.system}-words"
            starter = self.jobs.command.split()
            self.work.run(stage, *starter, *parts, log, "bash", lattices / "words.sh", "JOB")
        for path in missing.values():
            if not path.is_file():
                raise InputError(
                    f"{path}: expected stage {self.system}-words to write it, but it is missing; "
                    f"see the logs in {lattices / 'log'}"
                )
        return paths


def read_decoded_words(path: Path, segments: Mapping[str, SpeechSegment]) -> list[CtmWord]:
    r"""Read words with times from a segment's start; return them with times from the talk's.

    Parameters
    ----------
    path : Path
        Lines of a segment's name, a channel, start and duration, a word and its confidence.
    segments : mapping of str to SpeechSegment
        The segments by name.

    Returns
    -------
    list of CtmWord
        By talk and onset, without `<unk>`.

    Raises
    ------
    InputError
        If a line is malformed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "words.txt"
    >>> _ = path.write_text("Al-0001000-0002000 1 0.50 0.20 two 0.75\n")
    >>> read_decoded_words(path, {"Al-0001000-0002000": SpeechSegment("Al", 10.0, 20.0)})
    [CtmWord(talk='Al', channel='A', onset=10.5, duration=0.2, word='two', confidence=0.75)]
    """
    words = []
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        where = f"{path} line {number}"
        if len(fields) != 6 or fields[0] not in segments:
            raise InputError(f"{where}: expected a segment's name and 5 fields, got {line[:60]!r}")
        name, _, start, duration, word, confidence = fields
        if word == UNKNOWN:
            continue
        segment = segments[name]
        onset = round(segment.onset + read_number(start, "start", where), 2)
        length = read_number(duration, "duration", where)
        probability = min(1.0, read_number(confidence, "confidence", where))
        words.append(CtmWord(segment.talk, "A", onset, length, word, probability))
    return sorted(words)
