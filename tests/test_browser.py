"""The tab in a real browser, on a real TensorBoard."""

import json
import pathlib
import re
import shutil
import time
from collections.abc import Iterator

import fake_run
import pytest
from browser_checks import (
    BrowserContext,
    Page,
    check_all,
    check_theme,
    open_tab,
    start_tensorboard,
    wait_for_runs,
    wait_until,
)
from concept_networks import HEAD, make_linear, noise, tinted
from playwright.sync_api import Route

from tf_interp.analysis import ConceptTests, analyze
from tf_interp.concepts import tcav
from tf_interp.probe import Probe
from tf_interp.records import write

pytestmark = pytest.mark.browser
RUN = "digits/tagged"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("logs")
    fake_run.write_hostile_run(folder, fake_run.HOSTILE)
    fake_run.write_run(folder, "digits/clean", fake_run.STEPS[:3], tagged=False)
    fake_run.write_run(folder, RUN)
    return folder


@pytest.fixture(scope="module")
def servers(logs: pathlib.Path) -> Iterator[tuple[str, str]]:
    """TensorBoard as most people start it, and behind a prefix with its other loader; started together to save time."""
    other = logs.parent / f"{logs.name}-other"
    shutil.copytree(logs / RUN, other / RUN)
    with (
        start_tensorboard(logs) as plain,
        start_tensorboard(other, "--path_prefix=/some/prefix", "--load_fast=false") as prefixed,
    ):
        wait_for_runs(plain, 20)
        wait_for_runs(prefixed, 8)
        yield plain, prefixed


def reload(page: Page, text: str = "") -> str:
    """Press TensorBoard's own button, which tells the tab to look at once; return `text`."""
    page.locator("app-header-reload button").click()
    return text


def test_every_section_shows_what_it_should(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[0]) as tab:
        wait_until(lambda: "showing 12 of 40 steps" in tab.text(".top"), "how many steps are missing")
        check_all(tab, "light-1280")
        tab.section("Groups")
        assert "Probe: grey = band 0" in tab.text()
        check_theme(tab)


def test_behind_a_path_prefix_with_the_other_loader(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[1], 1920, 1100) as tab:
        tab.set_theme(dark=True)
        check_all(tab, "dark-1920")


def test_a_link_leads_back_to_what_was_shown(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[0], 900) as tab:
        tab.frame.get_by_label("Layer").select_option("conv3")
        tab.section("Features")
        tab.press("Home")
        tab.frame.locator(".unit").nth(2).click()
        tab.wait_for_pictures()
        name = tab.frame.get_by_role("dialog").locator(".panel-title").inner_text()
        assert "red = band 2, cyan = band 3" in tab.text(".panel")
        tab.shoot("light-900-unit")
        wait_until(lambda: "p.interpretability.item=" in tab.page.url, "the address says what is open")
        link = tab.page.url.partition("#interpretability")[2]
    with open_tab(browser, servers[0], 900, link=link) as tab:
        tab.wait_for_pictures()
        assert tab.step() == fake_run.STEPS[0]
        assert tab.frame.get_by_role("dialog").locator(".panel-title").inner_text() == name
        assert "conv2" not in tab.text()
        tab.page.keyboard.press("Tab")
        tab.frame.locator(".panel").press("Escape")
        assert tab.frame.get_by_role("dialog").count() == 0


def test_the_run_can_be_chosen(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[0]) as tab:
        tab.frame.get_by_label("Run", exact=True).select_option(label="digits/clean")
        wait_until(lambda: tab.step() == fake_run.STEPS[2], "the other run's last step")
        tab.wait_for_pictures()
        assert tab.text(".finding") == "No concept test is a finding. Of 8 tests: 8 no finding."


