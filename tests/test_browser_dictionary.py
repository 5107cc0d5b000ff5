"""The section "Dictionary" in a real browser: what it says is what the records hold."""

import pathlib
import re
from collections.abc import Iterator

import keras
import numpy as np
import pytest
from browser_checks import BrowserContext, Tab, check_theme, open_tab, start_tensorboard, wait_for_runs, wait_until

import tf_interp as ti
from tf_interp.analysis import Analysis
from tf_interp.images import crop_around
from tf_interp.records import write

pytestmark = pytest.mark.browser
L = keras.layers
LAYERS = ["coarse", "fine"]
HOSTILE = "<img src=x onerror=alert(1)>"


def make_records() -> dict[str, list[ti.Record]]:
    """Return the records of two steps of a network of pictures, and of one of series, by run."""
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    layers = [L.Conv2D(8, 3, activation="relu", name="fine"), L.MaxPooling2D(4, name="coarse")]
    network = keras.Sequential([keras.Input((26, 26, 3)), *layers, L.Flatten(), L.Dense(2)])
    images = np.clip(rng.random((6, 26, 26, 3)) * np.linspace(0, 1.6, 26)[:, None, None], 0, 1)
    probe = ti.Probe.from_arrays(images, [0, 1] * 3, ["day", HOSTILE])
    analysis = Analysis(ti.open_model(network), probe, ["fine", "coarse"], [ti.SemanticDictionary(3)], repeated=True)
    pictures = list(analysis.run(1))
    layers[0].kernel.assign(-layers[0].kernel)
    pictures += analysis.run(2)
    series = keras.Sequential(
        [keras.Input((40, 2)), L.Conv1D(5, 5, activation="relu", name="steps"), L.Flatten(), L.Dense(1)]
    )
    probe = ti.Probe.from_arrays({"x": rng.normal(size=(4, 40, 2))})
    words = [L.Embedding(30, 4), L.Conv1D(5, 3, padding="same", activation="relu", name="words"), L.Flatten()]
    text = keras.Sequential([keras.Input((20,)), *words, L.Dense(1)])
    tokens = ti.Probe.from_arrays(rng.integers(0, 30, (4, 20)))
    return {
        "pictures": pictures,
        "text": list(ti.analyze(ti.open_model(text), tokens, ["words"], [ti.SemanticDictionary()])),
        "series": list(ti.analyze(ti.open_model(series), probe, ["steps"], [ti.SemanticDictionary()])),
    }


@pytest.fixture(scope="module")
def records() -> dict[str, list[ti.Record]]:
    return make_records()


