"""The view "Neuron groups" in a real browser: switches, names that people give, steps and runs side by side."""

import json
import pathlib
import re
from collections.abc import Iterator

import group_records
import keras
import numpy as np
import pytest
from browser_checks import BrowserContext, Tab, open_tab, start_tensorboard, wait_for_runs, wait_until
from group_records import SHARES
from scipy.optimize import linear_sum_assignment

import tf_interp as ti

pytestmark = pytest.mark.browser
L = keras.layers
NAMES = ["cat", "dog", "emu"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    layers = [L.Conv2D(6, 3, padding="same", activation="relu", name=name) for name in ("conv1", "conv2")]
    return ti.open_model(
        keras.Sequential([keras.Input((12, 12, 3)), *layers, L.GlobalAveragePooling2D(), L.Dense(3, name="end")]),
        class_names=NAMES,
    )


@pytest.fixture(scope="module")
def probe() -> ti.Probe:
    images = np.random.default_rng(0).uniform(0, 1, (6, 12, 12, 3)).astype(np.float32)
    return ti.Probe.from_arrays(images, np.arange(6) % 3, NAMES)


@pytest.fixture(scope="module")
def groups(model, probe):
    return ti.find_groups(model, probe, "conv2", 3)


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("groups")


@pytest.fixture(scope="module")
def url(logs, model, probe) -> Iterator[str]:
    """One run of a network, and some that were made by hand."""
    part = ti.NeuronGroups(3, icons=False, switches=4)
    ti.write(ti.analyze(model, probe, ["conv1", "conv2"], [part], step=10), logs / "small")
    count = group_records.write_runs(logs)
    with start_tensorboard(logs) as address:
        wait_for_runs(address, 2 + count)
        yield address


def view(browser: BrowserContext, url: str, link: str = ""):
    start = "&p.interpretability.run=small%2Finterp&p.interpretability.section=groups&p.interpretability.layer=conv2"
    return open_tab(browser, url, link=start + link)


def shown(tab: Tab) -> dict[str, float]:
    """Return the number that stands beside each class."""
    bars = tab.frame.locator(".switches .class-bar")
    rows = [bar.inner_text().split("\n") for bar in bars.all()]
    return {row[0].strip(): float(row[-1].split("was")[0].replace("−", "-")) for row in rows}


def switch(tab: Tab, name: str):
    return tab.frame.locator(".switches").get_by_role("switch", name=name)


def test_switches_show_what_the_network_gives_without_groups(browser, url, model, probe, groups):
    found = ti.ablate_groups(model, probe.images[:4], groups, draws=1)
    with view(browser, url) as tab:
        tab.wait_for_pictures()
        for picture in (0, 2):
            tab.frame.locator(".switches .strip-picture").nth(picture).click()
            for off in ([], [1], [1, 2]):
                for group in range(3):
                    if (switch(tab, f"group {group}").get_attribute("aria-checked") == "true") == (group in off):
                        switch(tab, f"group {group}").click()
                subset = sum(1 << group for group in range(3) if group not in off)
                expected = dict(zip(NAMES, found.subsets[subset, picture].tolist(), strict=True))
                assert shown(tab) == pytest.approx(expected, abs=6e-3)
                taken = max(expected, key=lambda name: expected[name])
                assert f"taken for {taken}" in tab.frame.locator(".switches .finding").inner_text().lower()
        assert not tab.problems


def test_switches_are_whole_beside_an_open_picture(browser, url):
    with view(browser, url) as tab:
        for width in (1440, 1152):
            tab.page.set_viewport_size({"width": width, "height": 1000})
            tab.frame.locator(".map").first.click()
            tab.wait_for_pictures()
            for button in tab.frame.locator(".switches .chip-button").all():
                assert button.evaluate("one => one.scrollWidth <= one.clientWidth"), f"{button.inner_text()} at {width}"


def test_classes_without_names_are_called_the_same_everywhere(browser, url):
    def without_names(route):
        record = route.fetch().json()
        record["data"]["class_names"] = None
        route.fulfill(json=record)

    with view(browser, url) as tab:
        tab.page.route("**/interpretability/record?*", without_names)
        tab.page.reload()
        frame = tab.page.wait_for_selector("iframe").content_frame()
        said = frame.locator(".switches .finding")
        said.wait_for()
        assert re.fullmatch(r"Taken for class \d\.", said.inner_text())
        bars = frame.locator(".switches .class-bar").all_inner_texts()
        assert all(text.startswith("class ") for text in bars), bars
        for outcome in frame.locator(".switches .strip .outcome").all():
            assert "class " in outcome.inner_text()
            assert outcome.evaluate(
                "one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight + 1"
            )


def test_what_each_group_is_worth_is_its_shapley_value(browser, url, model, probe, groups):
    with view(browser, url, "&p.interpretability.picture=1") as tab:
        tab.wait_for_pictures()
        scores = np.asarray(model.run(probe.images[[1]], ["output"])["output"])[0]
        first, second = np.argsort(-scores)[:2]
        shapley = ti.ablate_groups(model, probe.images[[1]], groups, [int(first), int(second)], draws=1).shapley[..., 0]
        said = [one.inner_text() for one in tab.frame.locator(".switch-list .effect-value").all()]
        assert [float(text.replace("−", "-")) for text in said] == pytest.approx(
            (shapley[:, 0] - shapley[:, 1]).tolist(), abs=6e-3
        )


def test_what_is_off_stands_in_the_address(browser, url):
    with view(browser, url) as tab:
        tab.wait_for_pictures()
        tab.frame.locator(".switches").get_by_role("button", name="only").nth(1).click()
        wait_until(lambda: "p.interpretability.off=conv2~0.2" in tab.page.url.replace("%7E", "~"), "the address has it")
        whole = shown(tab)
    with view(browser, url, "&p.interpretability.off=conv2~0.2.9") as tab:
        tab.wait_for_pictures()
        states = [switch(tab, f"group {group}").get_attribute("aria-checked") for group in range(3)]
        assert states == ["false", "true", "false"]
        assert shown(tab) == whole
        tab.frame.locator(".switches").get_by_role("button", name="all on").click()
        assert tab.frame.locator(".class-value small").count() == 0


def test_a_group_says_what_it_is(browser, url, model, probe, groups):
    with view(browser, url) as tab:
        tab.wait_for_pictures()
        assert tab.frame.get_by_role("region", name="About group 1").count() == 0
        tab.frame.locator(".group-head").nth(1).click()
        about = tab.frame.get_by_role("region", name="About group 1")
        tab.wait_for_pictures()
        profile = ti.describe_groups(model, probe, groups, top=4)
        rows = [line.inner_text().split("\n") for line in about.locator(".profile li").all()]
        shown = {row[0].strip(): float(row[-1]) for row in rows}
        assert shown == pytest.approx(dict(zip(profile.classes, profile.profile[1].tolist(), strict=True)), rel=6e-3)
        captions = about.locator("figcaption").all_inner_texts()
        assert captions[:2] == ["best", "typical"]
        assert about.locator("figure").nth(0).locator("canvas").count() == 4
        assert about.locator(".proofs li").count() == 3
        assert "no name is" in tab.frame.locator(".group-word").first.inner_text()  # six pictures cannot tell
        assert not tab.problems


@pytest.fixture
def names(logs) -> Iterator[pathlib.Path]:
    """The file of names of the first run, which is not there before and after."""
    path = logs / "first/interp-names.json"
    yield path
    path.unlink(missing_ok=True)


def made_view(browser: BrowserContext, url: str, link: str = "", run: str = "first"):
    start = f"&p.interpretability.run={run}%2Finterp&p.interpretability.section=groups"
    return open_tab(browser, url, width=1400, link=start + link)


def directions(*identities: int, noise: float = 0.0) -> ti.Directions:
    vectors = np.stack([group_records.make_vector(identity) for identity in identities])
    other = np.random.default_rng(3).random(vectors.shape) ** 6
    scale = noise * np.linalg.norm(vectors, axis=1, keepdims=True) / np.linalg.norm(other, axis=1, keepdims=True)
    return ti.Directions("conv", vectors + scale * other, [f"group {row}" for row in range(len(vectors))])


def listed(tab: Tab) -> list[str]:
    """Return the names of the groups in the order in which they are shown."""
    tab.wait_for_pictures()
    return [card.inner_text().strip() for card in tab.frame.locator(".group-list .group-name").all()]


def give(tab: Tab, old: str, new: str, key: str = "Enter") -> None:
    """Click a name in the list, type another one, and press a key."""
    tab.frame.locator(".group-list .name-button").filter(has_text=old).click()
    field = tab.frame.locator(".group-list .name-input")
    field.fill(new)
    field.press(key)


def test_a_name_that_is_typed_stands_wherever_the_group_is(browser, url, logs, names):
    with made_view(browser, url) as tab:
        assert listed(tab) == ["group 0", "group 4", "group 2", "group 3"]
        assert tab.frame.locator(".given-mark").count() == 0
        give(tab, "group 2", "never kept", "Escape")
        assert not names.exists()
        give(tab, "group 2", "  stripes <b>on</b> zebras ")
        wait_until(lambda: "stripes <b>on</b> zebras" in listed(tab), "the list shows the name")
        mark = tab.frame.locator(".group-list .given-mark")
        assert (mark.count(), mark.get_attribute("aria-label")) == (1, "A person gave this name to group 2")
        assert tab.frame.locator(".interp b:text-is('on')").count() == 0, "a name is text"
        recalled = ti.recall_group_names(directions(0, 2, 3), logs / "first")
        assert recalled.names == (None, "stripes <b>on</b> zebras", None)
        tab.frame.locator(".group-head").nth(2).click()
        assert tab.frame.get_by_role("region", name="About stripes <b>on</b> zebras").is_visible()
        for step in ("Home", "ArrowRight", "End"):  # where it has another place in the record
            tab.press(step)
            assert listed(tab)[2] == "stripes <b>on</b> zebras"
        tab.section("Overview")
        assert "stripes <b>on</b> zebras 31 %" in tab.frame.locator(".share-bar").get_attribute("aria-label")
    with made_view(browser, url) as tab:
        wait_until(lambda: listed(tab)[2] == "stripes <b>on</b> zebras", "the name is there again")
        give(tab, listed(tab)[2], "")
        wait_until(lambda: listed(tab)[2] == "group 2", "an empty name takes it away")
        assert json.loads(names.read_text())["names"] == []


def test_names_follow_groups_that_drift_and_no_others(browser, url, logs, names):
    ti.keep_group_names(logs / "first", directions(2, 3, noise=0.6), {"group 0": "near", "group 1": "close"})
    ti.keep_group_names(logs / "first", directions(8), {"group 0": "another"})
    expected = ti.recall_group_names(directions(0, 4, 2, 3), logs / "first").names
    assert expected == (None, None, "near", "close")
    with made_view(browser, url) as tab:
        wait_until(lambda: listed(tab) == ["group 0", "group 4", "near", "close"], "as the library recalls them")


def test_what_another_person_wrote_meanwhile_is_never_overwritten(browser, url, logs, names):
    with made_view(browser, url) as tab:
        listed(tab)
        button = tab.frame.locator(".group-list").get_by_role("button", name="group 3: give it a name")
        button.click()
        field = tab.frame.locator(".group-list .name-input")
        field.fill("mine")
        ti.keep_group_names(logs / "first", directions(3, 0), {"group 0": "theirs", "group 1": "sky"})
        field.press("Enter")
        said = tab.frame.get_by_role("alert")
        assert said.inner_text() == "Meanwhile somebody else called it “theirs”. Type again to replace that."
        assert ti.recall_group_names(directions(3), logs / "first").names == ("theirs",)
        field.press("Enter")
        wait_until(lambda: listed(tab) == ["sky", "group 4", "group 2", "mine"], "theirs of other groups stay")
        assert ti.recall_group_names(directions(0, 3), logs / "first").names == ("sky", "mine")
        assert tab.problems
        assert all("409" in problem for problem in tab.problems)
        tab.problems.clear()


def test_where_nothing_may_be_written_names_are_only_shown(browser, url, logs, names):
    ti.keep_group_names(logs / "first", directions(2), {"group 0": "stripes"})

    def forbid(route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"read_only": "TensorBoard may not write there"})

    browser.route("**/names?run=*", forbid)
    try:
        with made_view(browser, url) as tab:
            wait_until(lambda: "stripes" in listed(tab), "the name is shown")
            assert tab.frame.locator(".name-button").count() == 0
            assert tab.frame.locator(".group-name").first.get_attribute("title") == "TensorBoard may not write there"
    finally:
        browser.unroute("**/names?run=*")


