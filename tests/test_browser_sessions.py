"""What must be read stands first, and trainings in one log directory stand beside each other, in a real browser."""

import pathlib

import keras
import pytest
from browser_checks import BrowserContext, open_tab, start_tensorboard, wait_for_runs, wait_until
from watched import Best, build, fit, watch

from tf_interp import Features, NeuronGroups

pytestmark = pytest.mark.browser
RANGE = "the network or its preprocess seems to expect 0..255"


# What a run's name says, and which of several is shown.
CHOOSE = """async ([address, cases]) => {
    const { runName, sortRuns } = await import(`${address}format.js`);
    const { chooseRun } = await import(`${address}model.js`);
    const names = ["b/interp", "a/interp-10", "a/interp", "a/interp-2", "interp", ".", "x", "a/interp-1"];
    const one = ([run, wall_time]) => [run, { tag: { wall_time } }];
    const runs = (times) => Object.fromEntries(Object.entries(times).map(one));
    return [sortRuns(names).map(runName), cases.map(([times, ...rest]) => chooseRun(runs(times), ...rest))];
}"""
TIMES = {"a/interp": 5, "a/interp-2": 7, "b/interp": 9}
CASES = [
    ((TIMES, "", ""), "b/interp"),
    ((TIMES, "a/interp", "b/interp"), "a/interp"),
    ((TIMES, "", "a/interp"), "a/interp-2"),
    ((TIMES, "", "a/interp-2"), "a/interp-2"),
    ((TIMES, "", "b/interp"), "b/interp"),
    (({"a/interp": 8, "a/interp-2": 7}, "", "a/interp"), "a/interp"),
    ((TIMES, "gone", "gone too"), "b/interp"),
    (({}, "", ""), ""),
]


def train(folder: pathlib.Path, *others: keras.callbacks.Callback) -> None:
    parts = [Features(2, steps=2), NeuronGroups(2, steps=2)]
    fit(build(), watch(folder, parts=parts, preprocess=lambda images: images / 255.0), *others)


def test_sessions_stand_beside_each_other_and_warnings_first(tmp_path: pathlib.Path, browser: BrowserContext) -> None:
    train(tmp_path / "run")
    train(tmp_path / "run", Best(0))
    with start_tensorboard(tmp_path) as url:
        wait_for_runs(url, 4)
        with open_tab(browser, url) as tab:
            tab.wait_for_pictures()
            choice = tab.frame.get_by_label("Run", exact=True)
            assert [option.inner_text() for option in choice.locator("option").all()] == ["run", "run, session 2"]
            assert choice.locator("option:checked").inner_text() == "run, session 2"
            first = tab.frame.locator(".overview > section").first
            assert first.get_by_role("heading").inner_text() == "Read this first"
            warnings = first.get_by_role("listitem").all_inner_texts()
            assert len(warnings) == 2
            assert RANGE in warnings[0]
            assert "this one is session 2" in warnings[1]
            assert tab.step() == 7
            assert tab.text(".now-label").split() == ["step", "7", "epoch", "1,", "put", "back"]
            assert "put back when training ended" in tab.text(".facts")
            tab.shoot("light-1280-session")
            choice.select_option(label="run")
            wait_until(lambda: tab.step() == 6, "the last step of the first session")
            tab.wait_for_pictures()
            assert "session" not in tab.text(".to-read") + tab.text(".facts")
            tab.set_theme(dark=True)
            tab.shoot("dark-1280-session")
            address = f"{url}data/plugin/interpretability/static/"
            names, chosen = tab.frame.evaluate(CHOOSE, [address, [list(case) for case, _ in CASES]])
            assert names == [
                "(this folder)",
                "(this folder)",
                "a",
                "a, session 2",
                "a, session 10",
                "a/interp-1",
                "b",
                "x",
            ]
            assert chosen == [run for _, run in CASES]
        with open_tab(browser, url, 900) as tab:
            tab.wait_for_pictures()
            tab.shoot("light-900-session")
            train(tmp_path / "run")
            wait_until(lambda: "session 3" in tab.text(".top option:checked"), "the next training is shown", 20)
            wait_until(lambda: tab.step() == 6, "its last step")
