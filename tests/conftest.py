"""Fixtures that several test files share."""

import gc
import os
import pathlib
from collections.abc import Iterator

import fake_run
import pytest
import tensorflow as tf
from browser_checks import CHROMIUM, start_browser
from browser_quiet import count_work, read_at_rest
from playwright.sync_api import BrowserContext

from tensorboard_plugin_interp import metadata
from tf_interp import demo
from tf_interp.findings import Finder, RunFinding
from tf_interp.records import write
from tf_interp.report import write_report

if "PYTEST_XDIST_WORKER" in os.environ:  # workers have a core each: a second thread for operations only waits for it
    tf.config.threading.set_inter_op_parallelism_threads(1)


def pytest_collection_finish() -> None:
    """Let garbage be looked for less often, and not in what stays anyway: the modules of TensorFlow, the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session")
def finding(tmp_path_factory: pytest.TempPathFactory) -> demo.DemoResult:
    """One run of the demo, for the tests of its story and of its tab."""
    return demo.run_demo(tmp_path_factory.mktemp("demo") / "logs", seed=0)


@pytest.fixture(scope="session")
def report_logs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Two runs, of four steps with a finding and of one, for the tests of reports."""
    folder, step = tmp_path_factory.mktemp("reports") / "logs", fake_run.STEPS[1]
    fake_run.write_run(folder, "clean", fake_run.STEPS[:1], tagged=False)
    fake_run.write_run(folder, "tagged", fake_run.STEPS[:4])
    tag = RunFinding("relies", "Epoch 2: the logit of 3 begins to rely on tag.", step, 1, {"concept": "tag"},
                     "at most 5 %", {"kind": "concepts", "layer": "conv3", "step": step})  # fmt: skip
    write([Finder([tag]).to_record(step, [tag], {"epoch": 1})], folder / "tagged")
    named = metadata.make_entry("conv2", "group 1", "<b>stripes</b>", None, [])
    metadata.change_names(folder / "tagged", lambda file: [named])
    return folder


@pytest.fixture(scope="session")
def report(report_logs: pathlib.Path) -> pathlib.Path:
    """Their report as a page."""
    return write_report(report_logs, report_logs.parent / "report.html")


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    """One Chromium for all browser tests; without one they are skipped, except where it is required, as in CI."""
    if not pathlib.Path(CHROMIUM).exists():
        reason = f"no Chromium at {CHROMIUM} (Debian: apt-get install chromium; elsewhere set CHROMIUM)"
        if os.environ.get("TF_INTERP_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, start_browser(playwright) as context:
        count_work(context)
        undo = read_at_rest()
        yield context
        undo()
