"""Layers that are called with training=True: Keras is of two minds about them, and which one is read is told."""

import keras
import numpy as np
import pytest
from networks import fill, pictures

from tf_interp import open_model

L = keras.layers
SAYS = "called with training=True"
LAYERS = {
    "dropout": lambda: L.Dropout(0.5, name="asked"),
    "norm": lambda: L.BatchNormalization(name="asked"),
    "noise": lambda: L.GaussianNoise(0.3, name="asked"),
    "flip": lambda: L.RandomFlip(name="asked"),
}


def _network(layer, **more):
    x = keras.Input((8, 8, 3))
    y = layer(L.Conv2D(4, 3, name="conv")(x), **more)
    network = keras.Model(x, L.Dense(3, name="head")(L.Flatten(name="flat")(y)))
    fill(network)
    return network


def _told(model):
    return [warning for warning in model.warnings if SAYS in warning]


@pytest.mark.parametrize("door", ["live", "keras"])
@pytest.mark.parametrize("kind", LAYERS)
def test_numbers_are_those_of_predict_and_that_is_told(kind, door, tmp_path):
    network = _network(LAYERS[kind](), training=True)
    if door == "keras":
        network.save(tmp_path / "network.keras")
    model = open_model(network if door == "live" else tmp_path / "network.keras")
    got = model.run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, network.predict(pictures(), verbose=0), rtol=1e-4, atol=1e-5)
    called = [np.abs(got - network(pictures())).max() for _ in range(8)]  # a draw may leave all pictures as they are
    assert max(called) > 1e-2  # the other mind of Keras
    told = [note for note in model.notes if note.startswith("'asked' is called with training=True")]
    assert len(told) == 1
    assert model.warnings == (told if kind != "flip" else [])  # that layer asks for it by itself, and is no surprise


@pytest.mark.parametrize("kind", LAYERS)
def test_an_export_is_as_in_training_and_that_is_told(kind, tmp_path):
    _network(LAYERS[kind](), training=True).export(tmp_path, verbose=False)
    (warning,) = open_model(tmp_path).warnings
    assert ("depends on the other pictures" if kind == "norm" else "one draw of chance") in warning


@pytest.mark.parametrize("more", [{}, {"training": False}])
@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_called_as_in_inference_is_not_told(kind, more):
    model = open_model(_network(LAYERS[kind](), **more))
    assert model.warnings == []
    said = [note for note in model.notes if SAYS in note]
    assert bool(said) == (kind == "flip" and not more)  # which model(x) changes by chance, and predict does not


def test_a_network_inside_another_is_found():
    inner = _network(L.Dropout(0.5, name="asked"), training=True)
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner, L.Dense(2)])
    (warning,) = _told(open_model(outer))
    assert f"'{inner.name}/asked'" in warning
    x = keras.Input((8, 8, 3))
    plain = _network(L.Dropout(0.5, name="quiet"))
    (warning,) = _told(open_model(keras.Model(x, plain(x, training=True))))
    assert f"'{plain.name}'" in warning


def test_what_makes_no_difference_is_not_told():
    x = keras.Input((8, 8, 3))
    plain = keras.Sequential([keras.Input((8, 8, 3)), L.Flatten(), L.Dense(2)])
    assert open_model(keras.Model(x, plain(x, training=True))).warnings == []
    attention = L.MultiHeadAttention(1, 2)
    y = L.Reshape((64, 3))(x)
    assert open_model(keras.Model(x, attention(y, y, training=True))).warnings == []


def test_state_stays_what_it_was():
    network = _network(L.BatchNormalization(name="asked"), training=True)
    before = [weight.numpy() for weight in network.weights]
    assert _told(open_model(network))
    for weight, value in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


class Asking(keras.Model):
    """Training is what it takes for granted."""

    def __init__(self):
        super().__init__(name="asking")
        self.drop, self.flat, self.head = L.Dropout(0.5, name="drop"), L.Flatten(), L.Dense(3)

    def call(self, x, training=True):
        return self.head(self.flat(self.drop(x, training=training)))


class Insisting(Asking):
    """A dropout as in training, whatever is asked."""

    def call(self, x):
        return self.head(self.flat(self.drop(x, training=True)))


def test_a_call_that_takes_training_for_granted_is_told():
    network = Asking()
    network(pictures())
    model = open_model(network)
    got = model.run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, network.predict(pictures(), verbose=0), rtol=1e-4, atol=1e-5)
    (warning,) = model.warnings
    assert "'asking' is called with training=True" in warning


def test_a_call_that_insists_is_read_as_in_training():
    network = Insisting()
    network(pictures())
    model = open_model(network)
    got = model.run(pictures(), ["output"])["output"]
    assert np.abs(got - network.head(network.flat(pictures()))).max() > 1e-2
    assert [warning.partition(":")[0] for warning in model.warnings] == ["what it returns is one draw of chance"]
