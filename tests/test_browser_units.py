"""Cards of units in a real browser: what a person should look at first stands first."""

import pathlib

import keras
import numpy as np
import pytest
from browser_checks import BrowserContext
from test_browser_report import open_report

import tf_interp as ti

pytestmark = pytest.mark.browser


def test_where_a_probe_picture_excites_a_unit_more_its_part_stands_first(
    tmp_path: pathlib.Path, browser: BrowserContext
) -> None:
    layers = keras.layers
    network = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(2, 1, name="conv")])
    network.set_weights([np.array([[[[1.0, -1.0]]]]), np.array([0.0, 1.0])])
    images = np.full((3, 12, 12, 1), 0.99, np.float32)  # no picture excites the first unit more, the second hardly
    records = list(ti.analyze(ti.open_model(network), ti.Probe.from_arrays(images), ["conv"], [ti.Features([0, 1], 4)]))
    first, second = records[0].data["units"]
    assert (first["first"], second["first"]) == ("crop", "picture")
    ti.write(records, tmp_path / "logs")
    with open_report(browser, ti.write_report(tmp_path / "logs", tmp_path / "report.html")) as tab:
        tab.section("Features")
        cards = tab.frame.locator(".unit")
        assert f"Part of a probe picture: {first['caution']}" in cards.first.inner_text()
        assert "probe picture" not in cards.nth(1).inner_text()
        bright, drawn = tab.pictures(".unit")
        assert bright["low"] > 240, "the part of a probe picture, which is all bright"
        assert drawn["low"] < 240
        tab.shoot("unit-below-the-probe")
        cards.first.click()
        tab.wait_for_pictures()
        panel = tab.frame.get_by_role("dialog")
        assert f"Read the examples below first: {first['caution']}." in panel.inner_text()
        assert tab.pictures(".panel")[0]["low"] < 240, "the drawn picture is there as well"


def test_a_unit_says_along_which_path_it_was_drawn(tmp_path: pathlib.Path, browser: BrowserContext) -> None:
    layers = keras.layers
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((12, 12, 1)), layers.Conv2D(8, 3, name="early"), layers.Conv2D(2, 3, name="late")]
    )
    probe = ti.Probe.from_arrays(np.random.default_rng(0).random((30, 12, 12, 1)))
    records = list(ti.analyze(ti.open_model(network), probe, ["late"], [ti.Features([0, 1], 4)]))
    said = records[0].data["units"][1]["path"]["sentence"]
    ti.write(records, tmp_path / "logs")
    with open_report(browser, ti.write_report(tmp_path / "logs", tmp_path / "report.html")) as tab:
        tab.section("Features")
        tab.frame.locator(".unit").nth(1).click()
        tab.wait_for_pictures()
        assert said in tab.frame.get_by_role("dialog").inner_text()
        tab.shoot("unit-path")
