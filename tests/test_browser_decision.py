"""The view "Decision" in a real browser: its numbers are those of the graph, and one choice moves everything."""

import pathlib
import re
from collections.abc import Iterator

import keras
import numpy as np
import pytest
from browser_checks import BrowserContext, Tab, check_theme, open_tab, start_tensorboard, wait_for_runs, wait_until

from tf_interp import Attributions, Decisions, NeuronGroups, Probe, analyze, attribution_graph, open_model, write
from tf_interp.records import Record

pytestmark = pytest.mark.browser
L = keras.layers
NAMES = ["cat", "dog", "emu", "a fox of a very long name that nobody would want to read to its end"]


def build(depth: int = 2, classes: int = 4, width: int = 6):
    keras.utils.set_random_seed(1)
    inputs = x = keras.Input((12, 12, 3))
    for number in range(depth):
        x = L.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{number + 1}")(x)
    return keras.Model(inputs, L.Dense(classes, name="end")(L.GlobalAveragePooling2D()(x)), name="small")


@pytest.fixture(scope="module")
def probe() -> Probe:
    images = np.random.default_rng(0).uniform(0, 1, (6, 12, 12, 3)).astype(np.float32)
    return Probe.from_arrays(images, np.arange(6) % 4, NAMES)


@pytest.fixture(scope="module")
def model():
    return open_model(build(), class_names=NAMES)


@pytest.fixture(scope="module")
def record(model, probe) -> Record:
    *_, record = analyze(model, probe, ["conv1", "conv2"], [NeuronGroups(3, steps=2), Decisions(pictures=4)], step=20)
    return record


@pytest.fixture(scope="module")
def url(tmp_path_factory, model, probe, record) -> Iterator[str]:
    logs = tmp_path_factory.mktemp("decisions")
    parts = [NeuronGroups(3, icons=False), Decisions(pictures=4)]
    other = open_model(keras.models.clone_model(model.model), class_names=NAMES)  # other weights
    write(analyze(other, probe, ["conv1", "conv2"], parts, step=10), logs / "small")
    write([record], logs / "small")
    write(analyze(model, probe, ["conv2"], [Attributions(pictures=4)], step=30), logs / "small")
    large = open_model(build(4, 1000, 16))
    pictures = Probe.from_arrays(np.random.default_rng(1).uniform(0, 1, (3, 12, 12, 3)))
    part = Decisions(pictures=3, k=12, layers=[f"conv{number}" for number in (1, 2, 3, 4)])
    write(analyze(large, pictures, ["conv1"], [part]), logs / "large")
    tiny = open_model(build(1, 2))
    write(analyze(tiny, pictures, ["conv1"], [Decisions(pictures=3, k=3)]), logs / "tiny")
    numbers = open_model(build(1, 3), head="regression")
    write(analyze(numbers, pictures, ["conv1"], [Decisions(pictures=3, k=3)]), logs / "numbers")
    words = [L.Embedding(30, 4), L.Conv1D(5, 3, padding="same", activation="relu", name="words")]
    text = open_model(keras.Sequential([keras.Input((9,)), *words, L.GlobalAveragePooling1D(), L.Dense(3)]))
    tokens = Probe.from_arrays(np.random.default_rng(2).integers(0, 30, (3, 9)))
    write(analyze(text, tokens, ["words"], [Decisions(pictures=3, k=2)]), logs / "text")
    with start_tensorboard(logs) as address:
        wait_for_runs(address, 8)
        yield address


def view(browser: BrowserContext, url: str, link: str = "", run: str = "small/interp", **options):
    start = f"&p.interpretability.run={run.replace('/', '%2F')}&p.interpretability.section=decisions"
    return open_tab(browser, url, link=start + link, **options)


def card(tab: Tab, name: str):
    return tab.frame.get_by_role("button", name=re.compile(f"^{re.escape(name)}: carries"))


def value(tab: Tab, place: str) -> float:
    return float(tab.frame.locator(place).first.inner_text().replace("−", "-").split()[0])


