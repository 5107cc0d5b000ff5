"""How quick the tab is on a large log, in a real TensorBoard and Chromium, and what the plugin costs the server.

    python tests/benchmarks/tab_speed.py [--logs FOLDER] [--steps 20] [--runs 3] [--pictures 500] [--many 1500]

Records are those that `analyze` makes of a small network with `--pictures` pictures, every part at its most pictures;
the same records stand at each step of each run. `--many` is the number of runs of the last measurement.
Medians of seven, wall time (a browser and a server take part), with the least and the most. TensorBoard's own page is
busy for a second before it takes a press on a tab, and then before it asks for our script: both are told beside the
first view.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from browser_checks import open_tab, start_browser, start_tensorboard, wait_for_runs, wait_until
from playwright.sync_api import sync_playwright

REPEATS = 7
START = """
import time, tensorboard.plugins.base_plugin
start = time.perf_counter()
import tensorboard_plugin_interp.loader
print(time.perf_counter() - start)
"""
# What a frame costs: the handlers and the drawing of one move of the pointer, without the wait for the screen.
HOVER = """() => new Promise((done) => {
    const heads = [...document.querySelectorAll(".group-head")];
    const costs = [];
    const move = (turn) => {
        if (turn === 40) return done(costs.sort((a, b) => a - b));
        const start = performance.now();
        const target = heads[turn % heads.length];
        for (const kind of ["pointerover", "pointerenter", "mouseover", "mouseenter"])
            target.dispatchEvent(new PointerEvent(kind, { bubbles: !kind.endsWith("enter") }));
        const channel = new MessageChannel();
        requestAnimationFrame(() => {
            channel.port1.onmessage = () => {
                costs.push(performance.now() - start);
                setTimeout(() => move(turn + 1), 30);
            };
            channel.port2.postMessage(0); // after this frame has been drawn
        });
    };
    move(0);
})"""


PRESSED = (
    "() => addEventListener('mousedown', () => (window.pressed ??= performance.timeOrigin + performance.now()), true)"
)
SEEN = """() => {
    const script = performance.getEntriesByType("resource").find(({ name }) => name.includes("/tab.js"));
    return [performance.now(), script.startTime].map((time) => performance.timeOrigin + time);
}"""
STEPPED = """([before, whole]) => {
    const inView = (one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    };
    const waiting = [...document.querySelectorAll("main [aria-busy=true], .waiting")];
    return Number(document.querySelector(".now-label b").innerText.replace(/\\D/g, "")) !== before
        && !(whole ? waiting.length : waiting.some(inView));
}"""


def make_logs(folder, pictures, steps, runs):
    """Analyze a small network once, and write its records at every step of every run."""
    import keras

    import tf_interp as ti

    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential([
        keras.Input((32, 32, 1)),
        layers.Conv2D(32, 3, 2, "same", activation="relu", name="conv2"),
        layers.Conv2D(64, 3, 2, "same", activation="relu", name="conv3"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(10),
    ])  # fmt: skip
    network.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    images = rng.random((pictures, 32, 32, 1), np.float32)
    probe = ti.Probe.from_arrays(images, labels=rng.integers(0, 10, pictures), class_names=[str(i) for i in range(10)])
    tests = ti.ConceptTests({"dark": images[:60] / 2}, random=images[60:260], targets=[3])
    parts = [
        ti.Features(units=16, steps=8), ti.NeuronGroups(8, steps=8), ti.Attributions(pictures=64),
        ti.Decisions(pictures=32), ti.SemanticDictionary(pictures=64, steps=8), tests,
    ]  # fmt: skip
    made = list(ti.analyze(ti.open_model(network), probe, ["conv2", "conv3"], parts))
    for run in range(runs):
        records = (dataclasses.replace(one, step=100 * step) for step in range(1, steps + 1) for one in made)
        ti.write(records, folder / f"run{run}")
    return len({one.tag for one in made})


def tell(what, seconds, bar):
    """Print a median with its least and most in milliseconds."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    print(f"{what:44} {1000 * middle:8.1f} ms  [{1000 * low:.1f}, {1000 * high:.1f}]  bar {bar}", flush=True)


