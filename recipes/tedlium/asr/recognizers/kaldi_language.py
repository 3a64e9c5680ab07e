"""Make Kaldi's form of lexicon and language model: dictionary, lang folder, grammar."""

import shutil
from pathlib import Path

from aed_plugins.core import atomic_write
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.formats.lexicon import Lexicon
from asr.recognizers.kaldi_work import KaldiWorkFolder

UNKNOWN = "<unk>"  # replaces a word outside the lexicon
_SILENCE, _NOISE = "SIL", "NSN"
_RESERVED = frozenset(("<eps>", "<s>", "</s>", "#0", UNKNOWN))


def format_dictionary_files(lexicon: Lexicon) -> dict[str, str]:
    """Format the files of a dictionary folder.

    Source: Kaldi's recipe `egs/tedlium/s5`, where non-speech tags are words with a phone each
    that counts as silence, and the unknown word is a noise.

    Parameters
    ----------
    lexicon : Lexicon
        Words and non-speech tags.

    Returns
    -------
    dict of str to str
        File names and contents.

    Examples
    --------
    >>> files = format_dictionary_files(Lexicon({"two": (("T", "UW"),)}, {"[BREATH]": "BRH"}))
    >>> print(files["lexicon.txt"])
    <unk> NSN
    [BREATH] BRH
    two T UW
    <BLANKLINE>
    >>> files["silence_phones.txt"].split()
    ['SIL', 'NSN', 'BRH']
    """
    tags = lexicon.nonspeech_phones
    entries = {f"{UNKNOWN} {_NOISE}"} | {f"{tag} {phone}" for tag, phone in tags.items()}
    phones: set[str] = set()
    for word, pronunciations in lexicon.pronunciations.items():
        if word in _RESERVED or word in tags:
            continue
        for pronunciation in pronunciations:
            entries.add(f"{word} {' '.join(pronunciation)}")
            phones.update(pronunciation)
    silences = list(dict.fromkeys((_SILENCE, _NOISE, *sorted(tags.values()))))
    files = {
        "lexicon.txt": sorted(entries),
        "silence_phones.txt": silences,
        "optional_silence.txt": [_SILENCE],
        "nonsilence_phones.txt": sorted(phones.difference(silences)),
        "extra_questions.txt": [],
    }
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in files.items()}


def fingerprint_lexicon(lexicon: Lexicon) -> str:
    """Compute a short hash of a lexicon's content; see `stages.fingerprint_inputs`.

    Parameters
    ----------
    lexicon : Lexicon
        Words and non-speech tags.
    """
    return fingerprint_inputs(format_dictionary_files(lexicon))


def make_lang(work: KaldiWorkFolder, lexicon: Lexicon, phones: Path | None = None) -> Path:
    """Make a lang folder, unless it was made before: words, phones and the lexicon's transducer.

    Parameters
    ----------
    work : KaldiWorkFolder
        Where; prepared.
    lexicon : Lexicon
        Words and non-speech tags.
    phones : Path, optional
        The `phones.txt` of acoustic models that are to go with it.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If Kaldi refuses the dictionary, or knows no such phones.
    """
    depends_on = fingerprint_lexicon(lexicon)
    lang = work.folder / "data" / f"lang-{depends_on}"
    dictionary = lang.with_name(f"dict-{depends_on}")
    table = () if phones is None else ("--phone-symbol-table", phones)

    def make() -> None:
        shutil.rmtree(dictionary, ignore_errors=True)
        for name, text in format_dictionary_files(lexicon).items():
            with atomic_write(dictionary / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        work.run("dictionary", "utils/validate_dict_dir.pl", dictionary)
        local = lang.with_name(f"local-{depends_on}")
        work.run("lang", "utils/prepare_lang.sh", *table, dictionary, UNKNOWN, local, lang)

    outputs = [lang / name for name in ("L.fst", "L_disambig.fst", "words.txt", "phones.txt")]
    run_stage(lang.name, work.folder, depends_on, outputs, make)
    return lang


def make_grammar(work: KaldiWorkFolder, lang: Path, arpa: Path) -> Path:
    """Make a lang folder with a grammar, unless it was made before.

    Words of the language model that are not in the lexicon are left out of the grammar, and so are
    their n-grams.

    Parameters
    ----------
    work : KaldiWorkFolder
        Where; prepared.
    lang : Path
        What `make_lang` returned.
    arpa : Path
        The language model, plain text.

    Returns
    -------
    Path
        The folder; its name depends on the lexicon and the language model.

    Raises
    ------
    InputError
        If Kaldi cannot read the language model.
    """
    depends_on = fingerprint_inputs(lang.name, arpa)
    folder = lang.with_name(f"grammar-{depends_on}")

    def make() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(lang, folder, ignore=shutil.ignore_patterns("tmp"))
        work.run(
            "grammar",
            "arpa2fst",
            "--disambig-symbol=#0",
            f"--read-symbol-table={folder / 'words.txt'}",
            arpa.absolute(),
            folder / "G.fst",
        )
        work.run("grammar", "utils/validate_lang.pl", "--skip-determinization-check", folder)

    run_stage(folder.name, work.folder, depends_on, [folder / "G.fst"], make)
    return folder
