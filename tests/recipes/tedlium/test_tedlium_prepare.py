"""Reading the corpus: what is found, what is refused, and which utterances are selected."""

import shutil

import pytest
from tedlium_demo import DICTIONARY
from tedlium_prepare import filter_utterances, find_data, read_corpus, select_fraction

from aed_plugins.core import InputError
from asr.formats.stm import StmSegment


def an_stm(corpus, part="train"):
    return sorted((corpus / part / "stm").glob("*.stm"))[0]


def test_a_folder_without_the_sets_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a release of TED-LIUM"):
        find_data(str(tmp_path))


def test_the_sets_of_release_three_are_in_legacy(corpus, tmp_path):
    root = tmp_path / "TEDLIUM_release-3"
    root.mkdir()
    for part in ("train", "dev", "test"):
        shutil.copytree(corpus / part, root / "legacy" / part)
    shutil.copy(corpus / DICTIONARY, root)
    for folder in (root, tmp_path):
        found = find_data(str(folder))
        assert found == root / "legacy"
    assert read_corpus(found).lexicon == root / DICTIONARY


def test_a_talk_without_audio_is_named(copied):
    stm = an_stm(copied)
    (copied / f"train/sph/{stm.stem}.sph").unlink()
    with pytest.raises(
        InputError, match=rf"{stm.stem}.sph: expected the recording of .*{stm.stem}"
    ):
        read_corpus(copied)


def test_audio_that_is_shorter_than_its_transcript_is_named(copied):
    stm = an_stm(copied)
    lines = stm.read_text("utf-8").splitlines()
    stm.write_text("\n".join([*lines, f"{stm.stem} 1 {stm.stem} 500 501 <o,f0,male> one"]) + "\n")
    with pytest.raises(InputError, match=rf"{stm.stem}.sph: expected 501.00 s of sound"):
        read_corpus(copied)


def test_a_transcript_may_go_on_for_a_moment_after_the_audio(copied):
    stm = an_stm(copied)
    duration = read_corpus(copied).talks["train"].durations[stm.stem]
    lines = [line for line in stm.read_text("utf-8").splitlines() if "ignore_time" not in line]
    late = f"{stm.stem} 1 {stm.stem} {duration - 0.02:.2f} {duration + 0.4:.2f} <o,f0,male> one"
    stm.write_text("\n".join([*lines, late]) + "\n")
    last = [s for s in read_corpus(copied).talks["train"].stm if s.talk == stm.stem][-1]
    assert (last.words, last.offset) == (("one",), duration)


def test_a_damaged_line_is_named_with_its_number(copied):
    stm = an_stm(copied)
    lines = stm.read_text("utf-8").splitlines()
    stm.write_text("\n".join([*lines, "one two three four five"]) + "\n")
    with pytest.raises(InputError, match=rf"{stm.name} line {len(lines) + 1}"):
        read_corpus(copied)


def utterances(talks=5, each=40):
    return [
        StmSegment(
            f"talk{talk}", "A", f"talk{talk}", 3.0 * t, 3.0 * t + 1 + (t % 5) / 4, "", ("one",)
        )
        for talk in range(talks)
        for t in range(each)
    ]


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 1.0])
def test_a_fraction_of_each_speaker_is_selected(fraction):
    said = utterances()
    chosen = select_fraction(said, fraction, seed=3)

    def seconds(some):
        return sum(one.offset - one.onset for one in some)

    assert abs(seconds(chosen) - fraction * seconds(said)) <= 2.0
    assert {one.talk for one in chosen} == {one.talk for one in said}
    assert chosen == select_fraction(said, fraction, seed=3)
    assert chosen == sorted(chosen)
    if fraction < 1:
        assert chosen != select_fraction(said, fraction, seed=4)


def test_tags_are_left_out_and_so_is_what_has_nothing_else():
    said = StmSegment("t", "A", "t", 0.0, 1.0, "", ("[NOISE]", "noise", "cough"))
    alone = said._replace(onset=1.0, offset=2.0, words=("[BREATH]",))
    assert filter_utterances([said, alone], keep_tags=True) == [said, alone]
    assert filter_utterances([said, alone], keep_tags=False) == [
        said._replace(words=("noise", "cough"))
    ]
