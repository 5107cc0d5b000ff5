"""Two runs or two steps beside each other, in a real browser: chosen in the header, and one state for all views."""

import io
import itertools
import pathlib
import re
import urllib.parse

import fake_run
import pytest
from browser_checks import BrowserContext, Tab, lightness, wait_until
from PIL import Image
from test_browser_report import open_report
from test_browser_saving import save

import tf_interp as ti
from tf_interp import read
from tf_interp.report import write_report

pytestmark = pytest.mark.browser
STEPS = fake_run.STEPS[:4]
LONG = "sweep/learning_rate=0.0003,weight_decay=0.00001,augmentation=strong," + "width=128," * 5 + "seed=7"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a report of two runs of four steps, one of them with a long name, of which another has one step only."""
    folder = tmp_path_factory.mktemp("compare") / "logs"
    fake_run.write_run(folder, LONG, STEPS, tagged=False)
    fake_run.write_run(folder, "short", STEPS[:1], tagged=False)
    fake_run.write_run(folder, "tagged", STEPS)
    return write_report(folder, folder.parent / "report.html")


def opened(browser: BrowserContext, page: pathlib.Path, section: str = "overview", scheme: str = "light", **more: str):
    link = {"run": "tagged/interp", "section": section, **more}
    parts = [f"&p.interpretability.{key}={urllib.parse.quote(value, safe='')}" for key, value in link.items()]
    return open_report(browser, page, f"#interpretability{''.join(parts)}", scheme)


def chosen(tab: Tab) -> dict[str, str]:
    """Return what the address says."""
    found = re.findall(r"p\.interpretability\.(\w+)=([^&]*)", tab.page.evaluate("location.hash"))
    return {key: urllib.parse.unquote(value) for key, value in found}


def bar(tab: Tab) -> str:
    return tab.text(".versus-bar").replace("\n", " ")


def test_what_is_compared_is_chosen_in_the_header(browser: BrowserContext, page: pathlib.Path) -> None:
    with opened(browser, page, "groups") as tab:
        tab.wait_for_pictures()
        assert tab.frame.locator(".versus-bar").count() == 0
        tab.page.keyboard.press("v")
        menu = tab.frame.get_by_label("Compare with", exact=True)
        assert tab.frame.evaluate("document.activeElement.ariaLabel") == "Compare with"
        assert tab.frame.locator(".comparison").count() == 0, "nothing is compared yet"
        options = ["nothing", "another step of this run", "short", LONG]
        assert menu.locator("option").all_inner_texts() == options
        menu.select_option(label="another step of this run")
        tab.frame.locator(".comparison").first.wait_for()
        assert tab.text(".comparison h3") == "A: step 100 beside B: step 400"
        assert (chosen(tab)["versus"], chosen(tab).get("at")) == ("tagged/interp", None)
        tab.frame.get_by_label("Step to compare with").select_option("200")
        wait_until(lambda: tab.text(".comparison h3") == "A: step 200 beside B: step 400", "another step")
        assert chosen(tab)["at"] == "200"
        tab.page.go_back()
        wait_until(lambda: tab.text(".comparison h3") == "A: step 100 beside B: step 400", "Back")
        tab.page.go_back()
        wait_until(lambda: "versus" not in chosen(tab) and tab.frame.locator(".comparison").count() == 0, "off again")
        tab.page.go_forward()
        tab.page.go_forward()
        wait_until(lambda: tab.text(".comparison h3") == "A: step 200 beside B: step 400", "Forward")
        copied = "p.interpretability.versus=tagged%2Finterp&p.interpretability.at=200"
        assert copied in tab.page.evaluate("location.hash")
        tab.frame.get_by_role("button", name="Stop comparing").click()
        wait_until(lambda: tab.frame.locator(".versus-bar, .comparison").count() == 0, "one click leaves")
        assert not {"versus", "at"} & set(chosen(tab))
        assert "Compare" in tab.frame.evaluate("document.activeElement.ariaLabel"), "the focus is not lost"
        tab.page.keyboard.press("?")
        assert "compare with another run or step" in tab.text("dialog")


def test_the_two_are_exchanged(browser: BrowserContext, page: pathlib.Path) -> None:
    with opened(browser, page, "features", versus=f"{LONG}/interp", at="200") as tab:
        tab.wait_for_pictures()
        shown = tab.pictures()
        assert "B tagged, step 400" in bar(tab)
        entries = tab.page.evaluate("history.length")
        tab.page.keyboard.press("b")
        wait_until(lambda: f"B {LONG}, step 200" in bar(tab), "the other one is shown")
        tab.wait_for_pictures()
        assert tab.step() == 200
        expected = {"run": f"{LONG}/interp", "step": "200", "versus": "tagged/interp", "at": "400"}
        assert chosen(tab) == {**expected, "section": "features"}
        assert [one["sum"] for one in tab.pictures()] != [one["sum"] for one in shown]
        tab.frame.get_by_role("button", name="Exchange A and B").click()
        wait_until(lambda: "B tagged, step 400" in bar(tab), "and back")
        tab.wait_for_pictures()
        assert [one["sum"] for one in tab.pictures()] == [one["sum"] for one in shown]
        assert tab.page.evaluate("history.length") == entries, "one may blink without filling the history"


def test_a_second_exchange_undoes_the_first(browser: BrowserContext, page: pathlib.Path) -> None:
    """Words that go with training are kept: the latest step, the same step, the first one."""
    for more in ({"versus": f"{LONG}/interp"}, {"versus": f"{LONG}/interp", "at": "200"}, {"versus": "tagged/interp"}):
        with opened(browser, page, "features", **more) as tab:
            tab.wait_for_pictures()
            before, shown = chosen(tab), tab.text(".versus-shown")
            assert "step" not in before
            tab.page.keyboard.press("b")
            wait_until(lambda: tab.text(".versus-shown") != shown, "exchanged")  # noqa: B023
            assert ("at" in chosen(tab)) == (len(more) > 1 or more["versus"] == "tagged/interp")
            tab.wait_for_pictures()
            tab.page.keyboard.press("b")
            wait_until(lambda: tab.text(".versus-shown") == shown, "as before")  # noqa: B023
            assert chosen(tab) == before
            assert tab.frame.locator(".badge.live").count() == 1
    with opened(browser, page, "features", versus="short/interp") as tab:  # has one step
        tab.wait_for_pictures()
        tab.page.keyboard.press("b")
        wait_until(lambda: "B short" in bar(tab), "exchanged")
        assert chosen(tab)["at"] == "400", "the same step would be another one"
        tab.wait_for_pictures()
        tab.page.keyboard.press("b")
        wait_until(lambda: chosen(tab)["run"] == "tagged/interp" and "at" not in chosen(tab), "as before")


def test_the_focus_stays_in_the_line_of_the_comparison(browser: BrowserContext, page: pathlib.Path) -> None:
    def focused(tab: Tab) -> str:
        return tab.frame.evaluate("document.activeElement.ariaLabel")

    with opened(browser, page, "decisions", versus=f"{LONG}/interp", flips="only") as tab:
        tab.wait_for_pictures()
        exchange = tab.frame.get_by_role("button", name="Exchange A and B")
        exchange.focus()
        for shown in (LONG, "tagged"):
            tab.page.keyboard.press("Enter")
            wait_until(lambda: f"B {shown}, step" in bar(tab), "exchanged")  # noqa: B023
            tab.wait_for_pictures()
            assert focused(tab) == "Exchange A and B"
        menu = tab.frame.get_by_label("Compare with", exact=True)
        menu.focus()
        menu.select_option(label="nothing")
        wait_until(lambda: "versus" not in chosen(tab), "nothing")
        assert not {"versus", "at", "flips"} & set(chosen(tab)), "what only a comparison knows goes with it"
        assert focused(tab) == "Compare with"
        menu.select_option(label="short")
        wait_until(lambda: chosen(tab)["versus"] == "short/interp", "again")
        assert focused(tab) == "Compare with"


def test_to_show_what_is_compared_with_exchanges_the_two(browser: BrowserContext, page: pathlib.Path) -> None:
    expected = {"run": f"{LONG}/interp", "step": "200", "versus": "tagged/interp", "at": "400"}
    with opened(browser, page, versus=f"{LONG}/interp", at="200") as tab:
        wait_until(lambda: "B tagged, step 400" in bar(tab), "compared")
        tab.frame.get_by_label("Run", exact=True).select_option(label=LONG)
        wait_until(lambda: f"B {LONG}, step 200" in bar(tab), "from the menu")
        assert chosen(tab).items() >= expected.items()
        tab.page.go_back()
        wait_until(lambda: "B tagged, step 400" in bar(tab), "Back")
        tab.frame.locator(".run-table").get_by_role("button", name=LONG).click()
        wait_until(lambda: f"B {LONG}, step 200" in bar(tab), "from the table")
        assert chosen(tab).items() >= expected.items()


def test_pictures_of_other_probes_have_no_decisions_in_common(browser: BrowserContext, tmp_path: pathlib.Path) -> None:
    fake_run.write_run(tmp_path / "logs", "one", STEPS[:1], tagged=False)
    found = list(read(tmp_path / "logs" / "one"))
    for one in found:
        if probe := one.data.get("probe"):
            probe["ids"] = [f"other {name}" for name in probe["ids"]]
    ti.write(found, tmp_path / "logs" / "two")
    page = write_report(tmp_path / "logs", tmp_path / "report.html")
    said = "A and B have no pictures in common: which decisions differ cannot be said."
    with opened(browser, page, "decisions", run="two/interp", versus="one/interp") as tab:
        wait_until(lambda: said in tab.text("main"), "said where the maps are")
        assert tab.frame.get_by_role("button", name="Only those that differ").count() == 0
    with opened(browser, page, run="two/interp", versus="one/interp") as tab:
        wait_until(lambda: said in tab.text(".versus-changes"), "and on the Overview")
    with opened(browser, page, run="one/interp", at=str(STEPS[0])) as tab:
        tab.wait_for_pictures()
        assert tab.frame.locator(".versus-changes").count() == 0, "nothing to list"


def test_what_is_to_be_compared_and_is_not_here_is_said(browser: BrowserContext, page: pathlib.Path) -> None:
    with opened(browser, page, "groups", versus="gone/interp", at="100") as tab:
        lost = tab.frame.locator(".lost")
        wait_until(lambda: lost.count() == 1, "a note")
        assert lost.inner_text() == "Run gone, to compare with, is not here; nothing is compared. OK"
        lost.get_by_role("button").click()
        wait_until(lambda: lost.count() == 0, "read")
        assert not {"versus", "at"} & set(chosen(tab))
    with opened(browser, page, "groups", versus="short/interp", at="300") as tab:
        lost = tab.frame.locator(".lost")
        wait_until(lambda: lost.count() == 1, "a note")
        said = "Step 300, to compare with, is not among the steps of short; comparing with step 100. OK"
        assert lost.inner_text() == said
        lost.get_by_role("button").click()
        wait_until(lambda: lost.count() == 0 and chosen(tab)["at"] == "100", "read")
    with opened(browser, page, "groups", at="400") as tab:
        wait_until(lambda: "Step 400 is the one that is shown" in tab.text(".top"), "the same step is no comparison")
        assert tab.frame.locator(".comparison").count() == 0
    with opened(browser, page, "features", run="short/interp") as tab:
        tab.page.keyboard.press("v")
        assert "another step" not in tab.text(".versus-bar"), "it has one step only"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_long_name_breaks_nothing(browser: BrowserContext, page: pathlib.Path, scheme: str) -> None:
    with opened(browser, page, "groups", scheme, run=f"{LONG}/interp", versus="tagged/interp") as tab:
        tab.page.set_viewport_size({"width": 1000, "height": 900})
        tab.wait_for_pictures()
        assert (lightness(tab.frame.locator(".interp")) < 0.5) == (scheme == "dark")
        assert tab.frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ends = tab.frame.locator(".versus-bar > *").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().right)"
        )
        assert max(ends) <= 1000
        boxes = tab.frame.locator(".versus-bar > :not(.space)").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"
        )
        assert all(one[1] < other[0] for one, other in itertools.pairwise(boxes)), "nothing lies over anything"
        tab.shoot(f"compare-groups-{scheme}")


def records(page: pathlib.Path, run: str, kind: str, layer: str) -> dict[int, dict]:
    """Return what was recorded, by step."""
    return {
        one.step: one.data for one in read(page.parent / "logs" / run) if (one.kind, one.layer) == (kind, layer)
    }  # fmt: skip


def numbers(text: str) -> list[float]:
    return [float(one.replace("−", "-")) for one in re.findall(r"[−+]?\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_units_stand_beside_themselves(browser: BrowserContext, page: pathlib.Path, scheme: str) -> None:
    units = {step: data["units"] for step, data in records(page, "tagged", "features", "conv2").items()}
    with opened(browser, page, "features", scheme, layer="conv2", versus="tagged/interp") as tab:
        wait_until(lambda: tab.frame.locator(".versus-pair").count() == len(units[100]), "a pair on each card")
        tab.wait_for_pictures()
        for card, before, after in zip(tab.frame.locator(".unit").all(), units[100], units[400], strict=True):
            was, now, change = numbers(card.locator(".versus-change").inner_text())
            assert was == pytest.approx(before["activation"], rel=0.01)
            assert now == pytest.approx(after["activation"], rel=0.01)
            assert change == pytest.approx(after["activation"] - before["activation"], rel=0.02, abs=0.02)
        pictures = tab.pictures()
        sums = [picture["sum"] for picture in pictures]
        assert all(one != other for one, other in zip(sums[::2], sums[1::2], strict=True)), "two steps, two pictures"
        assert "Channel" not in tab.text(".versus-told"), "one training has one set of channels"
        tab.frame.locator(".unit").first.click()
        tab.wait_for_pictures()
        left, right = [picture["sum"] for picture in tab.pictures(".panel .versus-pair")]
        unit = units[400][0]["name"]
        names = [save(tab, tab.frame.locator(".panel"), "PNG", f"What {unit} looks for, {side}")[0] for side in "AB"]
        words = unit.replace(" ", "-")
        assert names == [
            f"tagged_conv2_What-{words}-looks-for-{side}_step-{at}.png" for side, at in (("A", 100), ("B", 400))
        ]
        said = [fact.inner_text().split() for fact in tab.frame.locator(".panel .facts dd").all()]
        for fact, name in zip(said, ["activation", "probe_max", "probe_mean"], strict=False):
            assert fact[::2] == ["A", "B"]
            assert numbers(" ".join(fact)) == pytest.approx(
                [units[step][0][name] for step in (100, 400)], rel=0.02, abs=0.01
            )
        assert re.search(r"B\s+Below: tagged, step 400\.", tab.text(".panel"))
        tab.shoot(f"compare-features-{scheme}")
        tab.frame.get_by_role("button", name="In one place").click()
        tab.wait_for_pictures()

        def large() -> int:
            return tab.pictures(".versus-stacked")[0]["sum"]

        shown, link = large(), tab.page.evaluate("location.hash")
        tab.page.keyboard.press("b")
        wait_until(lambda: large() != shown, "the other one in its place")
        assert tab.text(".versus-stacked") == "A"
        assert tab.page.evaluate("location.hash") == link, "the two of the whole tab stay"
        tab.frame.get_by_role("button", name="Blink: show B").click()
        wait_until(lambda: large() == shown, "and back")
        assert chosen(tab)["look"] == "blink", "the address says how they stand"
        tab.page.wait_for_timeout(800)
        assert large() == shown, "nothing blinks by itself"
        assert left != right


def test_units_of_one_side_only_are_said(browser: BrowserContext, tmp_path: pathlib.Path) -> None:
    for name, channels in (("one", [1, 2, 3]), ("two", [2, 4])):
        units = [
            {
                "channel": n,
                "name": f"channel {n}",
                "picture": None,
                "activation": n * (1 + (name == "two")),
                "status": "did not activate" if (name, n) == ("one", 2) else "ok",
            }
            for n in channels
        ]
        ti.write(
            [ti.Record("features", "conv", 5, "features", {"units": units, "pictures": None})], tmp_path / "logs" / name
        )
    page = write_report(tmp_path / "logs", tmp_path / "report.html")
    with opened(browser, page, "features", run="two/interp", versus="one/interp") as tab:
        tab.frame.locator(".versus-told").wait_for()
        told = tab.text(".versus-told")
        assert "1 unit of B has no picture in A. 2 units of A have no picture in B:" in told
        assert "A channel of another training is another one" in told
        assert tab.frame.locator(".versus-gone").inner_text().split() == ["channel", "1", "channel", "3"]
        cards = [card.inner_text() for card in tab.frame.locator(".unit").all()]
        assert "A 2.00, B 4.00, difference +2.00" in cards[0]
        sides = tab.frame.locator(".unit").first.locator(".versus-pair > span")
        assert [side.inner_text().split("\n")[-1] for side in sides.all()] == ["did not activate", "B"]
        assert [side.get_attribute("class") for side in sides.all()] == ["dim", ""], "each side for itself"
        assert "While comparing, these drawn pictures" in tab.text(".lead")
        assert "no picture in A" in cards[1], "what became of it there is not known"
        assert "A –, B 8.00, difference –" in cards[1]
        tab.frame.get_by_label("Find units").fill("[12]$")
        wait_until(lambda: tab.frame.locator(".unit").count() == 1, "one of the two of B")
        gone = tab.frame.locator(".versus-gone")
        assert gone.inner_text().split() == ["channel", "1"], "of A, too, those that are wanted"
        assert "1 unit of A has no picture in B:" in tab.text(".versus-told")
        assert "in A" not in tab.text(".versus-told")
        tab.frame.get_by_label("Find units").fill("")
        tab.frame.get_by_label("Which units").select_option("silent")
        wait_until(lambda: gone.count() == 0, "those that did not activate")


def marked(tab: Tab, target: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Return where the chart of a target has the steps of A and B, and where which of its curves have a large dot."""
    found = tab.frame.locator(f"section[aria-label='{target}']").evaluate(
        """(place) => {
            const steps = [...place.querySelectorAll(".now")].map((line) =>
                [line.classList.contains("beside") ? "A" : "B", line.getAttribute("x1")]);
            const dots = [...place.querySelectorAll("path.line")].flatMap((line) => {
                const own = [];
                for (let next = line.nextElementSibling; next?.tagName === "circle"; next = next.nextElementSibling)
                    if (next.getAttribute("r") === "4.5") own.push(next.getAttribute("cx"));
                return own.map((x) => [line.classList.contains("dashed") ? "A" : "B", x]);
            });
            return [steps, dots];
        }"""
    )
    return dict(found[0]), {tuple(one) for one in found[1]}