def test_numbers_of_the_page_are_those_of_the_graph(browser, url, model, probe, record):
    groups = attribution_graph(model, probe.images, ["conv1", "conv2"], target=0, k=3).groups
    with view(browser, url) as tab:
        tab.wait_for_pictures()
        for row, picture in enumerate(record.data["pictures"]):
            first, second = picture["classes"][:2]
            margin = model.target(first) - model.target(second)
            image = probe.images[[row]]
            graph = attribution_graph(model, image, ["conv1", "conv2"], target=margin, groups=groups)
            found = tab.frame.evaluate(
                """async ([address, data, row]) => {
                    const decision = await import(address);
                    const [read, next] = [row, (row + 1) % data.pictures.length].map((one) =>
                        decision.readDecision(data, [one], { target: null, against: "next" }));
                    return {
                        score: read.score, bias: read.bias, nodes: read.nodes,
                        contradicted: read.edges.filter((edge) => edge.contradicted),
                        difference: decision.subtract(read, next).edges,
                        mean: decision.readDecision(data, [0, 1, 2, 3], { target: null, against: "next" }).nodes,
                        influence: decision.influenceOf(read), trust: decision.scoreDecision(read, null),
                        pinned: decision.scoreDecision(read, [9, 10, 13]),
                        pruned: decision.pruneDecision(read, 0.7, 0.9),
                    };
                }""",
                [tab.address_of("decision/numbers/decision_numbers.js"), _plain(record.data), row],
            )
            assert found["score"] == pytest.approx(graph.nodes[-1].value[0], rel=5e-3, abs=2e-3)
            assert found["bias"] == pytest.approx(graph.nodes[-1].bias[0], rel=5e-3, abs=2e-3)
            names = [node.name for node in graph.nodes]
            totals = [-next(iter(node.total.values()))[0] for node in graph.nodes[:-1]]
            shown = {key: [node[key] for node in found["nodes"]] for key in ("off", "push", "proof", "doubled", "like")}
            np.testing.assert_allclose(shown["off"], totals, rtol=1e-2, atol=3e-3)
            into = {edge.source: (edge.value[0], edge.proof[0]) for edge in graph.edges if edge.target == names[-1]}
            edges = [into.get(name, (0, 0)) for name in names[:-1]]
            np.testing.assert_allclose(list(zip(shown["push"], shown["proof"], strict=True)), edges, atol=3e-3)
            twice = [next(iter(graph.intervene({name: 2.0}).measured.values()))[0] for name in names[:-1]]
            np.testing.assert_allclose(shown["doubled"], twice, rtol=1e-2, atol=3e-3)
            np.testing.assert_allclose(shown["like"], np.array(picture["like"])[:, :2] @ [1, -1], atol=1e-6)
            means = np.mean([one["values"] for one in record.data["pictures"]], axis=0)
            np.testing.assert_allclose([node["value"] for node in found["mean"]], means, atol=1e-6)
            after = record.data["pictures"][(row + 1) % len(record.data["pictures"])]
            moved = {(edge["source"], edge["target"]): (edge["value"], edge["proof"]) for edge in found["difference"]}
            for number, pair in enumerate(record.data["edges"]):
                expected = [after[key][number] - picture[key][number] for key in ("edge_values", "edge_proofs")]
                assert moved.get(tuple(pair), (0, 0)) == pytest.approx(expected, abs=1e-6)
            table = graph.to_dataframe()
            wrong = {(edge.source, edge.target) for edge in table[table["contradicted"]].itertuples()}
            assert {(names[edge["source"]], names[edge["target"]]) for edge in found["contradicted"]} == wrong
            np.testing.assert_allclose(found["influence"], list(graph.influence().values()), atol=5e-3)
            assert list(found["trust"].values()) == pytest.approx(list(graph.score()), abs=5e-3)
            pinned = [names[number] for number in (9, 10, 13)]
            assert list(found["pinned"].values()) == pytest.approx(list(graph.score(pinned=pinned)), abs=5e-3)
            small = graph.prune(0.7, 0.9)
            kept = {node.name for node in small.nodes}
            assert [node.name in kept for node in graph.nodes] == found["pruned"]["nodes"]
            links = {(edge.source, edge.target) for edge in small.edges}
            for target, sources in enumerate(found["pruned"]["edges"]):
                for source, stays in enumerate(sources):
                    assert stays == ((names[source], names[target]) in links)


def _plain(data):
    return {key: data[key] for key in ("nodes", "edges", "pictures")}


