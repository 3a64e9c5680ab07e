import itertools
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment
from asr.formats.stm import IGNORED, StmSegment
from asr.formats.uem import UemRegion
from asr.scoring.speech_detection import compute_detection_errors, make_uem, summarize_segmentation

MD_EVAL = Path("/usr/lib/sctk/bin/md-eval.pl")
WHOLE = [UemRegion("ted", "A", 0.0, 10.0)]


def stretches(talk, *ends):
    return [SpeechSegment(talk, *pair) for pair in ends]


def line(talk, onset, offset, *words):
    return StmSegment(talk, "A", talk, onset, offset, "", words)


# ---- the same as md-eval


def drawn(draw, talk, end):
    """Draw segments, some of which touch each other."""
    ends = sorted(draw.sample(range(end), 2 * draw.randint(0, 8)))
    pairs = [pair for pair in itertools.pairwise(ends) if draw.random() < 0.5]
    return stretches(talk, *((onset / 100, offset / 100) for onset, offset in pairs))


def md_eval(folder, reference, hypothesis, uem, collar):
    for name, segments in (("reference", reference), ("hypothesis", hypothesis)):
        lines = [
            f"SPEAKER {it.talk} 1 {it.onset:.2f} {it.duration:.2f} <NA> <NA> speech <NA> <NA>\n"
            for it in segments
        ]
        (folder / f"{name}.rttm").write_text("".join(lines))
    regions = [f"{it.talk} 1 {it.onset:.2f} {it.offset:.2f}\n" for it in uem]
    (folder / "talks.uem").write_text("".join(regions))
    said = subprocess.run(
        [
            *("perl", MD_EVAL, "-c", str(collar), "-u", folder / "talks.uem"),
            *("-r", folder / "reference.rttm", "-s", folder / "hypothesis.rttm"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = ("MISSED SPEECH", "FALARM SPEECH", "SCORED SPEECH")
    return [float(re.search(rf"{name} = *([\d.]+)", said).group(1)) for name in names]


@pytest.mark.skipif(not MD_EVAL.exists(), reason="md-eval is not installed")
@pytest.mark.parametrize("collar", [0.0, 0.25])
@pytest.mark.parametrize("seed", range(6))
def test_seconds_are_those_of_md_eval(tmp_path, seed, collar):
    draw = random.Random(seed)
    talks = ["a", "b", "c_1"]
    # md-eval passes over a talk without speech in the reference, false alarms and all.
    reference = [it for talk in talks for it in drawn(draw, talk, 3000) + stretches(talk, (30, 31))]
    hypothesis = [it for talk in talks[seed % 2 :] for it in drawn(draw, talk, 3000)]
    uem = [UemRegion(talk, "A", *of) for talk in talks for of in ((0.5, 10.0), (15.25, 30.5))]
    missed, false_alarm, speech = md_eval(tmp_path, reference, hypothesis, uem, collar)
    found = compute_detection_errors(reference, hypothesis, uem, collar)
    assert found.seconds == pytest.approx(speech, abs=0.011)
    assert found.miss * found.seconds == pytest.approx(missed, abs=0.011)
    assert found.false_alarm * found.seconds == pytest.approx(false_alarm, abs=0.011)
    assert found.error == pytest.approx(found.miss + found.false_alarm)


# ---- worked out by hand


def test_a_collar_leaves_out_both_sides_of_the_references_ends():
    said, found = stretches("ted", (2.0, 6.0)), stretches("ted", (2.5, 7.0))
    # Evaluated: 0 to 1.75, 2.25 to 5.75 and 6.25 to 10. Missed 0.25 s of 3.5 s, 0.75 s too much.
    error = compute_detection_errors(said, found, WHOLE, collar=0.25)
    assert error == pytest.approx((0.25 / 3.5, 0.75 / 3.5, 1 / 3.5, 3.5))


def test_a_talk_without_hypothesis_is_missed():
    said = stretches("ted", (1.0, 3.0)) + stretches("tod", (0.0, 6.0))
    uem = [*WHOLE, UemRegion("tod", "A", 0.0, 9.0)]
    assert compute_detection_errors(said, stretches("ted", (1.0, 3.0)), uem) == (
        0.75,
        0.0,
        0.75,
        8.0,
    )


def test_hypotheses_that_overlap_count_once():
    found = stretches("ted", (0.0, 4.0), (2.0, 6.0), (2.0, 6.0))
    assert compute_detection_errors(stretches("ted", (0.0, 4.0)), found, WHOLE).false_alarm == 0.5


def test_what_is_ignored_is_not_evaluated():
    lines = [line("ted", 0.0, 4.0, "so"), line("ted", 4.0, 6.0, IGNORED)]
    uem = make_uem(lines, {"ted": 10.0})
    assert uem == [UemRegion("ted", "A", 0.0, 4.0), UemRegion("ted", "A", 6.0, 10.0)]
    found = stretches("ted", (0.0, 6.0))
    assert compute_detection_errors(stretches("ted", (0.0, 4.0)), found, uem).error == 0


def test_a_uem_keeps_to_the_audio_and_takes_stretches_that_touch_in_any_order():
    lines = [line("b", 8.0, 12.0, IGNORED), line("a", 1.0, 2.0, IGNORED)]
    lines += [line("b", 2.0, 3.0, IGNORED), line("b", 0.0, 2.0, IGNORED)]
    regions = make_uem(lines, {"a": 3.0, "b": 10.0})
    expected = [("a", 0.0, 1.0), ("a", 2.0, 3.0), ("b", 3.0, 8.0)]
    assert [(it.talk, it.onset, it.offset) for it in regions] == expected


def test_a_talk_that_is_ignored_from_beyond_its_end_is_evaluated_whole():
    assert make_uem([line("a", 5.0, 6.0, IGNORED)], {"a": 4.0}) == [UemRegion("a", "A", 0.0, 4.0)]


def test_without_speech_there_is_no_error_rate():
    error = compute_detection_errors([], stretches("ted", (0.0, 1.0)), WHOLE)
    assert error.seconds == 0
    assert math.isnan(error.error)


def test_the_audio_fraction_is_of_all_talks():
    summary = summarize_segmentation(stretches("a", (0.0, 1.0), (2.0, 5.0)), {"a": 6.0, "b": 2.0})
    assert summary == (2, 4.0, 0.5)


# ---- bad input


@pytest.mark.parametrize(
    ("said", "found", "collar", "message"),
    [
        ("tod", "ted", 0, "^tod: expected this talk in the UEM"),
        ("ted", "tod", 0, "^tod: expected this talk in the UEM"),
        ("ted", "ted", -0.25, "collar of 0 s or more, got -0.25"),
    ],
)
def test_a_talk_without_a_uem_and_a_negative_collar_are_refused(said, found, collar, message):
    with pytest.raises(InputError, match=message):
        compute_detection_errors(stretches(said, (0, 1)), stretches(found, (0, 1)), WHOLE, collar)


def test_a_talk_without_audio_has_no_uem():
    with pytest.raises(InputError, match=r"^ted: expected the duration of its audio"):
        make_uem([line("ted", 0.0, 1.0, "so")], {})


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyannote.metrics.detection", None)
    with pytest.raises(InputError, match=r"pip install 'aed-plugins\[speech\]'"):
        compute_detection_errors([], [], WHOLE)
