"""All runs side by side on the Overview, in a real browser: the newest first, each with what was found in it."""

import pathlib
from collections.abc import Iterator

import fake_run
import pytest
from browser_checks import BrowserContext, open_tab, start_tensorboard, wait_for_runs, wait_until
from test_browser_report import open_report

from tensorboard_plugin_interp import metadata
from tf_interp import read
from tf_interp.findings import Finder, RunFinding
from tf_interp.records import write

pytestmark = pytest.mark.browser
RUNS = 40
MARKUP = "<img src=x onerror=alert(1)>"


def _find(number: int, epoch: int) -> RunFinding:
    sentence = f"Epoch {epoch}: run {number} relies on {MARKUP if number == 7 else 'a mark'}."
    return RunFinding("relies", sentence, 10, 0, {"target": "3", "concept": str(epoch)}, "at most 5 %")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    logs = tmp_path_factory.mktemp("logs")
    header = {"schema": 1, "kind": "concepts", "layer": "conv2", "title": "c", "step": 12345}
    said = {"headline": {"layer": None, "test": None, "finding": {"sentence": "No concept test is a finding."}}}
    event = ("concepts/conv2", 12345, metadata.pack({**header, "data": {"tests": [], **said}}, []))
    fake_run.write_events(logs / "sweep/quiet", [event])
    for number in range(RUNS):
        found = [_find(number, epoch) for epoch in range(1 + (number == 7) * 2)]
        write([Finder(found).to_record(10, found, {"epoch": None})], logs / f"sweep/lr{number}")
    with start_tensorboard(logs) as server:
        wait_for_runs(server, RUNS + 1)
        yield server


def test_every_run_has_a_row_with_what_was_found_in_it(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url) as tab:
        table = tab.frame.get_by_role("region", name="All runs")
        rows = table.locator("tbody tr")
        wait_until(lambda: rows.count() == 15 and "…" not in table.inner_text(), "a page of runs")
        assert f"{RUNS + 1} runs, page 1 of 3" in table.inner_text()
        names = rows.locator("th").all_inner_texts()
        assert names[0].startswith(f"sweep/lr{RUNS - 1}"), "the newest first"
        assert "Epoch 0: run 39 relies on a mark." in rows.first.inner_text()
        assert table.get_by_role("button", name="Newer").is_disabled()
        table.get_by_role("button", name="Older").click()
        wait_until(lambda: rows.locator("th").first.inner_text().startswith("sweep/lr24"), "the next page")

        table.get_by_role("searchbox", name="Find a run").fill("LR7")
        wait_until(lambda: rows.count() == 1 and "relies" in rows.inner_text(), "one run")
        assert MARKUP in rows.inner_text(), "words, and no markup"
        assert "and 2 more findings" in rows.inner_text()
        assert f"1 of {RUNS + 1} runs" in table.inner_text()

        table.get_by_role("searchbox").fill("quiet")
        wait_until(lambda: "No concept test is a finding." in rows.inner_text(), "what the tests say")
        assert "12,345" in rows.inner_text()
        tab.shoot("all-runs")
        rows.get_by_role("button", name="sweep/quiet").click()
        wait_until(lambda: rows.get_by_text("(shown)").count() == 1, "the run is shown")
        table.get_by_role("searchbox").fill("nothing like it")
        wait_until(lambda: rows.count() == 0, "no run")
        assert f"0 of {RUNS + 1} runs" in table.inner_text()


def test_what_was_found_in_other_runs_is_not_asked_of_the_server_again(url: str, browser: BrowserContext) -> None:
    read = []
    for _ in range(2):
        with open_tab(browser, url) as tab:
            table = tab.frame.get_by_role("region", name="All runs")
            wait_until(lambda table=table: "…" not in table.inner_text() and "(shown)" in table.inner_text(), "a page")
            kept = """() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/record?"))
                .map(({ name, transferSize }) => [name.includes("&written="), transferSize === 0])"""
            read.append(tab.frame.evaluate(kept))
    assert len(read[0]) == len(read[1]) >= 15
    assert all(written for written, _ in read[0])
    assert all(from_cache for _, from_cache in read[1]), "a browser keeps them"


def test_a_report_of_several_runs_has_the_table_too(
    report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    with open_report(browser, report) as tab:
        table = tab.frame.get_by_role("region", name="All runs")
        wait_until(lambda: "rely on tag." in table.inner_text(), "what was found")
        (*_, last) = [record for record in read(report_logs / "clean") if record.kind == "concepts"]
        row = table.get_by_role("row").filter(has_text="clean")
        wait_until(lambda: last.data["headline"]["finding"]["sentence"] in row.inner_text(), "its concept tests")
        row.get_by_role("button").click()
        wait_until(lambda: "(shown)" in row.inner_text(), "the run is shown")
