"""Findings on the Overview, in a real browser: in the records' own words, up to the chosen step, with their proof."""

from collections.abc import Iterator

import fake_run
import pytest
from browser_checks import BrowserContext, open_tab, start_tensorboard, wait_for_runs, wait_until

from tf_interp.findings import Finder, RunFinding
from tf_interp.records import Record, write

pytestmark = pytest.mark.browser
FIRST, SECOND, LAST = fake_run.STEPS[1], fake_run.STEPS[2], fake_run.STEPS[3]
MARKUP = "<img src=x onerror=alert(1)>"


def _findings() -> list[RunFinding]:
    tag = RunFinding("relies", f"Epoch 3: the logit of 3 begins to rely on {MARKUP}.", SECOND, 2,
                     {"target": "3", "concept": MARKUP}, "at most 5 % of trainings",
                     {"kind": "concepts", "layer": "conv3", "step": SECOND})  # fmt: skip
    gone = {"kind": "features", "layer": "nowhere", "step": 3}
    dead = RunFinding("dead-units", "Epoch 2: 4 of 8 channels of conv2 are constant.", FIRST, 1,
                      {"layer": "conv2"}, "a plain threshold", gone)  # fmt: skip
    small = [
        RunFinding("group-born", f"Epoch 3: group {n} appears.", SECOND, 2, {"group": str(n)}, "") for n in range(6)
    ]
    return [dead, tag, *small]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    logs = tmp_path_factory.mktemp("logs")
    fake_run.write_run(logs, "run", fake_run.STEPS[:4])
    dead, *later = _findings()
    records: list[Record] = []
    for step, new in ((FIRST, [dead]), (SECOND, [dead, *later])):
        records.append(Finder(new).to_record(step, new, {"epoch": None}))
    write(records, logs / "run")
    with start_tensorboard(logs) as server:
        wait_for_runs(server, 9)
        yield server


def test_findings_come_first_gravest_first_and_lead_to_what_shows_them(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url) as tab:
        place = tab.frame.get_by_role("region", name="Findings")
        lines = place.locator("p.finding")
        wait_until(lambda: lines.count() == 8, "eight findings")
        assert MARKUP in lines.first.inner_text()
        assert place.locator("img").count() == 0
        assert place.bounding_box()["y"] < tab.frame.get_by_role("region", name="Concepts").bounding_box()["y"]
        assert place.locator("details p.finding").count() == 2
        assert "4 of 8 channels" in place.locator("li").nth(1).inner_text()
        assert place.locator("li").nth(1).get_by_role("button").count() == 0, "what is not there cannot be shown"
        tab.shoot("findings")
        place.get_by_role("button", name="See it").click()
        tab.frame.get_by_role("heading", name="conv3").first.wait_for()
        assert tab.step() == SECOND
        tab.check_no_problems()


def test_at_an_earlier_step_later_findings_are_not_there_yet(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"&p.interpretability.step={FIRST}") as tab:
        place = tab.frame.get_by_role("region", name="Findings")
        wait_until(lambda: place.locator("p.finding").count() == 1, "one finding")
        assert "new at this step" in place.inner_text()
    with open_tab(browser, url, link=f"&p.interpretability.step={fake_run.STEPS[0]}") as tab:
        tab.wait_for_pictures()
        assert tab.frame.get_by_role("region", name="Findings").count() == 0
        tab.check_no_problems()
