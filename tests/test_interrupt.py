"""Ctrl-C during a look ends the work around it; what was written before it can be read, and nothing half is kept."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image

from tf_interp import Analysis, Features, InterpCallback, NeuronGroups, Probe, analyze, cli, open_model, read, write
from tf_interp.analysis.parts import neuron_groups
from tf_interp.features import render
from tf_interp.features.renderer.program import Program

PARTS = {"features": Features([0, 1], steps=4), "groups": NeuronGroups(2, steps=4)}


@pytest.fixture
def stop_at(monkeypatch):
    """A function that sets at which optimization step from now Ctrl-C comes."""
    step = Program.step

    def at(number):
        left = iter(range(number))

        def stopping(self, *args):
            if next(left, None) is None:
                monkeypatch.setattr(Program, "step", step)
                raise KeyboardInterrupt
            return step(self, *args)

        monkeypatch.setattr(Program, "step", stopping)

    return at


def network():
    keras.utils.set_random_seed(0)  # with other weights there may be findings, and records of them
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, name="dense"),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def images(count=6):
    return np.random.default_rng(0).random((count, 12, 12, 1), np.float32)


def probe():
    return Probe.from_arrays(images(), [0, 1] * 3)


@pytest.mark.parametrize("first", list(PARTS))
def test_in_fit_it_ends_the_training_and_the_log_is_whole(first, stop_at, tmp_path):
    parts = [PARTS[first], *(part for kind, part in PARTS.items() if kind != first)]
    watch = InterpCallback(tmp_path, probe(), layers=["conv"], parts=parts, max_overhead=None)
    model, epochs = network(), []
    counts = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))

    def later(epoch, logs):
        if epoch == 1:
            stop_at(0)

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=later), watch, counts]
    with pytest.raises(KeyboardInterrupt):
        model.fit(images(), np.array([0, 1] * 3), epochs=5, verbose=0, callbacks=callbacks)
    assert epochs == [0]
    assert watch.failures == 0
    assert watch._session.writer is None
    assert [(record.kind, record.step) for record in read(tmp_path)] == [
        (part.kind, step) for step in (0, 1) for part in parts
    ]
    model.fit(images(), np.array([0, 1] * 3), epochs=1, verbose=0, callbacks=[watch])  # and goes on
    assert [record.step for record in read(tmp_path) if record.kind == first] == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", list(PARTS))
def test_memory_keeps_what_was_whole(kind, stop_at):
    model = open_model(network())
    analysis = Analysis(model, probe(), ["conv"], [PARTS[kind]], repeated=True)
    list(analysis.run(0))
    before = dict(analysis._memory[kind]["conv"])
    model.model.get_layer("conv").kernel.assign(2 * model.model.get_layer("conv").kernel)
    stop_at(0)  # a later look takes one step
    with pytest.raises(KeyboardInterrupt):
        list(analysis.run(1))
    after = analysis._memory[kind]["conv"]
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def test_groups_whose_icons_were_not_drawn_are_not_kept(stop_at):
    analysis = Analysis(open_model(network()), probe(), ["conv"], [NeuronGroups(2, steps=4)])
    stop_at(2)
    with pytest.raises(KeyboardInterrupt):
        list(analysis.run(0))
    assert not analysis._memory["groups"]["conv"]


def test_in_an_analysis_no_half_record_comes_and_no_other_part_begins(stop_at, monkeypatch):
    begun = []
    monkeypatch.setattr(neuron_groups, "find_groups", lambda *args, **options: begun.append(args))
    stop_at(2)
    with pytest.raises(KeyboardInterrupt):
        list(analyze(open_model(network()), probe(), ["conv"], list(PARTS.values())))
    assert not begun


def test_a_rendering_by_itself_still_returns_what_there_is(stop_at):
    stop_at(2)
    rendering = render(open_model(network()), ["conv:0", "conv:1"], steps=4)
    assert rendering.stopped
    assert rendering.status == ("stopped after 2 of 4 steps",) * 2
    assert not render(open_model(network()), "conv:0", steps=1).stopped


def test_a_rendering_that_was_stopped_while_it_tried_again_says_so(stop_at):
    model = open_model(network())
    model.model.get_layer("conv").bias.assign([-100.0, 0, 0, 0])  # a dead unit is tried with other seeds
    stop_at(6)
    rendering = render(model, "conv:0", steps=4, retries=3)
    assert rendering.stopped


def test_the_demo_ends_with_status_130(stop_at, tmp_path, capsys):
    stop_at(3)
    assert cli.main(["demo", "--out", str(tmp_path / "demo")]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not [record for record in read(tmp_path / "demo") if record.kind == "features" and record.layer != "conv2"]
    assert not (tmp_path / "demo" / "model.keras").exists()


def test_an_animation_that_was_interrupted_leaves_the_old_one(tmp_path, monkeypatch):
    log, out = tmp_path / "log", tmp_path / "unit.gif"
    write(analyze(open_model(network()), probe(), ["conv"], [PARTS["features"]]), log)
    words = ["evolution", str(log), "--layer", "conv", "--out", str(out)]
    assert cli.main(words) == 0
    before = out.read_bytes()

    def stop(self, file, *args, **options):
        if isinstance(file, str | os.PathLike):
            pathlib.Path(file).write_bytes(b"half")
        else:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", stop)
    assert cli.main(words) == 130
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "unit.gif"]


@pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent to a process")
def test_a_real_interrupt_of_the_command_line(tmp_path):
    network().save(tmp_path / "small.keras")
    (tmp_path / "probe").mkdir()
    for number, picture in enumerate(images()):
        Image.fromarray((picture[..., 0] * 255).astype(np.uint8)).save(tmp_path / "probe" / f"{number}.png")
    words = ["analyze", "small.keras", "--probe", "probe", "--layer", "conv", "--layer", "pool", "--logdir", "log"]
    slow = """
import signal, sys, time
from tf_interp import cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from tf_interp.features.renderer import program
step = program.Program.step
def slow(self, *args):
    time.sleep(0.5 if 'pool' in str(self.objective) else 0)
    return step(self, *args)
program.Program.step = slow
sys.exit(cli.main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", slow, *words, "--part", "features", "--units", "2", "--steps", "300"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and child.poll() is None and not _has_records(tmp_path / "log"):
            time.sleep(0.1)
        time.sleep(1)  # the pictures of the second layer are being drawn
        assert child.poll() is None, child.communicate()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130, errors
    assert "interrupted; what was written so far can be read" in errors
    assert "Traceback" not in errors
    (record,) = read(tmp_path / "log")
    assert (record.kind, record.layer) == ("features", "conv")
    assert not any("stopped" in unit["status"] for unit in record.data["units"])


def _has_records(log: pathlib.Path) -> bool:
    return log.is_dir() and any(True for _ in read(log))
