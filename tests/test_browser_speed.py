"""How quick the tab is, by counts that no load of the machine changes: what it asks for, when, and how often it draws.

Times are measured by `tests/benchmarks/tab_speed.py`.
"""

import collections
import contextlib
import pathlib
import re
import time
import urllib.parse
from collections.abc import Iterator

import fake_run
import pytest
from browser_checks import BrowserContext, Tab, open_tab, start_tensorboard, wait_for_runs, wait_until
from playwright.sync_api import Route

pytestmark = pytest.mark.browser
STEPS = fake_run.STEPS[:4]
RUN = "&p.interpretability.run=tagged%2Finterp"
SECTIONS = ("Overview", "Features", "Groups", "Decision", "Concepts")
QUIET = """() => new Promise((done) => {
    // nothing was asked for in the last 400 ms
    let timer = setTimeout(done, 400);
    const again = () => { clearTimeout(timer); timer = setTimeout(done, 400); };
    new PerformanceObserver(again).observe({ type: "resource" });
})"""


@pytest.fixture(scope="module")
def url(report_logs: pathlib.Path) -> Iterator[str]:
    with start_tensorboard(report_logs) as server:
        wait_for_runs(server, 17)
        yield server


@contextlib.contextmanager
def counted(browser: BrowserContext, url: str, link: str) -> Iterator[tuple[Tab, list[str]]]:
    """Open the tab and give it with all that it asks of the plugin, in order, but for the looks for new steps."""
    asked: list[str] = []

    def note(request: object) -> None:
        route = request.url.partition("/plugin/interpretability/")[2]  # type: ignore[attr-defined]
        if route and not route.startswith(("runs", "names")):
            asked.append(route)

    browser.on("request", note)
    try:
        with open_tab(browser, url, link=link) as tab:
            yield tab, asked
    finally:
        browser.remove_listener("request", note)


def settle(tab: Tab) -> None:
    """Wait until all is drawn, and all that may be wanted next is there."""
    tab.wait_for_pictures()
    tab.frame.evaluate(QUIET)


def step_of(route: str) -> int:
    return int(urllib.parse.parse_qs(route.partition("?")[2])["step"][0])


def test_the_front_end_is_asked_for_once_and_kept(url: str, browser: BrowserContext) -> None:
    for _ in range(2):
        with counted(browser, url, RUN) as (tab, asked):
            settle(tab)
            static = [route for route in asked if route.startswith("static/")]
            assert len(static) == 1
            assert re.fullmatch(r"static/tab\.js\?v=[0-9a-f]{16}", static[0])
            sizes = tab.frame.evaluate(
                "() => performance.getEntriesByType('resource').filter(one => one.name.includes('/static/tab.js'))"
                ".map(one => one.transferSize)"
            )
    assert sizes == [0], "the second time it comes from the browser's cache"


def test_what_is_seen_is_asked_for_first(url: str, browser: BrowserContext) -> None:
    for section in ("overview", "groups", "concepts"):
        with counted(browser, url, f"{RUN}&p.interpretability.section={section}") as (tab, asked):
            settle(tab)
            data = [route for route in asked if not route.startswith("static/")]
            later = [
                route.startswith("series") or ("finding" not in route and step_of(route) != STEPS[-1]) for route in data
            ]
            of_this_run = [late for route, late in zip(data, later, strict=True) if "run=tagged" in route]
            assert True in of_this_run
            first = of_this_run.index(True)
            assert all(of_this_run[first:]), (section, data)
            assert len(data) == len(set(data)), "nothing is asked for twice"


@pytest.mark.parametrize("section", SECTIONS)
def test_another_step_asks_for_nothing_that_is_seen(url: str, browser: BrowserContext, section: str) -> None:
    with counted(browser, url, RUN) as (tab, asked):
        tab.section(section)
        settle(tab)
        tab.frame.evaluate("() => document.querySelector('.slider input').focus()")
        for key, step in (("ArrowLeft", STEPS[-2]), ("ArrowLeft", STEPS[-3]), ("ArrowRight", STEPS[-2])):
            before = len(asked)
            tab.page.keyboard.press(key)
            wait_until(lambda step=step: tab.step() == step, "the step before")
            settle(tab)
            again = [route for route in asked[before:] if step_of(route) == step]
            assert not again, "it was ready before"
        before = len(asked)
        tab.page.keyboard.press("ArrowRight")
        wait_until(lambda: tab.step() == STEPS[-1], "the last step")
        settle(tab)
        assert asked[before:] == [], "all of this has been seen"


