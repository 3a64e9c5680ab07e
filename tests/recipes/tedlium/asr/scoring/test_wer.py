import random
import subprocess

import pytest
from hypothesis import given, settings, strategies as st
from speechbrain.utils.edit_distance import count_ops, op_table

from aed_plugins.core import InputError
from asr.formats.ctm import CtmWord, write_ctm
from asr.formats.stm import IGNORED, StmSegment, write_stm
from asr.scoring import sclite
from asr.scoring.alignment import align_words
from asr.scoring.score import (
    AlignedWord,
    ErrorCounts,
    Score,
    ScoredSegment,
)
from asr.scoring.wer import score_words

SCLITE = sclite.find_sclite()
needs_sclite = pytest.mark.skipif(SCLITE is None, reason="sclite is not installed")


def segment(talk, onset, offset, words, speaker="al"):
    return StmSegment(talk, "A", speaker, onset, offset, "<o,f0,male>", tuple(words.split()))


def words_of(talk, *words):
    return [CtmWord(talk, "A", onset, 0.2, word) for onset, word in words]


def kinds(aligned):
    return [word.kind[0] for word in aligned.words]


# ---- the same as sclite

AWKWARD = (
    "{",
    "}",
    "/",
    "@",
    "it's",
    "'s",
    "a,b",
    'a"b',
    "a:b",
    "é",
    "日本",
    "(%hes)",
    "%2c",
    "x-",
)
AWKWARD = (*AWKWARD, "<alt_begin>", "<o,f0>", ";;", "NOISE", "Noise", "*", "a&b", "\\", "~")


def talks(seed, names=("A", "a", "b_1", "b", "B-2", "é")):
    """Make references and hypotheses of up to four talks, some without a word or a segment.

    Times are tenths of a second in every other pair, so that many words' middles lie on the end of
    a segment to the last bit.
    """
    draw = random.Random(seed)
    vocabulary = [*"abc"] if seed % 2 else [*"abcdefg", *AWKWARD]
    ticks = 10 if seed // 2 % 2 else 100
    references, hypotheses = [], []
    for talk in draw.sample(names, draw.randint(1, 4)):
        time = draw.choice([0, 37])
        for _ in range(draw.randint(1, 5)):
            time += draw.choice([0, 0, 1, 15])
            length = draw.choice([1, 12, 40])
            words = draw.choices(vocabulary, k=draw.choice([0, 1, 5, 9]))
            if draw.random() < 0.25:
                words = [IGNORED]
            references.append(segment(talk, time / ticks, (time + length) / ticks, " ".join(words)))
            time += length
        for _ in range(draw.choice([0, 1, 12, 40])):
            onset, duration = draw.randint(0, time + 9), draw.choice([0, 1, 2, 30])
            word = draw.choice(vocabulary)
            hypotheses.append(CtmWord(talk, "A", onset / ticks, duration / ticks, word))
    references.append(segment("z", 0, 1, "a b"))
    return references, hypotheses


@needs_sclite
@pytest.mark.parametrize("seed", range(60))
def test_every_word_is_aligned_as_sclite_aligns_it(seed):
    references, hypotheses = talks(seed)
    theirs = score_words(references, hypotheses, "sclite")
    assert theirs.engine == "sclite"
    assert score_words(references, hypotheses, "own").segments == theirs.segments


GLM = """;;
* name "none"
* desc "none"
* format = 'NIST1'
* max_nrules = '10'
* copy_no_hit = 'T'
* case_sensitive = 'F'
[fake] => %HESITATION / [ ] __ [ ]
"""