def test_one_choice_moves_everything(browser, url, record):
    with view(browser, url, width=1400, height=1500) as tab:
        tab.wait_for_pictures()
        first, second = record.data["pictures"][:2]
        assert tab.text(".finding")[1:] == f"{first['sentence']}."[1:]
        assert tab.frame.locator(".graph .node").count() == 8
        assert tab.frame.locator(".graph .region").count() == 9
        assert value(tab, ".graph-output b") == pytest.approx(
            first["scores"][0] - first["scores"][1], rel=0.02, abs=2e-3
        )
        tab.frame.locator(".strip-picture").nth(1).click()
        tab.wait_for_pictures()
        assert tab.text(".finding")[1:] == f"{second['sentence']}."[1:]
        # a class of comparison
        classes = second["classes"]
        tab.frame.locator(".class-bar").nth(2).click()
        margin = second["scores"][0] - second["scores"][2]
        wait_until(
            lambda: abs(value(tab, ".graph-output b") - margin) < 0.02 * abs(margin) + 2e-3,
            "the other class is compared",
        )
        assert f"rather than {NAMES[classes[2]]}" in tab.text(".graph-output")
        # a node, and what if it were off
        card(tab, "conv2, group 1").click()
        assert tab.frame.locator(".node-detail h3").first.inner_text() == "conv2, group 1"
        tab.frame.get_by_role("button", name="off", exact=True).click()
        node = next(
            n for n, one in enumerate(record.data["nodes"]) if (one["layer"], one["name"]) == ("conv2", "group 1")
        )
        after = second["scores"][0] + second["off"][node][0]
        shown = tab.frame.locator(".class-value").first.inner_text()
        assert float(shown.replace("−", "-").split()[0]) == pytest.approx(after, rel=0.02, abs=2e-3)
        assert "was" in shown
        said = tab.text(".what-if").replace("−", "-")
        measured, edges = map(float, re.search(r"measured \+?([-\d.]+)\s*, by the edges \+?([-\d.]+)", said).groups())
        assert measured == pytest.approx(second["off"][node][0] - second["off"][node][2], rel=0.02, abs=2e-3)
        assert edges == pytest.approx(measured, rel=0.02, abs=2e-3), "behind conv2 all is linear"
        # what is pinned has a score, and all of it is in the address
        tab.frame.get_by_role("button", name="Pin group 1").last.click()
        assert re.search(r"Your 1 group carry [\d.]+ % of this decision", tab.text(".graph-trust"))
        for part in ("picture=1", f"against={classes[2]}", "node=conv2%3A%20group%201", "pins=conv2%3A%20group%201"):
            wait_until(lambda part=part: part in tab.page.url, part)
        link = tab.page.url.partition("#interpretability")[2]
        shown = tab.text(".decision-head")
        tab.shoot("decision-node")
    with open_tab(browser, url, link=link, width=1400, height=1500) as tab:
        tab.wait_for_pictures()
        assert tab.text(".decision-head").replace("was", "")[:60] == shown.replace("was", "")[:60]
        assert tab.frame.locator(".pin[aria-pressed=true]").count() == 1
        check_theme(tab)


def test_a_position_says_what_fires_there_with_mouse_and_keys(browser, url, record):
    with view(browser, url, width=1400, height=1200) as tab:
        tab.wait_for_pictures()
        before = tab.text(".here")
        assert "What fires where" in before
        tab.frame.locator(".looked").hover(position={"x": 20, "y": 200})
        wait_until(lambda: "What fires here" in tab.text(".here"), "the position is read")
        sheet = record.data["layers"][1]["maps"]
        height, width = (
            size // count
            for size, count in zip(record.images[sheet["image"]].shape, (sheet["rows"], sheet["columns"]), strict=True)
        )
        cells = record.images[sheet["image"]][:height].reshape(height, -1, width)[int(200 / 232 * height)]
        levels = cells[:3, int(20 / 232 * width)] / 255 * record.data["layers"][1]["map_scale"][:3]
        bars = tab.frame.locator(".here-layer").nth(1)
        shown = sorted(float(text) for text in bars.locator(".here-value").all_inner_texts())
        np.testing.assert_allclose(shown, sorted(levels[levels > 0]), rtol=0.02, atol=0.02)
        step = tab.step()
        tab.frame.locator(".looked").press("ArrowRight")
        tab.frame.locator(".looked").press("ArrowDown")
        assert tab.step() == step, "the arrows move the cursor, not the step"


