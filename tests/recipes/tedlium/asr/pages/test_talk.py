"""The pages of talks: their data, and in a real browser that words play and nothing bad acts."""

import json
import re

import numpy as np
import pytest
import soundfile
from browser_page import CONTRASTS, HOSTILE, PAUSED, PLAYING, Page
from selenium.webdriver.common.keys import Keys

from aed_plugins.core import Event, InputError
from aed_plugins.report import DELAY
from asr.formats.ctm import CtmWord
from asr.formats.stm import IGNORED, StmSegment
from asr.pages.index import IndexEntry, write_index
from asr.pages.talk import write_alignment_page
from asr.scoring.score import AlignedWord, ErrorCounts, ScoredSegment

TALK = "AlGore_2009"
RATE = 16_000


def said(onset, offset, *words, talk=TALK):
    return StmSegment(talk, "A", "AlGore", onset, offset, "", words)


def aligned(kind, reference, word=None, onset=None):
    recognized = None if word is None else CtmWord(TALK, "A", onset, 0.4, word)
    return AlignedWord(kind, reference, recognized)


REFERENCE = (
    said(1.0, 3.0, "[BREATH]", "so", "it", "<unk>", "is", "[NOISE]"),
    said(3.0, 5.0, IGNORED),
    said(5.5, 7.5, HOSTILE, "yes"),
)
SCORED = (
    ScoredSegment(
        said(1.0, 3.0, "so", "it", "is"),
        (
            aligned("correct", "so", "so", 1.25),
            aligned("substitution", "it", "at", 1.75),
            aligned("deletion", "is"),
        ),
    ),
    ScoredSegment(
        said(5.5, 7.5, HOSTILE, "yes"),
        (
            aligned("correct", HOSTILE, HOSTILE, 5.75),
            aligned("insertion", None, "and", 6.25),
            aligned("correct", "yes", "yes", 6.75),
        ),
    ),
)
EVENTS = (
    Event("Applause", 3.5, 4.5, 0.91),
    Event("Laughter", 1.5, 2.0),
    Event(HOSTILE, 5.1, 5.4, 0.5),
    Event("Music", 8.0, 9.0, 0.75),
)


def write(path, scored=SCORED, **changed):
    told = {"reference": REFERENCE, "events": EVENTS, "notes": {"system": f"tri {HOSTILE}"}}
    write_alignment_page(path, TALK, scored, **(told | {"demonstration": False} | changed))
    return path.read_text(encoding="utf-8")