def test_only_pictures_that_a_section_draws_are_fetched_for_other_steps(url: str, browser: BrowserContext) -> None:
    with counted(browser, url, f"{RUN}&p.interpretability.section=features") as (tab, asked):
        settle(tab)
        drawn: dict[int, set[str]] = {}
        for route in asked:
            if route.startswith("image") and "run=tagged" in route:
                about = urllib.parse.parse_qs(route.partition("?")[2])
                drawn.setdefault(step_of(route), set()).add(f"{about['tag']} {about['index']}")
        assert set(drawn) >= {STEPS[-1], STEPS[-2]}
        assert all(pictures == drawn[STEPS[-1]] for pictures in drawn.values())


@pytest.mark.parametrize("link", ["", RUN, "&p.interpretability.run=gone"])
def test_the_runs_are_asked_for_once_before_all_else(url: str, browser: BrowserContext, link: str) -> None:
    asked: list[str] = []

    def note(request: object) -> None:
        asked.append(request.url.partition("/plugin/interpretability/")[2])  # type: ignore[attr-defined]

    browser.on("request", note)
    try:
        with open_tab(browser, url, link=link) as tab:
            settle(tab)
    finally:
        browser.remove_listener("request", note)
    first = next(index for index, route in enumerate(asked) if route.startswith("record"))
    assert sum(route.startswith("runs?") for route in asked[:first]) == 1, asked[:first]


def test_what_curves_brought_is_not_asked_for_again(url: str, browser: BrowserContext) -> None:
    with counted(browser, url, f"{RUN}&p.interpretability.section=groups") as (tab, asked):
        settle(tab)
        tab.frame.evaluate("() => document.querySelector('.slider input').focus()")
        for key in ("ArrowLeft", "Home"):
            tab.page.keyboard.press(key)
            settle(tab)
        assert tab.step() == STEPS[0]
        records = [route for route in asked if route.startswith("record") and "groups" in route]
        assert {step_of(route) for route in records} == {STEPS[-1]}


WATCH = """() => {
    window.drawn = [];
    const near = (canvas) => {
        const { top, bottom } = canvas.getBoundingClientRect();
        return bottom > 0 && top < innerHeight ? "seen" : top > innerHeight + 200 ? "far" : "near";
    };
    const { drawImage } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.drawImage = function (...args) {
        if (this.canvas.isConnected) window.drawn.push([this.canvas.getAttribute("aria-label"), near(this.canvas)]);
        return drawImage.apply(this, args);
    };
}"""


def test_what_is_in_view_is_drawn_first_and_the_rest_soon(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, height=500, link=f"{RUN}&p.interpretability.section=features") as tab:
        settle(tab)
        first = [picture["sum"] for picture in tab.pictures()]
        tab.frame.evaluate(WATCH)
        tab.press("ArrowLeft")
        drawn = tab.frame.evaluate("() => window.drawn")
        places = [place for _, place in drawn]
        assert {"seen", "far"} <= set(places)
        assert places.index("far") > max(index for index, place in enumerate(places) if place == "seen")
        then = [picture["sum"] for picture in tab.pictures()]
        assert len(then) == len(first)
        assert sum(one != other for one, other in zip(first, then, strict=True)) > len(first) / 2


def test_a_map_is_drawn_once_when_all_that_it_is_made_of_is_there(url: str, browser: BrowserContext) -> None:
    late = []
    with open_tab(browser, url, height=2000, link=f"{RUN}&p.interpretability.section=groups") as tab:
        settle(tab)

        def hold(route: Route) -> None:  # thumbnails come first, maps later
            late.append(route.request.url)
            time.sleep(0.15 * len(late))
            route.continue_()

        tab.page.route("**/interpretability/image*", hold)
        tab.frame.evaluate(WATCH)
        tab.press("Home")
        assert len(late) > 1
        maps = [label for label, _ in tab.frame.evaluate("() => window.drawn") if " with all groups" in (label or "")]
        assert maps
        assert set(collections.Counter(maps).values()) <= {2, 4}, "a picture and its colors, in one layer or two"