def test_the_mean_of_a_class_and_the_table(browser, url, record):
    pictures = record.data["pictures"]
    first = [picture["classes"][0] for picture in pictures]
    several = next((index for index in first if first.count(index) > 1), None)
    assert several is not None, "the fixture has two pictures that are taken for one class"
    rows = [picture for picture in pictures if picture["classes"][0] == several]
    with view(browser, url, width=1400, height=1200) as tab:
        tab.wait_for_pictures()
        tab.frame.locator(".means .chip-button").first.click()
        mean = np.mean([picture["scores"][0] - picture["scores"][1] for picture in rows])
        wait_until(lambda: f"mean of {len(rows)} pictures" in tab.text(".graph-input"), "the mean is shown")
        assert value(tab, ".graph-output b") == pytest.approx(mean, rel=0.02, abs=2e-3)
        tab.frame.locator(".edge-table summary").click()
        count = int(re.search(r"(\d+) edges", tab.text(".edge-table summary"))[1])
        assert tab.frame.locator(".edge-table tbody tr").count() == count > 20


def test_another_picture_or_step_is_laid_over(browser, url, record):
    with view(browser, url, "&p.interpretability.step=10") as tab:
        tab.wait_for_pictures()
        before = value(tab, ".graph-output b")
    with view(browser, url, width=1400, height=1200) as tab:
        tab.wait_for_pictures()
        own = value(tab, ".graph-output b")
        tab.frame.get_by_label("Lay over this graph").select_option("picture 1")
        other = record.data["pictures"][1]["scores"]
        difference = tab.frame.locator(".graph-difference")
        wait_until(lambda: difference.count() == 1, "the difference is shown")
        expected = own - (other[0] - other[1])
        assert value(tab, ".graph-output b") == pytest.approx(expected, rel=0.05, abs=5e-3)
        pairs = [[NAMES[index] for index in picture["classes"][:2]] for picture in record.data["pictures"][:2]]
        same = pairs[0] == pairs[1]
        said = "classes of its own: {} rather than {}; {} rather than {}.".format(*pairs[0], *pairs[1])
        assert (said in difference.inner_text()) is not same
        assert ("what each is taken for" in tab.text(".graph-output")) is not same
        tab.frame.get_by_label("Lay over this graph").select_option("")
        wait_until(lambda: difference.count() == 0, "alone again")
        tab.frame.get_by_role("button", name="Compare with another run or step").click()
        tab.frame.get_by_label("Compare with", exact=True).select_option(label="another step of this run")
        tab.frame.get_by_label("Step to compare with").select_option("10")
        tab.wait_for_pictures()
        wait_until(lambda: difference.count() == 1, "the other step is there")
        assert "Shown is the difference B − A: step 20 less step 10." in difference.inner_text()
        assert value(tab, ".graph-output b") == pytest.approx(own - before, rel=0.05, abs=2e-2)
        menu = tab.frame.get_by_label("Lay over this graph")
        assert menu.evaluate("menu => menu.selectedOptions[0].textContent") == "step 10 (A)"
        assert "what becomes of" in tab.text(".node-detail h3")
        assert tab.text(".node-detail h3").endswith("difference B − A")
        tab.frame.locator(".edge-table summary").click()
        heads = tab.frame.locator(".edge-table th").all_inner_texts()
        assert heads[2:] == ["value, difference B − A", "taken out, difference B − A", "share of all differences"]
        tab.shoot("decision-difference")
        tab.frame.get_by_role("button", name="Stop comparing").click()
        wait_until(lambda: difference.count() == 0, "alone again")
        assert "proof" in tab.frame.locator(".edge-table th").all_inner_texts()


def test_what_a_link_names_and_the_record_lacks_is_said(browser, url):
    lost = "&p.interpretability.picture=9&p.interpretability.node=conv7%3A%20group%201"
    with view(browser, url, f"{lost}&p.interpretability.at=20") as tab:
        tab.wait_for_pictures()
        messages = " ".join(tab.frame.locator(".message").all_inner_texts())
        assert "not among those that are explained here: this is the first" in messages
        assert "Node conv7: group 1 is not in this graph." in messages
        assert tab.frame.locator(".graph-difference").count() == 0, "the step that is shown is no other one"
        assert "Step 20 is the one that is shown" in tab.text(".graph-trust")


def test_a_class_is_not_set_against_itself(browser, url, record):
    first = record.data["pictures"][0]["classes"][0]
    with view(browser, url, f"&p.interpretability.target={first}&p.interpretability.against={first}") as tab:
        tab.wait_for_pictures()
        assert value(tab, ".graph-output b") == pytest.approx(
            record.data["pictures"][0]["scores"][0], rel=0.05, abs=5e-3
        )
        assert "rather than" not in tab.text(".graph-output")


