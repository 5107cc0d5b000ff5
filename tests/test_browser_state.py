"""What a person chooses is one state: in the address, with a history, to be shared, by mouse and by keys."""

import pathlib
import re
import urllib.parse
from collections.abc import Iterator

import fake_run
import pytest
from browser_checks import BrowserContext, Tab, open_tab, start_tensorboard, wait_for_runs, wait_until
from playwright.sync_api import Route
from test_browser_report import open_report

pytestmark = pytest.mark.browser
STEPS = fake_run.STEPS[:4]
RUN = "&p.interpretability.run=tagged%2Finterp"
MANY = 1500


@pytest.fixture(scope="module")
def url(report_logs: pathlib.Path) -> Iterator[str]:
    with start_tensorboard(report_logs) as server:
        wait_for_runs(server, 17)
        yield server


def seen(tab: Tab) -> tuple[str, int, int]:
    """Return the section, the step, and how many things are open at the side."""
    return tab.text("[aria-current=page]"), tab.step(), tab.frame.get_by_role("dialog").count()


def address(tab: Tab) -> str:
    """Return what the address bar says now; Playwright's own `url` is that of its last message."""
    return tab.page.evaluate("location.href")


def walk(tab: Tab) -> None:
    """Choose, go back to where it began, and forward again."""
    tab.wait_for_pictures()
    entries = tab.page.evaluate("history.length")
    places = [seen(tab)]
    tab.section("Features")
    places.append(seen(tab))
    tab.frame.locator(".unit").nth(1).click()
    tab.press("Home")
    tab.press("ArrowRight")  # no entries, and what is left here stays with this one
    places.append(seen(tab))
    assert places[-1] == ("Features", STEPS[1], 1)
    tab.section("Groups")
    tab.frame.locator(".group-head").nth(1).click()
    wait_until(lambda: tab.page.evaluate("history.length") == entries + 4, "an entry for each choice")
    tab.page.go_back()
    wait_until(lambda: tab.frame.locator(".group-detail").count() == 0, "the group is let go")
    for place in places[::-1]:
        tab.page.go_back()
        wait_until(lambda place=place: seen(tab) == place, f"back at {place}")
    for place in places[1:]:
        tab.page.go_forward()
        wait_until(lambda place=place: seen(tab) == place, f"on to {place}")
    tab.page.go_forward()
    tab.page.go_forward()
    tab.frame.locator(".group-detail").wait_for()
    assert "p.interpretability.group=" in address(tab)
    assert tab.page.evaluate("history.length") == entries + 4


def test_back_and_forward_walk_through_what_was_chosen(url: str, report: pathlib.Path, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=RUN) as tab:
        walk(tab)
    with open_report(browser, report, f"#interpretability{RUN}") as tab:
        walk(tab)


def test_what_the_address_asks_for_and_is_not_here_is_said(report: pathlib.Path, browser: BrowserContext) -> None:
    asked = {"run": "gone\u202e/interp", "layer": "conv9", "step": "250", "section": "nowhere"}
    link = "".join(f"&p.interpretability.{key}={value}" for key, value in asked.items())
    with open_report(browser, report, f"#interpretability{link}") as tab:
        wait_until(lambda: tab.frame.locator(".lost").count() == 4, "four notes")
        assert tab.frame.locator(".lost").all_inner_texts() == [
            "Run gone\ufffd is not here; showing tagged. OK",  # the one that was written last
            "Layer conv9 is not in this run; showing all layers. OK",
            "Step 250 is not among the steps of this run; showing step 200. OK",
            "There is no section nowhere; showing Overview. OK",
        ]
        entries = tab.page.evaluate("history.length")
        tab.shoot("lost")
        for _ in asked:
            tab.frame.locator(".lost button").first.click()
        wait_until(lambda: tab.frame.locator(".lost").count() == 0, "all are read")
        assert address(tab).partition("#")[2] == "interpretability&p.interpretability.step=200"
        assert tab.page.evaluate("history.length") == entries
        tab.frame.get_by_label("Run", exact=True).select_option("clean/interp")
        tab.page.evaluate("location.hash += '&p.interpretability.item=%5B%22features/x%22,%22y%22%5D'")
        tab.page.evaluate("location.hash += '&p.interpretability.section=features'")
        tab.frame.get_by_text("What the address opens in the side panel is not in this run.").wait_for()


def test_a_copied_link_leads_to_what_was_shown(url: str, report: pathlib.Path, browser: BrowserContext) -> None:
    browser.grant_permissions(["clipboard-read", "clipboard-write"])
    for opened in (open_tab(browser, url), open_report(browser, report)):
        with opened as tab:
            tab.section("Features")
            tab.frame.locator(".unit").nth(2).click()
            tab.wait_for_pictures()
            name = tab.text(".panel-title")
            tab.frame.get_by_role("dialog").get_by_role("button", name="Copy a link to this unit").click()
            tab.frame.get_by_text("Copied").wait_for()
            copied = tab.frame.evaluate("navigator.clipboard.readText()")
            tab.frame.get_by_role("button", name="Copy a link to what is shown").click()
            assert tab.frame.evaluate("navigator.clipboard.readText()") == copied
            start, _, link = copied.partition("#interpretability")
            assert start == address(tab).partition("#")[0]
            assert f"{RUN}&" in link, "which run, though nobody chose it"
            assert f"p.interpretability.step={STEPS[3]}" in link, "which step, though it is the last so far"
        again = open_report(browser, report, f"#interpretability{link}") if "file:" in start else None
        with again or open_tab(browser, start, link=link) as tab:
            wait_until(lambda name=name: tab.text(".panel-title") == name, "the unit is open")
            assert tab.frame.locator(".lost").count() == 0


