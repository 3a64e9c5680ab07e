"""The English recognizer of the wheel `pocketsphinx`: nothing to train.

Source: CMU Sphinx's generic US English acoustic model (phonetically tied mixtures) and the CMU
pronouncing dictionary, both in the wheel under its own license (BSD).
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from aed_plugins.core import InputError, first_few
from asr.execution.unchanged import write_if_changed
from asr.formats.ctm import CtmWord
from asr.formats.lexicon import Lexicon
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import (
    DecodingWeights,
    Language,
    Recognizer,
    resolve_jobs,
)
from asr.recognizers.pocketsphinx_wheel import find_english_model

# Those of the CMU pronouncing dictionary, without its marks of stress.
ENGLISH_PHONES = frozenset(
    (
        *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G"),
        *("HH", "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T"),
        *("TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
    )
)
MOST_UNPRONOUNCEABLE = 0.1  # fraction of the words: above it, the lexicon has other phones

logger = logging.getLogger(__name__)


class PocketSphinx(Recognizer):
    """Decodes with the wheel's English acoustic model.

    The weights are pocketsphinx's `lw` and `wip` (see `pocketsphinx_decoding.decode_talks`): around
    its defaults of 6.5 and 0.65, which are for dictation. Digits and other small vocabularies need
    less of both, since sounds that are no words are easily taken for short ones.

    Parameters
    ----------
    jobs : int, optional
        How many processes decode; as many as there are processors otherwise.
    """

    systems = ("english",)
    weights = tuple(
        DecodingWeights(language_weight, penalty)
        for language_weight in (3.0, 6.5, 10.0)
        for penalty in (1e-4, 0.01, 0.65)
    )
    trainable = False

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = resolve_jobs(jobs)

    def check(self) -> None:
        """Check that the wheel and its English model are there.

        Raises
        ------
        InputError
            If not.
        """
        find_english_model()

    def decode(
        self,
        system: str,
        recordings: Mapping[str, Path],
        segments: Sequence[SpeechSegment],
        language: Language | None,
        weights: Sequence[DecodingWeights],
        models: Path,
        folder: Path,
    ) -> dict[DecodingWeights, list[CtmWord]]:
        """Recognize segments; finished talks are cached.

        Parameters
        ----------
        system : str
            `english`.
        recordings, segments
            As for `Recognizer.decode`.
        language : Language or None
            Words and language model; the wheel's own where there is none. Non-speech tags are never
            recognized: the acoustic model has no phones for them.
        weights : sequence of DecodingWeights
            Which of them to decode with.
        models : Path
            Not used.
        folder : Path
            Where the dictionary and the words of each talk are written.

        Returns
        -------
        dict of DecodingWeights to list of CtmWord
            As `pocketsphinx_decoding.decode_talks`.

        Raises
        ------
        InputError
            If the lexicon has a phone that the acoustic model does not have, or as `decode_talks`.
        """
        from asr.recognizers.pocketsphinx_decoding import SphinxModel, decode_talks  # noqa: PLC0415  needs the wheel

        self.check()
        dictionary = find_english_model() / "cmudict-en-us.dict"
        language_model = find_english_model() / "en-us.lm.bin"
        if language is not None:
            dictionary = folder / "english.dict"
            write_if_changed(dictionary, [format_english_dictionary(language.lexicon)])
            language_model = language.arpa
        model = SphinxModel(find_english_model() / "en-us", dictionary, language_model)
        return decode_talks(model, recordings, segments, weights, folder, self.jobs)


def format_english_dictionary(lexicon: Lexicon) -> str:
    r"""Format a lexicon for the English acoustic model.

    Parameters
    ----------
    lexicon : Lexicon
        Its non-speech tags are left out.

    Returns
    -------
    str
        A dictionary in Sphinx's form, sorted by words.

    Raises
    ------
    InputError
        If more than a tenth of the words have no pronunciation in CMU's 39 phones; the message
        names some. Fewer are left out with a warning.

    Examples
    --------
    >>> format_english_dictionary(Lexicon({"one": (("W", "AH", "N"), ("HH", "W", "AH", "N"))}, {}))
    'one W AH N\none(2) HH W AH N\n'
    """
    lines, unpronounceable = [], []
    for word, ways in sorted(lexicon.pronunciations.items()):
        possible = [phones for phones in ways if ENGLISH_PHONES.issuperset(phones)]
        if not possible:
            others = set().union(*ways) - ENGLISH_PHONES
            unpronounceable.append(f"{word} ({first_few(sorted(others))})")
        for number, phones in enumerate(possible, start=1):
            mark = "" if number == 1 else f"({number})"
            lines.append(f"{word}{mark} {' '.join(phones)}\n")
    named = first_few(unpronounceable)
    problem = f"words without a pronunciation in the CMU dictionary's 39 phones: {named}"
    if len(unpronounceable) > MOST_UNPRONOUNCEABLE * len(lexicon.pronunciations):
        raise InputError(f"{problem}; give a lexicon with these phones, or train a recognizer")
    if unpronounceable:
        logger.warning("%d %s; they cannot be recognized", len(unpronounceable), problem)
    return "".join(lines)
