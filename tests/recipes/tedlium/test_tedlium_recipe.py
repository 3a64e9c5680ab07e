"""The TED-LIUM recipe: both experiments on the demonstration corpus, and mistakes of users."""

import json
import logging
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import tedlium_recipe
from programs import run_python
from recipe_program import ROOT
from tedlium_language import UNKNOWN
from tedlium_results import format_nonspeech_tags_table, format_segmentation_table

from aed_plugins.core import InputError
from asr.formats.ctm import read_ctm
from asr.formats.segments import read_rttm
from asr.formats.stm import read_stm

MISSING = "needs Debian's packages: apt-get install espeak-ng sphinxtrain sctk"
if shutil.which("espeak-ng") is None or not Path("/usr/lib/sphinxtrain").is_dir():
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING, allow_module_level=True)

pytestmark = pytest.mark.slow
RECIPE = ROOT / "recipes/tedlium/run.py"
# All utterances, since there are few, and little to choose from.
QUICK = (
    "--nonspeech_tags_recognizer=sphinx",
    "--jobs=1",
    "--output_folder=out",
    "--device=cpu",
    "--tuning={thresholds: {tagger: [0.5], energy: [0.2]}, paddings: [0.1], merge_gaps: [0.3, 1]}",
)
METHODS = ["human", "tagger", "energy", "chunks", "whole_talks"]


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


def test_both_tables_are_printed_and_say_that_it_is_a_demonstration(finished):
    output, said = finished
    for name in ("nonspeech_tags.md", "segmentation.md"):
        table = (output / name).read_text("utf-8")
        assert table in said
        assert "DEMONSTRATION" in table


def test_digits_are_recognized_with_and_without_tags(results):
    systems = results["nonspeech_tags"]["systems"]
    assert list(systems) == ["mono", "tri"]
    for entry in systems.values():
        for part in ("dev", "test"):
            assert entry["without"][part]["wer"] < 35
            assert entry["with"][part]["wer"] < 60
            assert entry["difference"][part]["low"] <= entry["difference"][part]["high"]


def test_weights_are_chosen_on_dev(results):
    entry = results["nonspeech_tags"]["systems"]["mono"]["without"]
    best = min(tried["wer"] for tried in entry["tried_on_dev"])
    assert entry["dev"]["wer"] == best
    assert {**entry["weights"], "wer": best} in entry["tried_on_dev"]


def test_tags_have_phones_of_their_own_in_one_variant_alone(results):
    training = results["nonspeech_tags"]["training"]
    assert {"[NOISE]", "[BREATH]"} <= set(training["with"]["nonspeech_phones"])
    assert set(training["without"]["nonspeech_phones"]) <= {UNKNOWN}
    assert training["with"]["words"] > training["without"]["words"]


def test_counts_per_talk_and_speaker_add_up(results):
    entry = results["nonspeech_tags"]["systems"]["tri"]["with"]["test"]
    for split in ("talks", "speakers"):
        for name in ("insertions", "deletions", "substitutions", "reference_words"):
            assert entry[name] == sum(counts[name] for counts in entry[split].values())


def test_all_segmentations_are_scored(results):
    methods = results["segmentation"]["methods"]
    assert list(methods) == METHODS
    for entry in methods.values():
        for part in ("dev", "test"):
            assert 0 < entry[part]["audio_fraction"] <= 1
            assert entry[part]["segments"] > 0
            assert entry[part]["wer"]["wer"] < 120


def test_human_segments_have_no_detection_error_and_whole_talks_miss_nothing(results):
    for part in ("dev", "test"):
        methods = results["segmentation"]["methods"]
        assert methods["human"][part]["detection"]["0"]["error"] == 0
        assert methods["whole_talks"][part]["detection"]["0"]["miss"] == 0
        assert methods["whole_talks"][part]["detection"]["0"]["false_alarm"] > 0
        assert methods["whole_talks"][part]["audio_fraction"] == 1


def test_the_tagger_finds_most_speech(results):
    for part in ("dev", "test"):
        found = results["segmentation"]["methods"]["tagger"][part]
        assert found["detection"]["0.25"]["error"] < 0.35
        assert found["audio_fraction"] < 1


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
    for variant in ("with_tags", "without_tags"):
        words = read_ctm(output / f"nonspeech_tags/{variant}/tri/test.ctm")
        assert {word.talk for word in words} <= said
        assert words
    for method in ("human", "tagger", "energy", "chunks", "whole_talks"):
        segments = read_rttm(output / f"segmentation/{method}/test.rttm")
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
            tedlium_recipe.main([*given, "--output_folder=out"])
        logging.getLogger().handlers = handlers
        return str(caught.value)

    return said_of


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--experiments=[everything]", "expected a list of nonspeech_tags, segmentation"),
        ("--nonspeech_tags_recognizer=htk", "expected a recognizer of kaldi, sphinx"),
        ("--nonspeech_tags_recognizer=pocketsphinx", "expected one that is trained"),
        ("--training_fraction=0", "expected a training_fraction above 0"),
        ("--language_model=none.arpa", "none.arpa: expected a language model"),
        ("--training_fraction=all", "expected a training_fraction above 0"),
        ("--tuning={paddings: [-1]}", "expected padding, merge_gap and shortest to be seconds"),
        ("--tuning={paddings: 0.1}", "tuning: expected a list of paddings, got 0.1"),
        ("--tuning={padding: [0.1]}", "unexpected keyword argument 'padding'"),
        (
            "--tuning={thresholds: {energy: [2]}}",
            "expected a threshold between 0 (noise floor)",
        ),
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


def test_the_results_of_the_other_experiment_are_kept(finished, corpus, results):
    output, _ = finished
    done = run(output.parent, corpus, *QUICK, "--experiments=[nonspeech_tags]")
    assert done.returncode == 0, done.stderr
    after = json.loads((output / "results.json").read_text("utf-8"))
    assert after["segmentation"] == results["segmentation"]


def test_the_tables_are_those_of_the_results(results, finished):
    output, _ = finished
    assert format_nonspeech_tags_table(results) == (output / "nonspeech_tags.md").read_text("utf-8")
    assert format_segmentation_table(results) == (output / "segmentation.md").read_text("utf-8")
    rows = format_nonspeech_tags_table(results).splitlines()
    assert rows[-2].startswith("| tri |")
    assert rows[-1].startswith("| mono |")
