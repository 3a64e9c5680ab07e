"""Training text, lexicon and language model of the recipe."""

from collections import Counter

import pytest
from tedlium_demo import DICTIONARY
from tedlium_language import UNKNOWN, make_training_set
from tedlium_prepare import read_corpus

from aed_plugins.core import InputError
from asr.formats.arpa import read_arpa
from asr.recognizers.language_model import estimate_language_model


def test_tags_of_more_training_data_are_added_to_the_language_model(copied, tmp_path):
    arpa = tmp_path / "released.arpa"
    estimate_language_model([("one", "two"), ("nine", "oh")], arpa)
    corpus = read_corpus(copied, str(arpa))

    def find_tags(fraction):
        language = make_training_set(corpus, True, fraction, 0, tmp_path / "work").language
        known = read_arpa(language.arpa).words
        assert language.lexicon.nonspeech_phones.keys() <= known
        return {word for word in known if word.startswith("[")}

    assert find_tags(0.05) < find_tags(1.0)
    assert find_tags(0.05) < find_tags(1.0)


def test_words_without_a_pronunciation_are_named_and_counted(copied, tmp_path, caplog):
    dictionary = copied / DICTIONARY
    kept = [line for line in dictionary.read_text("utf-8").splitlines() if line[:4] != "nine"]
    dictionary.write_text("\n".join(kept) + "\n")
    data = make_training_set(read_corpus(copied), False, 1.0, 0, tmp_path / "work")
    assert "1 words of the training text have no pronunciation: nine (" in caplog.text
    word, count = (tmp_path / "work/missing_words.txt").read_text("utf-8").split()
    said = Counter(word for utterance in data.utterances for word in utterance.words)
    assert word == "nine"
    assert said["nine"] == 0
    assert said[UNKNOWN] >= int(count) > 0


def test_the_lexicon_of_another_language_is_refused(copied, tmp_path):
    (copied / DICTIONARY).write_text("eins  AY N S\n")
    with pytest.raises(InputError, match="expected the lexicon of these talks"):
        make_training_set(read_corpus(copied), False, 1.0, 0, tmp_path / "work")