def test_numbers_of_a_regression_have_no_rank(browser, url):
    with view(browser, url, run="numbers/interp") as tab:
        tab.wait_for_pictures()
        assert "rather than" not in tab.text(".graph-output")
        assert "taken for" not in tab.text("main")
        tab.frame.get_by_label("Compared class").select_option("1")
        wait_until(lambda: "rather than number 1" in tab.text(".graph-output"), "they can be compared all the same")


def test_a_name_that_a_person_gives_is_kept(browser, url):
    def give(tab, old, new):
        tab.frame.locator(".node-detail .name-button").filter(has_text=old).click()
        field = tab.frame.get_by_label("Your name for group 1")
        field.fill(new)
        field.press("Enter")

    step = "&p.interpretability.step=10"  # of which there are groups and decisions
    with view(browser, url, f"{step}&p.interpretability.node=conv2%3A%20group%201") as tab:
        tab.wait_for_pictures()
        give(tab, "group 1", "whiskers <b>")
        wait_until(lambda: "whiskers <b>" in tab.text(".graph"), "the graph shows the name")
        assert "conv2, whiskers <b>" in tab.text(".node-detail")
        assert tab.frame.locator(".graph .given-mark").count() == 1
    with view(browser, url, step) as tab:
        tab.section("Groups")
        cards = "section[aria-label='Layer conv2'] .group-list"
        wait_until(lambda: "whiskers <b>" in tab.text(cards), "so does the groups' page")
        tab.section("Decision")
        wait_until(lambda: "whiskers <b>" in tab.text(".graph"), "the graph shows it again")
        card(tab, "conv2, whiskers <b>").click()
        give(tab, "whiskers <b>", "")
        wait_until(lambda: "whiskers" not in tab.text(".graph"), "an empty name gives back the old one")


def test_large_and_small_graphs_are_readable(browser, url):
    with view(browser, url, run="large/interp", width=1400, height=1400) as tab:
        tab.wait_for_pictures()
        nodes = tab.frame.locator(".graph .node")
        assert nodes.count() == 4 * 13
        boxes = tab.frame.evaluate(
            "() => [...document.querySelectorAll('.graph .node')].map((node) => node.getBoundingClientRect().toJSON())"
        )
        for number, one in enumerate(boxes):
            for other in boxes[:number]:
                apart = one["left"] >= other["right"] or other["left"] >= one["right"]
                assert apart or one["top"] >= other["bottom"] or other["top"] >= one["bottom"], "nodes overlap"
        assert tab.frame.locator(".class-bar").count() == 5
        assert tab.frame.locator(".edge").count() < 600
        said = tab.frame.evaluate(
            "async (address) => (await import(address)).number(-8.9e-5)", tab.address_of("format.js")
        )
        assert said == "−8.9e−5", "one kind of minus"
        tab.shoot("decision-large")
    with view(browser, url, run="tiny/interp", width=1024, height=1000) as tab:
        tab.wait_for_pictures()
        assert tab.frame.locator(".graph .node").count() == 4
        assert tab.frame.locator(".class-bar").count() == 2
        tab.shoot("decision-tiny")


def test_zoomed_the_picture_leaves_room_for_what_is_said_of_it(browser, url):
    with view(browser, url, width=720, height=1000) as tab:
        tab.wait_for_pictures()
        head = tab.frame.locator(".decision-head")
        picture = head.locator("canvas").first.bounding_box()
        assert 200 < picture["width"] <= 320
        assert picture["height"] <= 320


def test_the_overview_tells_decisions_in_words(browser, url, record):
    with open_tab(browser, url, link="&p.interpretability.run=small%2Finterp") as tab:
        tab.wait_for_pictures()
        line = tab.frame.locator(".explained button").first
        row = int(re.search(r"picture (\d+)", line.get_attribute("aria-label"))[1]) - 1
        assert record.data["pictures"][row]["sentence"] in line.inner_text()
        line.click()
        tab.wait_for_pictures()
        assert record.data["pictures"][row]["sentence"][1:] in tab.text(".finding")


def test_screenshots_are_kept(browser, url):
    file = pathlib.Path(__file__).parent / "screenshots/decision-dark.png"
    file.unlink(missing_ok=True)  # of a run before
    with view(browser, url, width=1400, height=1400) as tab:
        tab.wait_for_pictures()
        tab.shoot("decision")
        tab.set_theme(True)
        tab.wait_for_pictures()
        tab.shoot("decision-dark")
    assert file.stat().st_size > 20_000


