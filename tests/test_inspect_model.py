"""`tf-interp inspect`: what it says of a network, for people and for programs."""

import json
import shlex

import keras
import numpy as np
import pytest

from tf_interp import cli
from tf_interp.cli.parser import make_parser

layers = keras.layers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Networks: a plain one, one with two inputs, one whose gradient ends, one with a free size."""
    folder = tmp_path_factory.mktemp("inspect")
    x = keras.Input((12, 12, 3), name="picture")
    y = layers.ReLU(name="relu")(layers.Conv2D(8, 3, name="conv")(x))
    pooled = layers.GlobalAveragePooling2D(name="pool")(y)
    keras.Model(x, layers.Dense(3, activation="softmax", name="breed")(pooled), name="a b").save(folder / "a b.keras")
    keras.Model(x, layers.Dense(3, name="breed")(pooled)).export(folder / "saved", verbose=False)
    other = keras.Input((4,), name="age")
    keras.Model([x, other], layers.Dense(1)(layers.Concatenate()([pooled, other]))).save(folder / "two.keras")
    free = keras.Input((None, None, 3))
    z = layers.Conv2D(8, 3, strides=2, name="down")(layers.Conv2D(8, 3, name="first")(free))
    z = layers.Activation(keras.activations.sigmoid, name="last")(z)
    keras.Model(free, layers.Dense(2)(layers.GlobalMaxPooling2D()(z))).save(folder / "free.keras")
    return folder


def _inspect(capsys, *words):
    assert cli.main(["inspect", *map(str, words)]) == 0
    return capsys.readouterr().out


def _report(capsys, *words):
    return json.loads(_inspect(capsys, *words, "--json"))


def test_a_report_for_programs(folder, capsys):
    report = _report(capsys, folder / "a b.keras")
    assert list(report) == [
        "schema", "version", "model", "inputs", "outputs", "signatures", "range", "layers", "will_not_work",
        "warnings", "notes", "next", "next_command",
    ]  # fmt: skip
    assert report["schema"] == 1
    assert report["inputs"][0]["shape"] == [12, 12, 3]
    assert (report["outputs"][0]["kind"], report["outputs"][0]["evidence"]) == ("multiclass", "softmax")
    by_path = {row["path"]: row for row in report["layers"]}
    assert by_path["relu"]["shape"] == [10, 10, 8]
    assert by_path["conv"]["parameters"] == 224
    assert "from which the decision is read" in by_path["relu"]["worth_watching"]
    assert by_path["pool"]["worth_watching"] is None
    assert report["will_not_work"] == []


def test_the_next_command_can_be_pasted(folder, capsys):
    names = folder / "my names.txt"
    names.write_text("a\nb\nc\n")
    report = _report(capsys, folder / "a b.keras", "--head", "multilabel", "--range", "-1", "1", "--labels", names)
    assert shlex.split(report["next_command"]) == report["next"]
    parsed = make_parser().parse_args(report["next"][1:])
    assert parsed.model == str(folder / "a b.keras")
    assert parsed.layer == ["relu"]
    assert (parsed.head, parsed.range, parsed.labels) == ("multilabel", [-1.0, 1.0], names)
    assert report["next_command"] in _inspect(capsys, folder / "a b.keras", "--head", "multilabel", "--range", "-1",
                                              "1", "--labels", names)  # fmt: skip


def test_what_is_believed_of_the_value_range_comes_before_its_evidence(folder, capsys):
    assert "value range  cannot be told; pictures reach it as 0." in _inspect(capsys, folder / "a b.keras")
    keras.Sequential([keras.Input((12, 12, 3)), layers.Rescaling(1 / 255.0), layers.Conv2D(4, 3)]).save(
        folder / "scales.keras"
    )
    assert "value range  seems to be 0..255, but pictures reach it as 0" in _inspect(capsys, folder / "scales.keras")
    said = _inspect(capsys, folder / "scales.keras", "--preprocess", "0..255")
    assert "value range  pictures reach it as" in said
    assert "which seems right" in said


def test_a_saved_model_says_its_signatures(folder, capsys):
    report = _report(capsys, folder / "saved")
    assert report["signatures"] == ["serve", "serving_default"]
    assert report["model"]["kind"] == "SavedModel"
    assert "serving_default" in _inspect(capsys, folder / "saved")


def test_what_will_not_work_is_said(folder, capsys):
    report = _report(capsys, folder / "two.keras")
    about = [item["about"] for item in report["will_not_work"]]
    assert about == ["output", "--probe with pictures"], "what its number means, and that it takes two inputs"
    assert {item["name"] for item in report["inputs"]} == {"picture", "age"}
    assert "will not work" in _inspect(capsys, folder / "two.keras")


def test_a_free_size_is_asked_for_and_stages_are_seen(folder, capsys):
    report = _report(capsys, folder / "free.keras")
    assert report["next"][-2:] == ["--size", "224"]
    assert [row["path"] for row in report["layers"] if row["worth_watching"]] == ["first", "last"]
    assert _report(capsys, folder / "free.keras", "--size", "64")["next"][-2:] == ["--size", "64"]


def test_analyze_without_layers_takes_those_worth_watching(folder, tmp_path, capsys):
    np.savez(tmp_path / "p.npz", x=np.random.default_rng(0).random((3, 24, 24, 3)))
    line = f"--probe {tmp_path}/p.npz --logdir {tmp_path}/logs --part attribution".split()
    assert cli.main(["analyze", str(folder / "free.keras"), *line]) == 0
    assert "looking at first and last" in capsys.readouterr().err
    assert cli.main(["analyze", str(folder / "free.keras"), *line, "--quiet"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"{tmp_path}/logs\n", "")
