"""A read waits for what a page has begun, and for nothing else."""

import pathlib
import time

import browser_quiet
import pytest
from browser_checks import BrowserContext, Page

pytestmark = pytest.mark.browser
LATER = """<p>early</p><script>{
    const wait = (milliseconds) => new Promise((tell) => setTimeout(tell, milliseconds));
    const frame = () => new Promise(requestAnimationFrame);
    const say = (text) => { document.querySelector("p").textContent = text; };
    const pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
    const picture = Object.assign(new Image(), { src: pixel });
    const act = async () => { %s; say("late"); };
    %s
}</script>"""
WORK = {
    "timers": "for (let i = 0; i < 3; i++) await wait(150)",
    "frames": "for (let i = 0; i < 30; i++) await frame()",
    "answer": "say((await (await fetch('http://rest.test/slow')).text()))",
    "refused": "await fetch('http://rest.test/none').catch(() => wait(100))",
    "picture": "await picture.decode(); await wait(100); await createImageBitmap(picture); await wait(100)",
    "idle": "await new Promise((tell) => requestIdleCallback(tell)); await wait(200)",
}


@pytest.fixture
def page(browser: BrowserContext):
    page = browser.new_page()
    page.route("http://rest.test/", lambda route: route.fulfill(body="", content_type="text/html"))
    page.route("http://rest.test/slow", lambda route: (time.sleep(0.3), route.fulfill(body="an answer")))
    page.route("http://rest.test/none", lambda route: route.abort())
    page.goto("http://rest.test/")
    yield page
    page.close()


@pytest.mark.parametrize("work", WORK)
def test_a_read_waits_for_what_was_begun(page: Page, work: str) -> None:
    page.set_content(LATER % (WORK[work], "act();"))
    assert page.locator("p").inner_text() == "late"
    page.set_content(LATER % (WORK[work], "document.addEventListener('click', act);"))
    assert page.locator("p").inner_text() == "early"
    page.locator("p").click()
    assert page.locator("p").inner_text() == "late"


def test_what_is_canceled_or_far_away_is_not_waited_for(page: Page) -> None:
    canceled = "clearTimeout(setTimeout(() => {}, 400)); cancelAnimationFrame(requestAnimationFrame(() => {}));"
    page.set_content(LATER % ("await wait(60_000)", f"{canceled} act(); setInterval(() => {{}}, 5000)"))
    assert page.locator("p").inner_text() == "early"


def test_a_page_that_never_rests_says_what_it_does(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_quiet, "LONGEST", 0.5)
    page.set_content(LATER % ("for (;;) await wait(100)", "act();"))
    with pytest.raises(AssertionError, match=r"not at rest within 0\.5 s: setTimeout"):
        page.locator("p").count()


def test_a_page_around_is_not_waited_for_but_the_one_inside_is(browser: BrowserContext, tmp_path: pathlib.Path) -> None:
    inner = tmp_path / "inner.html"
    inner.write_text(LATER % (WORK["timers"], "act();"))
    outer = tmp_path / "outer.html"
    outer.write_text(
        "<script>setInterval(() => setTimeout(() => {}, 100), 10)</script><iframe src='inner.html'></iframe>"
    )
    page = browser.new_page()
    page.goto(outer.as_uri())
    assert page.frame_locator("iframe").locator("p").inner_text() == "late"
    page.close()
