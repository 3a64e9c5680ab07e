import pytest
from hypothesis import given, settings, strategies as st

from asr.formats.stm import IGNORED, StmSegment
from asr.formats.transcript import (
    is_nonspeech_tag,
    normalize_segment,
    remove_nonspeech_tags,
    remove_unscored_words,
)


def said(text, condition=""):
    return StmSegment("talk", "1", "talk", 1.0, 2.0, condition, tuple(text.split()))


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("zero(2) one(11)", "zero one"),
        ("one <sil> two <sil>", "one two"),
        ("one two (talk-1.00-2.00-F0_M-S0)", "one two"),
        ("one zero(2) (talk-1.00-2.00-F0_M-S0)", "one zero"),
        ("it 's what i 'd said", "it's what i'd said"),
        ("he 'd 've gone", "he'd've gone"),
        ("rock 'n 'roll", "rock'n'roll"),
        ("it <sil> 's", "it's"),
        ("it 's(2)", "it's"),
        ("'cause it is", "'cause it is"),
        ("'cause 'twas", "'cause'twas"),
        ("[NOISE] 's <unk> 're {NOISE} 'cause", "[NOISE] 's <unk> 're [NOISE] 'cause"),
        ("{NOISE} {noise} [Noise] [BREATH]", "[NOISE] [NOISE] [NOISE] [BREATH]"),
        ("the noise of a cough um", "the noise of a cough um"),
        ("(so) it is", "(so) it is"),
        ("<sil> (talk-1.00-2.00-F0_M-S0)", ""),
        (f"{IGNORED} (talk-1.00-2.00-F0_M-S0)", IGNORED),
    ],
)
def test_transcripts_of_releases_come_to_one_form(release, expected):
    assert normalize_segment(said(release)).words == tuple(expected.split())


@pytest.mark.parametrize(
    ("release", "expected"),
    [("<F0_M>", "<o,f0,male>"), ("<F0_F>", "<o,f0,female>"), ("<F2_M>", "<o,f2,male>"),
     ("<o,f0,male>", "<o,f0,male>"), ("<NA>", "<NA>"), ("", "")],
)  # fmt: skip
def test_conditions_come_to_one_form(release, expected):
    assert normalize_segment(said("one", release)).condition == expected


def test_the_channel_becomes_a_and_the_rest_stays():
    assert normalize_segment(said("one")) == said("one")._replace(channel="A")


def test_an_ignored_segment_stays_but_for_the_channel():
    gap = said(IGNORED, "<F0_M>")
    assert normalize_segment(gap) == gap._replace(channel="A")


tokens = st.sampled_from(
    ["it", "'s", "'", "zero(2)", "(2)", "(2)(3)", "(a-1-S0)", "<sil>(2)", "<sil>", "<unk>",
     "{noise}", "[UM]", "{", "}", "[", IGNORED]
)  # fmt: skip


@given(words=st.lists(tokens, max_size=8), condition=st.sampled_from(["", "<F0_M>", "<x>"]))
@settings(max_examples=80, deadline=None)
def test_doing_it_twice_changes_nothing(words, condition):
    once = normalize_segment(said(" ".join(words), condition))
    assert normalize_segment(once) == once
    assert not {"<sil>", "{noise}", "zero(2)"} & set(once.words)


def test_scoring_keeps_real_words_and_removes_tags_and_unknown_words():
    words = ["[NOISE]", "noise", "[COUGH]", "cough", "<unk>", "um", "[UM]", "{BREATH}"]
    assert remove_nonspeech_tags(words) == ("noise", "cough", "<unk>", "um")
    assert remove_unscored_words(words) == ("noise", "cough", "um")
    assert remove_unscored_words([IGNORED]) == (IGNORED,)


def test_brackets_that_hold_no_name_or_do_not_match_in_number_are_words():
    assert not any(
        map(is_nonspeech_tag, ("[]", "{}", "[", "a[NOISE]", "[NOISE]s", "[a][b]", "(uh)"))
    )