def clock(act):
    """Return how long something takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def memory_of(url):
    """Return the resident bytes of the TensorBoard that serves `url`, with its data server."""
    port = url.rsplit(":", 1)[1].strip("/")
    parents, found = {}, set()
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            parents[int(status.parent.name)] = int(text.partition("PPid:")[2].split()[0])
            if f"--port\0{port}\0".encode() in (status.parent / "cmdline").read_bytes():
                found.add(int(status.parent.name))
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    pages = sum(int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1]) for process in found)
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_first_view(browser, url):
    """From the press on the tab, while TensorBoard shows its own page, until a picture of ours is drawn."""
    views, shells, clicks = [], [], []
    for _ in range(REPEATS):
        with contextlib.closing(browser.new_page()) as page:
            page.goto(f"{url}#timeseries", wait_until="networkidle")
            page.set_default_timeout(20_000)
            page.evaluate(PRESSED)
            before = 1000 * time.time()
            page.get_by_role("tab", name="Interpretability").or_(
                page.get_by_text("Interpretability", exact=True)
            ).first.click()
            frame = page.wait_for_selector("iframe").content_frame()
            frame.wait_for_selector("main canvas:not(.waiting, .absent, [aria-busy=true])")
            seen, asked = frame.evaluate(SEEN)
            pressed = page.evaluate("() => window.pressed")
            views.append((seen - pressed) / 1000)
            shells.append((asked - pressed) / 1000)
            clicks.append((pressed - before) / 1000)
    tell("first view, from the press on the tab", views, "1500 ms")
    tell("  of that, until TensorBoard asks for our script", shells, "-")
    tell("  before that, until its own page took the press", clicks, "-")


def measure_steps(browser, url):
    """Another step in each section, pressed as soon as the one before is drawn; and hover, on the large log."""
    with open_tab(browser, url, link="&p.interpretability.run=run0/interp") as tab:
        for section in ("Groups", "Features", "Decision", "Dictionary", "Concepts"):
            tab.section(section)
            tab.frame.get_by_label("Training step").press("End")
            tab.wait_for_pictures()
            seen, drawn = [], []
            for _ in range(REPEATS):
                before = tab.step()
                tab.frame.evaluate("() => document.querySelector('.slider input').focus()")
                start = time.perf_counter()
                tab.page.keyboard.press("ArrowLeft")
                tab.frame.wait_for_function(STEPPED, arg=[before, False])
                seen.append(time.perf_counter() - start)
                tab.frame.wait_for_function(STEPPED, arg=[before, True])
                drawn.append(time.perf_counter() - start)
            tell(f"another step, what is in view: {section}", seen, "150 ms")
            tell(f"  the whole page: {section}", drawn, "-")
        tab.section("Groups")
        costs = [cost / 1000 for cost in tab.frame.evaluate(HOVER)]
        tell("hover over a group: handlers and one frame", costs, "16 ms a frame")


def main():
    """Make the logs, start TensorBoard on them, and print each figure beside its bar."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--logs", type=pathlib.Path, help="keep the logs here, and use what is there")
    for name, value in (("steps", 20), ("runs", 3), ("pictures", 500), ("many", 1500)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.logs or pathlib.Path(scratch)
        large, many, empty = folder / "large", folder / "many", folder / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        if not large.exists():
            make_logs(large, asked.pictures, asked.steps, asked.runs)
        if not many.exists():
            make_logs(folder / "seed", 120, 1, 1)
            (event,) = (folder / "seed/run0/interp").iterdir()
            for run in range(asked.many):
                place = many / f"group{run % 30}" / f"run{run:04}" / "interp"
                place.mkdir(parents=True)
                os.link(event, place / event.name)
        starts = [float(subprocess.check_output([sys.executable, "-c", START], text=True)) for _ in range(REPEATS)]
        tell("start of the plugin", starts, "100 ms")
        size = sum(path.stat().st_size for path in large.rglob("*") if path.is_file())
        with sync_playwright() as playwright, start_browser(playwright) as browser:
            flags = ("--samples_per_plugin", "interpretability=0")
            with start_tensorboard(empty, *flags) as url:
                wait_until(lambda: memory_of(url) > 50e6, "it runs", 60)
                time.sleep(10)
                bare = memory_of(url)
            with start_tensorboard(large, *flags) as url:
                wait_for_runs(url, 3 * 8, 300)
                time.sleep(10)
                loaded = memory_of(url) - bare
                measure_first_view(browser, url)
                measure_steps(browser, url)
                used = memory_of(url) - bare
                print(
                    f"memory of the server beyond an empty one     {used / size:.2f} x the events "
                    f"({size / 1e6:.0f} MB), {loaded / size:.2f} before anybody looked  bar 1.3"
                )
            with start_tensorboard(many) as url:
                waited = clock(lambda: wait_for_runs(url, 8 * asked.many, 600))
                print(f"TensorBoard itself reads {asked.many} runs in {waited:.0f} s")
                seconds = []
                for _ in range(REPEATS):

                    def show(url=url):
                        with open_tab(browser, url) as tab:
                            tab.wait_for_pictures()

                    seconds.append(clock(show))
                tell(f"{asked.many} runs: the page opened, pictures there", seconds, "3000 ms")


if __name__ == "__main__":
    main()
