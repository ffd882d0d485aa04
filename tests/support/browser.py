"""A browser for the tests: Debian's Chromium, on the web UI or a page that a run left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.support.processes import Processes

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"),
    *("--no-first-run", "--disable-sync", "--disable-quic"),  # and no traffic of its own:
    *("--disable-background-networking", "--disable-component-update"),
)


class Page:
    """A browser on the web UI."""

    def __init__(self, driver: webdriver.Chrome, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def find(self, selector: str) -> WebElement:
        """Return the one element that a CSS selector names."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, text: str) -> None:
        """Click the button, tab or link with this text, in its own case: the page shows it in capitals."""
        carrier = f"//*[self::button or self::a or self::p][.='{text}']"

        def click() -> bool:
            self.driver.find_element(By.XPATH, carrier).click()
            return True

        self.wait(click)  # the page may draw it anew between the two

    def fill(self, name: str, value: object) -> None:
        """Replace the text of a field of the start form."""
        field = self.find(f"[name={name}]")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(str(value))

    def open_form(self) -> None:
        """Unfold the scenario's options, which Locust hides at first."""
        self.press("Custom parameters")
        self.wait(lambda: self.find("[name=subscriptions]").is_displayed())

    def refusal(self) -> str:
        """Press START, and return the form's error message."""
        self.press("Start")
        return str(self.wait(lambda: self.find(".MuiAlert-colorError").text))

    def wait(self, condition: Callable[[], Any], within: float = 15.0) -> Any:
        """Return the condition's first true value."""
        end, seen = time.monotonic() + within, None
        while time.monotonic() < end:
            try:
                if seen := condition():
                    return seen
            except Exception as missing:  # the page is still making it
                seen = missing
            time.sleep(0.1)
        raise AssertionError(f"not within {within} s: {seen!r}\n{self.find('body').text}")

    @property
    def state(self) -> str:
        """The tab's state or outcome."""
        return self.find("#connections .state").text

    def points(self, name: str) -> int:
        """Count the drawn points of a series: its markers in the SVG. Below 300 rows each point has one."""
        return int(
            self.driver.execute_script(
                "const traces = [...document.querySelectorAll('#connections .scatterlayer .trace')];"
                "const trace = traces.find((trace) => trace.__data__[0].trace.name === arguments[0]);"
                "return trace ? trace.querySelectorAll('path.point').length : 0;",
                name,
            )
        )

    def chart_colour(self) -> str:
        """Return the colour of the chart's text."""
        return str(self.driver.execute_script("return document.querySelector('.chart')._fullLayout.font.color"))

    def download(self, title: str, name: str) -> str:
        """Download a file from "Download Data", and return its text."""
        self.press("Download Data")

        def fetched() -> str:
            self.press(title)  # once more, where the page was drawn anew under the click
            time.sleep(1)
            return (self.downloads / name).read_text(encoding="utf-8")

        return str(self.wait(fetched))


@pytest.fixture
def page(processes: Processes, tmp_path: Path) -> Iterator[Page]:
    """A browser of its own. It is closed before the `processes`, and the test fails if it logged a warning."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "this test drives Debian's Chromium: apt-get install chromium chromium-driver"
    assert chromedriver, "this test drives Debian's Chromium: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    downloads = tmp_path / "downloads"
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    try:
        yield Page(driver, downloads)
        log: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
        complaints = [entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE")]
        assert not complaints, complaints
    finally:
        driver.quit()


def texts(page: Page, selector: str) -> list[str]:
    """Return the texts of all the elements that a CSS selector names."""
    script = "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)"
    found: list[str] = page.driver.execute_script(script, selector)  # at one moment: the page may draw them anew
    return found
