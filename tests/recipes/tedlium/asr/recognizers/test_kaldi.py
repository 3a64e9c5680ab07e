import itertools

import pytest
from digits import DIGITS
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.lexicon import Lexicon
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment
from asr.recognizers.interface import DecodingWeights, Language
from asr.recognizers.kaldi import Kaldi
from asr.recognizers.kaldi_decoding import KaldiDecoding, read_decoded_words
from asr.recognizers.kaldi_features import KaldiJobs, make_data
from asr.recognizers.kaldi_language import format_dictionary_files
from asr.recognizers.kaldi_programs import (
    SYSTEMS,
    check_shell_safe,
    find_kaldi,
    list_kaldi_programs,
)
from asr.recognizers.kaldi_training import SIZES, choose_model_size
from asr.recognizers.kaldi_work import KaldiWorkFolder, find_error_line


@pytest.fixture
def uncompiled(tmp_path):
    """Kaldi's tree as it is unpacked, as far as it is looked at before it is compiled."""
    root = tmp_path / "kaldi"
    for name in ("steps/train_mono.sh", "utils/mkgraph.sh"):
        script = root / "egs" / "wsj" / "s5" / name
        script.parent.mkdir(parents=True)
        script.touch()
    (root / "tools" / "config").mkdir(parents=True)
    (root / "tools" / "config" / "common_path.sh").touch()
    return root


# ---- where Kaldi is


def test_unset_root_is_said_in_one_line(monkeypatch):
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    with pytest.raises(InputError, match=r"^KALDI_ROOT: expected .*, but it is not set; [^\n]*$"):
        Kaldi().check()


def test_root_that_points_nowhere_is_said_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("KALDI_ROOT", str(tmp_path / "kladi"))
    with pytest.raises(
        InputError, match=r"kladi: expected Kaldi's folder, but it has no egs/[^\n]*$"
    ):
        Kaldi().check()


def test_kaldi_that_was_not_compiled_names_a_program_and_how_to_compile(uncompiled):
    with pytest.raises(
        InputError, match=r"it has no src/featbin/add-deltas; compile it: [^\n]*make$"
    ):
        Kaldi(kaldi_root=uncompiled).check()


def test_root_with_a_space_is_refused(tmp_path):
    with pytest.raises(InputError, match="Kaldi's scripts can read, but it has ' '"):
        find_kaldi(tmp_path / "my kaldi", ["mono"])


@pytest.mark.parametrize("character", [" ", "\t", "'", "$", ":", "*", ";"])
def test_what_a_shell_reads_is_refused_in_paths(tmp_path, character):
    with pytest.raises(InputError, match="expected a path that Kaldi's scripts can read"):
        check_shell_safe(tmp_path / f"a{character}b")


def test_each_system_needs_more_programs_than_the_one_before():
    needed = [list_kaldi_programs([system]) for system in SYSTEMS]
    for fewer, more in itertools.pairwise(needed):
        assert set(fewer) < set(more)
    assert len(set(needed[-1])) == len(needed[-1])


# ---- what is set


@pytest.mark.parametrize("systems", [(), ("tri1", "mono"), ("mono", "mono"), ("mono", "tri4")])
def test_systems_out_of_order_or_unknown_are_refused(systems):
    with pytest.raises(InputError, match="systems: expected some of mono, tri1, tri2, tri3, in"):
        Kaldi(systems)


def test_sizes_of_a_system_without_any_are_refused():
    with pytest.raises(InputError, match="sizes: expected tri1, tri2 or tri3, got 'mono'"):
        Kaldi(sizes={"mono": (100, 1000)})


def test_no_job_is_refused():
    with pytest.raises(InputError, match="expected jobs to be a whole number from 1 on, got 0"):
        Kaldi(jobs=0)


def test_weights_are_those_of_the_recipes_in_ascending_order():
    weights = Kaldi().weights
    assert len(weights) == 33
    assert list(weights) == sorted(weights)
    assert (weights[0], weights[-1]) == (DecodingWeights(7, 0), DecodingWeights(17, 1))


@pytest.mark.parametrize(("jobs", "parts"), [(1, "1"), (2, "2"), (40, "2")])
def test_command_is_passed_through_and_parts_are_capped_by_speakers(tmp_path, jobs, parts):
    (tmp_path / "spk2utt").write_text("Al Al-1 Al-2\nBo Bo-1\n")
    options = KaldiJobs("queue.pl --mem 4G", jobs).options(tmp_path)
    assert options == ("--cmd", "queue.pl --mem 4G", "--nj", parts)


@pytest.mark.parametrize("system", SIZES)
def test_a_fifth_of_release_1_has_the_recipes_sizes(system):
    assert choose_model_size(system, 118 / 5) == SIZES[system]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(list(SIZES)), st.floats(0, 300), st.floats(0, 300))
def test_more_speech_never_gives_a_smaller_model(system, hours, more):
    small, large = choose_model_size(system, hours), choose_model_size(system, hours + more)
    assert small.leaves <= large.leaves <= SIZES[system].leaves
    assert small.gaussians <= large.gaussians <= SIZES[system].gaussians
    assert 0 < 10 * small.leaves <= small.gaussians


# ---- the dictionary


def test_tags_are_words_with_a_silence_phone_each():
    files = format_dictionary_files(DIGITS)
    assert files["lexicon.txt"].split("\n")[:3] == ["<unk> NSN", "[BREATH] BRH", "[NOISE] NSN"]
    assert files["silence_phones.txt"].split() == ["SIL", "NSN", "BRH"]
    assert not {"SIL", "NSN", "BRH"} & set(files["nonsilence_phones.txt"].split())


