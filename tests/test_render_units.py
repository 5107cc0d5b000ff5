"""`tf-interp render`: pictures of units in one file."""

import keras
import numpy as np
import pytest
from PIL import Image

from tf_interp import cli


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("render") / "m.keras"
    layers = [keras.Input((12, 12, 3)), keras.layers.Conv2D(8, 3, name="a"), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([*layers, keras.layers.Dense(2)]).save(path)
    return str(path)


def test_a_sheet_and_arrays(network, tmp_path, capsys):
    words = ["render", network, "a:1", "output:1", "--steps", "3"]
    assert cli.main([*words, "-o", str(tmp_path / "x.png")]) == 0
    said = capsys.readouterr()
    assert "a:1" in said.out
    assert said.out.endswith("x.png\n")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (24, 12)
    assert cli.main([*words, "-o", str(tmp_path / "x.npz"), "-q"]) == 0
    assert capsys.readouterr() == (f"{tmp_path}/x.npz\n", "")
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["images"].shape == (2, 12, 12, 3)
        assert len(arrays["activations"]) == len(arrays["status"]) == len(arrays["names"]) == 2


def test_a_class_has_a_name(network, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    words = ["render", network, "--labels", str(tmp_path / "names.txt"), "--steps", "3", "-q", "-o"]
    for unit, file in (("output:dog", "a.npz"), ("output:1", "b.npz")):
        assert cli.main([*words, str(tmp_path / file), unit]) == 0
    with np.load(tmp_path / "a.npz") as named, np.load(tmp_path / "b.npz") as numbered:
        np.testing.assert_allclose(named["activations"], numbered["activations"], rtol=1e-4)
    capsys.readouterr()
    assert cli.main([*words, str(tmp_path / "c.npz"), "output:dgo"]) == 2
    assert "did you mean ['dog']" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a:1"], "where to? Give -o a file that ends in one of .png, .jpg, .jpeg, .webp, .npz, got None"),
        (["a:1", "-o", "x.tiff"], ".webp, .npz, got x.tiff"),
        (["-o", "x.png"], "what shall be drawn? Give LAYER:CHANNEL"),
        (["b:1", "-o", "x.png"], "no layer 'b'; it has ['a', "),
        (["a:9", "-o", "x.png"], "a:9: layer 'a' has channels 0..7, got 9"),
    ],
)
def test_a_mistake_is_a_sentence_and_nothing_is_written(network, words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["render", network, *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
