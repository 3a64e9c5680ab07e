"""A page in Chromium, and what a user does with it."""

import os
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = "needs chromium and chromedriver: apt-get install chromium chromium-driver"
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --disable-dev-shm-usage --autoplay-policy=no-user-gesture-required"
)
PLAYING = "!document.querySelector('audio').paused"
PAUSED = "document.querySelector('audio').paused"
HOSTILE = "<img src=x onerror=\"document.title='taken over'\">"
# What the browser computed for every text: color, the first opaque ground behind it, and whether
# it may be fainter because it is switched off.
CONTRASTS = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (rgb) => {
  const linear = rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const found = [];
for (const own of document.querySelectorAll("body *")) {
  const texts = [...own.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
  if (!texts.length || !own.checkVisibility()) continue;
  if (own.closest("script, noscript, :disabled")) continue;
  let ground = own;
  while (ground && !/^rgb\\(/.test(getComputedStyle(ground).backgroundColor)) {
    ground = ground.parentElement;
  }
  const behind = light(parse(getComputedStyle(ground).backgroundColor));
  const before = light(parse(getComputedStyle(own).color));
  const [low, high] = [behind, before].sort((a, b) => a - b);
  found.push([(high + 0.05) / (low + 0.05), own.className + ": " + texts[0].data]);
}
return found;
"""


def open_browser(profile):
    """Yield one Chromium for several tests; skip them where there is none."""
    if not (CHROMIUM and DRIVER):
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS.split():
        options.add_argument(option)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


class Page:
    """A page in the browser, and what one does with it."""

    def __init__(self, browser, address):
        self.browser = browser
        browser.get_log("browser")
        browser.get_log("performance")
        browser.get(address)
        self.body = browser.find_element(By.TAG_NAME, "body")

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def run(self, script, *values):
        return self.browser.execute_script(script, *values)

    def until(self, script):
        """Wait until an expression is true, and return its value."""
        waiting = WebDriverWait(self.browser, 10, poll_frequency=0.03)
        return waiting.until(lambda driver: driver.execute_script(f"return {script}"), script)

    def press(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    @property
    def position(self):
        return float(self.one(".ruler").get_attribute("aria-valuenow"))

    @property
    def zoom(self):
        return self.run(
            "return document.querySelector('.track').clientWidth"
            " / document.querySelector('.scroller').clientWidth"
        )

    def where(self, seconds, duration=6.0):
        """Give where a point in time lies from the middle of the lanes, for a click."""
        return round((seconds / duration - 0.5) * self.one(".track").size["width"])