def test_a_group_keeps_its_color_and_place_over_the_steps(browser, url):
    with made_view(browser, url) as tab:
        looks, pictures = {}, {}
        for key, step in (("Home", 10), ("ArrowRight", 20), ("End", 30)):
            tab.press(key)
            order = listed(tab)
            cards = tab.frame.locator(".group-list .group")
            colors = [cards.nth(row).evaluate("card => card.style.getPropertyValue('--group')") for row in range(4)]
            looks[step] = dict(zip(order, zip(colors, range(4), strict=True), strict=True))
            cards.nth(2).hover()  # group 2 alone: the same picture each time, from another place of the record
            tab.frame.locator(".group.active").wait_for()
            pictures[step] = tab.pictures(".grid.maps")[0]["sum"]
            if step == 10:
                tab.frame.locator(".group-head").nth(2).click()
            assert tab.frame.get_by_role("region", name="About group 2").is_visible(), "what is open stays open"
        assert looks[10] == looks[20]
        assert set(looks[30]) == {"group 0", "group 4", "group 2", "group 3"}
        assert {name: looks[30][name] for name in ("group 0", "group 2", "group 3")}.items() <= looks[10].items()
        assert looks[30]["group 4"][1] == looks[10]["group 1"][1], "the place that is free"
        assert looks[30]["group 4"][0] not in {color for color, _ in looks[10].values()}
        assert len(set(pictures.values())) == 1


