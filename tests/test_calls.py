"""Several calls of one name: all are listed and read, numbered as the user made them, and it is said on what."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, fill, pictures

from tf_interp.models import open_model

L = keras.layers


class Block(L.Layer):
    def __init__(self, name):
        super().__init__(name=name)
        self.conv, self.relu = L.Conv2D(3, 3, padding="same", name="conv"), L.ReLU(name="relu")

    def call(self, inputs):
        return self.relu(self.conv(inputs))


class Stack(keras.Model):
    def __init__(self, **options):
        super().__init__(name="stack", **options)
        self.blocks = [Block("block") for _ in range(3)]
        self.pool, self.head = L.GlobalAveragePooling2D(name="pool"), L.Dense(3, name="head")

    def call(self, inputs):
        value = inputs
        for block in self.blocks:
            value = block(value) + 0.1
        return self.head(self.pool(value))


def stack():
    network = Stack()
    network(pictures(1))
    fill(network)
    return network


def test_layers_of_one_name_are_all_listed_and_read():
    network, images = stack(), pictures()
    model = open_model(network)
    inner = [f"block{part}@{number}" for number in range(3) for part in ("/conv", "/relu", "")]
    assert list(model.layers) == [*inner, "pool", "head", "output"]
    got = model.run(images, inner)
    value = images
    for number, block in enumerate(network.blocks):
        np.testing.assert_allclose(got[f"block/conv@{number}"], block.conv(value), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got[f"block@{number}"], block(value), rtol=1e-5, atol=1e-6)
        value = block(value) + 0.1
    zero = model.run(images, ["output"], {"block@1": tf.zeros((4, 8, 8, 3))})["output"]
    expected = network.head(network.pool(network.blocks[2](np.full((4, 8, 8, 3), 0.1, np.float32)) + 0.1))
    np.testing.assert_allclose(zero, expected, rtol=1e-5)
    rows = {row.path: row.called_on for row in model.inspect()}
    assert [rows[f"block@{number}"] for number in range(3)] == ["images", "block@0", "block@1"]
    assert [rows[f"block/conv@{number}"] for number in range(3)] == ["images", "block@0", "block@1"]
    assert rows["block/relu@1"] == "block/conv@1"
    assert rows["pool"] is rows["output"] is None
    with pytest.raises(ValueError, match=r"'block' is called 3 times: .*block@1.*block@1 on block@0"):
        model.resolve("block")


def towers(swapped, nested):
    """A shared layer on two towers of different depth, which Keras runs in an order of its own."""
    x = keras.Input(SIZE, name="picture")
    shared = L.Conv2D(2, 3, name="shared")
    near = L.Conv2D(3, 1, name="near")(x)
    far = L.Conv2D(3, 1, name="far")(L.ReLU(name="relu")(L.Conv2D(3, 1, name="deep")(x)))
    first, second = (shared(far), shared(near)) if swapped else (shared(near), shared(far))
    inner = keras.Model(
        x, L.GlobalAveragePooling2D(name="pool")(L.Concatenate(name="both")([first, second])), name="in"
    )
    if nested:
        y = keras.Input(SIZE, name="outer")
        inner = keras.Sequential([y, inner, L.Dense(3, name="head")])
    fill(inner)
    return inner


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2
def test_calls_of_a_shared_layer_are_numbered_as_they_were_made(swapped, nested, saved, tmp_path):
    network, images = towers(swapped, nested), pictures()
    if saved:
        network.save(tmp_path / "towers.keras")
        network = keras.saving.load_model(tmp_path / "towers.keras")
    model = open_model(tmp_path / "towers.keras") if saved else open_model(network)
    layer = (network.get_layer("in") if nested else network).get_layer
    near = layer("shared")(layer("near")(images))
    far = layer("shared")(layer("far")(layer("relu")(layer("deep")(images))))
    prefix = "in/" if nested else ""
    got = model.run(images, [f"{prefix}shared@0", f"{prefix}shared@1"]).values()
    for ours, expected in zip(got, (far, near) if swapped else (near, far), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    rows = {row.path: row.called_on for row in model.inspect()}
    on = [rows[f"{prefix}shared@{number}"] for number in (0, 1)]
    assert on == [prefix + name for name in (("far", "near") if swapped else ("near", "far"))]


def test_a_functional_model_that_is_shared_itself():
    """The outer order counts first, then the inner one; and what is computed between layers is followed back."""
    x, a, b = keras.Input((4,)), keras.Input((4,), name="a"), keras.Input((4,), name="b")
    dense = L.Dense(4, name="dense")
    inner = keras.Model(x, dense(keras.ops.tanh(dense(x))), name="inner")
    late = inner(L.Dense(4, name="wide")(a))
    network = keras.Model([a, b], L.Concatenate(name="both")([late, inner(b)]))
    fill(network)
    model, images = open_model(network), {"a": pictures(size=(4,)), "b": pictures(size=(4,), seed=1)}
    got = model.run(images, [f"inner/dense@{number}" for number in range(4)])
    wide = network.get_layer("wide")(images["a"])
    expected = [dense(wide), dense(tf.tanh(dense(wide))), dense(images["b"]), dense(tf.tanh(dense(images["b"])))]
    for number, value in enumerate(expected):
        np.testing.assert_allclose(got[f"inner/dense@{number}"], value, rtol=1e-5)
    rows = {row.path: row.called_on for row in model.inspect()}
    assert [rows["inner@0"], rows["inner@1"]] == ["wide", "b"]
    assert rows["inner/dense@2"] == "b"


@pytest.mark.parametrize("swapped", [False, True])
def test_a_saved_model_says_what_each_call_reads(swapped, tmp_path):
    network, images = towers(swapped, nested=False), pictures()
    network.export(tmp_path / "towers", verbose=False)
    live, saved = open_model(network), open_model(tmp_path / "towers")
    rows = {row.path: row.called_on for row in saved.inspect()}
    same = {row.called_on: row.path for row in live.inspect() if row.called_on}
    assert sorted(same) == ["far", "near"]
    for path in ("shared@0", "shared@1"):
        expected = live.run(images, [same[rows[path]]])[same[rows[path]]]
        np.testing.assert_allclose(saved.run(images, [path])[path], expected, rtol=1e-5, atol=1e-6)
    assert rows["near"] is None
    assert any("shared@0" in note and "called_on" in note for note in saved.notes)


def test_blocks_of_one_name_have_the_same_names_when_saved(tmp_path):
    network, images = stack(), pictures()
    network.export(tmp_path / "stack", verbose=False)
    live, saved = open_model(network), open_model(tmp_path / "stack")
    names = [f"block{part}@{number}" for number in range(3) for part in ("/conv", "")]
    assert set(names) <= set(saved.layers)
    for path, expected in live.run(images, names).items():
        np.testing.assert_allclose(saved.run(images, [path])[path], expected, rtol=1e-5, atol=1e-6)
    rows = [{row.path: row.called_on for row in model.inspect()} for model in (live, saved)]
    assert [rows[1][f"block@{number}"] for number in (1, 2)] == ["block@0", "block@1"]


class KerasNoise(L.Layer):
    """Draws without a seed: the first draw in a process makes Keras's own seed generator."""

    def call(self, x):
        return x + 0.0 * keras.random.normal(keras.ops.shape(x))

    def compute_output_shape(self, shape):
        return shape


class LateVariable(L.Layer):
    """Makes a variable in its first call, in a network that counts as built."""

    scale = None

    def call(self, x):
        if self.scale is None:
            self.scale = tf.Variable(2.0, trainable=False)
        return x * self.scale

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize("kind", [KerasNoise, LateVariable])
def test_layers_of_a_network_whose_first_call_makes_variables_are_listed_and_read(kind):
    keras.utils.clear_session(free_memory=False)  # and with it Keras's seed generator
    x = keras.Input((6,))
    layer = kind(name="late")
    network = keras.Model(x, L.Dense(3, name="last")(layer(layer(L.Dense(4, name="first")(x)))))
    model = open_model(network)
    assert [*model.layers] == ["first", "late@0", "late@1", "last", "output"]
    rows = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    want = {"first": network.get_layer("first")(rows)}
    want["late@0"] = layer(want["first"])
    want["late@1"] = layer(want["late@0"])
    want["last"] = want["output"] = network(rows)
    for name, value in want.items():
        np.testing.assert_allclose(model.run(rows, [name])[name], value, rtol=1e-5, atol=1e-6)
