"""What is seen can be taken along: pictures, charts, tables and records as files, in TensorBoard and in a report."""

import contextlib
import csv
import io
import json
import pathlib
import re
from collections.abc import Iterator

import fake_run
import numpy as np
import pytest
from browser_checks import BrowserContext, Locator, Tab, open_tab, start_tensorboard, wait_for_runs, wait_until
from PIL import Image
from test_browser_report import open_report

from tf_interp.records import Record, read

pytestmark = pytest.mark.browser
STEPS = fake_run.STEPS[:4]
RUN = "&p.interpretability.run=tagged%2Finterp"
HOSTILE = '=HYPERLINK("http://x")'


@pytest.fixture(scope="module")
def url(report_logs: pathlib.Path) -> Iterator[str]:
    with start_tensorboard(report_logs) as server:
        wait_for_runs(server, 17)
        yield server


def record_of(logs: pathlib.Path, kind: str, layer: str = "conv2", step: int = STEPS[-1]) -> Record:
    """Return a record as it was written."""
    found = [one for one in read(logs / "tagged") if (one.kind, one.layer, one.step) == (kind, layer, step)]
    assert len(found) == 1
    return found[0]


def save(tab: Tab, within: Locator, text: str, what: str) -> tuple[str, bytes]:
    """Save one thing by the menu of the button in a place, and return the name of the file and what is in it."""
    within.get_by_role("button", name=re.compile("^Save ")).first.click()
    item = within.get_by_role("menuitem", name=re.compile(rf"^{text}\s+{re.escape(what)}"))
    with tab.page.expect_download() as caught:
        item.first.click()
    return caught.value.suggested_filename, pathlib.Path(caught.value.path()).read_bytes()


def main_colors(file: bytes) -> set[tuple[int, ...]]:
    """Return the colors that cover most of a picture."""
    pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(color.tolist()) for color in colors[np.argsort(-counts)[:5]]}


@contextlib.contextmanager
def both(browser: BrowserContext, url: str, report: pathlib.Path, section: str) -> Iterator[list]:
    """Give ways to open the tab: in TensorBoard, and as a report, whose page may load and send nothing."""
    link = f"{RUN}&p.interpretability.section={section}"
    yield [lambda: open_tab(browser, url, link=link), lambda: open_report(browser, report, f"#interpretability{link}")]