def compared(tab: Tab) -> list[tuple[str, str, str]]:
    """Return what stands left, in the middle and right of each line."""
    tab.wait_for_pictures()
    lines = tab.frame.locator(".compared li:not(.compared-head)").all()
    parts = [
        [part.inner_text().replace("\n", " ").strip() for part in line.locator("> :not(details)").all()]
        for line in lines
    ]
    return [tuple(line) for line in parts]


def test_two_steps_stand_side_by_side(browser, url):
    with made_view(browser, url) as tab:
        tab.wait_for_pictures()
        tab.frame.get_by_role("button", name="Compare with another run or step").click()
        tab.frame.get_by_label("Compare with", exact=True).select_option(label="another step of this run")
        tab.frame.locator(".comparison").wait_for()
        assert "A: step 10 beside B: step 30" in tab.text(".comparison h3")
        assert "3 groups on both sides, 1 gone, 1 new." in tab.text(".comparison .caption")
        tab.wait_for_pictures()
        sides = tab.frame.locator(".compared li").nth(1).locator(".compared-side").all()
        places = [json.loads(side.get_attribute("data-of")) for side in sides]
        assert [place["step"] for place in places] == [10, 30], "what saved pictures are called after"
        labels = [side.locator("canvas").first.get_attribute("aria-label") for side in sides]
        assert [label.rpartition(", ")[2] for label in labels] == ["A", "B"]
        lines = compared(tab)
        first, last = SHARES[10], SHARES[30]
        changes = {identity: last.get(identity, 0) - first.get(identity, 0) for identity in {*first, *last}}
        order = sorted(changes, key=lambda identity: -abs(changes[identity]))
        assert [re.search(r"group (\d)", left + right)[1] for left, _, right in lines] == [str(one) for one in order]
        assert lines[0] == (
            "group 2 10 %",
            "+21.0 points Grew, 10 % → 31 %; fires in the same places (1.00); made of the same channels (1.00).",
            "group 2 31 %",
        )
        assert ("group 1 20 %", "−20.0 points Gone since step 10, where it had 20 %.", "not at step 30") in lines
        assert ("not at step 10", "+15.0 points New since step 10: 15 %.", "group 4 15 %") in lines
        assert lines[-1][1].startswith("+0.5 points Hardly changed, 5.0 % → 5.5 %")
        tab.frame.get_by_label("Step to compare with").select_option("20")
        wait_until(lambda: "A: step 20 beside B: step 30" in tab.text(".comparison h3"), "another step")
        wait_until(lambda: "p.interpretability.at=20" in tab.page.url, "the address has it")
    with made_view(browser, url, "&p.interpretability.versus=first%2Finterp&p.interpretability.at=30") as tab:
        tab.wait_for_pictures()
        assert "Step 30 is the one that is shown" in tab.text(".top")
        tab.press("Home")  # looking back from an earlier step nothing is called new
        assert [line[1] for line in compared(tab) if line[0].startswith("group 4")] == [
            "−15.0 points Only at step 30: 15 %."
        ]


