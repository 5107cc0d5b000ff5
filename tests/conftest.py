"""Fixtures that several test files share."""

import os
import pathlib
from collections.abc import Iterator

import pytest
from browser_checks import CHROMIUM, start_browser
from playwright.sync_api import BrowserContext

from tf_interp import demo


@pytest.fixture(scope="session")
def finding(tmp_path_factory: pytest.TempPathFactory) -> demo.DemoResult:
    """One run of the demo, for the tests of its story and of its tab."""
    return demo.run_demo(tmp_path_factory.mktemp("demo") / "logs", seed=0)


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
        yield context