def test_effects_stand_beside_each_other(browser: BrowserContext, page: pathlib.Path) -> None:
    def row(run: str, step: int) -> dict:
        tests = records(page, run, "concepts", "conv3")[step]["tests"]
        return next(one for one in tests if (one["target"], one["concept"], one["contrast"]) == ("3", "tag", "random"))

    before, after = row(LONG, 400), row("tagged", 400)
    with opened(browser, page, "concepts", layer="conv3", versus=f"{LONG}/interp") as tab:
        line = tab.frame.locator(".test").filter(has_text="tag").first.locator(".versus-test")
        line.wait_for()
        assert "takes the two runs as independent" in tab.text()
        change = after["displacement"] - before["displacement"]
        half = sum((one["displacement"] - one["ci_low"]) ** 2 for one in (before, after)) ** 0.5
        said = numbers(line.inner_text().rpartition("difference")[2])
        assert said == pytest.approx([change, change - half, change + half], abs=0.011)
        wait_until(lambda: tab.frame.locator(".line.dashed").count() == 4, "a curve of A for each of B")
        assert "solid lines: B, dashed: A" in tab.text()
        tab.shoot("compare-concepts")
        tab.frame.get_by_label("Step to compare with").select_option("200")
        tab.wait_for_pictures()
        steps, dots = marked(tab, "Target 3, conv3")
        assert float(steps["A"]) < float(steps["B"])
        assert dots == set(steps.items()), "the dots of each curve stand at its own step"
        letters = tab.frame.locator(".now-letter").all_text_contents()
        assert [letter.strip() for letter in letters] == ["A", "B"] * 2
        line.click()
        panel = tab.frame.locator(".panel")
        wait_until(lambda: "A\n" in panel.inner_text(), "both sides")
        first = row(LONG, 200)
        assert all(one["sentence"] in panel.inner_text() for one in (first, after))
        expected = [one[name] for one in (first, after) for name in ("displacement", "ci_low", "ci_high")]
        assert numbers(panel.locator(".facts dd").first.inner_text()) == pytest.approx(expected, abs=0.011)
        assert "difference" in panel.locator(".versus-test").inner_text()
        tab.shoot("compare-concept-panel")
    with opened(browser, page, "concepts", layer="conv3", versus="tagged/interp") as tab:
        line = tab.frame.locator(".versus-test").first
        line.wait_for()
        assert "not independent: differences have no interval" in tab.text()
        assert "[" not in line.inner_text().rpartition("difference")[2]
        assert tab.frame.locator(".line.dashed").count() == 0, "both are points of one curve"
        steps, dots = marked(tab, "Target 3, conv3")
        assert set(steps) == {"A", "B"}
        assert {x for _, x in dots} == set(steps.values()), "that has a dot at both steps"