def test_groups_that_changed_most_lead_to_their_rows(browser, url, logs, names):
    ti.keep_group_names(logs / "first", directions(1, 2), {"group 0": "<b>sky</b>", "group 1": "stripes"})
    overview = "&p.interpretability.run=first%2Finterp&p.interpretability.versus=first%2Finterp"
    with open_tab(browser, url, width=1400, height=500, link=overview) as tab:
        changes = tab.frame.get_by_role("region", name="What changed most")
        changes.wait_for()
        wait_until(lambda: "stripes conv: 10 % → 31 %" in changes.inner_text(), "the name that a person gave")
        assert "<b>sky</b> conv: gone, had 20 % of the activation" in changes.inner_text()
        for name, row in (("<b>sky</b>", "Gone since step 10"), ("stripes", "Grew, 10 % → 31 %")):
            changes.get_by_role("button", name=name).click()
            focused = "[data-reveal]:focus"
            wait_until(lambda: row in "".join(tab.frame.locator(focused).all_inner_texts()), "its row")  # noqa: B023
            top, bottom = tab.frame.evaluate(
                "(({ top, bottom }) => [top, bottom])(document.activeElement.getBoundingClientRect())"
            )
            assert tab.frame.locator(".top").evaluate("top => top.getBoundingClientRect().bottom") <= top
            assert bottom <= 500
            tab.section("Overview")