def test_notebook_record_and_tab_say_the_same(tmp_path: pathlib.Path, browser: BrowserContext) -> None:
    model = make_linear(HEAD, class_names=["cat", "dog"])
    sets = {"red": tinted(noise(40, 1), 0), "plain": noise(40, 2)}
    part = ConceptTests(sets, noise(80, 4), {"cat": noise(30, 3), "dog": noise(6, 5)}, permutations=2000)
    layers = ["features", "pool"]
    write(analyze(model, Probe.from_arrays(noise(4, 6)), layers, [part]), tmp_path)
    result = tcav(model, sets, noise(80, 4), dict(part.targets), layers, permutations=2000)
    with start_tensorboard(tmp_path) as url:
        wait_for_runs(url, 2)
        with open_tab(browser, url) as tab:
            tab.wait_for_pictures()
            seen = tab.text(".headline").replace("Be careful with this:", "").split()
            headline = result.headline()[1]
            assert seen == " ".join([headline.sentence, headline.verdict, *headline.cautions]).split()
            tab.section("Concepts")
            for layer in layers:
                rows = [row for row in result.find(layer=layer) if row["contrast"] == "random"]
                (findings, _), place = result.findings(rows), tab.frame.get_by_label(f"Layer {layer}")
                for row, finding in zip(rows, findings, strict=True):
                    card = place.get_by_label(f"Target {row['target']}").locator("button.test", has_text=row["concept"])
                    assert re.search(rf"{finding.claim}\s+p = {row['p_holm']:.2g}$", card.inner_text())
                    specific = finding.claim == "finding" and row["specificity"] is not None
                    assert card.locator("rect.specific").count() == specific
                    card.click()
                    tab.wait_for_pictures()
                    text = tab.text(".panel")
                    assert f"{finding.sentence}\n" in text
                    assert f"{finding.verdict}\n" in text
                    assert len(row["flags"]) == tab.frame.locator(".panel .careful li").count()
                    assert all(caution in text for caution in finding.cautions)
            assert any(finding.claim == "finding" for finding in result.findings()[0])
            tab.shoot("words")


def test_a_record_without_words_shows_its_numbers(servers: tuple[str, str], browser: BrowserContext) -> None:
    def strip(route: Route) -> None:
        answer = route.fetch()
        data = answer.json()
        for key in ("headline", "cautions", "correction"):
            del data["data"][key]
        for row in data["data"]["tests"]:
            for key in ("sentence", "verdict", "claim", "cautions"):
                del row[key]
        route.fulfill(response=answer, json=data)

    page = browser.new_page()
    page.route("**/record?*tag=concepts*", strip)
    page.goto(f"{servers[0]}#interpretability", wait_until="commit")
    frame = page.frame_locator("iframe")
    frame.get_by_text("This record tells its numbers only.").wait_for()
    frame.get_by_role("button", name="Concepts", exact=True).click()
    frame.locator("button.test").first.click()
    assert re.search(r"[\d.]+ \[[−\d.]+, [\d.]+\]\s+p = [\d.]+", frame.locator("button.test").first.inner_text())
    frame.locator(".panel .facts").wait_for()
    assert "undefined" not in frame.locator("main").inner_text()
    assert "8 tests corrected together" in frame.locator("main").inner_text()
    page.close()


def test_names_from_data_are_text_and_nothing_else(servers: tuple[str, str], browser: BrowserContext) -> None:
    names = [payload for payload in fake_run.HOSTILE if '"' not in payload]
    with open_tab(browser, servers[0]) as tab:
        tab.frame.get_by_label("Run", exact=True).select_option(f"{names[1]}/interp")
        seen = ""
        for section in ("Overview", "Features", "Groups", "Decision", "Concepts"):
            tab.section(section)
            seen += tab.text(".interp")
            card = tab.frame.locator(".unit, .map, button.test").first
            card.click()
            tab.wait_for_pictures()
            seen += tab.text(".interp")
            made = "script, iframe, svg[onload], [onerror], [onmouseover], math, body title"
            assert tab.frame.locator(made).count() <= 1
        tab.shoot("hostile")
        assert tab.frame.locator("script").count() == 1, "TensorBoard's own"
        assert "\u202e" not in seen, "a name turns the text after it around"
        found = [payload for payload in fake_run.HOSTILE if payload in seen]
        assert len(found) > 10, found