def test_what_changed_most_leads_to_each_thing(browser: BrowserContext, page: pathlib.Path) -> None:
    data = records(page, "tagged", "features", "conv2")
    was, now = [data[step]["probe"]["predictions"] for step in (100, 400)]
    flips = sum(one != other for one, other in zip(was, now, strict=True))
    assert flips > 0
    with opened(browser, page, versus="tagged/interp") as tab:
        changes = tab.frame.get_by_role("region", name="What changed most")
        changes.wait_for()
        wait_until(lambda: changes.locator("li").count() == 6, "three units, three tests")
        wait_until(lambda: f"{flips} of 64 pictures that both have" in changes.inner_text(), "the decisions")
        assert re.search(r"tag → 3\s+conv\d:\s+effect −?[\d.]+ → −?[\d.]+, against", changes.inner_text())
        tab.wait_for_pictures()
        tab.shoot("compare-overview")
        changes.get_by_role("button", name=re.compile("channel")).first.click()
        wait_until(lambda: tab.frame.locator(".panel .versus-pair").count() == 1, "the unit, on both sides")
        tab.page.go_back()
        changes.get_by_role("button", name="Show those that have maps, alone").click()
        wait_until(lambda: chosen(tab)["section"] == "decisions", "the pictures")
        tab.wait_for_pictures()
        cards = tab.frame.locator("[aria-label='Layer conv2'] .map")
        marked = sum(one != other for one, other in zip(was[:12], now[:12], strict=True))
        assert cards.count() == marked
        assert all(re.search(r"A: \d, B: \d", card.inner_text()) for card in cards.all())
        line = tab.frame.locator("[data-reveal=flips]").first
        wait_until(lambda: line.evaluate("line => line === document.activeElement"), "led to them")
        assert line.evaluate("line => line.getBoundingClientRect().top") < 300
        tab.shoot("compare-decisions")
        tab.frame.get_by_role("button", name="Show all 12").first.click()
        wait_until(lambda: cards.count() == 12 and "flips" not in chosen(tab), "all again")
        tab.frame.get_by_role("button", name="Only those that differ").first.click()
        wait_until(lambda: cards.count() == marked, "only these")
        tab.frame.get_by_role("button", name="Stop comparing").click()
        wait_until(lambda: cards.count() == 12, "without A none of them differs")


