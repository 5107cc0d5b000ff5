"""A person finds the way in 1,000 units, 500 pictures and layers with paths: by order, filters, pages and a tree."""

import re
import urllib.parse
from collections.abc import Iterator

import fake_wide_run
import pytest
from browser_checks import BrowserContext, Tab, open_tab, start_tensorboard, wait_for_runs, wait_until

pytestmark = pytest.mark.browser
LAYER = fake_wide_run.LAYERS[0]
LINK = f"&p.interpretability.layer={urllib.parse.quote(LAYER, safe='')}&p.interpretability.section="
DEEP = (*(f"backbone/block{block}/{name}" for block in range(1, 11) for name in ("conv", "relu")), "stem")
UNITS = [fake_wide_run.unit(index, 3) for index in range(fake_wide_run.UNITS)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("wide")
    fake_wide_run.write_wide_run(folder, "deep", DEEP, wide=False)
    fake_wide_run.write_wide_run(folder)
    with start_tensorboard(folder) as server:
        wait_for_runs(server, len(DEEP) + len(fake_wide_run.LAYERS) + 2)
        yield server


def names(tab: Tab) -> list[str]:
    """Return the names of the units that are shown."""
    tab.wait_for_pictures()
    return tab.frame.locator(".unit .direction-name").all_inner_texts()


def choose(tab: Tab, label: str, value: str) -> None:
    """Choose from a menu."""
    tab.frame.get_by_label(label, exact=True).select_option(value)
    tab.wait_for_pictures()


def chosen(tab: Tab, key: str) -> str:
    """Return what the address says of a choice."""
    said = urllib.parse.parse_qs(tab.page.evaluate("location.hash").partition("&")[2])
    return said.get(f"p.interpretability.{key}", [""])[0]


def share(unit: dict) -> float:
    """Return what the picture of a unit reaches over the probe's best."""
    return unit["activation"] / unit["probe_max"]


def by(value: dict[str, float]) -> list[str]:
    """Return the names of the first page, the largest value first."""
    return sorted(value, key=lambda name: -value[name])[:48]


def test_units_are_sorted_by_what_the_records_say(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"{LINK}features") as tab:
        assert names(tab) == [unit["name"] for unit in UNITS[:48]]
        choose(tab, "Order of units", "activation")
        assert names(tab) == by({unit["name"]: unit["activation"] for unit in UNITS})
        choose(tab, "Order of units", "share")
        assert names(tab) == by({unit["name"]: share(unit) for unit in UNITS})
        choose(tab, "Order of units", "change")
        first = [fake_wide_run.unit(index, 1) for index in range(len(UNITS))]
        changed = {
            one["name"]: round(abs(share(one) - share(before)), 9) for one, before in zip(UNITS, first, strict=True)
        }
        wait_until(lambda: {changed[name] for name in names(tab)} == set(sorted(changed.values())[-48:]), "by change")
        assert chosen(tab, "unit_order") == "change"
        choose(tab, "Order of units", "share")
        tab.frame.locator(".unit").first.click()
        tab.frame.get_by_role("button", name="Next unit").click()
        wait_until(lambda: tab.text(".panel-title").startswith(names(tab)[1]), "the next in this order")
        assert "2 of 1000" in tab.text(".panel-nav")


def test_units_are_filtered_and_the_address_says_how(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"{LINK}features") as tab:
        choose(tab, "Which units", "silent")
        assert names(tab) == [unit["name"] for unit in UNITS if unit["status"] != "ok"]
        assert "10 of 1,000 units" in tab.text(".arranged-line")
        tab.shoot("arranging-silent")
        choose(tab, "Which units", "dead")
        assert names(tab) == ["channel 3", "channel 253", "channel 503", "channel 753"]
        choose(tab, "Which units", "below")
        below = [unit["name"] for unit in UNITS if unit["status"] == "ok" and share(unit) < 1]
        assert f"{len(below)} of 1,000 units" in tab.text(".arranged-line")
        tab.frame.get_by_label("Find units").fill("9$")
        wait_until(lambda: names(tab) == [name for name in below if name.endswith("9")][:48], "both filters")
        link = tab.page.evaluate("location.hash").partition("interpretability")[2]
        tab.frame.get_by_label("Find units").fill("no such")
        wait_until(lambda: "None of 1,000 units fits." in tab.text(".arranged-line"), "nothing")
        tab.frame.get_by_role("button", name="Show all 1,000").click()
        wait_until(lambda: len(names(tab)) == 48, "all units")
        assert (chosen(tab, "unit_state"), chosen(tab, "unit_text")) == ("", "")
    with open_tab(browser, url, link=link) as tab:
        wait_until(lambda: names(tab) == [name for name in below if name.endswith("9")][:48], "as the address says")


def test_pages_are_reached_by_mouse_keys_and_address(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"{LINK}features") as tab:
        tab.wait_for_pictures()
        assert tab.frame.locator("main canvas").count() == 48, "pages that are not shown have no canvas"
        pager = tab.frame.get_by_role("navigation", name="Pages of units")
        assert "1 to 48 of 1,000 units" in pager.inner_text()
        pager.get_by_role("button", name="Page 21").focus()
        tab.page.keyboard.press("Enter")
        wait_until(lambda: names(tab) == [unit["name"] for unit in UNITS[960:]], "the last page")
        pager.get_by_role("button", name="Previous").click()
        wait_until(lambda: names(tab)[0] == "channel 912", "the page before")
        assert pager.get_by_role("button", name="Page 20").get_attribute("aria-current") == "page"
        pager.scroll_into_view_if_needed()
        tab.shoot("arranging-pages")
        link = tab.page.evaluate("location.hash").partition("interpretability")[2]
        tab.page.go_back()
        wait_until(lambda: names(tab)[0] == "channel 960", "Back turns the page back")
        before = tab.pictures()[0]["sum"]
        tab.press("ArrowLeft")
        wait_until(lambda: tab.pictures()[0]["sum"] != before, "another step")
        assert names(tab)[0] == "channel 960", "the page stays"
    with open_tab(browser, url, link=link) as tab:
        wait_until(lambda: names(tab)[0] == "channel 912", "as the address says")


@pytest.mark.parametrize(("section", "look"), [("groups", ".grid.maps .map"), ("decisions", ".grid.decisions .map")])
def test_pictures_are_filtered_and_in_pages(url: str, browser: BrowserContext, section: str, look: str) -> None:
    with open_tab(browser, url, link=f"{LINK}{section}") as tab:
        tab.wait_for_pictures()
        cards = tab.frame.locator(look)
        assert cards.count() == 48
        choose(tab, "Which pictures", "wrong")
        wrong = [index for index in range(fake_wide_run.PICTURES) if index % 15 == 0]
        assert f"{len(wrong)} of 500 pictures" in tab.text(".arranged-line")
        assert cards.count() == len(wrong)
        assert all("✗" in text for text in cards.all_inner_texts())
        choose(tab, "Class of pictures", "eel")
        fits = [index for index in wrong if 3 in (index % 4, (index + 1) % 4)]
        assert cards.count() == len(fits)
        cards.first.click()
        tab.wait_for_pictures()
        assert re.search(r"truth\s+(eel|=HYPERLINK\(1\))", tab.text(".panel-body"))
        tab.frame.get_by_role("button", name="Close details").click()
        tab.shoot(f"arranging-{section}")
        tab.frame.get_by_label("Find pictures").fill("4[05]")
        wait_until(lambda: cards.count() < len(fits), "by name as well")
        tab.set_theme(dark=True)
        tab.shoot(f"arranging-{section}-dark")
        tab.set_theme(dark=False)


def test_groups_are_sorted_and_found(url: str, browser: BrowserContext) -> None:
    with open_tab(browser, url, link=f"{LINK}groups") as tab:
        tab.wait_for_pictures()
        shares = {group["name"]: group["share"] for group in fake_wide_run.groups_of(3)[0]["groups"]}
        titles = tab.frame.locator(".group-list .group-title")
        assert titles.all_inner_texts()[0].split("\n")[0] == "group 1"
        choose(tab, "Order of groups", "share")
        heads = tab.frame.locator(".group-head")
        found = [(heads.nth(place).get_attribute("aria-label") or "").split(",")[0] for place in range(heads.count())]
        assert found == sorted(shares, key=lambda name: -shares[name])
        tab.frame.get_by_label("Find groups").fill("group 1")
        wait_until(lambda: heads.count() == 4, "group 1, 10, 11, 12")
        assert "4 of 12 groups" in tab.text(".group-list")


def test_layers_with_paths_are_a_tree(url: str, browser: BrowserContext) -> None:
    with open_tab(
        browser, url, link="&p.interpretability.section=features&p.interpretability.run=wide%2Finterp"
    ) as tab:
        tab.wait_for_pictures()
        menu = tab.frame.get_by_label("Layer", exact=True)
        groups = menu.locator("optgroup")
        assert [groups.nth(at).get_attribute("label") for at in range(groups.count())] == ["backbone/block2"]
        assert groups.locator("option").all_inner_texts() == ["add", "conv"]
        assert menu.locator("> option").all_inner_texts() == ["all 5", "backbone/block10/conv", "head/dense", "stem"]
        choose(tab, "Layer", LAYER)
        assert tab.frame.get_by_role("heading", name=LAYER).is_visible()


def test_many_layers_are_a_tree_with_search(url: str, browser: BrowserContext) -> None:
    with open_tab(
        browser, url, link="&p.interpretability.section=features&p.interpretability.run=deep%2Finterp"
    ) as tab:
        tab.wait_for_pictures()
        tab.frame.get_by_role("button", name="Layer: all 21").click()
        lines = tab.frame.locator(".chooser-menu li")
        assert [line.rstrip(" ✓") for line in lines.all_inner_texts()[:6]] == [
            "all 21", "backbone/", "block1/", "conv", "relu", "block2/"]  # fmt: skip
        indents = [lines.nth(at).evaluate("line => parseFloat(getComputedStyle(line).paddingLeft)") for at in (1, 2, 3)]
        assert indents == sorted(set(indents)), "deeper lines stand further in"
        tab.shoot("arranging-tree")
        tab.frame.get_by_role("combobox", name="Find layers").fill("block10")
        wait_until(
            lambda: lines.all_inner_texts() == ["backbone/", "block10/", "conv", "relu"], "folders of what is found"
        )
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("Enter")
        tab.frame.get_by_role("button", name="Layer: backbone/block10/relu").wait_for()
        assert chosen(tab, "layer") == "backbone/block10/relu"
