"""Two runs or two steps beside each other, in a real browser: chosen in the header, and one state for all views."""

import itertools
import pathlib
import re
import urllib.parse

import fake_run
import pytest
from browser_checks import BrowserContext, Tab, lightness, wait_until
from test_browser_report import open_report

from tf_interp.report import write_report

pytestmark = pytest.mark.browser
STEPS = fake_run.STEPS[:4]
LONG = "sweep/learning_rate=0.0003,weight_decay=0.00001,augmentation=strong," + "width=128," * 5 + "seed=7"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a report of two runs of four steps, one of them with a long name, of which another has one step only."""
    folder = tmp_path_factory.mktemp("compare") / "logs"
    fake_run.write_run(folder, LONG, STEPS, tagged=False)
    fake_run.write_run(folder, "short", STEPS[:1], tagged=False)
    fake_run.write_run(folder, "tagged", STEPS)
    return write_report(folder, folder.parent / "report.html")


def opened(browser: BrowserContext, page: pathlib.Path, section: str = "overview", scheme: str = "light", **more: str):
    link = {"run": "tagged/interp", "section": section, **more}
    parts = [f"&p.interpretability.{key}={urllib.parse.quote(value, safe='')}" for key, value in link.items()]
    return open_report(browser, page, f"#interpretability{''.join(parts)}", scheme)


def chosen(tab: Tab) -> dict[str, str]:
    """Return what the address says."""
    found = re.findall(r"p\.interpretability\.(\w+)=([^&]*)", tab.page.evaluate("location.hash"))
    return {key: urllib.parse.unquote(value) for key, value in found}


def bar(tab: Tab) -> str:
    return tab.text(".versus-bar").replace("\n", " ")


def test_what_is_compared_is_chosen_in_the_header(browser: BrowserContext, page: pathlib.Path) -> None:
    with opened(browser, page, "groups") as tab:
        tab.wait_for_pictures()
        assert tab.frame.locator(".versus-bar").count() == 0
        tab.page.keyboard.press("v")
        menu = tab.frame.get_by_label("Compare with", exact=True)
        assert tab.frame.evaluate("document.activeElement.ariaLabel") == "Compare with"
        assert tab.frame.locator(".comparison").count() == 0, "nothing is compared yet"
        options = ["nothing", "another step of this run", "short", LONG]
        assert menu.locator("option").all_inner_texts() == options
        menu.select_option(label="another step of this run")
        tab.frame.locator(".comparison").first.wait_for()
        assert tab.text(".comparison h3") == "step 100 beside step 400"
        assert (chosen(tab)["versus"], chosen(tab).get("at")) == ("tagged/interp", None)
        tab.frame.get_by_label("Step to compare with").select_option("200")
        wait_until(lambda: tab.text(".comparison h3") == "step 200 beside step 400", "another step")
        assert chosen(tab)["at"] == "200"
        tab.page.go_back()
        wait_until(lambda: tab.text(".comparison h3") == "step 100 beside step 400", "Back")
        tab.page.go_back()
        wait_until(lambda: "versus" not in chosen(tab) and tab.frame.locator(".comparison").count() == 0, "off again")
        tab.page.go_forward()
        tab.page.go_forward()
        wait_until(lambda: tab.text(".comparison h3") == "step 200 beside step 400", "Forward")
        copied = "p.interpretability.versus=tagged%2Finterp&p.interpretability.at=200"
        assert copied in tab.page.evaluate("location.hash")
        tab.frame.get_by_role("button", name="Stop comparing").click()
        wait_until(lambda: tab.frame.locator(".versus-bar, .comparison").count() == 0, "one click leaves")
        assert not {"versus", "at"} & set(chosen(tab))
        assert "Compare" in tab.frame.evaluate("document.activeElement.ariaLabel"), "the focus is not lost"
        tab.page.keyboard.press("?")
        assert "compare with another run or step" in tab.text("dialog")


def test_the_two_are_exchanged(browser: BrowserContext, page: pathlib.Path) -> None:
    with opened(browser, page, "features", versus=f"{LONG}/interp", at="200") as tab:
        tab.wait_for_pictures()
        shown = tab.pictures()
        assert "B tagged, step 400" in bar(tab)
        entries = tab.page.evaluate("history.length")
        tab.page.keyboard.press("b")
        wait_until(lambda: f"B {LONG}, step 200" in bar(tab), "the other one is shown")
        tab.wait_for_pictures()
        assert tab.step() == 200
        expected = {"run": f"{LONG}/interp", "step": "200", "versus": "tagged/interp", "at": "400"}
        assert chosen(tab) == {**expected, "section": "features"}
        assert [one["sum"] for one in tab.pictures()] != [one["sum"] for one in shown]
        tab.frame.get_by_role("button", name="Exchange A and B").click()
        wait_until(lambda: "B tagged, step 400" in bar(tab), "and back")
        tab.wait_for_pictures()
        assert [one["sum"] for one in tab.pictures()] == [one["sum"] for one in shown]
        assert tab.page.evaluate("history.length") == entries, "one may blink without filling the history"


def test_what_is_to_be_compared_and_is_not_here_is_said(browser: BrowserContext, page: pathlib.Path) -> None:
    with opened(browser, page, "groups", versus="gone/interp", at="100") as tab:
        lost = tab.frame.locator(".lost")
        wait_until(lambda: lost.count() == 1, "a note")
        assert lost.inner_text() == "Run gone, to compare with, is not here; nothing is compared. OK"
        lost.get_by_role("button").click()
        wait_until(lambda: lost.count() == 0, "read")
        assert not {"versus", "at"} & set(chosen(tab))
    with opened(browser, page, "groups", versus="short/interp", at="300") as tab:
        lost = tab.frame.locator(".lost")
        wait_until(lambda: lost.count() == 1, "a note")
        said = "Step 300, to compare with, is not among the steps of short; comparing with step 100. OK"
        assert lost.inner_text() == said
        lost.get_by_role("button").click()
        wait_until(lambda: lost.count() == 0 and chosen(tab)["at"] == "100", "read")
    with opened(browser, page, "groups", at="400") as tab:
        wait_until(lambda: "Step 400 is the one that is shown" in tab.text(".top"), "the same step is no comparison")
        assert tab.frame.locator(".comparison").count() == 0
    with opened(browser, page, "features", run="short/interp") as tab:
        tab.page.keyboard.press("v")
        assert "another step" not in tab.text(".versus-bar"), "it has one step only"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_long_name_breaks_nothing(browser: BrowserContext, page: pathlib.Path, scheme: str) -> None:
    with opened(browser, page, "groups", scheme, run=f"{LONG}/interp", versus="tagged/interp") as tab:
        tab.page.set_viewport_size({"width": 1000, "height": 900})
        tab.wait_for_pictures()
        assert (lightness(tab.frame.locator(".interp")) < 0.5) == (scheme == "dark")
        assert tab.frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ends = tab.frame.locator(".versus-bar > *").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().right)"
        )
        assert max(ends) <= 1000
        boxes = tab.frame.locator(".versus-bar > :not(.space)").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"
        )
        assert all(one[1] < other[0] for one, other in itertools.pairwise(boxes)), "nothing lies over anything"
        tab.shoot(f"compare-groups-{scheme}")