def test_keys_are_told_and_work_except_while_typing(report: pathlib.Path, browser: BrowserContext) -> None:
    with open_report(browser, report, f"#interpretability{RUN}&p.interpretability.section=features") as tab:
        tab.wait_for_pictures()
        tab.frame.locator(".unit").first.click()
        tab.wait_for_pictures()
        press = tab.page.keyboard.press
        tab.frame.get_by_role("button", name="Keys", exact=True).click()
        overlay = tab.frame.locator("dialog")
        for key in ("←", "→", "P", "1 … 6", "/", "C", "Esc", "?"):
            assert key in overlay.inner_text()
        tab.shoot("keys")
        press("4")
        press("Escape")
        overlay.wait_for(state="detached")
        assert seen(tab) == ("Features", STEPS[3], 1), "the keys were the overlay's"
        press("?")
        overlay.wait_for()
        press("?")
        overlay.wait_for(state="detached")
        press("Escape")
        wait_until(lambda: seen(tab)[2] == 0, "the side panel is closed")
        press("3")
        wait_until(lambda: seen(tab)[0] == "Groups", "the third section")
        press("5")  # of which this run has no records
        tab.frame.get_by_role("slider").press("4")  # no field to type into
        wait_until(lambda: seen(tab)[0] == "Decision", "the fourth section")
        press("ArrowLeft")
        wait_until(lambda: tab.step() == STEPS[2], "one step back")
        press("p")
        wait_until(lambda: tab.step() == STEPS[3], "played to the end")
        press("/")
        assert tab.frame.evaluate("document.activeElement.ariaLabel") == "Run"
        press("2")
        assert seen(tab)[0] == "Decision", "in a menu, keys are the menu's"


def copies(route: Route) -> None:
    """Answer as if there were many runs, each as the one that is there, and many layers."""
    asked = re.sub(r"run=sweep[^&]*", "run=tagged%2Finterp", route.request.url)
    asked = re.sub(r"features%2Fblock\d+", "features%2Fconv2", asked)
    if "/runs" not in asked:
        return route.continue_(url=asked)
    answer = route.fetch(url=asked).json()
    runs = answer["runs"]
    run = runs["tagged/interp"]
    run |= {f"features/block{n}": run["features/conv2"] | {"layer": f"block{n}"} for n in range(20)}
    shown = urllib.parse.parse_qs(urllib.parse.urlparse(route.request.url).query).get("run")
    for name in (f"sweep/lr=0.{n}/interp" for n in range(MANY)):
        runs[name] = run if [name] == shown else {"features/conv2": run["features/conv2"] | {"steps": None}}
    return route.fulfill(json=answer)


def test_among_many_runs_and_layers_one_is_found(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"{RUN}&p.interpretability.section=features") as tab:
        tab.page.route(re.compile("/interpretability/[a-z]+\\?"), copies)
        tab.page.locator("app-header-reload button").click()
        button = tab.frame.get_by_role("button", name="Run: tagged", exact=True)
        button.wait_for()
        tab.frame.locator("h2").first.click()
        tab.page.keyboard.press("/")
        field = tab.frame.get_by_role("combobox", name="Find runs")
        rows = tab.frame.locator(".chooser-menu [role=option]")
        assert rows.locator("nth=0").is_visible()
        assert rows.count() <= 100
        assert tab.frame.locator(".chooser-menu [aria-selected=true]").inner_text() == "tagged"
        assert f"{MANY + 2:,}" in tab.text(".chooser-foot")
        field.fill("LR=0.14[78]$")
        assert rows.all_inner_texts() == ["sweep/lr=0.147", "sweep/lr=0.148"]
        tab.shoot("many-runs")
        field.fill("0.147(")
        assert rows.count() == 0
        assert "no regular expression" in tab.text(".chooser-foot")
        field.fill("lr=0.")
        assert rows.count() == 100
        for _ in range(10):
            field.press("PageDown")
        assert "101 to 200" in tab.text(".chooser-foot")
        assert tab.frame.locator(".chooser-menu .at").is_visible(), "the list follows the keys"
        field.fill("0.147")
        field.press("ArrowDown")
        field.press("ArrowUp")
        field.press("Enter")
        chosen = tab.frame.get_by_role("button", name="Run: sweep/lr=0.147", exact=True)
        chosen.wait_for()
        assert tab.frame.evaluate("document.activeElement.ariaLabel") == "Run: sweep/lr=0.147"
        wait_until(lambda: "run=sweep%2Flr%3D0.147%2Finterp" in address(tab), "the address has it")
        tab.frame.get_by_role("button", name="Layer: all 22").click()
        tab.frame.get_by_role("combobox", name="Find layers").fill("k17")
        tab.frame.get_by_role("option", name="block17").click()
        wait_until(lambda: tab.frame.locator("h2").all_inner_texts() == ["block17"], "this layer alone")
        chosen.click()
        tab.frame.get_by_role("combobox", name="Find runs").press("Escape")
        assert rows.count() == 0
        tab.frame.locator("body").press("3")
        tab.frame.get_by_role("button", name="Groups", exact=True).and_(
            tab.frame.locator("[aria-current=page]")
        ).wait_for()
        tab.page.unroute_all(behavior="ignoreErrors")