def data(page):
    """Give what the page's script is given."""
    return json.loads(
        re.search(r'<script type="application/json" id="talk">(.*?)</script>', page)[1]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write the pages that are looked at, and a hum of 10 s."""
    folder = tmp_path_factory.mktemp("pages")
    audio = folder / "hum.wav"
    soundfile.write(audio, 0.3 * np.sin(np.arange(10 * RATE) * 0.2), RATE)
    write(folder / "talk.html", audio=audio, demonstration=True)
    write(folder / "silent.html")
    return folder


@pytest.fixture
def opened(browser, folder):
    def opened(name="talk.html"):
        browser.set_window_size(1280, 1000)
        page = Page(browser, (folder / name).as_uri())
        if name == "talk.html":
            page.until("document.querySelector('audio').readyState >= 1")
        return page

    return opened


def test_words_and_what_scoring_left_out_stand_in_the_order_of_the_transcript(tmp_path):
    first, *_ = data(write(tmp_path / "page.html"))["rows"]
    assert [(word["kind"], word["reference"], word["recognized"]) for word in first["words"]] == [
        ("unscored", "[BREATH]", None),
        ("correct", "so", "so"),
        ("substitution", "it", "at"),
        ("unscored", "<unk>", None),
        ("deletion", "is", None),
        ("unscored", "[NOISE]", None),
    ]


def test_words_without_a_time_get_the_end_of_the_one_before(tmp_path):
    first, *_ = data(write(tmp_path / "page.html"))["rows"]
    assert [word["start"] for word in first["words"]] == [1.0, 1.25, 1.75, 2.15, 2.15, 2.15]


def test_events_stand_in_the_segment_they_begin_in_or_between_segments(tmp_path):
    rows = data(write(tmp_path / "page.html"))["rows"]
    assert [(row["kind"], [event["label"] for event in row["events"]]) for row in rows] == [
        ("segment", ["Laughter"]),
        ("not-scored", ["Applause"]),
        ("between", [HOSTILE]),
        ("segment", []),
        ("between", ["Music"]),
    ]


def test_counts_and_rate_are_those_of_the_segments(tmp_path):
    content = data(write(tmp_path / "page.html"))
    total = sum((part.counts for part in SCORED), ErrorCounts())
    assert content["wer"] == total.wer == 3 / 5
    assert content["counts"] == {**total._asdict(), "reference_words": 5}


def test_a_talk_in_which_nothing_was_said_has_no_rate(tmp_path):
    assert data(write(tmp_path / "page.html", scored=()))["wer"] is None


def test_only_a_demonstration_says_so(tmp_path):
    assert "DEMONSTRATION" in write(tmp_path / "page.html", demonstration=True)
    assert "DEMONSTRATION" not in write(tmp_path / "page.html")


def test_a_segment_of_another_talk_is_refused(tmp_path):
    stranger = ScoredSegment(said(0.0, 1.0, "so", talk="Other"), (aligned("deletion", "so"),))
    with pytest.raises(InputError, match=f"segments of {TALK} alone, got one of Other; remove it"):
        write(tmp_path / "page.html", scored=(stranger,))
    assert not list(tmp_path.iterdir())


def test_a_talk_of_18_minutes_needs_little_besides_its_sound(tmp_path):
    words = tuple(f"word{number % 700}" for number in range(24))
    scored = [
        ScoredSegment(
            said(9.0 * place, 9.0 * place + 8.5, *words),
            tuple(
                aligned("correct", word, word, 9.0 * place + number / 3)
                for number, word in enumerate(words)
            ),
        )
        for place in range(125)
    ]
    assert len(write(tmp_path / "page.html", scored=scored, reference=())) < 400_000


def test_index_sums_each_group_and_links_the_pages(tmp_path):
    pages = tmp_path / "talks of dev"
    entries = [
        IndexEntry("tri", "b", pages / "b&.html", ErrorCounts(8, 1, 1, 1)),
        IndexEntry("tri", "a", pages / "a.html", ErrorCounts(10, 0, 0, 0)),
        IndexEntry(HOSTILE, "c", pages / "c.html", ErrorCounts()),
    ]
    write_index(tmp_path / "index.html", entries, title="dev", notes={}, demonstration=True)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="(talks[^"]*)"', page) == [
        "talks%20of%20dev/a.html",
        "talks%20of%20dev/b%26.html",
        "talks%20of%20dev/c.html",
    ]
    total = "<td>15.0 %</td><td>20</td><td>1</td><td>1</td><td>1</td>"
    assert f'<tr class="sum"><th scope="row">All 2</th>{total}</tr>' in page
    assert "<td>none</td>" in page
    assert HOSTILE not in page
    assert "DEMONSTRATION" in page


def test_a_click_on_a_word_plays_from_there_and_marks_it(opened):
    page = opened()
    page.run("document.querySelector('audio').playbackRate = 0.1")  # a slow browser keeps up
    (word,) = [word for word in page.all(".word") if word.text.startswith("yes")]
    word.click()
    page.until(PLAYING)
    assert page.until("document.querySelector('audio').currentTime") >= 6.75 + DELAY - 0.01
    page.until("document.querySelector('.word.now .recognized')?.textContent === 'yes'")
    page.press(Keys.SPACE)
    page.until(PAUSED)


def test_a_click_on_a_time_plays_the_segment_and_no_more(opened):
    page = opened()
    page.run("document.querySelector('audio').playbackRate = 8")
    page.all(".row .from")[1].click()
    page.until(PLAYING)
    page.until(PAUSED)
    assert page.run("return document.querySelector('audio').currentTime") == pytest.approx(
        5.0, abs=0.2
    )


def test_keys_lead_through_errors_and_words(opened):
    page = opened()

    def focused():
        return page.run("return document.activeElement.getAttribute('aria-label')")

    page.press("n")
    assert focused() == "substitution: reference it, recognized at, at 0:01.8"
    page.press("n")
    assert focused() == "deletion: reference is, at 0:02.2"
    page.press("n", "p", Keys.ARROW_LEFT)
    assert focused() == "not scored: reference <unk>, at 0:02.2"
    page.press(Keys.ARROW_DOWN)
    assert focused().startswith("correct: reference <img")
    assert len(page.all(".word[tabindex='0']")) == 1


def test_nothing_hostile_acts_nothing_is_complained_of_and_nothing_asks_the_network(opened):
    page = opened()
    assert page.browser.title == TALK
    assert page.browser.get_log("browser") == []
    messages = [
        json.loads(log["message"])["message"] for log in page.browser.get_log("performance")
    ]
    asked = {
        message["params"]["request"]["url"].partition(":")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert asked <= {"file", "data", "blob"}


def test_without_sound_a_click_still_moves_the_cursor(opened):
    page = opened("silent.html")
    assert "left out" in page.one(".note").text
    page.all(".word.correct")[0].click()
    assert page.one(".clock").text == "0:01.3"
    assert page.one(".word.now").text.startswith("so")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(opened, scheme):
    page = opened()
    chosen = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})
    found = page.run(CONTRASTS)
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(found) > 40
    assert min(found)[0] >= 4.5, min(found)


def test_nothing_is_wider_than_a_phone(opened):
    page = opened()
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.browser.refresh()
        page.until("innerWidth === 390")
        assert page.run("return document.documentElement.scrollWidth") <= 390
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
