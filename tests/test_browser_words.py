"""What the tab says about itself, in a real browser: how to read a section, how things were made, what is missing."""

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import fake_run
import pytest
from browser_checks import BrowserContext, open_tab, start_tensorboard, wait_for_runs, wait_until

from tensorboard_plugin_interp import metadata

pytestmark = pytest.mark.browser
SECTIONS = ("Overview", "Features", "Groups", "Decision", "Concepts")
HEADINGS = ["What this shows", "How to read it", "How it can mislead", "From"]
STATIC = "data/plugin/interpretability/static/"
# What records of each kind hold among their settings, and what a person reads of it.
MADE: list[tuple[str, dict[str, Any], list[str], list[list[str]]]] = [
    ("features", {"steps": 96, "warm": False, "at": "channel", "seed": 3, "choice": "named", "param": "probe",
                  "accentuated": 0.1},
     ["96 optimization steps for each picture, from noise.",
      "A picture shall excite its channel at all positions, so it shows a texture.",
      "Channels: those that were asked for by number.",
      "Pictures: frequencies, colors, values and background are those of the probe's pictures, none far stronger.",
      "Made stronger in a probe picture: no more than 0.10 is changed (root mean square of its values, 0 to 1).",
      "Seed of the noise and of the random shifts: 3."], []),
    ("groups", {"images": 40, "k": 8, "method": "auto", "seed": 0, "param": "photographs"},
     ["Activations of 40 probe pictures were factorized into 8 groups, as asked for.",
      "Method: non-negative matrix factorization (NMF), chosen by what the layer does.",
      "Icons: frequencies and colors come as easily as in photographs, on mid-grey.",
      "Seed of the factorization and of the icons: 0."], []),
    ("attribution", {"method": "gradient_x_input", "pictures": 1},
     ["Method: gradient × activation: what each position adds to the target, to first order.",
      "Explained: the first 1 probe picture."], []),
    ("attribution", {"method": "of_tomorrow", "pictures": [3]}, ["Method: of tomorrow."], [["pictures", "[3]"]]),
    ("decision", {"cells": 3, "k": [8, 1], "layers": ["conv2", "conv3"], "pictures": 20},
     ["Explained: the first 20 probe pictures.", "A picture is cut into 3 × 3 regions.",
      "Joined: conv2 (8 groups) and conv3 (1 group)."], []),
    ("dictionary", {"pictures": 16, "icons": "crops", "grid": None, "groups": None},
     ["Shown: the first 16 probe pictures.", "Words are single channels.", "Icons: parts of the probe pictures.",
      "No grid."], []),
    ("concepts",
     {"alpha": 0.05, "bootstraps": 1000, "cav": "mean", "classes": {"3": 3}, "concepts": {"mark": 60, "tag": 1},
      "grouped": False, "hierarchy": {}, "layers": ["conv2", "conv3"], "method": "displacement", "paired": ["tag"],
      "permutations": 10000, "pooling": "mean", "random": None, "relative": "none", "seed": 0, "targets": {"3": 39}},
     ["Concepts: mark (60 pictures) and tag (1 picture).", "The same pictures without it: for tag.",
      "No random pictures.", "Asked about: 3 (39 pictures).", "Tested together: conv2 and conv3.",
      "Method: the gradient times the difference of mean activations between concept and contrast, first order.",
      "Concept vector: the difference of the mean activations.", "Activations are averaged over positions.",
      "Chance: 10,000 permutations of the labels.", "Intervals: 1,000 bootstrap samples.", "Level: 5.0 %.",
      "Seed of permutations and samples: 0."], []),
    ("of a later version", {"toString": 1}, [], [["toString", "1"]]),
]  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run, and one with a single picture, no class names and a kind that this version does not know."""
    logs = tmp_path_factory.mktemp("logs")
    fake_run.write_run(logs, "run", fake_run.STEPS[:2])
    _write_bare_run(logs / "bare" / metadata.SUBRUN)
    with start_tensorboard(logs) as address:
        wait_for_runs(address, 13)
        yield address


def _write_bare_run(folder: pathlib.Path) -> None:
    events = []
    for kind, data, images in fake_run.Maker(0, (1,), True).records("conv2", 0):
        if data.get("probe"):
            data["probe"] |= {"count": 1, "labels": None, "ids": ["one.png"], "predictions": [3]}
            data["probe"]["thumbnails"] |= {"count": 1}
        for unit in data.get("units", []):
            unit["examples"] = unit["examples"][:1]
            unit["examples"][0]["probe"] = 0
        data |= {"class_names": None} | ({"pictures": data["pictures"][:1]} if kind == "attribution" else {})
        header = {"schema": 1, "kind": kind, "layer": "conv2", "step": 1, "title": kind, "data": data}
        events.append((f"{kind}/conv2", 1, metadata.pack(header, [fake_run._png(image) for image in images])))
    header = {"schema": 1, "kind": "dreams", "layer": "conv2", "step": 1, "title": "", "data": {}}
    events.append(("dreams/conv2", 1, metadata.pack(header, [])))
    fake_run.write_events(folder, events)


def test_each_section_says_how_it_is_read_and_can_mislead(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link="&p.interpretability.run=run/interp") as tab:
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url))
        for section in SECTIONS:
            tab.section(section)
            button = tab.frame.get_by_role("button", name=f"About this section: {section}")
            panel = tab.frame.get_by_role("region", name=f"About {section}")
            assert button.get_attribute("aria-expanded") == "false"
            assert not panel.is_visible()
            button.focus()
            button.press("Enter")
            panel.wait_for()
            assert panel.get_by_role("heading").all_inner_texts() == HEADINGS
            assert 3 <= len(re.findall(r"[.?](?=\s|$)", " ".join(panel.locator("p").all_inner_texts()))) <= 7
            links = panel.get_by_role("link").all()
            assert {(one.get_attribute("target"), one.get_attribute("rel")) for one in links} == {
                ("_blank", "noopener noreferrer")
            }
            assert all(re.search(r", (19|20)\d\d \(opens in a new tab\)$", one.text_content().strip()) for one in links)
            panel.get_by_role("button", name="Close").press("Escape")
            panel.wait_for(state="hidden")
            assert button.evaluate("(element) => element === document.activeElement"), "focus comes back"
        assert all(one.startswith((url, "data:", "blob:")) for one in asked), asked
        tab.section("Features")
        tab.frame.get_by_role("button", name="About this section").click()
        tab.shoot("words-features")
        tab.frame.locator(".unit").first.click()
        tab.frame.get_by_role("dialog").wait_for()
        tab.page.keyboard.press("Escape")
        assert tab.frame.get_by_role("dialog").count() == 0, "the side panel closes first"
        assert tab.frame.get_by_role("region", name="About Features").is_visible()


def test_how_a_record_was_made_is_said_in_words(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link="&p.interpretability.run=run/interp") as tab:
        tab.section("Features")
        assert "softmax undone" not in tab.text(), "no news, so behind a click"
        tab.frame.get_by_text("How this was made").first.click()
        text = tab.text(".made")
        for words in (
            "128 optimization steps for each picture, from the picture of the look before.",
            "at the central position only",
            "Channels: those that differed most between the probe pictures at the first look; they stay the same.",
            "Model: digit_cnn. Made at step 200, in 4.2 s.",
            "softmax undone, using logits",
        ):
            assert words in text, words
        assert re.search(r"of_a_later_version\s+7", text)
        assert "warm" not in text
        tab.section("Concepts")
        assert "the pool has 96 pictures" in tab.text(".made .note"), "what is news stays in sight"
        found = tab.frame.evaluate(
            """async ([address, cases]) => {
                const { tellMade } = await import(address);
                return cases.map(([kind, settings]) =>
                    tellMade({ kind, step: 1, data: { settings, method: kind === "groups" ? "nmf" : undefined } }));
            }""",
            [f"{url}{STATIC}words/settings.js", MADE],
        )
    for (kind, _, sentences, rest), made in zip(MADE, found, strict=True):
        assert made == {"sentences": [*sentences, "Made at step 1."], "rest": rest}, kind


def test_the_first_visit_is_greeted_once(url: str, browser: BrowserContext) -> None:
    context = browser.browser.new_context()  # type: ignore[union-attr]  # nobody was here before
    for first in (True, False):
        with open_tab(context, url) as tab:
            tab.wait_for_pictures()
            place = tab.frame.get_by_role("region", name="New here")
            assert place.count() == int(first)
            if first:
                assert place.get_by_role("listitem").count() == 3
                tab.shoot("words-first-visit")
                place.get_by_role("button", name="Got it").click()
                wait_until(lambda place=place: place.count() == 0, "it is closed")
                assert tab.frame.evaluate("document.activeElement.className") == "about-button"
    context.close()
    context = browser.browser.new_context()  # type: ignore[union-attr]  # that lets nothing be remembered
    context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })")
    page = context.new_page()
    page.goto(f"{url}{STATIC}words/about.js")  # TensorBoard itself needs that memory
    page.evaluate(
        """async (address) => {
            const { Welcome } = await import(`${address}words/welcome.js`);
            const { html, render } = await import(`${address}vendor/preact-htm.js`);
            render(html`<${Welcome} several=${false} />`, document.body);
        }""",
        f"{url}{STATIC}",
    )
    page.get_by_role("button", name="Got it").click()
    wait_until(lambda: page.get_by_text("Got it").count() == 0, "it closes all the same")
    context.close()


def test_one_picture_without_class_names_and_an_unknown_kind(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, 1024, link="&p.interpretability.run=bare/interp") as tab:
        tab.wait_for_pictures()
        text = tab.text()
        assert re.search(r"last look\s+(just now|\d+ (s|min) ago)", text)
        assert re.search(r"also recorded\s+dreams \(no view here", text)
        assert re.search(r"probe\s+1 probe picture\b", text)
        for section in SECTIONS[1:]:
            tab.section(section)
            text += tab.text()
        assert "class 3" in text
        assert not re.search(r"undefined|NaN|null\b|\[object", text), text
        tab.shoot("words-bare-1024")


def test_kinds_without_a_view_are_named_where_there_is_nothing_else(url: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto(f"{url}{STATIC}words/about.js")
    page.evaluate(
        """async (address) => {
            const { Empty } = await import(`${address}views/view_empty.js`);
            const { html, render } = await import(`${address}vendor/preact-htm.js`);
            Object.defineProperty(navigator, "clipboard", { value: undefined }); // as on a page without https
            render(html`<${Empty} error="" unknown=${["dreams"]} />`, document.body);
        }""",
        f"{url}{STATIC}",
    )
    assert "What is recorded here (dreams) has no view in this version" in page.inner_text("main")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Press Ctrl+C").wait_for()
    assert page.evaluate("String(getSelection())").startswith("import tf_interp as ti")
    page.close()