def pixels(tab: Tab, part: float) -> bytes:
    """Return a column of what is seen of two pictures at a part of their width, as grey."""
    box = tab.frame.locator(".versus-wipe").bounding_box()
    assert box is not None
    clip = {"x": box["x"] + part * box["width"], "y": box["y"] + 40, "width": 2, "height": box["height"] - 120}
    picture = Image.open(io.BytesIO(tab.page.screenshot(clip=clip)))  # type: ignore[arg-type]
    return picture.convert("L").tobytes()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_one_picture_is_wiped_over_the_other(browser: BrowserContext, page: pathlib.Path, scheme: str) -> None:
    with opened(browser, page, "features", scheme, layer="conv2", versus="tagged/interp") as tab:
        tab.frame.locator(".unit").first.click()
        tab.frame.locator(".panel").get_by_role("button", name="Wipe", exact=True).click()
        tab.wait_for_pictures()
        edge = tab.frame.get_by_role("slider", name=re.compile("Wipe from A to B: channel"))
        assert edge.get_attribute("aria-valuetext") == "A left of 50 %, B right of it"
        a, b = [picture["sum"] for picture in tab.pictures(".versus-wipe")]
        assert a != b
        half = [pixels(tab, 0.3), pixels(tab, 0.7)]
        tab.shoot(f"compare-wipe-{scheme}")
        steps = tab.step()
        edge.focus()
        tab.page.keyboard.press("Home")
        assert [pixels(tab, 0.3) == half[0], pixels(tab, 0.7) == half[1]] == [False, True], "all of it B"
        wait_until(lambda: chosen(tab).get("wipe") == "0", "the address has it")
        tab.page.keyboard.press("End")
        assert [pixels(tab, 0.3) == half[0], pixels(tab, 0.7) == half[1]] == [True, False], "all of it A"
        tab.page.keyboard.press("ArrowLeft")
        wait_until(lambda: chosen(tab).get("wipe") == "99", "one step of the edge")
        assert tab.step() == steps, "and none of training"
        box = tab.frame.locator(".versus-wipe").bounding_box()
        assert box is not None
        entries = tab.page.evaluate("history.length")
        tab.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 80)
        tab.page.mouse.down()
        tab.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 80, steps=4)
        seen = tab.frame.locator(".versus-edge").bounding_box()
        assert seen is not None
        assert seen["x"] == pytest.approx(box["x"] + 0.2 * box["width"], abs=4), "it follows the pointer"
        tab.page.mouse.up()
        wait_until(lambda: abs(int(chosen(tab)["wipe"]) - 20) <= 1, "where it rests")
        assert tab.page.evaluate("history.length") == entries
        link = tab.page.evaluate("location.hash")
        tab.frame.locator(".panel").get_by_role("button", name="Side by side").click()
        tab.frame.locator(".panel .versus-pair").wait_for()
        assert not {"look", "wipe"} & set(chosen(tab))
    with open_report(browser, page, link, scheme) as tab:
        wait_until(lambda: tab.frame.locator(".versus-edge").count() == 1, "the link leads to it")
        assert tab.frame.locator(".versus-wipe input").input_value() in {"19", "20", "21"}
        tab.frame.get_by_role("button", name="Stop comparing").click()
        wait_until(lambda: not {"look", "wipe"} & set(chosen(tab)), "it goes with the comparison")