def test_without_tags_only_silence_and_the_unknown_word_are_added():
    files = format_dictionary_files(Lexicon(DIGITS.pronunciations, {}))
    assert files["silence_phones.txt"].split() == ["SIL", "NSN"]
    assert "[" not in files["lexicon.txt"]
    assert files["lexicon.txt"].count("zero ") == 2


def test_sentence_marks_and_words_of_kaldis_own_stay_out_of_the_dictionary():
    words = dict.fromkeys(("<s>", "</s>", "<unk>", "#0", "<eps>", "two"), (("T", "UW"),))
    files = format_dictionary_files(Lexicon(words, {}))
    assert files["lexicon.txt"] == "<unk> NSN\ntwo T UW\n"


# ---- the work folder


def test_what_fails_names_stage_line_and_log(uncompiled, tmp_path):
    work = KaldiWorkFolder(tmp_path / "work", uncompiled)
    work.prepare()
    program = "mkdir -p exp/mono/log; echo 'ERROR (gmm-est[5]) no data' > exp/mono/log/est.1.log; "
    with pytest.raises(InputError) as caught:
        work.run("mono", "sh", "-c", program + "exit 1")
    assert str(caught.value) == (
        "Kaldi's stage mono failed in sh: ERROR (gmm-est[5]) no data; its log: "
        f"{tmp_path / 'work'}/exp/mono/log/est.1.log; "
        "run the same command again when this is fixed: earlier stages are kept"
    )


def test_what_fails_without_a_log_of_its_own_says_its_last_line(uncompiled, tmp_path):
    work = KaldiWorkFolder(tmp_path / "work", uncompiled)
    work.prepare()
    with pytest.raises(
        InputError, match=r"in sh: bash: expected status 0, got 3: no model; its log: \S+; run"
    ):
        work.run("mono", "sh", "-c", "echo no model; exit 3")


def test_a_log_from_before_is_passed_over(tmp_path):
    log = tmp_path / "old.log"
    log.write_text("ERROR old\n")
    assert find_error_line(tmp_path, log.stat().st_mtime + 60) is None
    assert find_error_line(tmp_path, log.stat().st_mtime) == ("ERROR old", log)


def test_work_folder_follows_kaldi_when_it_moves(uncompiled, tmp_path):
    work = KaldiWorkFolder(tmp_path / "work", uncompiled)
    work.prepare()
    renamed = uncompiled.rename(tmp_path / "renamed")
    KaldiWorkFolder(work.folder, renamed).prepare()
    assert (work.folder / "steps" / "train_mono.sh").is_file()
    assert f"KALDI_ROOT={renamed}\n" in (work.folder / "path.sh").read_text()


def test_work_folder_with_a_space_is_refused(uncompiled, tmp_path):
    with pytest.raises(InputError, match="my work: expected a path that Kaldi's scripts can read"):
        KaldiWorkFolder(tmp_path / "my work", uncompiled).prepare()


# ---- words


def test_segments_too_short_for_a_word_have_none(uncompiled, tmp_path):
    work = KaldiWorkFolder(tmp_path, uncompiled)
    decoding = KaldiDecoding(work, work, KaldiJobs("run.pl", 1), "mono")
    weight = DecodingWeights(10, 0)
    short = [SpeechSegment("Al", 1.0, 1.05)]
    assert decoding.decode({}, short, Language(DIGITS, tmp_path / "lm"), [weight]) == {weight: []}


def test_a_system_that_was_not_trained_is_said_in_one_line(uncompiled, tmp_path):
    work = KaldiWorkFolder(tmp_path, uncompiled)
    decoding = KaldiDecoding(work, work, KaldiJobs("run.pl", 1), "mono")
    language = Language(DIGITS, tmp_path / "lm")
    with pytest.raises(
        InputError, match=r"expected the trained system mono, but .*; train it first$"
    ):
        decoding.decode({}, [SpeechSegment("Al", 0, 2)], language, [DecodingWeights(10, 0)])


def test_words_get_times_from_the_talks_start_and_unknown_words_are_left_out(tmp_path):
    segments = {s.name: s for s in (SpeechSegment("Al", 20, 30), SpeechSegment("Al", 5, 7))}
    path = tmp_path / "words.txt"
    path.write_text(
        "Al-0002000-0003000 1 0.10 0.30 two 1.01\n"
        "Al-0002000-0003000 1 0.50 0.30 <unk> 1.00\n"
        "Al-0000500-0000700 1 1.00 0.40 [NOISE] 0.50\n"
    )
    assert read_decoded_words(path, segments) == [
        ("Al", "A", 6.0, 0.4, "[NOISE]", 0.5),
        ("Al", "A", 20.1, 0.3, "two", 1.0),
    ]


@pytest.mark.parametrize("line", ["Al 1 0.1 0.3 two 1.0", "Al-0000500-0000700 1 0.1 0.3 two"])
def test_a_malformed_line_of_words_is_named(tmp_path, line):
    path = tmp_path / "words.txt"
    path.write_text(f"{line}\n")
    with pytest.raises(
        InputError, match=r"words.txt line 1: expected a segment's name and 5 fields"
    ):
        read_decoded_words(path, {"Al-0000500-0000700": SpeechSegment("Al", 5, 7)})


def test_a_talk_without_audio_is_named(uncompiled, tmp_path):
    work = KaldiWorkFolder(tmp_path, uncompiled)
    said = [StmSegment("Al", "A", "Al", 0.0, 1.0, "", ("two",))]
    jobs = KaldiJobs("run.pl", 1)
    with pytest.raises(InputError, match=r"Al.sph: expected the audio of talk Al; add it$"):
        make_data(work, "train", {"Al": tmp_path / "Al.sph"}, said, jobs)
    with pytest.raises(InputError, match=r"^recordings: expected the audio of talk Al; add it$"):
        make_data(work, "train", {}, said, jobs)
