"""`tf-interp tcav`: the same numbers as `tcav` in Python, in words and as a table."""

import csv
import json

import keras
import numpy as np
import pytest
from PIL import Image

from tf_interp import Concept, Probe, cli, open_model, tcav


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tcav")
    keras.utils.set_random_seed(2)
    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(6, 3, activation="relu", name="a")]
    keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]).save(folder / "m.keras")
    rng = np.random.default_rng(0)
    for name, count, low, high in (("concepts/dark", 8, 0, 90), ("pool", 12, 0, 256), ("probe", 6, 0, 256)):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(low, high, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def test_rows_are_those_of_python(folder, tmp_path, capsys):
    words = ["tcav", str(folder / "m.keras"), "--layer", "a", "--probe", str(folder / "probe"), "--concepts",
             str(folder / "concepts"), "--random", str(folder / "pool"), "--target", "1",
             "--tests", "permutations=99,bootstraps=20"]  # fmt: skip
    assert cli.main([*words, "-o", str(tmp_path / "t.csv")]) == 0
    said = capsys.readouterr().out
    concepts = {"dark": Concept.from_folder(folder / "concepts/dark")}
    targets = {"class 1": (1, Probe.from_folder(folder / "probe").images)}
    result = tcav(open_model(folder / "m.keras"), concepts, Concept.from_folder(folder / "pool"), targets, ["a"],
                  permutations=99, bootstraps=20)  # fmt: skip
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert len(rows) == len(result.rows)
    assert float(rows[0]["displacement"]) == pytest.approx(result.rows[0]["displacement"], rel=1e-5)
    assert " ".join(result.explain()[0].split()) in " ".join(said.split())
    assert cli.main([*words, "-o", str(tmp_path / "t.json"), "-q"]) == 0
    assert json.loads((tmp_path / "t.json").read_text())["rows"][0]["concept"] == "dark"


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "--concepts"), (["--concepts", "c", "--target", "1"], "--random"),
     (["--concepts", "c", "--random", "r", "--target", "1"], "--layer")],
)  # fmt: skip
def test_what_is_missing_is_named(folder, words, message, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    assert cli.main(["tcav", str(folder / "m.keras"), *words]) == 2
    assert message in capsys.readouterr().err
