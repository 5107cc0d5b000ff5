"""A report in Firefox, from a disk: every section is there as in Chromium, without an error and without a request."""

import pathlib

import fake_run
import firefox
import pytest
from browser_checks import SCREENSHOTS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        firefox.FIREFOX is None,
        reason="no Firefox on this machine (Debian: apt-get install firefox-esr; or set FIREFOX to its path)",
    ),
]
STEPS = fake_run.STEPS[:4]
SETTLED = (
    "!document.querySelector('.waiting, [aria-busy=true]')"
    " && !/Loading|Looking/.test(document.querySelector('main').innerText)"
)
# of each canvas that is drawn: whether it has more than one grey, and colors
SEEN = """[...document.querySelectorAll("main canvas:not(.absent)")].map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let [low, high, color] = [255, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
        const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
        low = Math.min(low, r, g, b); high = Math.max(high, r, g, b);
        color = Math.max(color, Math.max(r, g, b) - Math.min(r, g, b));
    }
    return { range: high - low, color };
})"""


def test_every_section_is_drawn_without_an_error(report: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with firefox.start_firefox(tmp_path / "profile") as page:
        page.open(f"{report.as_uri()}#interpretability&p.interpretability.run=tagged/interp")
        assert "Firefox" in page.run("navigator.userAgent")
        page.wait("document.querySelector('main canvas')")
        for section, said in (
            ("Overview", "Epoch 2: the logit of 3 begins to rely on tag."),
            ("Features", "channel 11"),
            ("Groups", "Share of the layer’s activation over training"),
            ("Decision", "blue pushes toward the target"),
            ("Concepts", "Each row shows how far a concept moves a logit"),
        ):
            page.run(f"[...document.querySelectorAll('nav button')].find(one => one.innerText === '{section}').click()")
            page.wait(f"document.querySelector('main').innerText.includes({said!r}) && {SETTLED}")
            seen = page.run(SEEN)
            assert sum(one["range"] > 30 for one in seen) > 0.8 * len(seen) > 0, section
            if section in ("Groups", "Decision"):
                assert max(one["color"] for one in seen) > 60, section
            page.wait("document.documentElement.scrollWidth <= innerWidth")  # or the section is too wide
            page.shoot(SCREENSHOTS / f"firefox-{section.lower()}.png")
        label = "Number(document.querySelector('.now-label b').innerText.replace(/\\D/g, ''))"
        assert page.run(label) == STEPS[-1]
        page.run("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }))")
        page.wait(f"{label} === {STEPS[-2]} && {SETTLED}")
        assert page.problems == []
        assert [url for url in page.asked if not url.startswith(("data:", "blob:", "file:"))] == []
