"""A network whose file did not fill it is filled, or it is said: weights that come to be with the first call."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models import open_model

L = keras.layers
X = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
NEW = "not read from"


@keras.saving.register_keras_serializable("late")
class Claims(keras.Model):
    """Its `build` says that it is built, and builds nothing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution, self.norm = L.Conv2D(4, 3, name="conv", activation="relu"), L.BatchNormalization(name="norm")
        self.pool, self.dense = L.GlobalAveragePooling2D(), L.Dense(3, name="head")

    def build(self, shape):
        self.built = True

    def call(self, x):
        return self.dense(self.pool(self.norm(self.convolution(x))))


@keras.saving.register_keras_serializable("late")
class Scales(L.Layer):
    """Holds what Keras does not write."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = tf.Variable(np.random.default_rng().random(3, np.float32), name="scale")
        self.held = types.SimpleNamespace(dense=L.Dense(3, name="hidden"))

    def call(self, x):
        return self.scale * self.held.dense(x)


@keras.saving.register_keras_serializable("late")
class Scaled(L.Layer):
    """Has weights that are written, and a generator of random numbers."""

    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], name="scale")
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        return self.scale * (x + keras.random.normal(keras.ops.shape(x), seed=self.seeds) if training else x)


@keras.saving.register_keras_serializable("late")
class Draws(L.Layer):
    """Has a generator of random numbers only once it is built."""

    def build(self, shape):
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + 0 * keras.random.normal(keras.ops.shape(x), seed=self.seeds)


@keras.saving.register_keras_serializable("late")
class ClaimsAndDraws(Claims):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.noise = Draws()

    def call(self, x):
        return super().call(self.noise(x))


def scaling():
    x = keras.Input((8, 8, 1))
    return keras.Model(x, Scales(name="scales")(L.Flatten()(x)), name="scaling")


def save(model, path):
    model(X)
    for weight in model.weights:
        weight.assign(np.random.default_rng(1).random(weight.shape, np.float32))
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()
    expected = model(X)
    model.save(path)
    return expected


@pytest.mark.parametrize("make", [Claims, ClaimsAndDraws])  # a seed is no weight
def test_weights_that_the_first_call_makes_are_read_then(make, tmp_path):
    expected = save(make(), tmp_path / "net.keras")
    model = open_model(tmp_path / "net.keras")
    np.testing.assert_allclose(model.run(X, ["output"])["output"], expected, rtol=1e-5)
    assert [warning for warning in model.warnings if "one draw of chance" not in warning] == []
    note = next(note for note in model.notes if "after a first call" in note)
    assert "8 weights" in note
    assert "conv/kernel" in note


def test_they_are_not_where_the_file_is_gone(tmp_path):
    save(Claims(), tmp_path / "net.keras")
    model = open_model(tmp_path / "net.keras")
    (tmp_path / "net.keras").unlink()
    assert any("8 weights" in warning and NEW in warning for warning in model.warnings)


def test_what_keras_does_not_write_is_told(tmp_path):
    save(scaling(), tmp_path / "net.keras")
    warnings = open_model(tmp_path / "net.keras").warnings
    assert len(warnings) == 1
    assert "3 weights" in warnings[0]
    assert NEW in warnings[0]
    assert "scale" in warnings[0]
    assert open_model(scaling()).warnings == []  # the live model computes with what it holds


def test_a_live_model_that_only_says_that_it_is_built(tmp_path):
    save(Claims(), tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert any("made by a first call here" in warning for warning in open_model(loaded).warnings)
    assert open_model(loaded).warnings == []  # by now they are there, and may have been trained
    assert open_model(Claims(), input=(8, 8, 1)).warnings == []  # new, and everybody knows


def chain(*layers, **options):
    return keras.Sequential([keras.Input((8, 8, 1), **options), *layers, L.Dense(3)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: chain(L.Flatten()),
        lambda: chain(Scaled(), L.Flatten()),
        lambda: chain(L.Reshape((8, 8)), L.GRU(3, stateful=True), batch_size=3),  # begins with zeros, as it should
    ],
)
def test_usual_files_have_no_such_warning(make, tmp_path):
    expected = save(make(), tmp_path / "net.keras")
    model = open_model(tmp_path / "net.keras")
    np.testing.assert_allclose(model.run(X, ["output"])["output"], expected, rtol=1e-5)
    assert model.warnings == []
    assert not [note for note in model.notes if "first call" in note]
