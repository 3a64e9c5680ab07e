import gzip
import math

import pocketsphinx
import pytest
from arpa_file import read_entries

from aed_plugins.core import InputError
from asr.formats.arpa import add_nonspeech_words, read_arpa
from asr.recognizers.language_model import estimate_language_model

SENTENCES = [["one", "two", "three"], ["two", "two"], ["[NOISE]", "one"], ["three"]]
TINY = "\\data\\\nngram 1=3\n\n\\1-grams:\n-0.5\ta\n-0.5 </s>\n-99\t<s>\t-0.3\n\n\\end\\\n"


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


def test_tags_get_their_fraction_and_other_words_the_rest(tmp_path):
    old, new = tmp_path / "old.arpa", tmp_path / "new.arpa"
    estimate_language_model([["one", "two"], ["two"]], old)
    add_nonspeech_words(old, {"[NOISE]": 5, "[COUGH]": 15, "[UM]": 0, "one": 7}, 100, new)
    before, after = read_entries(old), read_entries(new)
    assert after.keys() - before.keys() == {("[NOISE]",), ("[COUGH]",)}
    assert 10 ** after[("[COUGH]",)][0] == pytest.approx(0.15, rel=1e-3)
    for entry, (log, weight) in before.items():
        factor = math.log10(0.8) if len(entry) == 1 and entry != ("<s>",) else 0
        assert after[entry] == pytest.approx((log + factor, weight), abs=1e-4)


def test_more_tags_than_words_are_refused(tmp_path):
    estimate_language_model(SENTENCES, tmp_path / "old.arpa")
    with pytest.raises(InputError, match="expected fewer non-speech tags than the 5 words"):
        add_nonspeech_words(tmp_path / "old.arpa", {"[COUGH]": 5}, 5, tmp_path / "new.arpa")


def test_pocketsphinx_knows_the_words_of_an_estimated_model(tmp_path):
    estimate_language_model(SENTENCES, tmp_path / "old.arpa")
    add_nonspeech_words(tmp_path / "old.arpa", {"[COUGH]": 1}, 100, tmp_path / "new.arpa")
    model = pocketsphinx.NGramModel(
        pocketsphinx.Config(), pocketsphinx.LogMath(), str(tmp_path / "new.arpa")
    )
    assert model.size() == 3
    written = read_entries(tmp_path / "new.arpa")[("[COUGH]",)][0]
    logarithm = pocketsphinx.LogMath()
    assert math.log10(logarithm.exp(model.prob(["[COUGH]"]))) == pytest.approx(written, abs=0.01)