@needs_sclite
@pytest.mark.parametrize("seed", [1, 3])
def test_totals_are_those_of_hubscr(tmp_path, seed):
    references, hypotheses = talks(seed, "abcd")
    # Without conditions, whose labels would have to be defined in the file.
    write_stm(tmp_path / "talks.stm", [line._replace(condition="") for line in references])
    write_ctm(tmp_path / "talks.ctm", hypotheses)
    (tmp_path / "glm").write_text(GLM)
    subprocess.run(
        [
            *(SCLITE.parent / "hubscr.pl", "-p", SCLITE.parent, "-V", "-l", "english"),
            *("-h", "hub5", "-g", "glm", "-r", "talks.stm", "talks.ctm"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    raw = (tmp_path / "talks.ctm.filt.raw").read_text()
    figures = next(line for line in raw.split("\n") if "| Sum " in line).split("|")
    _, words = map(int, figures[2].split())
    correct, substitutions, deletions, insertions = map(int, figures[3].split()[:4])
    total = score_words(references, hypotheses, "own").total
    assert total == (correct, substitutions, insertions, deletions)
    assert total.reference_words == words


def test_a_substitution_weighs_more_than_in_most_edit_distances():
    said, recognized = [*"pqrab"], [*"abxyz"]
    assert sum(count_ops(op_table(said, recognized)).values()) == 5
    expected = [(0, None), (1, None), (2, None), (3, 0), (4, 1), (None, 2), (None, 3), (None, 4)]
    assert align_words(said, recognized) == expected


sequences = st.lists(st.sampled_from("abcd"), max_size=9)


@given(sequences, sequences)
@settings(max_examples=100)
def test_an_alignment_holds_every_word_once_and_has_no_fewer_errors_than_possible(said, recognized):
    places = align_words(said, recognized)
    assert [row for row, _ in places if row is not None] == [*range(len(said))]
    assert [column for _, column in places if column is not None] == [*range(len(recognized))]
    wrong = [(r, c) for r, c in places if None in (r, c) or said[r] != recognized[c]]
    fewest = sum(count_ops(op_table(said, recognized)).values())
    # A substitution costs 4, an insertion with a deletion 6: what is two for most is three here.
    assert fewest <= len(wrong) <= 1.5 * fewest


# ---- worked out by hand


@pytest.fixture(params=["own", pytest.param("sclite", marks=needs_sclite)])
def engine(request):
    return request.param


def test_upper_and_lower_case_are_one_and_spelling_is_kept(engine):
    scored = score_words(
        [segment("t", 0, 2, "The É")], words_of("t", (0.5, "tHE"), (1.0, "é")), engine
    )
    (only,) = scored.segments
    assert kinds(only) == ["c", "c"]
    assert [(word.reference, word.hypothesis.word) for word in only.words] == [
        ("The", "tHE"),
        ("É", "é"),
    ]


def test_tags_are_removed_on_both_sides_and_real_words_stay(engine):
    said = [segment("t", 0, 2, "[NOISE] noise <unk> cough")]
    recognized = words_of("t", (0.2, "[COUGH]"), (0.5, "noise"), (0.9, "<unk>"), (1.0, "cough"))
    scored = score_words(said, recognized, engine)
    assert scored.total == ErrorCounts(correct=2)
    assert scored.segments[0].segment.words == ("noise", "cough")


def test_words_between_segments_go_to_the_later_one_and_the_rest_to_the_last(engine):
    said = [segment("t", 4, 6, "b"), segment("t", 0, 2, "a"), segment("t", 8, 9, IGNORED)]
    recognized = words_of("t", (1.0, "a"), (2.5, "x"), (4.5, "b"), (7.0, "y"), (99.0, "z"))
    scored = score_words(said, recognized, engine)
    assert [kinds(it) for it in scored.segments] == [["c"], ["i", "c"]]


def test_a_talk_without_a_recognized_word_is_deletions(engine):
    said = [segment(talk, 0, 2, "so it is", speaker=f"the {talk}") for talk in "cab"]
    scored = score_words(said, words_of("b", (0.5, "so")), engine)
    deleted = ErrorCounts(deletions=3)
    assert scored.per_talk == {"a": deleted, "b": ErrorCounts(1, 0, 0, 2), "c": deleted}
    assert [*scored.per_talk] == [*"abc"]
    assert scored.per_speaker["the b"].wer == pytest.approx(2 / 3)
    assert score_words(said, [], engine).total.wer == 1


def test_two_talks_of_a_speaker_are_added(engine):
    said = [segment("a", 0, 2, "x y"), segment("b", 0, 2, "x")]
    scored = score_words(said, words_of("a", (0.5, "x"), (1, "z"), (1.5, "z")), engine)
    assert scored.per_speaker == {"al": ErrorCounts(1, 1, 1, 1)}
    assert [it.segment.talk for it in scored.select_talk("b")] == ["b"]


def test_insertions_alone_have_no_rate(engine):
    scored = score_words([segment("t", 0, 2, "[NOISE]")], words_of("t", (0.5, "so")), engine)
    assert scored.total == ErrorCounts(insertions=1)
    assert scored.total.wer != scored.total.wer


# ---- what is asked for and cannot be


@pytest.mark.parametrize("words", [None, IGNORED])
def test_references_without_anything_to_score_are_refused(words, engine):
    said = [] if words is None else [segment("t", 0, 1, words)]
    with pytest.raises(InputError, match="expected references with a segment that is to be scored"):
        score_words(said, [], engine)


def test_a_talk_without_a_reference_is_refused(engine):
    with pytest.raises(InputError, match=r"^'u' channel 'A': expected hypotheses for talks"):
        score_words([segment("t", 0, 1, "a")], words_of("u", (0.5, "a")), engine)


def test_without_sclite_this_module_scores(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    monkeypatch.setattr(sclite, "_DEBIAN", tmp_path / "sclite")
    said = [segment("t", 0, 1, "a")]
    assert score_words(said, []).engine == "own"
    with pytest.raises(InputError, match="install Debian's package sctk"):
        score_words(said, [], "sclite")


def test_sclite_is_found_on_the_path_and_within_kaldi(monkeypatch, tmp_path):
    program = tmp_path / "tools/sctk/bin/sclite"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho no memory; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sclite, "_DEBIAN", tmp_path / "sclite")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("KALDI_ROOT", str(tmp_path))
    assert sclite.find_sclite() == program
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.delenv("KALDI_ROOT")
    assert sclite.find_sclite() == program
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match=r"sclite: expected status 0, got 3: no memory; its log"):
        score_words([segment("t", 0, 1, "a")], [], "sclite")


@needs_sclite
def test_sclites_files_are_removed(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert score_words([segment("t", 0, 1, "a")], [], "sclite").engine == "sclite"
    assert [*tmp_path.iterdir()] == []


def test_counts_are_added():
    words = [
        AlignedWord("correct", "a", words_of("t", (0, "a"))[0]),
        AlignedWord("insertion", None, words_of("t", (1, "b"))[0]),
    ]
    scored = ScoredSegment(segment("t", 0, 2, "a"), tuple(words))
    assert scored.counts == ErrorCounts(correct=1, insertions=1)
    assert Score((scored, scored), "own").total == ErrorCounts(correct=2, insertions=2)