def test_an_edge_is_moved_by_a_finger(browser: BrowserContext, page: pathlib.Path) -> None:
    assert browser.browser is not None
    touch = browser.browser.new_context(has_touch=True)
    with opened(touch, page, "features", layer="conv2", versus="tagged/interp", look="wipe") as tab:
        tab.frame.locator(".unit").first.tap()
        box = tab.frame.locator(".versus-wipe").bounding_box()
        assert box is not None
        tab.page.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 60)
        wait_until(lambda: abs(int(chosen(tab).get("wipe", 0)) - 75) <= 1, "there")
    touch.close()


def test_pictures_of_groups_and_decisions_are_wiped_too(browser: BrowserContext, page: pathlib.Path) -> None:
    def sums(tab: Tab, within: str) -> list[int]:
        tab.wait_for_pictures()
        return [picture["sum"] for picture in tab.pictures(within)]

    versus = {"versus": f"{LONG}/interp", "at": "100", "look": "wipe"}
    with opened(browser, page, "decisions", layer="conv2", **versus) as tab:
        tab.frame.locator(".map").first.click()
        tab.frame.locator(".panel .versus-wipe").wait_for()
        a, b = sums(tab, ".panel .versus-wipe")
        assert a != b
        assert "Each side has its own scale of colors." in tab.text(".panel")
        values = tab.frame.locator(".panel .facts div").filter(has_text="logit").locator("dd").inner_text()
        data = [
            records(page, run, "attribution", "conv2")[at]["pictures"][0] for run, at in ((LONG, 100), ("tagged", 400))
        ]
        assert numbers(values) == pytest.approx([one["logit"] for one in data], rel=0.01)
        tab.shoot("compare-decision-wipe")
    with opened(browser, page, "groups", **versus) as tab:
        tab.frame.locator(".map").first.click()
        tab.frame.locator(".panel .versus-wipe").wait_for()
        assert len(sums(tab, ".panel .versus-wipe")) == 2
        tab.page.keyboard.press("Escape")
        row = tab.frame.locator(".compared li").filter(has=tab.frame.locator("summary")).first
        row.get_by_text("Larger").click()
        row.locator(".versus-wipe").first.wait_for()
        assert row.locator(".versus-wipe").count() == 3, "what it looks for, and where it fires in two pictures"
        tab.shoot("compare-groups-wipe")
