"""The page on how to add a view tells the truth: its part runs, and its view shows the numbers of the records."""

import pathlib
import re
import shutil

import keras
import numpy as np
import pytest
from browser_checks import BrowserContext
from test_browser_report import open_report

import tf_interp as ti
from tf_interp.report import page

PAGE = pathlib.Path(__file__).parent.parent / "tensorboard_plugin/adding_a_view.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def _make_logs(folder: pathlib.Path) -> None:
    known: dict = {}
    exec(compile(_blocks("python")[0], str(PAGE), "exec"), known)  # noqa: S102
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential([
        keras.Input((8, 8, 1)),
        layers.Conv2D(4, 3, activation="relu", name="conv3", bias_initializer="ones"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ])  # fmt: skip
    kernel, _ = network.get_layer("conv3").get_weights()
    network.get_layer("conv3").set_weights([0 * kernel, np.array([1, 1, 1, -1])])
    probe = ti.Probe.from_arrays(np.zeros((3, 8, 8, 1)))
    records = list(ti.analyze(ti.open_model(network), probe, ["conv3"], [known["Activity"]()]))
    assert records[0].data["fires"] == [0.75] * 3
    ti.write(records, folder)


@pytest.mark.browser
def test_a_part_and_a_view_as_on_the_page(
    tmp_path: pathlib.Path, browser: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    static = tmp_path / "static"
    shutil.copytree(page.STATIC, static)
    (view,) = _blocks("js")
    (static / "views/view_activity.js").write_text(view)
    (line,) = re.findall(r"`SECTIONS`, `(\{.*?\})`", PAGE.read_text(encoding="utf-8"))
    app = (static / "app.js").read_text()
    last = "view: Concepts },"
    assert last in app
    app = 'import { ActivityView } from "./views/view_activity.js";\n' + app.replace(last, f"{last} {line},")
    (static / "app.js").write_text(app)
    monkeypatch.setattr(page, "STATIC", static)

    _make_logs(tmp_path / "logs")
    report = ti.write_report(tmp_path / "logs", tmp_path / "report.html")
    with open_report(browser, report) as tab:
        tab.frame.get_by_role("navigation").get_by_role("button", name="Activity").click()
        tab.wait_for_pictures()
        assert tab.frame.locator("main ol li").all_inner_texts() == ["75 %"] * 3