def test_positions_and_channels_are_those_of_the_record(browser, url, record):
    details = record.data["details"]
    with view(browser, url, width=1400, height=1500) as tab:
        tab.wait_for_pictures()
        places = tab.frame.locator(".positions-row li")
        assert places.count() == 3
        maps = tab.pictures(".positions-row")
        assert all(picture["color"] > 60 for picture in maps), "no colors"
        places.nth(2).locator(".place-cell").nth(4).hover()
        shares = np.array(details["flows"][1]["pictures"][0][4])
        wait_until(lambda: "%" in places.nth(1).inner_text(), "what made it is said")
        shown = [cell.inner_text() for cell in places.nth(1).locator(".place-cell").all()]
        for text, share in zip(shown, shares, strict=True):
            assert (text != "") == (abs(share) >= 0.05)
            if text:
                assert float(text.rstrip(" %").replace("−", "-")) == pytest.approx(100 * share, abs=0.6)
        before = shares @ np.array(details["flows"][0]["pictures"][0])
        titles = [cell.get_attribute("title") for cell in places.nth(0).locator(".place-cell").all()]
        shown = [float(title.rstrip(" %").replace("−", "-")) for title in titles]
        np.testing.assert_allclose(shown, 100 * before, atol=0.6)
        table = details["layers"][2]["channels"]["pictures"][0]
        effects = dict(zip(table["channels"], table["effects"], strict=True))
        rows = tab.frame.locator(".channel-tables table").nth(1).locator("tbody tr")
        assert rows.count() == len(effects), "of six channels none are left over"
        for row in rows.all():
            channel, one, two = (float(text.replace("−", "-")) for text in row.locator("td").all_inner_texts()[1:4])
            assert [one, two] == pytest.approx(effects[int(channel)][:2], rel=0.06, abs=2e-3)  # two digits are shown
        tab.shoot("decision-positions")


def test_a_region_that_is_pointed_at_stays_where_it_is_in_a_narrow_window(browser, url):
    with view(browser, url, width=1000, height=1200) as tab:
        tab.wait_for_pictures()
        cell = tab.frame.locator(".positions-row li").nth(1).locator(".place-cell").nth(4)
        cell.scroll_into_view_if_needed()
        before = cell.bounding_box()
        cell.hover(timeout=5000)
        wait_until(lambda: "%" in tab.text(".positions-row"), "it is pointed at")
        assert cell.bounding_box() == before


def test_a_picture_has_one_name_in_all_sections(browser, url):
    with view(browser, url) as tab:
        tab.wait_for_pictures()
        strip = tab.frame.locator(".strip-picture").first
        name = strip.get_attribute("aria-label").removeprefix("Explain ")
        assert re.fullmatch(f"picture 1, taken for ({'|'.join(NAMES)})", name)
        assert tab.frame.locator(".decisions .map").first.get_attribute("title") == name
        tab.section("Groups")
        tab.press("Home")
        name = tab.frame.locator(".map").first.get_attribute("aria-label").removeprefix("Enlarge ")
        tab.section("Decision")
        assert strip.get_attribute("aria-label") == f"Explain {name}"


def test_tokens_are_pointed_at_with_mouse_and_keys(browser, url):
    with view(browser, url, "&p.interpretability.node=words%3A%20group%201", run="text/interp", width=1400) as tab:
        tab.wait_for_pictures()
        row = tab.frame.locator(".decision-head .tokens")
        row.locator(".token").nth(3).hover()
        wait_until(lambda: "What fires here" in tab.text(".here"), "the position is read")
        row.press("ArrowRight")
        row.press("ArrowRight")
        at = row.evaluate("(row) => [...row.children].findIndex((token) => token.classList.contains('at'))")
        assert at == 5
        levels = row.evaluate("(row) => [...row.children].map((token) => Number(token.title))")
        colors = row.evaluate("(row) => [...row.children].map((token) => getComputedStyle(token).backgroundColor)")
        silent = {color for color, level in zip(colors, levels, strict=True) if level == 0}
        strong = {color for color, level in zip(colors, levels, strict=True) if level > 0.2}
        assert strong, "the group fires somewhere"
        assert not strong & silent
        assert tab.frame.locator(".positions .token").count() == 9, "of the layer: numbers of tokens have no gradient"
        tab.shoot("decision-tokens")
