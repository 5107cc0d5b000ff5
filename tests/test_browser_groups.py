"""The view "Neuron groups" in a real browser: switches show what the network gives without groups."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from browser_checks import BrowserContext, Tab, open_tab, start_tensorboard, wait_for_runs, wait_until

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
def url(tmp_path_factory, model, probe) -> Iterator[str]:
    logs = tmp_path_factory.mktemp("groups")
    part = ti.NeuronGroups(3, icons=False, switches=4)
    ti.write(ti.analyze(model, probe, ["conv1", "conv2"], [part], step=10), logs / "small")
    with start_tensorboard(logs) as address:
        wait_for_runs(address, 2)
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
