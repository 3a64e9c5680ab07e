"""Finding out where people pause, and which pronunciation of a word they use.

Source: stage `11.force_align` of Debian's package sphinxtrain, done here by pocketsphinx, as the
program that it needs is in no package. sphinxtrain's estimates take transcripts word for word:
without this, the pauses between words become a part of the words' phones.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asr.execution.stages import fingerprint, run_stage
from asr.execution.unchanged import write_if_changed
from asr.formats.lexicon import SILENCE_PHONE
from asr.recognizers.pocketsphinx_wheel import pocketsphinx_module
from asr.recognizers.sphinx_files import SphinxCorpus

_PAUSE = "<sil>"
_NOT_SAID = frozenset(("<s>", "</s>", "(NULL)"))
_MARK = re.compile(r"\([0-9]+\)$")


def align(corpus: SphinxCorpus, acoustic: Path, name: str) -> SphinxCorpus:
    """Put pauses and marks of variants into a corpus's transcripts.

    Parameters
    ----------
    corpus : Corpus
        Transcripts; what pauses and marks they have is not kept.
    acoustic : Path
        A model that was trained with it.
    name : str
        What the stage and the new lists, which are written beside the old, are called.

    Returns
    -------
    Corpus
        With `<sil>` and, unless a phone would no more be said, with `word(2)` in the transcripts.
        An utterance that cannot be aligned has its words alone.
    """
    folder = corpus.control.parent
    aligned = dataclasses.replace(
        corpus,
        transcripts=folder / f"{name}.txt",
        dictionary=folder / f"{name}.dic",
        depends_on=fingerprint(corpus.depends_on, name),
    )

    def work() -> None:
        lines = [line.split() for line in _aligned(corpus, acoustic)]
        entries = [entry.split() for entry in corpus.variants.read_text("utf-8").splitlines()]
        said = {word for words in lines for word in words}
        phones = {phone for word, *way in entries if word in said for phone in way}
        if phones | {SILENCE_PHONE} != set(corpus.phones):
            lines = [[_MARK.sub("", word) for word in words[:-1]] + words[-1:] for words in lines]
            said = {word for words in lines for word in words}
        write_if_changed(aligned.transcripts, (" ".join(words) + "\n" for words in lines))
        kept = (" ".join(entry) + "\n" for entry in entries if entry[0] in said)
        write_if_changed(aligned.dictionary, kept)

    run_stage(name, folder, aligned.depends_on, [aligned.transcripts, aligned.dictionary], work)
    return aligned


def _aligned(corpus: SphinxCorpus, acoustic: Path) -> Iterator[str]:
    decoder = pocketsphinx_module().Decoder(
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
            said = _said(decoder, words, np.fromfile(features, ">f4")[1:])
            yield f"<s> {' '.join(said)} </s> {name}"


def _said(decoder: Any, words: list[str], features: np.ndarray) -> list[str]:
    """Give words with pauses and marks, or without where they do not fit."""
    decoder.set_align_text(" ".join(words))
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_cep(features.astype("=f4").tobytes(), full_utt=True)
    decoder.end_utt()
    found = [part.word for part in decoder.seg() or () if part.word not in _NOT_SAID]
    if [_MARK.sub("", word) for word in found if word != _PAUSE] != words:
        return words
    # The sentences' ends are pauses already.
    start = found[0] == _PAUSE
    end = len(found) - (found[-1] == _PAUSE)
    return found[start:end]