def test_numbers_and_records_are_those_that_were_written(
    url: str, report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    wanted = record_of(report_logs, "features")
    with both(browser, url, report, "features") as ways:
        for opened in ways:
            with opened() as tab:
                tab.wait_for_pictures()
                layer = tab.frame.get_by_role("region", name="Layer conv2")
                name, table = save(tab, layer, "CSV", "all features")
                assert name == f"tagged_conv2_features_step-{STEPS[-1]}.csv"
                rows = list(csv.DictReader(io.StringIO(table.decode())))
                units = wanted.data["units"]
                assert [row["name"] for row in rows] == [unit["name"] for unit in units]
                assert [float(row["activation"]) for row in rows] == [unit["activation"] for unit in units]
                assert [float(row["probe_max"]) for row in rows] == [unit["probe_max"] for unit in units]
                name, text = save(tab, layer, "JSON", "the record")
                assert name.endswith(".json")
                assert json.loads(text)["data"] == wanted.data


def test_a_picture_is_saved_as_it_is_seen(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"{RUN}&p.interpretability.section=features") as tab:
        tab.wait_for_pictures()
        tab.frame.locator(".unit").first.click()
        tab.wait_for_pictures()
        panel = tab.frame.get_by_role("dialog")
        name, file = save(tab, panel, "PNG", "What channel 11 looks for")
        assert name == f"tagged_conv2_What-channel-11-looks-for_step-{STEPS[-1]}.png"
        picture = Image.open(io.BytesIO(file)).convert("RGB")
        seen = tab.pictures(".panel")[0]
        assert picture.size == (seen["width"], seen["height"])
        pixels = np.asarray(picture)
        assert (pixels.min(), pixels.max()) == (seen["low"], seen["high"])


def test_a_chart_is_saved_with_its_styles(url: str, report: pathlib.Path, browser: BrowserContext) -> None:
    with both(browser, url, report, "groups") as ways:
        for opened in ways:
            with opened() as tab:
                tab.wait_for_pictures()
                layer = tab.frame.get_by_role("region", name="Layer conv2")
                label = layer.locator(".chart svg").first.get_attribute("aria-label") or ""
                name, file = save(tab, layer, "SVG", label)
                assert name.startswith("tagged_conv2_")
                text = file.decode()
                assert "class=" not in text
                assert "var(--group" not in re.sub(r'style="[^"]*"', "", text).replace('fill="var', "fill=var")
                assert text.count('fill="rgb(') > 4, "each share has its color"
                for said in (
                    label,
                    "share of the activation",
                    "step",
                    f"run tagged, conv2, step {STEPS[-1]}",
                    "group 2",
                ):
                    assert f">{said}</text>" in text, "it can be read alone"
                assert "data-chart" not in text
                for box in re.findall(r'viewBox="([^"]*)"', text):
                    _, top, _, height = map(float, box.split())
                    lines = [float(y) for y in re.findall(r'<text[^>]* y="([-\d.]+)"', text)]
                    assert top < min(lines)
                    assert max(lines) < top + height, "no line is cut off"
                _, shot = save(tab, layer, "PNG", label)
                for color in layer.locator(".chart .area").evaluate_all(
                    "all => all.map(one => getComputedStyle(one).fill)"
                ):
                    assert f'fill="{color}"' in text
                page = tab.page.context.new_page()
                page.set_content(text)  # as a program that knows nothing of the tab shows it
                drawn = page.locator("svg").screenshot()
                page.close()
                tab.page.mouse.move(2, 2)  # away from the groups: one that is pointed at stands alone
                seen = layer.locator(".chart svg").first.screenshot()
                assert main_colors(drawn) == main_colors(shot) == main_colors(seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_card_saves_its_own_picture(
    scheme: str, report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    record = record_of(report_logs, "features")
    link = f"#interpretability{RUN}&p.interpretability.section=features"
    with open_report(browser, report, link, scheme) as tab:
        tab.wait_for_pictures()
        layer = tab.frame.get_by_role("region", name="Layer conv2")
        cards = layer.locator(".grid > li")
        tab.page.mouse.move(2, 2)
        assert cards.get_by_role("button", name=re.compile("^Save ")).count() == 0, "cards are not cluttered"
        for place, unit in ((0, record.data["units"][0]), (2, record.data["units"][2])):
            cards.nth(place).hover()
            assert cards.nth(place).get_by_role("button", name=re.compile("^Save ")).count() == 1
            name, file = save(tab, cards.nth(place), "PNG", f"What {unit['name']} looks for")
            assert name == f"tagged_conv2_What-{unit['name'].replace(' ', '-')}-looks-for_step-{STEPS[-1]}.png"
            sheet = record.data["pictures"]
            image = Image.fromarray(record.images[sheet["image"]]).convert("RGB")
            size = (image.width // sheet["columns"], image.height // sheet["rows"])
            row, column = divmod(unit["picture"], sheet["columns"])
            box = (column * size[0], row * size[1], (column + 1) * size[0], (row + 1) * size[1])
            written = np.asarray(image.crop(box), float)
            saved = np.asarray(Image.open(io.BytesIO(file)).convert("RGB").resize(size), float)
            assert np.abs(saved - written).mean() < 6, "the picture of this card"
        tab.page.mouse.move(2, 2)
        cards.nth(1).get_by_role("button").first.focus()
        wait_until(lambda: cards.get_by_role("button", name=re.compile("^Save ")).count() == 1, "that with the focus")
        tab.page.keyboard.press("Tab")
        named = "document.activeElement.getAttribute('aria-label')"
        assert tab.frame.evaluate(named) == f"Save {record.data['units'][1]['name']}"
        tab.page.keyboard.press("Enter")
        menu = cards.nth(1).get_by_role("menu")
        menu.wait_for()
        box = menu.bounding_box()
        assert box is not None
        assert box["x"] >= 0, "no entry is beyond the edge"
        tab.shoot(f"saving-card-{scheme}")
        with tab.page.expect_download() as caught:
            tab.page.keyboard.press("Enter")
        assert record.data["units"][1]["name"].replace(" ", "-") in caught.value.suggested_filename


def test_a_finger_sees_the_button_of_each_card_and_chart(report: pathlib.Path, browser: BrowserContext) -> None:
    assert browser.browser is not None
    touch = browser.browser.new_context(has_touch=True, is_mobile=True)
    link = f"#interpretability{RUN}&p.interpretability.section=groups"
    with open_report(touch, report, link) as tab:
        tab.wait_for_pictures()
        layer = tab.frame.get_by_role("region", name="Layer conv2")
        for place in (layer.locator(".group").first, layer.locator(".chart").first, layer.locator(".grid > li").first):
            button = place.get_by_role("button", name=re.compile("^Save "))
            assert button.count() == 1
            assert button.locator("xpath=../..").evaluate("one => getComputedStyle(one).opacity") == "1"
        tab.shoot("saving-touch")
    touch.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_saves_itself_and_names_its_target(
    scheme: str, report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    link = f"#interpretability{RUN}&p.interpretability.section=concepts"
    with open_report(browser, report, link, scheme) as tab:
        tab.wait_for_pictures()
        target = tab.frame.locator("section[aria-label^='Target ']").first
        asked = record_of(report_logs, "concepts").data["tests"][0]["target"]
        chart = target.locator(".chart")
        tab.page.mouse.move(2, 2)
        button = chart.locator(".save-chart")
        assert button.evaluate("one => getComputedStyle(one).opacity") == "0"
        chart.hover()
        assert button.evaluate("one => getComputedStyle(one).opacity") == "1"
        name, file = save(tab, chart, "SVG", "Curve: ")
        said = " ".join(re.findall(r">([^<]*)</text>", file.decode()))
        assert f"Effect on {asked} over the steps of" in said, "the chart can be read alone"
        assert re.fullmatch(rf"tagged_conv2_Curve-.*-{asked}-.*_step-{STEPS[-1]}\.svg", name)
        layer = tab.frame.get_by_role("region", name="Layer conv2")
        layer.get_by_role("button", name=re.compile("^Save ")).first.click()
        for item in layer.get_by_role("menuitem").all():
            assert item.evaluate("one => one.scrollWidth <= one.clientWidth"), f"cut off: {item.inner_text()}"
            assert len(item.inner_text()) < 50, "a name, and no sentence"
        tab.shoot(f"saving-concepts-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_interval_saves_itself_under_a_short_name(
    scheme: str, report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    tests = record_of(report_logs, "concepts").data["tests"]
    link = f"#interpretability{RUN}&p.interpretability.section=concepts"
    with open_report(browser, report, link, scheme) as tab:
        tab.wait_for_pictures()
        rows = tab.frame.get_by_role("region", name="Layer conv2").locator(".tests .savable")
        tab.page.mouse.move(2, 2)
        assert rows.get_by_role("button", name=re.compile("^Save ")).count() == 0, "rows are not cluttered"
        first = next(row for row in tests if row["contrast"] == tests[0]["contrast"])
        rows.first.hover()
        box, words = rows.first.get_by_role("button", name=re.compile("^Save ")).bounding_box(), rows.first
        text = words.locator(".test-value b").evaluate(
            """(one) => {
                const range = document.createRange();
                range.selectNodeContents(one);
                return range.getBoundingClientRect().right;
            }"""
        )
        assert box is not None
        assert box["x"] >= text, "the numbers stay to be read"
        tab.shoot(f"saving-interval-{scheme}")
        rows.first.hover()
        short = f"Interval: {first['concept']} → {first['target']} ({first['contrast']})"
        name, file = save(tab, rows.first, "SVG", short)
        place = f"{first['concept']}-{first['target']}-{first['contrast']}".replace(" ", "-")
        assert name == f"tagged_conv2_Interval-{place}_step-{STEPS[-1]}.svg"
        said = " ".join(re.findall(r">([^<]*)</text>", file.decode()))
        assert " ".join(first["sentence"].split()) in said, "it can be read alone"
        assert "data-name" not in file.decode()
        assert tab.frame.get_by_role("dialog").count() == 0, "saving opens no test"


def test_a_histogram_saves_itself(url: str, browser: BrowserContext) -> None:
    counts = [3, 0, 6, 1]
    with open_tab(browser, url) as tab:
        tab.wait_for_pictures()
        tab.frame.evaluate(
            """async ([address, counts]) => {
                const { Histogram } = await import(`${address}drawing/histogram.js`);
                const { html, render } = await import(`${address}vendor/preact-htm.js`);
                const place = document.createElement("div");
                document.querySelector("main").prepend(place);
                const histogram = { low: 0, high: 4, counts };
                render(html`<${Histogram} histogram=${histogram} mark=${2} name="channel 7" />`, place);
            }""",
            [f"{url}data/plugin/interpretability/static/", counts],
        )
        chart = tab.frame.locator(".chart", has=tab.frame.locator(".histogram"))
        chart.hover()
        assert chart.locator(".save-chart").evaluate("one => getComputedStyle(one).opacity") == "1"
        name, file = save(tab, chart, "SVG", "Histogram: channel 7")
        assert name == "Histogram-channel-7.svg"
        text = file.decode()
        assert "channel 7: 10 pictures from 0 to 4" in text, "it can be read alone"
        heights = [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', text)]
        assert np.allclose([height / 60 for height in heights[-len(counts) :]], np.array(counts) / max(counts))


def test_the_menu_works_by_keys_and_a_name_is_no_formula(tmp_path: pathlib.Path, browser: BrowserContext) -> None:
    from tf_interp.report import write_report

    fake_run.write_hostile_run(tmp_path, ["=1+1", "@x", HOSTILE.replace('"', "'")])
    with open_report(
        browser, write_report(tmp_path, tmp_path / "report.html"), "#p.interpretability.section=groups"
    ) as tab:
        tab.wait_for_pictures()
        button = tab.frame.get_by_role("button", name=re.compile("^Save ")).first
        button.focus()
        tab.page.keyboard.press("Enter")
        tab.frame.get_by_role("menu").wait_for()
        tab.shoot("saving-menu")
        tab.page.keyboard.press("ArrowDown")
        assert tab.frame.evaluate("document.activeElement.innerText").startswith("JSON")
        tab.page.keyboard.press("Escape")
        assert tab.frame.get_by_role("menu").count() == 0
        assert button.evaluate("button => button === document.activeElement")
        tab.page.keyboard.press("Enter")
        with tab.page.expect_download() as caught:
            tab.page.keyboard.press("Enter")
        rows = list(csv.reader(io.StringIO(pathlib.Path(caught.value.path()).read_text(encoding="utf-8"))))
        cells = [cell for row in rows[1:] for cell in row if cell and not re.fullmatch(r"-?[\d.e-]+", cell)]
        assert cells
        assert not any(re.match(r"[=+@-]", cell) for cell in cells)
        assert "'=1+1" in cells


def test_a_unit_over_training_is_an_animated_picture(
    url: str, report: pathlib.Path, report_logs: pathlib.Path, browser: BrowserContext
) -> None:
    with both(browser, url, report, "features") as ways:
        for opened in ways:
            with opened() as tab:
                tab.wait_for_pictures()
                tab.frame.locator(".unit").first.click()
                tab.wait_for_pictures()
                button = tab.frame.get_by_role("button", name="Save as animated PNG")
                assert f"{len(STEPS)} frames" in tab.text(".save-film")
                button.scroll_into_view_if_needed()
                tab.shoot("saving-film")
                with tab.page.expect_download() as caught:
                    button.click()
                film = Image.open(io.BytesIO(pathlib.Path(caught.value.path()).read_bytes()))
                assert film.n_frames == len(STEPS)
                for frame, step in enumerate(STEPS):
                    film.seek(frame)
                    record = record_of(report_logs, "features", step=step)
                    cell = np.asarray(record.images[record.data["pictures"]["image"]])[:64, :64]
                    shown = np.asarray(film.convert("RGB"))
                    assert shown.shape == (192, 192, 3)
                    assert film.info["duration"] == (1500 if step == STEPS[-1] else 400)
                    cell = cell if cell.ndim == 3 else cell[..., None]
                    assert (shown[1::3, 1::3] == cell).all(), f"step {step}"


def test_the_tab_and_the_panel_fill_the_screen(report: pathlib.Path, browser: BrowserContext) -> None:
    with open_report(browser, report, f"#interpretability{RUN}&p.interpretability.section=features") as tab:
        tab.wait_for_pictures()
        filled = "document.fullscreenElement?.className ?? null"
        tab.page.keyboard.press("f")
        wait_until(lambda: tab.frame.evaluate("document.fullscreenElement === document.documentElement"), "the tab")
        tab.page.keyboard.press("f")
        wait_until(lambda: tab.frame.evaluate(filled) is None, "it left")
        tab.frame.locator(".unit").first.click()
        tab.wait_for_pictures()
        tab.page.keyboard.press("f")
        wait_until(lambda: tab.frame.evaluate(filled) == "panel", "the panel")
        tab.shoot("saving-full-panel")
        tab.frame.get_by_role("dialog").get_by_role("button", name="Leave full screen").click()
        wait_until(lambda: tab.frame.evaluate(filled) is None, "it left")
        tab.page.keyboard.press("?")
        assert "full screen" in tab.text(".keys-help")