def test_scrubbing_is_quick_and_never_blank(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[0]) as tab:
        tab.section("Features")
        tab.press("Home")
        start = time.monotonic()
        for _ in fake_run.STEPS[1:]:
            tab.frame.get_by_role("slider").press("ArrowRight")
            assert min(picture["high"] - picture["low"] for picture in tab.pictures(at_once=True)) > 10
        tab.wait_for_pictures()
        assert time.monotonic() - start < 6
        assert tab.step() == fake_run.STEPS[-1]


def test_play_runs_over_the_steps_and_stops(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[0]) as tab:
        tab.frame.get_by_role("slider").press("End")
        tab.frame.get_by_role("slider").press("ArrowLeft")
        tab.frame.get_by_role("button", name="Play over the steps").click()
        wait_until(lambda: tab.step() == fake_run.STEPS[-1], "the last step")
        tab.frame.get_by_role("button", name="Play over the steps").wait_for()


def test_new_steps_appear_and_a_hidden_tab_is_quiet(
    logs: pathlib.Path, servers: tuple[str, str], browser: BrowserContext
) -> None:
    with open_tab(browser, servers[0]) as tab:
        tab.frame.get_by_label("Run", exact=True).select_option(label="digits/clean")
        wait_until(lambda: tab.step() == 300, "the last step so far")
        fake_run.write_run(logs, "digits/clean", (400,), tagged=False)
        wait_until(lambda: tab.step() == 400, "the new step, without a click")
        tab.frame.get_by_role("slider").press("Home")
        fake_run.write_run(logs, "digits/clean", (500,), tagged=False)
        wait_until(lambda: "5 steps" in reload(tab.page, tab.text(".badges")), "one step more")
        assert tab.step() == 100, "who looks at an early step stays there"
        tab.page.evaluate("() => { document.querySelector('iframe').style.height = '0px'; }")  # as TensorBoard hides it
        time.sleep(0.3)  # a look that had begun just before does not count
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url) if "/runs?" in request.url else None)
        time.sleep(5.3)  # one look, and a bit
        assert asked == []


def test_a_new_step_is_asked_for_alone(logs: pathlib.Path, servers: tuple[str, str], browser: BrowserContext) -> None:
    fake_run.write_run(logs, "digits/growing", (100, 200, 300), tagged=False)
    with open_tab(browser, servers[0], link="&p.interpretability.run=digits/growing/interp") as tab:
        wait_until(lambda: tab.step() == 300, "the last step so far")
        tab.section("Groups")
        wait_until(lambda: tab.frame.locator(".chart").count() == 2, "both curves, which come after pictures")
        tab.wait_for_pictures()
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url) if "/series?" in request.url else None)
        fake_run.write_run(logs, "digits/growing", (400,), tagged=False)
        wait_until(lambda: tab.step() == 400, "the new step, without a click")
        tab.wait_for_pictures()
        wait_until(lambda: tab.step() == 400 and len(asked) >= 2, "both layers' curves grow", 30)
        assert len(asked) == 2, asked
        assert all(url.endswith("&after=300") for url in asked), asked
        charts = tab.frame.locator(".chart-card")
        assert "400" in charts.first.inner_text()
        assert "100" in charts.first.inner_text()


# A source that answers from a table, and the store in front of it, in the browser.
STORE = """async ([address, sessions]) => {
    const { Store } = await import(address);
    const asked = [];
    let written = [];
    const record = ([step, time]) => ({ step, data: time, images: [] });
    const store = new Store({
        record: async (run, tag, step) => { asked.push(`record ${step}`); return { step }; },
        series: async (run, tag, after) => {
            asked.push(after ?? "all");
            const found = written.filter(([step]) => after === undefined || step > after);
            return { steps: found.map(record), unreadable: 0, written };
        },
    });
    const answers = [];
    for (written of sessions) {
        const { steps } = await store.series("run", "tag", written.map(([step]) => step));
        await store.record("run", "tag", 1);
        answers.push(steps.map((entry) => [entry.step, entry.data]));
    }
    return { asked, answers };
}"""