@pytest.fixture(scope="module")
def url(records: dict[str, list[ti.Record]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: pathlib.Path = tmp_path_factory.mktemp("dictionary")
    for run, some in records.items():
        write(some, folder / run)
    with start_tensorboard(folder) as address:
        wait_for_runs(address, 4)
        yield address


def find(records: list[ti.Record], layer: str, step: int = 2) -> dict:
    return next(record.data for record in records if (record.layer, record.step) == (layer, step))


def entries_of(data: dict, picture: int, row: int, column: int) -> list[tuple[str, float]]:
    """Return names and values of a position, as a record has them."""
    start = (row * data["columns"] + column) * data["top"]
    shown = data["pictures"][picture]
    some = zip(*(shown[name][start : start + data["top"]] for name in ("entries", "strengths")), strict=True)
    return [(data["words"][word]["name"], part * data["scale"] / 1000) for word, part in some if word >= 0]


def check_entries(tab: Tab, layer: str, data: dict, picture: int, row: int, column: int) -> None:
    """Fail unless the words of a layer are those of the record at a position."""
    place = tab.frame.get_by_label(f"Layer {layer}", exact=True)
    wait_until(lambda: f"position {row}, {column}" in place.locator(".dictionary-at").inner_text(), f"{row}, {column}")
    expected = entries_of(data, picture, row, column)
    rows = place.locator(".fire")
    assert rows.count() == len(expected)
    for shown, (name, value) in zip(rows.all(), expected, strict=True):
        assert shown.locator(".fire-name").inner_text() == name
        assert float(shown.locator("b").inner_text()) == pytest.approx(value, abs=0.011 * max(1, value))


def point(
    tab: Tab, layer: str, data: dict, row: int, column: int, *, click: bool = False, of: str = ".dictionary"
) -> None:
    surface = tab.frame.get_by_label(f"Layer {layer}", exact=True).locator(f"{of} .surface")
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    assert box is not None
    at = {"x": (column + 0.5) * box["width"] / data["columns"], "y": (row + 0.5) * box["height"] / data["rows"]}
    surface.click(position=at) if click else surface.hover(position=at)


def open_dictionary(browser: BrowserContext, url: str, run: str, width: int = 1400):
    return open_tab(
        browser, url, width, link=f"&p.interpretability.run={run}%2Finterp&p.interpretability.section=dictionary"
    )


def test_what_fires_is_what_the_record_says(records, url: str, browser: BrowserContext) -> None:
    with open_dictionary(browser, url, "pictures") as tab:
        tab.wait_for_pictures()
        data = {layer: find(records["pictures"], layer) for layer in LAYERS}
        point(tab, "fine", data["fine"], 12, 5)
        check_entries(tab, "fine", data["fine"], 0, 12, 5)
        check_entries(tab, "coarse", data["coarse"], 0, 5, 2)  # the same place
        point(tab, "fine", data["fine"], 3, 9, click=True)
        point(tab, "fine", data["fine"], 8, 0)
        check_entries(tab, "fine", data["fine"], 0, 3, 9)  # held
        assert "held" in tab.text(".dictionary-at")
        tab.frame.get_by_role("button", name=re.compile("Show ")).nth(2).click()
        point(tab, "coarse", data["coarse"], 1, 4)
        check_entries(tab, "coarse", data["coarse"], 2, 1, 4)
        assert HOSTILE in tab.text()
        wait_until(lambda: "p.interpretability.picture=2" in tab.page.url, "the address says which picture")
        tab.press("Home")
        check_entries(tab, "coarse", find(records["pictures"], "coarse", 1), 2, 1, 4)
        tab.shoot("dictionary-light")


def test_numbers_of_the_page_are_those_of_the_record(records, url: str, browser: BrowserContext) -> None:
    data = find(records["pictures"], "coarse")
    row = {key: np.array(data["pictures"][1][key]) for key in ("entries", "strengths", "sources", "likeness")}
    with open_dictionary(browser, url, "pictures") as tab:
        tab.wait_for_pictures()
        found = tab.frame.evaluate(
            """async ([address, data]) => {
                const read = await import(address);
                const places = [...Array(36).keys()];
                return {
                    crops: places.map((at) => read.cropOf(data, { row: Math.floor(at / 6), column: at % 6 })),
                    map: read.mapOf(data, 1, 2),
                    sources: places.map((at) => read.sourceOf(data, 1, at)),
                    strongest: read.positionAt(data, read.strongestPlace(data, 1)).index,
                };
            }""",
            [
                tab.address_of("dictionary/dictionary_record.js"),
                {key: data[key] for key in ("rows", "columns", "top", "words", "pictures", "crop")},
            ],
        )
    assert found["strongest"] == row["strengths"].reshape(36, 4)[:, 0].argmax()
    fires = np.where(row["entries"] == 2, row["strengths"], 0).reshape(36, 4).sum(1)
    assert np.ptp(fires) > 0
    np.testing.assert_allclose(found["map"], fires / 1000)
    probe, place = np.divmod(row["sources"], 36)
    expected = np.stack([probe, place // 6, place % 6, row["likeness"]], 1)
    assert [
        [one[key] for key in ("probe", "row", "column", "likeness")] for one in found["sources"]
    ] == expected.tolist()
    pixels = np.stack(np.indices((26, 26)), -1)
    for at, crop in enumerate(found["crops"]):
        cut = crop_around(pixels, divmod(at, 6), (6, 6))
        assert [26 * crop["top"], 26 * crop["left"]] == pytest.approx(cut[0, 0], abs=0.51)  # Python cuts whole pixels
        assert [26 * crop["height"], 26 * crop["width"]] == pytest.approx(cut.shape[:2], abs=1e-6)


def test_keys_move_the_position_and_a_word_shows_where_it_fires(records, url: str, browser: BrowserContext) -> None:
    with open_dictionary(browser, url, "pictures") as tab:
        tab.wait_for_pictures()
        data = find(records["pictures"], "coarse")
        point(tab, "coarse", data, 0, 0, click=True)
        surface = tab.frame.get_by_label("Layer coarse", exact=True).locator(".dictionary .surface")
        surface.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowDown"):
            surface.press(key)
        check_entries(tab, "coarse", data, 0, 1, 1)
        assert tab.step() == 2
        assert "position 1, 1 of 6 by 6" in (surface.get_attribute("aria-label") or "")
        surface.press("Escape")
        point(tab, "coarse", data, 4, 4)
        check_entries(tab, "coarse", data, 0, 4, 4)
        place = tab.frame.get_by_label("Layer coarse", exact=True)
        before = tab.pictures("[aria-label='Layer coarse'] .dictionary-picture")[0]
        point(tab, "coarse", data, 4, 3, click=True)
        place.locator(".fire").nth(1).hover()
        name, _ = entries_of(data, 0, 4, 3)[1]
        word = next(index for index, one in enumerate(data["words"]) if one["name"] == name)
        count = data["pictures"][0]["entries"].count(word)
        wait_until(
            lambda: f"{name}: one of the 4 strongest at {count} position" in place.inner_text(), "where it fires"
        )
        assert tab.pictures("[aria-label='Layer coarse'] .dictionary-picture")[0]["sum"] != before["sum"]
        assert len(place.locator(".vocabulary canvas").all()) == len(data["words"])


def test_cells_are_as_large_as_vectors_are_long(records, url: str, browser: BrowserContext) -> None:
    with open_dictionary(browser, url, "pictures") as tab:
        tab.wait_for_pictures()
        data = find(records["pictures"], "coarse")
        point(tab, "coarse", data, 2, 2, of=".dictionary-grid")
        check_entries(tab, "coarse", data, 0, 2, 2)
        areas = tab.frame.locator("[aria-label='Layer coarse'] .dictionary-grid .surface canvas").evaluate(
            """(canvas) => {
                const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                const areas = new Array(36).fill(0);
                for (let at = 0; at < pixels.length / 4; at++) {
                    const [x, y] = [at % canvas.width, Math.floor(at / canvas.width)];
                    const cell = Math.floor(y * 6 / canvas.height) * 6 + Math.floor(x * 6 / canvas.width);
                    areas[cell] += (pixels[at * 4 + 3] / 255) * 36 / (canvas.width * canvas.height);
                }
                return areas;
            }"""
        )
        magnitudes = np.array(data["pictures"][0]["magnitudes"])
        np.testing.assert_allclose(areas, magnitudes / magnitudes.max(), atol=0.06)
        before = tab.pictures("[aria-label='Layer coarse'] .dictionary-grid")[0]
        tab.frame.get_by_role("button", name="all of one size").click()
        wait_until(
            lambda: tab.pictures("[aria-label='Layer coarse'] .dictionary-grid")[0]["sum"] != before["sum"], "one size"
        )
        lens = tab.text("[aria-label='Layer coarse'] .lens")
        source = data["pictures"][0]["sources"][2 * 6 + 2]
        assert f"position {source % 36 // 6}, {source % 6} of picture {source // 36 + 1}, taken for" in lens
        likeness, typical = data["pictures"][0]["likeness"][14] / 100, data["typical_likeness"] / 100
        assert re.search(rf"cosine\s+{likeness:.2f}\s+\(any two {typical:.2f}\)", lens)
        assert tab.frame.locator(".everywhere .lens").count() == 2
        check_theme(tab)
        tab.set_theme(dark=True)
        tab.shoot("dictionary-dark")


@pytest.mark.parametrize("dark", [False, True])
def test_two_steps_are_compared_cell_by_cell(records, url: str, browser: BrowserContext, dark: bool) -> None:
    link = "&p.interpretability.run=pictures%2Finterp&p.interpretability.section=dictionary"
    with open_tab(
        browser,
        url,
        link=f"{link}&p.interpretability.versus=pictures%2Finterp&p.interpretability.layer=coarse",
        width=1300,
        height=1300,
    ) as tab:
        tab.set_theme(dark)
        sides = tab.frame.get_by_role("region", name="coarse: A beside B")
        sides.wait_for()
        tab.wait_for_pictures()
        one, two = [find(records["pictures"], "coarse", step) for step in (1, 2)]
        cells = [(row, column) for row in range(two["rows"]) for column in range(two["columns"])]
        words = [[dict(entries_of(data, 0, *cell)) for cell in cells] for data in (one, two)]
        others = sum(next(iter(a), None) != next(iter(b), None) for a, b in zip(*words, strict=True))
        same = np.mean([len(a.keys() & b.keys()) / max(len(a), len(b), 1) for a, b in zip(*words, strict=True)])
        said = tab.text(".dictionary-sides > .caption")
        assert f"At {others} of {len(cells)} positions the strongest word is another one" in said
        shown = float(re.search(r"a position ([\d.]+) % are the same", said)[1])  # type: ignore[index]
        assert shown == pytest.approx(100 * same, abs=0.51)
        assert others > 0, "the negative of a kernel finds other things"
        row, column = 0, 1
        surface = sides.locator(".surface")
        surface.focus()
        for key in ["ArrowUp", "ArrowLeft"] * 6 + ["ArrowRight"]:
            surface.press(key)
        assert f"position {row}, {column}" in sides.locator("caption").inner_text()
        a, b = [side[row * two["columns"] + column] for side in words]
        lines = [line.inner_text().split("\t") for line in sides.locator("tbody tr").all()]
        assert [line[0].strip() for line in lines[:-1]] == [*b, *(name for name in a if name not in b)]
        for name, *said_values in lines[:-1]:
            was, now = a.get(name.strip()), b.get(name.strip())
            expected = [was, now, None if was is None or now is None else now - was]
            for text, value in zip(said_values, expected, strict=True):
                assert (text == "–") == (value is None)
                assert value is None or float(text.replace("−", "-")) == pytest.approx(value, abs=0.012)
        mosaics = [picture["sum"] for picture in tab.pictures(".dictionary-mosaics")]
        assert len(mosaics) == 2
        assert mosaics[0] != mosaics[1]
        tab.shoot(f"compare-dictionary-{'dark' if dark else 'light'}")
        sides.get_by_role("button", name="Wipe", exact=True).click()
        assert sides.locator(".versus-wipe canvas").count() == 2
        tab.frame.get_by_label("Compare with", exact=True).select_option(label="series")
        wait_until(lambda: "A has no dictionary of coarse." in tab.text(), "another network")


def test_series_and_small_windows(records, url: str, browser: BrowserContext) -> None:
    with open_dictionary(browser, url, "series", 800) as tab:
        tab.wait_for_pictures()
        data = records["series"][0].data
        point(tab, "steps", data, 0, 9)
        check_entries(tab, "steps", data, 0, 0, 9)
        assert all(picture["high"] > picture["low"] for picture in tab.pictures(".dictionary-card"))
        overflow = tab.frame.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0
        tab.shoot("dictionary-series-800")


def test_tokens_stand_for_themselves(records, url: str, browser: BrowserContext) -> None:
    with open_dictionary(browser, url, "text") as tab:
        tab.wait_for_pictures()
        data = records["text"][0].data
        tokens = tab.frame.locator(".token")
        assert [int(text) for text in tokens.all_inner_texts()] == data["pictures"][0]["tokens"]
        tokens.nth(7).click()
        check_entries(tab, "words", data, 0, 0, 7)
        tokens.nth(3).hover()
        tab.frame.locator(".tokens").press("ArrowRight")
        check_entries(tab, "words", data, 0, 0, 8)
        name, _ = entries_of(data, 0, 0, 8)[0]
        plain = [token.evaluate("(one) => getComputedStyle(one).backgroundColor") for token in tokens.all()]
        tab.frame.locator(".fire").first.hover()
        colored = [token.evaluate("(one) => getComputedStyle(one).backgroundColor") for token in tokens.all()]
        fires = [name in [word for word, _ in entries_of(data, 0, 0, place)] for place in range(20)]
        assert [one != other for one, other in zip(plain, colored, strict=True)] == fires
        tab.shoot("dictionary-tokens")
