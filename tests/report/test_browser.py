"""The page in a real browser: it plays, follows, obeys the keys, and lets nothing hostile act."""

import json

import numpy as np
import pytest
import soundfile
from browser_page import CONTRASTS, HOSTILE, PAUSED, PLAYING, Page
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from aed_plugins.core import Event
from aed_plugins.metrics import LabelDuration
from aed_plugins.report import DELAY, write_page
from aed_plugins.report.recording import RecordingReport

RATE = 16_000
EVENTS = [
    Event("dog", 1.0, 2.0, 0.93),
    Event(HOSTILE, 2.5, 3.0, 0.8),
    Event("dog", 4.0, 4.5, 0.7),
]


def hum(path, duration, events):
    """Describe a recording and the hum in it."""
    soundfile.write(path, 0.3 * np.sin(np.arange(int(duration * RATE)) * 0.2), RATE)
    labels = ["dog", HOSTILE]
    curves = np.full((2, 60), 25, np.uint8)
    curves[0, round(60 / duration) : round(120 / duration)] = 230
    return RecordingReport(
        name=f"{path.stem} {HOSTILE}",
        path=path,
        duration=duration,
        labels=labels,
        curves=curves,
        column_length=duration / 60,
        events=events,
        spectrogram=np.tile(np.arange(64, dtype=np.uint8)[:, None] * 4, (1, 60)),
        spectrogram_column_length=duration / 60,
        mel_frequencies=[(5, 250.0), (30, 2000.0), (60, 7500.0)],
        durations=[
            LabelDuration("dog", 1.5, 1.5 / duration, 2, (1.0, 2.2), None, None),
            LabelDuration(HOSTILE, 0.5, 0.5 / duration, 1, None, None, None),
        ],
        thresholds={"dog": 0.5, HOSTILE: 0.4},
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Write the pages that are looked at."""
    folder = tmp_path_factory.mktemp("pages")
    first = hum(folder / "first.wav", 6.0, EVENTS)
    second = hum(folder / "second.wav", 30.0, EVENTS[:1])
    told = {"title": f"Title {HOSTILE}", "model": f"mn10 {HOSTILE}", "settings": {HOSTILE: HOSTILE}}
    write_page(folder / "one.html", [first], **told)
    write_page(folder / "two.html", [first, second], audio="link", **told)
    write_page(folder / "none.html", [first], audio="none", **told)
    broken = hum(folder / "broken.wav", 6.0, EVENTS)
    write_page(folder / "broken.html", [broken], audio="link", **told)
    broken.path.write_bytes(b"no sound at all")
    return folder


@pytest.fixture
def opened(browser, pages):
    """Open a page of a given name, in a window of a usual size."""

    def opened(name="one.html"):
        browser.set_window_size(1280, 1000)
        page = Page(browser, (pages / name).as_uri())
        if name == "one.html":
            page.until("document.querySelector('audio').readyState >= 1")
        return page

    return opened


def test_page_loads_without_complaint_and_without_the_network(opened, browser):
    page = opened()
    page.until("document.querySelectorAll('.lane').length === 2")
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        # Chromium 150 also opens a page of its own.
        and not message["params"]["documentURL"].startswith("chrome:")
    ]
    assert any(address.endswith("one.html") for address in asked)
    assert {address.partition(":")[0] for address in asked} <= {"file", "data", "blob"}


def test_sound_has_the_length_of_the_recording(opened):
    duration = opened().until("document.querySelector('audio').duration")
    assert duration == pytest.approx(6.0, abs=0.1)


def test_cursor_follows_the_sound_until_it_is_paused(opened):
    page = opened()
    page.one(".play").click()
    page.until("document.querySelector('audio').currentTime > 0.3")
    assert page.one(".play").get_attribute("aria-label") == "Pause"
    place = page.until("new DOMMatrix(document.querySelector('.cursor').style.transform).e")
    assert place > 0.03 * page.one(".track").size["width"]
    page.one(".play").click()
    page.until(PAUSED)
    # The sound is paused at once; the cursor hears of it a moment later.
    shown = "new DOMMatrix(document.querySelector('.cursor').style.transform).e"
    width = "document.querySelector('.track').clientWidth"
    played = f"document.querySelector('audio').currentTime - {DELAY}"
    page.until(f"Math.abs(6 * {shown} / {width} - ({played})) < 0.01")
    assert page.position == pytest.approx(page.run(f"return {played}"), abs=0.051)


def test_click_on_an_event_plays_it_and_no_more(opened):
    page = opened()
    event = page.one('[aria-label="dog from 4.0 to 4.5 s, score 0.70"]')
    event.click()
    page.until(PLAYING)
    assert 4.0 <= page.position < 4.5
    assert "playing" in event.get_attribute("class")
    assert page.one(".now").text == "dog, 0:04.0 to 0:04.5"
    page.until(PAUSED)
    assert page.position == 4.5
    page.press(Keys.ENTER)  # it has the focus
    page.until(PLAYING)
    assert page.position < 4.5


def test_click_on_a_lane_or_the_time_axis_moves_the_cursor(opened):
    page = opened()
    for place, seconds in ((".lane", 3.5), (".spectrogram", 0.5), (".ruler", 5.5)):
        target = page.one(place)
        ActionChains(page.browser).move_to_element_with_offset(
            target, page.where(seconds), 0
        ).click().perform()
        assert page.position == pytest.approx(seconds, abs=0.1)
    assert page.run(f"return {PAUSED}")


def test_keys_seek_play_and_walk_through_the_events(opened):
    page = opened()
    page.press(Keys.ARROW_RIGHT)
    assert page.position == 5
    ActionChains(page.browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT).key_up(
        Keys.SHIFT
    ).perform()
    assert page.position == 4
    page.press(Keys.ARROW_LEFT)
    assert page.position == 0
    page.press(Keys.SPACE)
    page.until(PLAYING)
    page.press(Keys.SPACE)
    page.until(PAUSED)
    page.run("document.querySelector('.ruler').focus()")
    names = []
    for _ in range(4):
        page.press(Keys.ARROW_DOWN)
        names.append(page.browser.switch_to.active_element.get_attribute("aria-label"))
    assert [name.partition(" from ")[2][:3] for name in names] == ["1.0", "2.5", "4.0", "4.0"]
    page.press(Keys.ARROW_UP, Keys.SPACE)  # on an event, the space bar is play and pause
    page.until(PLAYING)
    page.press(Keys.SPACE)
    page.until(PAUSED)
    assert page.position < 2.5


def test_help_opens_with_a_key_and_gives_the_focus_back(opened):
    page = opened()
    page.one(".ruler").click()
    page.press("?")
    assert page.one("#help").is_displayed()
    before = page.position
    page.press(Keys.ARROW_RIGHT)  # the page behind it does not move
    page.press(Keys.ESCAPE)
    assert not page.one("#help").is_displayed()
    assert page.position == before
    assert page.browser.switch_to.active_element.get_attribute("class") == "ruler"


def test_zoom_keeps_the_cursor_in_view(opened):
    page = opened()
    ruler = page.one(".ruler")
    ActionChains(page.browser).move_to_element_with_offset(
        ruler, page.where(4.8), 0
    ).click().perform()
    page.one("[aria-label='Zoom in']").click()
    page.press("+")
    zoomed = page.zoom
    most = 6 * 400 / page.one(".scroller").size["width"]  # 400 pixels a second
    assert zoomed == pytest.approx(min(4, most), abs=0.02)
    inside = """
      const cursor = document.querySelector('.cursor').getBoundingClientRect();
      const view = document.querySelector('.scroller').getBoundingClientRect();
      return cursor.left >= view.left && cursor.right <= view.right"""
    assert page.run(inside)
    page.run("document.querySelector('.scroller').scrollLeft = 0")
    page.press(Keys.ARROW_RIGHT)
    assert page.run(inside)
    page.press("-")
    assert page.zoom < zoomed
    page.press("0")
    assert page.zoom == pytest.approx(1, abs=0.01)
    assert not page.one("[aria-label='Zoom out']").is_enabled()


def test_wheel_with_ctrl_zooms_about_the_pointer(opened):
    page = opened()
    left = page.run("return document.querySelectorAll('.event')[0].getBoundingClientRect().left")
    top = page.run("return document.querySelector('.ruler').getBoundingClientRect().top")
    turned = {"type": "mouseWheel", "x": left, "y": top + 5, "deltaX": 0, "deltaY": -200}
    page.browser.execute_cdp_cmd("Input.dispatchMouseEvent", turned | {"modifiers": 2})
    page.until("document.querySelector('.track').style.width !== '100%'")
    assert page.zoom > 1.5
    again = page.run("return document.querySelectorAll('.event')[0].getBoundingClientRect().left")
    assert again == pytest.approx(left, abs=2)


def test_hostile_names_are_text(opened):
    page = opened("two.html")
    assert page.all("img[src=x]") == []
    assert page.browser.title == f"Title {HOSTILE}"
    assert page.one("h1").text == f"Title {HOSTILE}"
    assert page.one("h2[id]").text == f"first {HOSTILE}"
    assert HOSTILE in [name.text for name in page.all(".durations .name-text")]
    assert page.browser.get_log("browser") == []


def test_table_can_be_sorted_and_shows_one_class_alone(opened):
    page = opened()
    page.one("summary").click()

    def rows():
        return [row.text for row in page.all(".events tbody td:nth-child(2)")]

    page.until("document.querySelectorAll('.events tbody tr').length === 3")
    assert rows() == ["0:01.00", "0:02.50", "0:04.00"]
    page.one("th[aria-sort='ascending'] button").click()
    assert rows() == ["0:04.00", "0:02.50", "0:01.00"]
    page.all(".durations .name")[1].click()
    assert rows() == ["0:02.50"]
    assert page.one("summary").text == "Events: 1 of 3"
    assert page.one(".chip[aria-pressed='true']").text == HOSTILE
    page.one(".events .go").click()
    page.until(PLAYING)
    assert page.position >= 2.5
    page.one(".chip").click()
    assert len(rows()) == 3


def test_several_recordings_are_compared_and_play_one_at_a_time(opened):
    page = opened("two.html")
    assert len(page.all(".comparison tbody tr")) == 2
    assert "5.0 %, 2 events" in page.one(".comparison").text
    left, right = page.all(".cards .card")
    assert left.rect["y"] == right.rect["y"]
    assert left.rect["x"] + left.rect["width"] < right.rect["x"]
    assert "read from the file first.wav" in left.text
    for play in page.all(".play"):
        page.run("arguments[0].click()", play)
    page.until("!document.querySelectorAll('audio')[1].paused")
    assert page.run(f"return {PAUSED}")
    page.press(Keys.SPACE)
    page.until("document.querySelectorAll('audio')[1].paused")


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("none.html", "The sound was left out"),
        ("broken.html", "This browser cannot play the sound"),
    ],
)
def test_without_sound_the_cursor_still_moves(opened, name, note):
    page = opened(name)
    page.until("document.querySelector('.play').disabled")
    assert note in page.one(".note").text
    page.all(".event")[1].click()
    assert page.position == 4.0
    page.press(Keys.HOME)
    assert page.position == 0


@pytest.mark.parametrize("name", ["one.html", "two.html"])
def test_nothing_is_wider_than_a_phone(opened, name):
    page = opened(name)
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.browser.refresh()
        page.until("innerWidth === 390")
        assert page.run("return document.documentElement.scrollWidth") <= 390
        widest = "return Math.max(...[...document.querySelectorAll('.card > *')].map("
        assert page.run(f"{widest}(own) => own.getBoundingClientRect().right))") <= 390
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name(opened):
    page = opened()
    page.one("summary").click()
    page.until("document.querySelectorAll('.events tbody tr').length === 3")
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = {}
    for node in tree:
        role = node.get("role", {}).get("value")
        if role in {"button", "slider", "image", "group", "DisclosureTriangle"}:
            names.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    assert len(names["button"]) > 15
    assert "dog from 1.0 to 2.0 s, score 0.93" in names["button"]
    assert names["slider"] == ["Position"]
    assert all(name for role in ("button", "slider", "image") for name in names[role])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(opened, scheme):
    page = opened("two.html")
    chosen = [{"name": "prefers-color-scheme", "value": scheme}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})
    page.run("document.querySelector('details').open = true")
    page.until("document.querySelectorAll('.events tbody tr').length === 3")
    found = page.run(CONTRASTS)
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(found) > 50
    assert min(found)[0] >= 4.5, min(found)