@pytest.mark.parametrize(
    ("sessions", "asked"),
    [
        ([[[1, 5], [2, 6]], [[1, 5], [2, 6], [3, 7]]], ["all", "record 1", 2]),
        # TensorBoard thins out what is between
        ([[[1, 5], [2, 6], [3, 7]], [[1, 5], [3, 7], [4, 8], [5, 9]]], ["all", "record 1", 3]),
        # the run began again in the same folder: at a lower step, at the same steps, and further already
        ([[[1, 5], [2, 6]], [[1, 9]]], ["all", "record 1", 2, "all", "record 1"]),
        ([[[1, 5], [2, 6]], [[1, 8], [2, 9], [3, 10]]], ["all", "record 1", 2, "all", "record 1"]),
        ([[[1, 5], [4, 6]], [[1, 5], [2, 8], [4, 9], [5, 10]]], ["all", "record 1", 4, "all", "record 1"]),
    ],
)
def test_what_is_known_of_a_series_is_kept_while_it_holds(
    servers: tuple[str, str], browser: BrowserContext, sessions: list, asked: list
) -> None:
    with open_tab(browser, servers[0]) as tab:
        address = f"{servers[0]}data/plugin/interpretability/static/model.js"
        found = tab.frame.evaluate(STORE, [address, sessions])
    assert found == {"asked": asked, "answers": sessions}


def test_a_run_that_began_again_is_told_from_one_that_goes_on(
    servers: tuple[str, str], browser: BrowserContext
) -> None:
    cases = [
        ([1, 2], 7, False),
        ([1, 2, 3], 8, False),
        ([2], 7, False),
        ([1], 9, True),
        ([1, 2], 9, True),
        (None, 7, True),
    ]
    with open_tab(browser, servers[0]) as tab:
        found = tab.frame.evaluate(
            """async ([address, cases]) => {
                const { isReplaced } = await import(address);
                const before = { steps: [1, 2], wall_time: 7 };
                return cases.map(([steps, wall_time]) => isReplaced(before, { steps, wall_time }));
            }""",
            [f"{servers[0]}data/plugin/interpretability/static/model.js", cases],
        )
    assert found == [replaced for *_, replaced in cases]


def test_records_of_a_run_that_began_again_are_asked_for_again(
    servers: tuple[str, str], browser: BrowserContext
) -> None:
    later = 0.0

    def answer(route: Route) -> None:
        runs = json.loads(route.fetch().text())
        for series in runs["runs"][f"{RUN}/interp"].values():
            series["wall_time"] += later
        route.fulfill(json=runs)

    with open_tab(browser, servers[0], link=f"&p.interpretability.run={RUN}/interp") as tab:
        tab.page.route("**/interpretability/runs*", answer)
        tab.section("Features")
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url) if "/record?" in request.url else None)
        with tab.page.expect_response("**/interpretability/runs*"):
            reload(tab.page)
        later = 60.0  # the same steps, written anew
        wait_until(lambda: len([url for url in reload(tab.page) or asked if "step=1200" in url]) >= 2, "both layers")
        tab.wait_for_pictures()


def test_the_rate_of_an_alarm_is_said_in_few_digits(servers: tuple[str, str], browser: BrowserContext) -> None:
    def watched(route: Route) -> None:
        record = json.loads(route.fetch().text())
        record["data"] |= {"watch": {"alpha": 0.05}, "exploratory": False}
        route.fulfill(json=record)

    link = f"&p.interpretability.run={RUN}/interp&p.interpretability.section=concepts"
    with open_tab(browser, servers[0], link=link) as tab:
        tab.page.route("**/interpretability/record?*", watched)
        tab.page.reload()
        frame = tab.page.wait_for_selector("iframe").content_frame()
        frame.get_by_text("alarm over the training, at 5 %: silent so far").first.wait_for()


