import itertools
import math
import os
import subprocess
from pathlib import Path

import pytest
from arpa_file import read_entries
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.arpa import read_arpa
from asr.recognizers.language_model import estimate_language_model

SENTENCES = [["one", "two", "three"], ["two", "two"], ["[NOISE]", "one"], ["three"]]


def probability(model, word, history):
    """The definition of a back-off model."""
    if (*history, word) in model:
        return 10 ** model[(*history, word)][0]
    weight = model.get(history, (0.0, 0.0))[1]
    return 10**weight * probability(model, word, history[1:])


def test_an_estimated_model_knows_text_vocabulary_and_ends(tmp_path):
    path = tmp_path / "tiny.arpa"
    estimate_language_model(SENTENCES, path, ["four", "one"])
    assert read_arpa(path).words == {"<s>", "</s>", "[NOISE]", "one", "two", "three", "four"}
    assert path.read_text().startswith("\\data\\\n")
    assert path.read_text().endswith("\\end\\\n\n")


def test_probabilities_are_those_worked_out_by_hand(tmp_path):
    path = tmp_path / "tiny.arpa"
    estimate_language_model([["one", "two"], ["one"]], path)
    model = read_entries(path)
    # 5 tokens with the sentences' ends; half of what follows a word is kept back.
    assert model[("one",)][0] == pytest.approx(math.log10(2 / 5), abs=1e-4)
    # After "two" came "</s>" alone, which has 2/5 by itself.
    assert model[("two",)][1] == pytest.approx(math.log10(0.5 / (1 - 2 / 5)), abs=1e-4)
    assert model[("<s>", "one")][0] == pytest.approx(math.log10(0.5), abs=1e-4)
    assert model[("one", "two")][0] == pytest.approx(math.log10(0.25), abs=1e-4)


sentences = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "[NOISE]"]), min_size=1, max_size=5),
    min_size=1,
    max_size=6,
)


@settings(max_examples=50)
@given(text=sentences)
def test_no_history_is_followed_by_more_than_all_words(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "tiny.arpa"
    estimate_language_model(text, path, ["never"])
    model = read_entries(path)
    words = read_arpa(path).words
    assert model[("<s>",)][0] == -99
    assert all(log <= 0 and weight <= 0 for log, weight in model.values())
    histories = [(), *itertools.product(words, repeat=1), *itertools.product(words, repeat=2)]
    for history in histories:
        total = sum(probability(model, word, history) for word in words)
        assert 0.499 < total < 1.001


def test_text_without_words_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected text to estimate a language model from"):
        estimate_language_model([[]], tmp_path / "tiny.arpa")


@pytest.mark.parametrize("word", ["<s>", "two words", "", "two(2)"])
def test_a_word_that_arpa_cannot_hold_is_refused(tmp_path, word):
    with pytest.raises(InputError, match="expected words without white space"):
        estimate_language_model([["one", word]], tmp_path / "tiny.arpa")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif("KALDI_ROOT" not in os.environ, reason="Kaldi is not installed")
def test_kaldi_takes_an_estimated_model(tmp_path):
    estimate_language_model(SENTENCES, tmp_path / "tiny.arpa")
    program = Path(os.environ["KALDI_ROOT"]) / "src" / "lmbin" / "arpa2fst"
    words = ["<eps>", *sorted(read_arpa(tmp_path / "tiny.arpa").words), "#0"]
    table = "".join(f"{word} {number}\n" for number, word in enumerate(words))
    (tmp_path / "words.txt").write_text(table)
    subprocess.run(
        [
            *(program, "--disambig-symbol=#0", f"--read-symbol-table={tmp_path / 'words.txt'}"),
            *(tmp_path / "tiny.arpa", tmp_path / "G.fst"),
        ],
        check=True,
    )
    assert (tmp_path / "G.fst").stat().st_size > 0
