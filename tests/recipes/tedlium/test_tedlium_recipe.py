"""The TED-LIUM recipe: its preparation, and both experiments on the demonstration corpus."""

import json
import logging
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from recipe_program import ROOT
from started import run_python

sys.path.insert(0, str(ROOT / "recipes/tedlium"))
import tedlium_run
from tedlium_demo import DICTIONARY, build_demonstration
from tedlium_language import UNKNOWN, training_set
from tedlium_prepare import choose_share, find_data, read_corpus, spoken
from tedlium_results import annotations_table, segmentation_table

from aed_plugins.core import InputError
from asr.formats.arpa import read_arpa
from asr.formats.ctm import read_ctm
from asr.formats.segments import read_segments_rttm
from asr.formats.stm import StmSegment, read_stm
from asr.recognizers.language_model import estimate_language_model

MISSING = "needs Debian's packages: apt-get install espeak-ng sphinxtrain sctk"
if shutil.which("espeak-ng") is None or not Path("/usr/lib/sphinxtrain").is_dir():
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING, allow_module_level=True)

pytestmark = pytest.mark.slow
RECIPE = ROOT / "recipes/tedlium/run.py"
# All utterances, since there are few, and little to choose from.
QUICK = (
    "--annotations_recogniser=sphinx",
    "--jobs=1",
    "--output_folder=out",
    "--device=cpu",
    "--tuning={thresholds: {tagger: [0.5], energy: [0.2]}, paddings: [0.1], merge_gaps: [0.3, 1]}",
)
METHODS = ["human", "tagger", "energy", "chunks", "whole_talks"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build_demonstration(tmp_path_factory.mktemp("data") / "talks", utterances=6)


def run(folder, corpus, *options):
    return run_python(
        [RECIPE, ROOT / "hparams/tedlium.yaml", f"--data_folder={corpus}", *options], folder
    )


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    done = run(folder, corpus, *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out", done.stdout


@pytest.fixture(scope="module")
def results(finished):
    return json.loads((finished[0] / "results.json").read_text("utf-8"))


@pytest.fixture
def copied(corpus, tmp_path):
    """A copy of the corpus that a test may damage."""
    return shutil.copytree(corpus, tmp_path / "talks")


def an_stm(corpus, part="train"):
    return sorted((corpus / part / "stm").glob("*.stm"))[0]


def test_both_tables_are_printed_and_say_that_it_is_a_demonstration(finished):
    output, said = finished
    for name in ("annotations.md", "segmentation.md"):
        table = (output / name).read_text("utf-8")
        assert table in said
        assert "DEMONSTRATION" in table


def test_digits_are_recognised_with_and_without_annotations(results):
    systems = results["annotations"]["systems"]
    assert list(systems) == ["mono", "tri"]
    for entry in systems.values():
        for part in ("dev", "test"):
            assert entry["without"][part]["wer"] < 35
            assert entry["with"][part]["wer"] < 60
            assert entry["difference"][part]["low"] <= entry["difference"][part]["high"]


def test_weights_are_chosen_on_dev(results):
    entry = results["annotations"]["systems"]["mono"]["without"]
    best = min(tried["wer"] for tried in entry["tried_on_dev"])
    assert entry["dev"]["wer"] == best
    assert {**entry["weights"], "wer": best} in entry["tried_on_dev"]


def test_annotations_have_phones_of_their_own_in_one_variant_alone(results):
    training = results["annotations"]["training"]
    assert {"[NOISE]", "[BREATH]"} <= set(training["with"]["annotations"])
    assert set(training["without"]["annotations"]) <= {UNKNOWN}
    assert training["with"]["words"] > training["without"]["words"]


def test_counts_per_talk_and_speaker_add_up(results):
    entry = results["annotations"]["systems"]["tri"]["with"]["test"]
    for split in ("talks", "speakers"):
        for name in ("insertions", "deletions", "substitutions", "reference_words"):
            assert entry[name] == sum(counts[name] for counts in entry[split].values())


def test_all_segmentations_are_scored(results):
    methods = results["segmentation"]["methods"]
    assert list(methods) == METHODS
    for entry in methods.values():
        for part in ("dev", "test"):
            assert 0 < entry[part]["share"] <= 1
            assert entry[part]["segments"] > 0
            assert entry[part]["wer"]["wer"] < 120


def test_human_segments_have_no_detection_error_and_whole_talks_miss_nothing(results):
    for part in ("dev", "test"):
        methods = results["segmentation"]["methods"]
        assert methods["human"][part]["detection"]["0"]["error"] == 0
        assert methods["whole_talks"][part]["detection"]["0"]["miss"] == 0
        assert methods["whole_talks"][part]["detection"]["0"]["false_alarm"] > 0
        assert methods["whole_talks"][part]["share"] == 1


def test_the_tagger_finds_most_speech(results):
    for part in ("dev", "test"):
        found = results["segmentation"]["methods"]["tagger"][part]
        assert found["detection"]["0.25"]["error"] < 0.35
        assert found["share"] < 1


def test_padding_and_merging_are_chosen_on_dev(results):
    entry = results["segmentation"]["methods"]["tagger"]
    keys = ("threshold", "padding", "merge_gap")
    tried = {tuple(s[key] for key in keys): s["errors"] for s in entry["settings"]["tried_on_dev"]}
    assert len(tried) == 2
    counts = entry["dev"]["wer"]
    errors = counts["insertions"] + counts["deletions"] + counts["substitutions"]
    assert tried[tuple(entry["settings"][key] for key in keys)] == min(tried.values()) == errors


def test_words_segments_and_transcripts_are_written(finished, corpus):
    output, _ = finished
    said = {segment.talk for segment in read_stm(output / "stm/test.stm")}
    assert said == {path.stem for path in (corpus / "test/stm").glob("*.stm")}
    for variant in ("with_annotations", "without_annotations"):
        words = read_ctm(output / f"annotations/{variant}/tri/test.ctm")
        assert {word.talk for word in words} <= said
        assert words
    for method in ("human", "tagger", "energy", "chunks", "whole_talks"):
        segments = read_segments_rttm(output / f"segmentation/{method}/test.rttm")
        assert {segment.talk for segment in segments} == said
        assert read_ctm(output / f"segmentation/{method}/test.ctm")


def test_there_is_a_page_for_each_talk(finished, corpus):
    output, _ = finished
    talks = {path.stem for part in ("dev", "test") for path in (corpus / part / "stm").glob("*")}
    pages = Counter(path.stem for path in output.glob("pages/*/*.html"))
    assert pages == dict.fromkeys(talks, 3)
    index = (output / "pages/index.html").read_text("utf-8")
    assert all(index.count(f"{talk}.html") for talk in talks)
    assert "DEMONSTRATION" in index


def test_a_second_run_does_nothing_again(finished, corpus):
    output, _ = finished
    stages = list(output.glob("*/**/.done-*.json"))
    decoded = list(output.glob("*/**/lw*/*.json"))
    assert stages
    assert decoded
    before = {path: path.stat().st_mtime_ns for path in [*stages, *decoded]}
    results = json.loads((output / "results.json").read_text("utf-8"))
    done = run(output.parent, corpus, *QUICK)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert json.loads((output / "results.json").read_text("utf-8")) == results


@pytest.fixture
def mistake(tmp_path, corpus, monkeypatch):
    """Run the recipe in this process up to the mistake that ends it, and give what it says."""

    def said_of(*options):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SB_GLOBAL_SEED", "1986")  # the recipe sets it: put it back afterwards
        monkeypatch.setattr(logging, "raiseExceptions", True)
        handlers = list(logging.getLogger().handlers)
        given = [str(ROOT / "hparams/tedlium.yaml"), f"--data_folder={corpus}", *options]
        with pytest.raises(InputError) as caught:
            tedlium_run.main([*given, "--output_folder=out"])
        logging.getLogger().handlers = handlers
        return str(caught.value)

    return said_of


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--experiments=[everything]", "expected a list of annotations, segmentation"),
        ("--annotations_recogniser=htk", "expected a recogniser of kaldi, sphinx"),
        ("--annotations_recogniser=pocketsphinx", "expected one that is trained"),
        ("--training_share=0", "expected a training_share above 0"),
        ("--language_model=none.arpa", "none.arpa: expected a language model"),
        ("--training_share=all", "expected a training_share above 0"),
        ("--tuning={paddings: [-1]}", "expected padding, merge_gap and shortest to be seconds"),
        ("--tuning={paddings: 0.1}", "tuning: expected a list of paddings, got 0.1"),
        ("--tuning={padding: [0.1]}", "unexpected keyword argument 'padding'"),
        ("--tuning={thresholds: {energy: [2]}}", "expected a share between 0 and 1"),
        ("--methods=[nobody]", "methods: expected a list of human, tagger, energy"),
        ("--tagger=nowhere/model", "nowhere/model"),
        ("--jobs=0", "expected jobs to be a whole number from 1 on"),
    ],
)
def test_a_mistake_is_told_in_one_line(mistake, monkeypatch, option, said):
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    line = mistake(option)
    assert said in line
    assert "\n" not in line


