import gzip
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.lexicon import (
    Lexicon,
    add_nonspeech_phones,
    find_missing_words,
    read_lexicon,
    select_words,
)
from asr.recognizers.sphinx_files import write_dictionary

READ = {"read": (("R", "IY", "D"), ("R", "EH", "D")), "red": (("R", "EH", "D"),)}


def write(folder, text):
    path = folder / "tiny.dic"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_variants_follow_their_word(tmp_path):
    path = write(tmp_path, "read  R IY D\nread(2)  R EH D\nred  R EH D\n")
    assert read_lexicon(path) == Lexicon(READ, {})


def test_a_packed_lexicon_is_read(tmp_path):
    path = tmp_path / "tiny.dic.gz"
    path.write_bytes(gzip.compress(b"red R EH D\r\n"))
    assert read_lexicon(path).pronunciations == {"red": (("R", "EH", "D"),)}


def test_comments_and_what_is_no_word_are_passed_over(tmp_path):
    path = write(tmp_path, ";;; CMUdict\n<s> SIL\n</s>\tSIL\n<unk> SPN\n\n'em AH M\n")
    assert read_lexicon(path).pronunciations == {"'em": (("AH", "M"),)}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("red R EH D\nread\n", 2, "a word and its phones, got 'read'"),
        (b"red R EH D\nr\xe9d R EH D\n", 2, r"UTF-8, got the byte b'\xe9'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, line, says):
    with pytest.raises(InputError) as caught:
        read_lexicon(write(tmp_path, text))
    assert f"tiny.dic line {line}: " in str(caught.value)
    assert says in str(caught.value)


def test_a_word_that_comes_again_has_another_pronunciation(tmp_path):
    path = write(tmp_path, "red R EH D\nred R IY D\nred R EH D\nblue(2) B L UW\n")
    assert read_lexicon(path).pronunciations == {
        "red": (("R", "EH", "D"), ("R", "IY", "D")),
        "blue": (("B", "L", "UW"),),
    }


def test_any_tag_has_a_phone_of_letters():
    phones = add_nonspeech_phones(
        Lexicon(READ, {}), ["[NOISE2]", "[?]", "[NOISE]"]
    ).nonspeech_phones
    assert phones == {"[NOISE2]": "NOISE", "[?]": "ANN", "[NOISE]": "NSN"}


def test_a_lexicon_without_words_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected words and their phones, but there are none"):
        read_lexicon(write(tmp_path, ";;; nothing\n"))


@pytest.mark.parametrize("name", ["missing.dic", "missing.dic.gz", "damaged.gz"])
def test_a_lexicon_that_cannot_be_read_is_named(tmp_path, name):
    (tmp_path / "damaged.gz").write_bytes(b"red R EH D\n")
    with pytest.raises(InputError, match=f"{name}: expected a file that can be read"):
        read_lexicon(tmp_path / name)


def test_words_without_a_pronunciation_are_counted():
    lexicon = Lexicon(READ, {"[NOISE]": "NSN"})
    said = Counter({"red": 2, "[NOISE]": 5, "reed": 3, "[COUGH]": 1})
    assert find_missing_words(lexicon, said) == {"reed": 3, "[COUGH]": 1}


def test_only_some_words_are_selected_and_all_tags():
    lexicon = select_words(Lexicon(READ, {"[NOISE]": "NSN"}), ["red", "blue"])
    assert lexicon == Lexicon({"red": (("R", "EH", "D"),)}, {"[NOISE]": "NSN"})


def test_tags_have_the_phones_of_kaldis_recipe():
    names = ["[BREATH]", "[NOISE]", "[COUGH]", "[SMACK]", "[UM]", "[UH]"]
    lexicon = add_nonspeech_phones(Lexicon(READ, {}), names)
    found = [lexicon.nonspeech_phones[name] for name in names]
    assert found == ["BRH", "NSN", "CGH", "SMK", "UM", "UHH"]


def test_a_tag_never_takes_a_phone_of_words_or_of_another_tag():
    lexicon = Lexicon({"uh": (("AH",),), "r": (("R",),)}, {})
    phones = add_nonspeech_phones(lexicon, ["[R]", "[AH]", "[NSN]", "[NOISE]", "[SIL]"])
    assert phones.nonspeech_phones == {
        "[AH]": "AH_",
        "[NOISE]": "NSN",
        "[NSN]": "NSN_",
        "[R]": "R_",
        "[SIL]": "SIL_",
    }


@pytest.mark.parametrize("name", ["NOISE", "[]", "{NOISE}"])
def test_what_is_no_tag_is_refused(name):
    with pytest.raises(InputError, match="expected a non-speech tag such as"):
        add_nonspeech_phones(Lexicon(READ, {}), [name])


words = st.text("aé'.-z", min_size=1, max_size=6)
phones = st.sampled_from(["AH", "B", "SIL"])
pronunciations = st.lists(
    st.lists(phones, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3, unique=True
).map(tuple)


@settings(max_examples=50)
@given(entries=st.dictionaries(words, pronunciations, min_size=1, max_size=8))
def test_what_is_written_for_sphinx_is_read_back(tmp_path_factory, entries):
    path = tmp_path_factory.getbasetemp() / "tiny.dic"
    assert write_dictionary(Lexicon(entries, {}), path) == len(entries)
    assert read_lexicon(path).pronunciations == entries


def test_pronunciations_with_unknown_phones_are_left_out(tmp_path):
    path = tmp_path / "tiny.dic"
    lexicon = Lexicon(READ, {"[NOISE]": "NSN"})
    assert write_dictionary(lexicon, path, ["R", "EH", "D"]) == 2
    assert path.read_text() == "read R EH D\nred R EH D\n"