def test_a_chart_has_no_dot_where_there_is_no_number(servers: tuple[str, str], browser: BrowserContext) -> None:
    with open_tab(browser, servers[0]) as tab:
        dots = tab.frame.evaluate(
            """async (address) => {
                const { LineChart } = await import(`${address}drawing/charts.js`);
                const { html, render } = await import(`${address}vendor/preact-htm.js`);
                const place = document.createElement("div");
                document.body.append(place);
                return [180, 100].map((height) => {
                    const points = [{ x: 1, y: 2 }, { x: 2, y: null }, { x: 3, y: 4 }];
                    const series = [{ name: "a", color: "red", points }];
                    return [1, 2].map((at) => {
                        render(html`<${LineChart} label="a" series=${series} at=${at} height=${height} />`, place);
                        return place.querySelectorAll("circle").length;
                    });
                });
            }""",
            f"{servers[0]}data/plugin/interpretability/static/",
        )
    assert dots == [[2, 2], [1, 0]]  # a high chart marks every point, a low one the step of the slider


def test_without_data_it_says_what_to_do(servers: tuple[str, str], browser: BrowserContext) -> None:
    page = browser.new_page()
    page.route("**/interpretability/runs*", lambda route: route.fulfill(body=json.dumps({"runs": {}})))
    page.goto(f"{servers[0]}#interpretability", wait_until="commit")
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="See what your network has learned").wait_for()
    assert "InterpCallback" in frame.locator("pre").inner_text()
    page.screenshot(path=pathlib.Path(__file__).parent / "screenshots" / "empty.png")
    page.close()


def test_a_server_that_is_gone_is_said_and_waited_for(servers: tuple[str, str], browser: BrowserContext) -> None:
    page = browser.new_page()
    page.route("**/interpretability/runs*", lambda route: route.abort())
    page.goto(f"{servers[0]}#interpretability", wait_until="commit")
    frame = page.frame_locator("iframe")
    frame.get_by_text("TensorBoard does not answer").wait_for()
    page.unroute("**/interpretability/runs*")
    reload(page)
    frame.get_by_role("heading", name="This run").wait_for()
    assert frame.get_by_text("TensorBoard does not answer").count() == 0
    page.close()


def test_a_record_that_cannot_be_read_leaves_the_others(servers: tuple[str, str], browser: BrowserContext) -> None:
    page = browser.new_page()
    sentence = "the record of step 1200 cannot be read: upgrade tf-interp"
    page.route(
        "**/record?*tag=features%2Fconv2*",
        lambda route: route.fulfill(status=422, body=json.dumps({"error": sentence})),
    )
    page.route(
        "**/record?*tag=groups%2Fconv2*",
        lambda route: route.fulfill(body=json.dumps({"step": 1, "data": {"groups": 7, "probe": 1}, "images": []})),
    )
    page.goto(f"{servers[0]}#interpretability", wait_until="commit")
    frame = page.frame_locator("iframe")
    frame.get_by_text(sentence).wait_for()
    frame.get_by_text("This record cannot be shown").wait_for()
    assert frame.get_by_role("heading", name="conv3").count() >= 2
    frame.get_by_role("navigation").get_by_role("button", name="Groups", exact=True).click()
    frame.locator(".map").first.click()  # of conv3
    frame.get_by_role("dialog").get_by_text("Each group alone").wait_for()
    link = page.url.replace("conv3", "conv2")
    page.goto("about:blank")
    page.goto(link, wait_until="commit")
    frame.get_by_role("dialog").get_by_text("This record cannot be shown").wait_for()
    assert frame.get_by_role("heading", name="conv3").count() == 1
    page.close()