def test_a_kaldi_that_is_not_there_is_told_in_one_line(mistake, tmp_path, monkeypatch):
    monkeypatch.setenv("KALDI_ROOT", str(tmp_path / "nowhere"))
    assert "nowhere" in mistake()


def test_annotations_that_are_heard_later_come_into_the_language_model(copied, tmp_path):
    arpa = tmp_path / "released.arpa"
    estimate_language_model([("one", "two"), ("nine", "oh")], arpa)
    corpus = read_corpus(copied, str(arpa))

    def annotations(share):
        language = training_set(corpus, True, share, 0, tmp_path / "work").language
        known = read_arpa(language.arpa).words
        assert language.lexicon.annotation_phones.keys() <= known
        return {word for word in known if word.startswith("[")}

    assert annotations(0.05) < annotations(1.0)
    assert annotations(0.05) < annotations(1.0)


def test_the_results_of_the_other_experiment_are_kept(finished, corpus, results):
    output, _ = finished
    done = run(output.parent, corpus, *QUICK, "--experiments=[annotations]")
    assert done.returncode == 0, done.stderr
    after = json.loads((output / "results.json").read_text("utf-8"))
    assert after["segmentation"] == results["segmentation"]


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


def test_words_without_a_pronunciation_are_named_and_counted(copied, tmp_path, caplog):
    dictionary = copied / DICTIONARY
    kept = [line for line in dictionary.read_text("utf-8").splitlines() if line[:4] != "nine"]
    dictionary.write_text("\n".join(kept) + "\n")
    data = training_set(read_corpus(copied), False, 1.0, 0, tmp_path / "work")
    assert "1 words of the training text have no pronunciation: nine (" in caplog.text
    word, count = (tmp_path / "work/missing_words.txt").read_text("utf-8").split()
    said = Counter(word for utterance in data.utterances for word in utterance.words)
    assert word == "nine"
    assert said["nine"] == 0
    assert said[UNKNOWN] >= int(count) > 0


