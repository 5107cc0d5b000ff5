"""A report in a real browser, from a disk: the story is there, it asks nothing of anybody, and no name in it runs."""

import contextlib
import pathlib
from collections.abc import Iterator

import browser_checks
import fake_run
import pytest
from browser_checks import BrowserContext, Tab, lightness, wait_until

from tf_interp.report import write_report

pytestmark = pytest.mark.browser
STEPS = fake_run.STEPS[:4]
SAID = "Epoch 2: the logit of 3 begins to rely on tag."
SCRIPT = "</script><script>alert(1)</script>\u2028<!--"


@contextlib.contextmanager
def open_report(browser: BrowserContext, path: pathlib.Path, link: str = "", scheme: str = "light") -> Iterator[Tab]:
    """Open a report, and fail afterwards if it had any error, or asked for anything but itself."""
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.set_default_timeout(20_000)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"pageerror: {error}"))
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{path.as_uri()}{link}")
    page.wait_for_selector("main")
    try:
        yield (tab := Tab(page, page.main_frame, problems))
        tab.check_no_problems()
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    finally:
        page.close()


def test_the_whole_tab_is_there_without_a_server(report: pathlib.Path, browser: BrowserContext) -> None:
    with open_report(browser, report, "#interpretability&p.interpretability.run=tagged/interp") as tab:
        wait_until(lambda: SAID in tab.text(), "the finding")
        assert tab.frame.get_by_role("heading", name="Interpretability report: logs").is_visible()
        for title in ("Concepts", "This run", "Features", "Neuron groups", "Decisions"):
            assert tab.frame.get_by_role("heading", name=title, exact=True).is_visible()
        assert len(tab.pictures()) >= 10
        for check in list(browser_checks.CHECKS.values())[1:]:
            check(tab)
        browser_checks.check_slider(tab)
        tab.section("Groups")
        assert "<b>stripes</b>" in tab.text(), "the name that a person gave"


def test_the_link_keeps_what_is_chosen(report: pathlib.Path, browser: BrowserContext) -> None:
    with open_report(browser, report) as tab:
        tab.frame.get_by_label("Run", exact=True).select_option("tagged/interp")
        tab.section("Groups")
        tab.press("Home")
        wait_until(lambda: "interpretability.step=" in tab.page.evaluate("location.hash"), "the address says the step")
        link = tab.page.evaluate("location.hash").partition("#")[2]
        assert tab.step() == STEPS[0]
    with open_report(browser, report, f"#{link}") as tab:
        tab.frame.get_by_role("heading", name="conv2").first.wait_for()
        assert tab.step() == STEPS[0]
        assert tab.frame.get_by_role("button", name="Groups", exact=True).get_attribute("aria-current") == "page"
        tab.page.evaluate("location.hash = '#p.interpretability.run=clean/interp'")  # as a person pastes another one
        wait_until(lambda: tab.frame.get_by_role("heading", name="This run").count() == 1, "the Overview again")
        assert tab.frame.get_by_label("Run", exact=True).input_value() == "clean/interp"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_are_those_that_the_browser_prefers(report: pathlib.Path, browser: BrowserContext, scheme: str) -> None:
    with open_report(browser, report, "#p.interpretability.run=tagged/interp", scheme) as tab:
        tab.wait_for_pictures()
        assert (lightness(tab.frame.locator(".interp")) < 0.5) == (scheme == "dark")
        tab.shoot(f"report-{scheme}")


def test_steps_that_were_left_out_are_told(
    report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    told: list[str] = []
    limit = report.stat().st_size / 1e6 - 0.1
    small = write_report(report_logs, report.with_name("small.html"), max_mb=limit, say=told.append)
    with open_report(browser, small, "#p.interpretability.run=tagged/interp") as tab:
        wait_until(lambda: "has 4 steps; this report keeps" in tab.text(".about-report"), "the notice")
        assert told[0] in tab.text(".about-report")
        assert tab.frame.locator(".badge.warn").count() == 1


def test_no_name_runs(tmp_path: pathlib.Path, browser: BrowserContext) -> None:
    fake_run.write_hostile_run(tmp_path, [*fake_run.HOSTILE, SCRIPT])
    with open_report(browser, write_report(tmp_path, tmp_path / "report.html")) as tab:
        tab.wait_for_pictures()
        for name in ("Features", "Groups", "Decision", "Concepts"):
            tab.section(name)
        assert tab.frame.locator("main script, main iframe, main img").count() == 0
        assert "alert(1)" in tab.text()


def test_without_scripts_the_words_are_there(report: pathlib.Path, browser: BrowserContext) -> None:
    context = browser.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    page = context.new_page()
    page.goto(report.as_uri())
    assert SAID in page.inner_text("body")
    context.close()
