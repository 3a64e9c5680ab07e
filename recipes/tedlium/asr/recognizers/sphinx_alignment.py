"""Align transcripts: find pauses, and the pronunciation of each word.

Source: stage `11.force_align` of Debian's package sphinxtrain, done here by pocketsphinx, as the
program that it needs is in no package. sphinxtrain takes transcripts word for word: without this,
the pauses between words become a part of the words' phones.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asr.execution.stages import fingerprint_inputs, run_stage
from asr.execution.unchanged import write_if_changed
from asr.formats.lexicon import SILENCE_PHONE
from asr.recognizers.pocketsphinx_wheel import import_pocketsphinx
from asr.recognizers.sphinx_files import SphinxCorpus

_PAUSE = "<sil>"
_NOT_WORDS = frozenset(("<s>", "</s>", "(NULL)"))
_MARK = re.compile(r"\([0-9]+\)$")


def align_corpus(corpus: SphinxCorpus, acoustic: Path, name: str) -> SphinxCorpus:
    """Add pauses and marks of variants to a corpus's transcripts.

    Parameters
    ----------
    corpus : SphinxCorpus
        Transcripts; their earlier pauses and marks are replaced.
    acoustic : Path
        A model that was trained with it.
    name : str
        The name of the stage and of the new lists, which are written to the folder of the old ones.

    Returns
    -------
    SphinxCorpus
        With `<sil>` and, unless a phone would no longer occur, with `word(2)` in the transcripts.
        An utterance that cannot be aligned has its words alone.
    """
    folder = corpus.control.parent
    aligned = dataclasses.replace(
        corpus,
        transcripts=folder / f"{name}.txt",
        dictionary=folder / f"{name}.dic",
        depends_on=fingerprint_inputs(corpus.depends_on, name),
    )

    def work() -> None:
        lines = [line.split() for line in _align_lines(corpus, acoustic)]
        entries = [entry.split() for entry in corpus.variants.read_text("utf-8").splitlines()]
        used = {word for words in lines for word in words}
        phones = {phone for word, *way in entries if word in used for phone in way}
        if phones | {SILENCE_PHONE} != set(corpus.phones):
            lines = [[_MARK.sub("", word) for word in words[:-1]] + words[-1:] for words in lines]
            used = {word for words in lines for word in words}
        write_if_changed(aligned.transcripts, (" ".join(words) + "\n" for words in lines))
        selected = (" ".join(entry) + "\n" for entry in entries if entry[0] in used)
        write_if_changed(aligned.dictionary, selected)

    run_stage(name, folder, aligned.depends_on, [aligned.transcripts, aligned.dictionary], work)
    return aligned


def _align_lines(corpus: SphinxCorpus, acoustic: Path) -> Iterator[str]:
    decoder = import_pocketsphinx().Decoder(
        hmm=str(acoustic),
        dict=str(corpus.variants),
        fdict=str(corpus.fillers),
        lm=None,
        cmn="batch",
        bestpath=False,  # it would leave words out
        beam=1e-200,
        pbeam=1e-200,
        wbeam=1e-150,
        loglevel="FATAL",
    )
    with corpus.transcripts.open(encoding="utf-8") as stream:
        for line in stream:
            _, *marked, _, name = line.split()
            words = [_MARK.sub("", word) for word in marked if word != _PAUSE]
            features = corpus.features / f"{name[1:-1]}.mfc"
            tokens = _align_words(decoder, words, np.fromfile(features, ">f4")[1:])
            yield f"<s> {' '.join(tokens)} </s> {name}"


def _align_words(decoder: Any, words: list[str], features: np.ndarray) -> list[str]:
    """Return words with pauses and marks, or without where the alignment fails."""
    decoder.set_align_text(" ".join(words))
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_cep(features.astype("=f4").tobytes(), full_utt=True)
    decoder.end_utt()
    found = [part.word for part in decoder.seg() or () if part.word not in _NOT_WORDS]
    if [_MARK.sub("", word) for word in found if word != _PAUSE] != words:
        return words
    # The sentences' ends are pauses already.
    start = found[0] == _PAUSE
    end = len(found) - (found[-1] == _PAUSE)
    return found[start:end]
