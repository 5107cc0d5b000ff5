"""Look at the tab as a person does: a real TensorBoard, a real browser, and what is to be seen in each section.

The checks know nothing of a certain run: they serve for any log directory that holds the kinds they are called for.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from browser_quiet import evaluate_at_once
from playwright.sync_api import BrowserContext, Frame, Locator, Page, Playwright

from tf_interp.concepts.result.explain import CLAIMS

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = pathlib.Path(__file__).parent / "screenshots"
SENTENCE = re.compile(
    r"In .+, .+ (raises|lowers) the network's evidence \(logit\) for .+ by about [\d.e-]+ .+ \(95 % interval .+\)\."
    r"|No concept test is a finding\. Of [\d,]+ tests?: \d+ "
)


@contextlib.contextmanager
def start_tensorboard(logdir: pathlib.Path, *flags: str) -> Iterator[str]:
    """Run TensorBoard on a free port and yield its address, once it answers; end it afterwards."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    prefix = next((flag.partition("=")[2] for flag in flags if flag.startswith("--path_prefix")), "")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", str(port), *flags]
    process = subprocess.Popen(
        [*command, "--reload_interval", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://localhost:{port}{prefix}/"
    try:
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the data server is a child of its own
        process.wait(10)


def wait_for_runs(url: str, count: int, seconds: float = 60) -> dict[str, Any]:
    """Return what the plugin says there is, once it has found `count` series."""
    end = time.monotonic() + seconds
    found: dict[str, Any] = {}
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}data/plugin/interpretability/runs") as answer:
            found = json.load(answer)["runs"]
            if sum(map(len, found.values())) >= count:
                return found
        time.sleep(0.1)
    raise AssertionError(f"{url} shows {sum(map(len, found.values()))} of {count} series after {seconds} s")


def wait_until(true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something that becomes true soon."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.03)


@contextlib.contextmanager
def start_browser(playwright: Playwright) -> Iterator[BrowserContext]:
    """Start Chromium as the machine has it, with one cache for all pages."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser.new_context()
    browser.close()


@dataclasses.dataclass
class Tab:
    """The tab "Interpretability" in a page, with everything that went wrong in it."""

    page: Page
    frame: Frame
    problems: list[str]

    def section(self, name: str) -> None:
        """Go to a section by its tab."""
        self.frame.get_by_role("navigation").get_by_role("button", name=name, exact=True).click()
        self.wait_for_pictures()

    def address_of(self, module: str) -> str:
        """Return the address of one module of the front end, such as "format.js", which the tab gets as one script."""
        return self.frame.evaluate(
            """(module) => {
                const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
                return new URL(module, loaded.find((name) => name.includes("/static/tab.js"))).href;
            }""",
            module,
        )

    def wait_for_pictures(self) -> None:
        """Wait until nothing is being loaded any more."""
        wait_until(
            lambda: self.frame.evaluate(
                "() => !document.querySelector('.waiting, [aria-busy=true]')"
                " && !/Loading|Looking/.test(document.querySelector('main').innerText)"
            ),
            "pictures are drawn",
        )

    def pictures(self, within: str = "main", at_once: bool = False) -> list[dict[str, Any]]:
        """Return, for each canvas, its size, what it holds in short, its range of grey and its strongest color."""
        return (evaluate_at_once if at_once else Frame.evaluate)(
            self.frame,
            """(within) => [...document.querySelectorAll(within + " canvas")].map((canvas) => {
                const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                let low = 255, high = 0, color = 0, sum = 0;
                for (let i = 0; i < pixels.length; i += 4) {
                    const [r, g, b] = [pixels[i], pixels[i + 1], pixels[i + 2]];
                    low = Math.min(low, r, g, b); high = Math.max(high, r, g, b);
                    color = Math.max(color, Math.max(r, g, b) - Math.min(r, g, b));
                    sum = (sum * 31 + r * 7 + g * 3 + b) >>> 0;
                }
                return { width: canvas.width, height: canvas.height, shown: canvas.clientWidth, low, high, color, sum,
                    label: canvas.getAttribute("aria-label") };
            })""",
            within,
        )

    def text(self, within: str = "main") -> str:
        """Return the text that can be seen."""
        return self.frame.locator(within).first.inner_text()

    def step(self) -> int:
        """Return the step that the bar at the top shows."""
        return int(re.sub(r"\D", "", self.frame.locator(".now-label b").inner_text()))

    def press(self, key: str) -> None:
        """Press a key on the slider, and wait for the pictures."""
        self.frame.get_by_role("slider").press(key)
        self.wait_for_pictures()

    def shoot(self, name: str) -> None:
        """Leave a screenshot of a state that is worth one, and so worth being usable by everybody."""
        self.check_accessible()
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def set_theme(self, dark: bool) -> None:
        """Use TensorBoard's own switch."""
        self.page.locator("app-header-dark-mode-toggle button").click()
        self.page.get_by_role("menuitem", name="Dark" if dark else "Light").click()

    def check_accessible(self) -> None:
        """Fail on anything that axe-core finds: WCAG 2.2 AA and its best practices."""
        self.frame.evaluate("() => document.querySelector('.body')?.scrollIntoView()")  # nothing under the bar
        if not self.frame.evaluate("() => 'axe' in window"):
            self.frame.evaluate(f"{AXE_SCRIPT}; undefined")
        found = self.frame.evaluate(
            """async () => (await axe.run({ resultTypes: ["violations"] })).violations.flatMap(({ id, nodes }) =>
                nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`))"""
        )
        assert not found, "\n".join(found)

    def check_no_problems(self) -> None:
        """Fail on any error of the page so far."""
        assert self.problems == []


@contextlib.contextmanager
def open_tab(browser: BrowserContext, url: str, width: int = 1280, height: int = 1000, link: str = "") -> Iterator[Tab]:
    """Open the tab of a running TensorBoard, and fail afterwards if the page had any error."""
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.set_default_timeout(20_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"pageerror: {error}"))
    page.on("console", lambda message: _note(problems, message.type == "error", message.text, message.location["url"]))
    page.on("response", lambda answer: _note(problems, answer.status >= 400, str(answer.status), answer.url))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(f"{url}#interpretability{link}", wait_until="commit")
    iframe = page.wait_for_selector("iframe", timeout=20_000)
    assert iframe is not None
    frame = iframe.content_frame()
    assert frame is not None
    frame.wait_for_selector("main", timeout=20_000)
    try:
        yield (tab := Tab(page, frame, problems))
        tab.check_no_problems()
    finally:
        page.close()


def _note(problems: list[str], wrong: bool, text: str, url: str) -> None:
    """Keep a problem, except that TensorBoard behind a prefix does not find its own fonts."""
    if wrong and not url.endswith(".woff2"):
        problems.append(f"{text} {url}")


def check_overview(tab: Tab) -> None:
    """The first page has a tile for each kind of record, a finding in words, and pictures."""
    tab.section("Overview")
    for title in ("Concepts", "This run", "Features", "Neuron groups", "Decisions"):
        assert tab.frame.get_by_role("heading", name=title, exact=True).is_visible()
    assert SENTENCE.search(tab.text(".headline .finding")), tab.text(".headline .finding")
    assert "explain" in tab.text()
    assert re.search(r"\d of|probe pictures?", tab.text())
    pictures = tab.pictures()
    assert len(pictures) >= 10
    assert sum(picture["high"] - picture["low"] > 30 for picture in pictures) > 0.8 * len(pictures)


def check_features(tab: Tab) -> None:
    """Units are pictures with names; one of them opens with its examples and its film."""
    tab.section("Features")
    cards = tab.frame.locator(".unit")
    pictures = tab.pictures()
    assert cards.count() == len(pictures) > 0
    assert all(picture["width"] >= 100 and picture["shown"] >= 80 for picture in pictures)
    assert len({picture["sum"] for picture in pictures}) > 0.8 * len(pictures), "units look alike"
    assert re.search(r"channel \d+", tab.text())
    cards.first.click()
    tab.wait_for_pictures()
    panel = tab.frame.get_by_role("dialog")
    assert "Probe pictures that excite it most" in panel.inner_text()
    assert "picture reaches" in panel.inner_text()
    assert tab.pictures(".panel")[0]["shown"] >= 300
    film = panel.get_by_role("button", name=re.compile("Go to step"))
    if film.count() > 1:
        film.first.click()
        tab.wait_for_pictures()
        assert str(tab.step()) == re.sub(r"\D", "", film.first.get_attribute("aria-label") or "")
        tab.press("End")


def check_groups(tab: Tab) -> None:
    """Maps are colored; a group that is pointed at stands alone; a picture opens with each group by itself."""
    tab.section("Groups")
    maps = tab.pictures(".grid.maps")
    assert maps
    assert all(picture["color"] > 60 for picture in maps), "no colors"
    assert re.search(r"group \w+", tab.text(".group-list"))
    assert re.search(r"\d %", tab.text(".group-list"))
    tab.frame.locator(".group-head").first.hover()
    wait_until(lambda: tab.pictures(".grid.maps")[0]["sum"] != maps[0]["sum"], "one group alone looks different")
    tab.frame.locator("h2").first.hover()
    wait_until(lambda: tab.pictures(".grid.maps")[0]["sum"] == maps[0]["sum"], "all groups are back")
    tab.frame.locator(".map").first.click()
    tab.wait_for_pictures()
    assert "Each group alone" in tab.frame.get_by_role("dialog").inner_text()
    assert len({picture["sum"] for picture in tab.pictures(".panel")}) > 2


def check_decisions(tab: Tab) -> None:
    """Heat maps are colored; predictions are said to be right or wrong; one opens with its logits."""
    tab.section("Decision")
    maps = tab.pictures(".grid")
    assert maps
    assert sum(picture["color"] > 60 for picture in maps) > 0.6 * len(maps)
    assert "blue pushes toward the target" in tab.text()
    assert re.search("[✓✗]", tab.text())
    assert re.search(r"logit of .+\s+−?[\d.]+", tab.text())
    tab.frame.locator(".map").first.click()
    tab.wait_for_pictures()
    assert re.search(r"target\s.*logit\s", tab.frame.get_by_role("dialog").inner_text(), re.DOTALL)


def check_concepts(tab: Tab) -> None:
    """Each test says in words what it found; one opens with the sentence, the curve and its pictures."""
    tab.section("Concepts")
    rows = tab.frame.locator("button.test")
    assert rows.count() > 0
    for row in rows.all():
        assert re.search(f"({'|'.join(CLAIMS)})\\s+p = [\\d.]+", row.inner_text())
        assert re.search(r"−?[\d.]+ \[−?[\d.]+, −?[\d.]+\]", row.inner_text())
        assert row.locator("svg rect.band").count() == 1
    assert tab.frame.locator(".chart svg path.line").count() > 0
    assert re.search("p after correction for [\\d,]+ tests; [\\d.e-]+ is the smallest that", tab.text(".layer-head"))
    rows.first.click()
    tab.wait_for_pictures()
    panel = tab.frame.get_by_role("dialog")
    assert SENTENCE.search(panel.inner_text()), panel.inner_text()
    assert re.search(r"after correction for|nothing can be said", panel.inner_text())
    assert "Pictures of “" in panel.inner_text()
    assert tab.pictures(".panel")


def check_slider(tab: Tab) -> None:
    """The slider changes step and pictures, and nothing jumps on the way."""
    tab.section("Features")
    tab.press("End")
    last, pictures, height = tab.step(), tab.pictures(), page_height(tab.frame)
    tab.press("Home")
    first = tab.step()
    assert first < last
    assert tab.pictures()[0]["sum"] != pictures[0]["sum"]
    assert page_height(tab.frame) == height
    tab.frame.locator("body").press("ArrowRight")  # without focus on the slider
    wait_until(lambda: first < tab.step() < last or tab.step() == last, "the next step")
    tab.press("End")
    assert tab.step() == last
    assert [picture["sum"] for picture in tab.pictures()] == [picture["sum"] for picture in pictures]


def check_theme(tab: Tab) -> None:
    """The tab follows TensorBoard's switch, at once, and text stays readable."""
    for dark in (True, False):
        tab.set_theme(dark)
        wait_until(lambda dark=dark: (lightness(tab.frame.locator(".interp")) < 0.5) == dark, f"dark={dark}")
        ink = lightness(tab.frame.locator(".interp"), "color")
        assert abs(ink - lightness(tab.frame.locator(".interp"))) > 0.6


CHECKS = {
    "overview": check_overview,
    "features": check_features,
    "groups": check_groups,
    "decisions": check_decisions,
    "concepts": check_concepts,
}


def check_all(tab: Tab, name: str) -> None:
    """Check every section and leave a screenshot of each."""
    for section, check in CHECKS.items():
        check(tab)
        tab.shoot(f"{name}-{section}")
    check_slider(tab)


def page_height(frame: Frame) -> int:
    """Return how long the page is."""
    return frame.evaluate("() => document.documentElement.scrollHeight")


def lightness(place: Locator, what: str = "backgroundColor") -> float:
    """Return how light a color of an element is, 0..1."""
    color = place.first.evaluate("(element, what) => getComputedStyle(element)[what]", what)
    return sum(map(int, re.findall(r"\d+", color)[:3])) / (3 * 255)