def test_the_lexicon_of_another_language_is_refused(copied, tmp_path):
    (copied / DICTIONARY).write_text("eins  AY N S\n")
    with pytest.raises(InputError, match="expected the lexicon of these talks"):
        training_set(read_corpus(copied), False, 1.0, 0, tmp_path / "work")


def utterances(talks=5, each=40):
    return [
        StmSegment(
            f"talk{talk}", "A", f"talk{talk}", 3.0 * t, 3.0 * t + 1 + (t % 5) / 4, "", ("one",)
        )
        for talk in range(talks)
        for t in range(each)
    ]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_a_share_of_each_speaker_is_chosen(share):
    said = utterances()
    chosen = choose_share(said, share, seed=3)

    def seconds(some):
        return sum(one.offset - one.onset for one in some)

    assert abs(seconds(chosen) - share * seconds(said)) <= 2.0
    assert {one.talk for one in chosen} == {one.talk for one in said}
    assert chosen == choose_share(said, share, seed=3)
    assert chosen == sorted(chosen)
    if share < 1:
        assert chosen != choose_share(said, share, seed=4)


def test_annotations_are_left_out_and_so_is_what_has_nothing_else():
    said = StmSegment("t", "A", "t", 0.0, 1.0, "", ("[NOISE]", "noise", "cough"))
    alone = said._replace(onset=1.0, offset=2.0, words=("[BREATH]",))
    assert spoken([said, alone], annotations=True) == [said, alone]
    assert spoken([said, alone], annotations=False) == [said._replace(words=("noise", "cough"))]


def test_the_tables_are_those_of_the_results(results, finished):
    output, _ = finished
    assert annotations_table(results) == (output / "annotations.md").read_text("utf-8")
    assert segmentation_table(results) == (output / "segmentation.md").read_text("utf-8")
    rows = annotations_table(results).splitlines()
    assert rows[-2].startswith("| tri |")
    assert rows[-1].startswith("| mono |")