def test_two_runs_are_matched_by_where_their_groups_fire(browser, url):
    with made_view(browser, url) as tab:
        tab.wait_for_pictures()
        tab.frame.get_by_role("button", name="Compare with another run or step").click()
        tab.frame.get_by_label("Compare with", exact=True).select_option(label="second")
        tab.frame.locator(".comparison").wait_for()
        lines = {(left, right): words for left, words, right in compared(tab)}
        assert set(lines) == {
            ("group 0 10 %", "group 2 31 %"),
            ("group 1 50 %", "group 0 20 %"),
            ("group 3 5.0 %", "group 3 5.5 %"),
            ("group 2 7.0 %", "not in first"),
            ("not in second", "group 4 15 %"),
        }
        assert (
            lines["group 1 50 %", "group 0 20 %"]
            == "−30.0 points Shrank, 50 % → 20 %; fires in the same places (1.00)."
        )
        assert "1 only in second, 1 only in first. Pairs fire at the same places" in tab.text(".comparison .caption")
        assert "channels (" not in tab.text(".comparison"), "another training has other channels"
        colors = tab.frame.locator(".comparison .compared-name .swatch").evaluate_all(
            "all => all.map(one => one.style.background)"
        )
        assert len(set(colors)) == 5, "a color is a pair, or a group that has none"
        wait_until(lambda: "p.interpretability.versus=second%2Finterp" in tab.page.url, "the address has it")


def test_the_number_of_groups_is_chosen_where_several_were_recorded(browser, url):
    with made_view(browser, url, run="several") as tab:
        tab.wait_for_pictures()
        radios = tab.frame.get_by_role("radiogroup", name="How many groups").get_by_role("radio")
        assert radios.all_inner_texts() == ["2", "4", "8"]
        heads = tab.frame.locator(".layer-head")
        assert [text.split("\n")[-1].split(" ·")[0] for text in heads.all_inner_texts()] == ["2 groups", "2 groups"]
        radios.nth(1).click()
        wait_until(lambda: len(listed(tab)) == 8, "four of each layer")
        radios.nth(1).press("ArrowRight")
        wait_until(lambda: len(listed(tab)) == 12, "eight of one layer, four of the other, which has no more")
        assert tab.step() == 20, "the arrow chose, and did not move the step"
        wait_until(lambda: "p.interpretability.k=8" in tab.page.url, "the address has it")
    with made_view(browser, url, "&p.interpretability.k=4", run="several") as tab:
        assert len(listed(tab)) == 8
        assert tab.frame.get_by_role("radio", checked=True).inner_text() == "4"
    with made_view(browser, url) as tab:
        tab.wait_for_pictures()
        assert tab.frame.get_by_role("radiogroup").count() == 0, "with one number there is nothing to choose"


def test_pairs_are_those_of_scipy(browser, url):
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=rng.integers(1, 9, 2)).round(3) for _ in range(200)]
    with made_view(browser, url) as tab:
        found = tab.frame.evaluate(
            """async ([address, tables]) => {
                const { pairUp } = await import(address);
                return tables.map(pairUp);
            }""",
            [tab.address_of("groups/matching.js"), [table.tolist() for table in tables]],
        )
    for table, pairs in zip(tables, found, strict=True):
        rows, columns = linear_sum_assignment(table, maximize=True)
        ours = tuple(np.array(pairs).T)
        assert len(pairs) == min(table.shape)
        assert table[ours].sum() == pytest.approx(table[rows, columns].sum())
