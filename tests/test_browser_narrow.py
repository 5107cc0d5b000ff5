"""A page of 1440 pixels at a zoom of 200 % is one of 720: nothing lies over another, no name loses its number."""

import itertools
import pathlib

import pytest
from browser_checks import BrowserContext, Tab
from test_browser_report import open_report

pytestmark = pytest.mark.browser
RUN = "&p.interpretability.run=tagged%2Finterp"
CUT = """(what) => [...document.querySelectorAll(what)]
    .filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 1)
    .map((one) => one.innerText)"""


def check_bar(tab: Tab) -> None:
    """Fail where two controls of the bar overlap, or one is not to be seen."""
    boxes = []
    for control in tab.frame.locator(".bar button, .bar select").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        boxes.append((control.evaluate("one => one.ariaLabel || one.innerText"), box))
    assert len(boxes) >= 10
    for (name, one), (other, two) in itertools.combinations(boxes, 2):
        apart = one["x"] + one["width"] <= two["x"] + 1 or two["x"] + two["width"] <= one["x"] + 1
        under = one["y"] + one["height"] <= two["y"] + 1 or two["y"] + two["height"] <= one["y"] + 1
        assert apart or under, f"{name!r} lies over {other!r}"
    width = tab.frame.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing is beyond the edge"


@pytest.mark.parametrize("width", [720, 990, 1024])
def test_the_bar_at_the_top_has_room(width: int, report: pathlib.Path, browser: BrowserContext) -> None:
    with open_report(browser, report, f"#interpretability{RUN}") as tab:
        tab.page.set_viewport_size({"width": width, "height": 700})
        tab.wait_for_pictures()
        check_bar(tab)
        tab.shoot(f"narrow-{width}")


def test_names_keep_the_number_at_their_end(report: pathlib.Path, browser: BrowserContext) -> None:
    with open_report(browser, report, f"#interpretability{RUN}") as tab:
        tab.page.set_viewport_size({"width": 720, "height": 700})
        tab.wait_for_pictures()
        names = tab.frame.locator(".grid.row .direction-name")
        assert names.count() > 4
        named = "all => all.forEach((one, place) => { one.textContent = `channel ${place % 2 ? 1 : 100 + place}`; })"
        names.evaluate_all(named)
        assert tab.frame.evaluate(CUT, ".grid.row .direction-name") == []
        heights = {round(one.bounding_box()["height"]) for one in tab.frame.locator(".grid.row .unit").all()}
        assert len(heights) == 1, f"cards side by side are as high as each other: {heights}"
