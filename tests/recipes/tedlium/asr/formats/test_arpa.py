import gzip
import itertools
import math
import os
import subprocess
from collections import Counter
from pathlib import Path

import pocketsphinx
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.arpa import read_arpa, with_nonspeech_words
from asr.formats.arpa_estimation import estimate

SENTENCES = [["one", "two", "three"], ["two", "two"], ["[NOISE]", "one"], ["three"]]
TINY = "\\data\\\nngram 1=3\n\n\\1-grams:\n-0.5\ta\n-0.5 </s>\n-99\t<s>\t-0.3\n\n\\end\\\n"


def entries(path):
    """Give log probability and weight of each entry, by its words, and check the form."""
    found, order, sizes = {}, 0, Counter()
    for line in Path(path).read_text().split("\n"):
        if line.endswith("-grams:"):
            order = int(line[1:].split("-")[0])
        elif order and line and not line.startswith("\\"):
            fields = line.split("\t")
            words = tuple(fields[1].split(" "))
            assert len(words) == order
            found[words] = float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0
            sizes[order] += 1
    assert tuple(sizes[each] for each in sorted(sizes)) == read_arpa(path).counts
    return found


def probability(model, word, history):
    """The definition of a back-off model."""
    if (*history, word) in model:
        return 10 ** model[(*history, word)][0]
    weight = model.get(history, (0.0, 0.0))[1]
    return 10**weight * probability(model, word, history[1:])


def test_an_estimated_model_knows_text_vocabulary_and_ends(tmp_path):
    path = tmp_path / "tiny.arpa"
    estimate(SENTENCES, path, ["four", "one"])
    assert read_arpa(path).words == {"<s>", "</s>", "[NOISE]", "one", "two", "three", "four"}
    assert path.read_text().startswith("\\data\\\n")
    assert path.read_text().endswith("\\end\\\n\n")


def test_probabilities_are_those_worked_out_by_hand(tmp_path):
    path = tmp_path / "tiny.arpa"
    estimate([["one", "two"], ["one"]], path)
    model = entries(path)
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
    estimate(text, path, ["never"])
    model = entries(path)
    words = read_arpa(path).words
    assert model[("<s>",)][0] == -99
    assert all(log <= 0 and weight <= 0 for log, weight in model.values())
    histories = [(), *itertools.product(words, repeat=1), *itertools.product(words, repeat=2)]
    for history in histories:
        total = sum(probability(model, word, history) for word in words)
        assert 0.499 < total < 1.001


def test_text_without_words_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected text to estimate a language model from"):
        estimate([[]], tmp_path / "tiny.arpa")


@pytest.mark.parametrize("word", ["<s>", "two words", "", "two(2)"])
def test_a_word_that_arpa_cannot_hold_is_refused(tmp_path, word):
    with pytest.raises(InputError, match="expected words without white space"):
        estimate([["one", word]], tmp_path / "tiny.arpa")
    assert not list(tmp_path.iterdir())


def test_the_longest_section_need_not_be_read(tmp_path):
    path = tmp_path / "tiny.arpa.gz"
    text = "made by hand\n\n" + TINY.replace("\n\n\\1", "\nngram 2=9\n\n\\1")
    path.write_bytes(gzip.compress(text.replace("\\end\\", "\\2-grams:\nrubbish").encode()))
    assert read_arpa(path) == ((3, 9), {"a", "<s>", "</s>"})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\\data\\", "data", "tiny.arpa: expected a line \\data\\"),
        ("ngram 1=3", "ngram 2=3", "line 2: expected 'ngram 1=' and a count, got 'ngram 2=3'"),
        ("ngram 1=3", "ngram 1=4", "line 8: expected 4 different words before"),
        ("\\1-grams:", "", "expected 'ngram 2=' and a count"),
        ("-0.5\ta", "-0.5", "line 5: expected a log10 probability, a word and perhaps a weight"),
        ("-0.5\ta", "0.5\ta", "line 5: expected a log10 probability"),
        ("-0.5\ta", "nan\ta", "line 5: expected a log10 probability"),
        ("-0.5 </s>", "-0.5 b", "expected </s> among the words"),
        ("\n\n\\end\\\n", "", "expected <s> among the words"),
    ],
)
def test_what_is_wrong_with_a_model_is_named(tmp_path, old, new, says):
    text = TINY.replace(old, new)
    if not new and "end" in old:
        text = text.replace("-99\t<s>\t-0.3", "-1 b")
    path = tmp_path / "tiny.arpa"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_arpa(path)
    assert says in str(caught.value)


@pytest.mark.parametrize("content", [b"\\data\\\nngram 1=3\n\\1-grams:\n-1 \xe9\n", None])
def test_a_model_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "tiny.arpa"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"tiny\.arpa"):
        read_arpa(path)


def test_annotations_get_their_share_and_other_words_the_rest(tmp_path):
    old, new = tmp_path / "old.arpa", tmp_path / "new.arpa"
    estimate([["one", "two"], ["two"]], old)
    with_nonspeech_words(old, {"[NOISE]": 5, "[COUGH]": 15, "[UM]": 0, "one": 7}, 100, new)
    before, after = entries(old), entries(new)
    assert after.keys() - before.keys() == {("[NOISE]",), ("[COUGH]",)}
    assert 10 ** after[("[COUGH]",)][0] == pytest.approx(0.15, rel=1e-3)
    for entry, (log, weight) in before.items():
        share = math.log10(0.8) if len(entry) == 1 and entry != ("<s>",) else 0
        assert after[entry] == pytest.approx((log + share, weight), abs=1e-4)


def test_more_annotations_than_words_are_refused(tmp_path):
    estimate(SENTENCES, tmp_path / "old.arpa")
    with pytest.raises(InputError, match="expected fewer annotations than the 5 words"):
        with_nonspeech_words(tmp_path / "old.arpa", {"[COUGH]": 5}, 5, tmp_path / "new.arpa")


def test_pocketsphinx_knows_the_words_of_an_estimated_model(tmp_path):
    estimate(SENTENCES, tmp_path / "old.arpa")
    with_nonspeech_words(tmp_path / "old.arpa", {"[COUGH]": 1}, 100, tmp_path / "new.arpa")
    model = pocketsphinx.NGramModel(
        pocketsphinx.Config(), pocketsphinx.LogMath(), str(tmp_path / "new.arpa")
    )
    assert model.size() == 3
    written = entries(tmp_path / "new.arpa")[("[COUGH]",)][0]
    logarithm = pocketsphinx.LogMath()
    assert math.log10(logarithm.exp(model.prob(["[COUGH]"]))) == pytest.approx(written, abs=0.01)


@pytest.mark.skipif("KALDI_ROOT" not in os.environ, reason="Kaldi is not installed")
def test_kaldi_takes_an_estimated_model(tmp_path):
    estimate(SENTENCES, tmp_path / "tiny.arpa")
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
