"""The command line: help without TensorFlow, one clear sentence for a mistake, and a finished model in the tab."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_interp import cli, read


def _save_pictures(folder, count, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(folder / f"{index:02d}.png")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A network in both forms, probe pictures in two classes, two concepts and a pool."""
    folder = tmp_path_factory.mktemp("cli")
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, activation="softmax", name="dense"),
        ],
        name="tiny",
    )
    model.save(folder / "tiny.keras")
    model.export(folder / "exported", verbose=False)
    for index, name in enumerate(["cat", "dog"]):
        _save_pictures(folder / "probe" / name, 4, index)
    for index, name in enumerate(["dots", "lines"]):
        _save_pictures(folder / "concepts" / name, 12, 10 + index)
    _save_pictures(folder / "pool", 16, 20)
    return folder


def test_help_is_quick_and_needs_no_tensorflow():
    code = """
import sys
from tf_interp import cli
try:
    cli.main(['--help'])
except SystemExit:
    pass
assert 'tensorflow' not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in ("demo", "inspect", "analyze"):
        assert command in done.stdout


@pytest.mark.parametrize("form", ["tiny.keras", "exported"])
def test_inspect_lists_layers_and_the_next_command(workspace, form, capsys):
    assert cli.main(["inspect", str(workspace / form)]) == 0
    out = capsys.readouterr().out
    assert "conv" in out
    assert "14 x 14 x 8" in out
    assert "tf-interp analyze" in out


@pytest.mark.parametrize("form", ["tiny.keras", "exported"])
def test_analyze_fills_the_log_for_both_forms(workspace, form, tmp_path, capsys):
    status = cli.main(
        ["analyze", str(workspace / form), "--probe", str(workspace / "probe"), "--layer", "conv",
         "--logdir", str(tmp_path), "--concepts", str(workspace / "concepts"), "--random", str(workspace / "pool"),
         "--target", "dog", "--units", "2", "--groups", "2", "--steps", "4"]
    )  # fmt: skip
    assert status == 0, capsys.readouterr().err
    records = {record.kind: record for record in read(tmp_path)}
    assert set(records) == {"features", "groups", "attribution", "concepts"}
    assert records["groups"].data["class_names"] == ["cat", "dog"]
    assert {row["concept"] for row in records["concepts"].data["tests"]} == {"dots", "lines"}
    assert "tensorboard --logdir" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--layer": "cnov"}, "did you mean .*conv"),
        ({"--probe": "nowhere"}, "expected a folder"),
        ({"--probe": "empty"}, "found 0 readable pictures"),
        ({"--target": "bird"}, "no class 'bird'"),
        ({"--target": "7"}, "class index 7"),
        ({"--random": None}, "--random"),
        ({"--concepts": None}, "--concepts"),
        ({"--logdir": "tiny.keras"}, "tiny.keras"),
        ({"model": "missing.keras"}, "missing.keras"),
        ({"model": "pool"}, "pool"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_two(workspace, change, message, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    (workspace / "empty").mkdir(exist_ok=True)
    words = {"model": "tiny.keras", "--probe": "probe", "--layer": "conv", "--logdir": str(tmp_path),
             "--concepts": "concepts", "--random": "pool", "--target": "dog", **change}  # fmt: skip
    paths = {"model", "--probe", "--logdir", "--concepts", "--random"}
    line = ["analyze", str(workspace / words.pop("model"))]
    for option, value in words.items():
        if value is not None:
            line += [option, str(workspace / value) if option in paths else value]
    assert cli.main(line) == 2
    err = capsys.readouterr().err
    assert err.startswith("tf-interp analyze: ")
    assert re.search(message, err), err
    assert not list(read(tmp_path))


def test_value_range_is_applied(workspace, tmp_path):
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    model.save(tmp_path / "m.keras")
    (tmp_path / "p").mkdir()
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "p/white.png")
    line = f"analyze {tmp_path}/m.keras --probe {tmp_path}/p --layer conv --logdir {tmp_path}/logs --range 0 255"
    assert cli.main([*line.split(), "--units", "1", "--groups", "1", "--steps", "1"]) == 0
    features = next(record for record in read(tmp_path / "logs") if record.kind == "features")
    assert features.data["units"][0]["probe_max"] == 255
    assert tf.executing_eagerly()
