"""Convolutions by TensorFlow's own operations: what Keras gives, without XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import fill, pictures

from tf_interp.models import KerasModel, open_model
from tf_interp.models.keras_model.convolution import call_convolution, convolve, is_grouped, is_image_convolution

L = keras.layers
SIZE = (9, 8, 6)

CONVOLUTIONS = {
    "plain": lambda: L.Conv2D(4, 3, strides=(2, 1)),
    "valid and activation": lambda: L.Conv2D(4, 3, activation="gelu", use_bias=False),
    "depthwise": lambda: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu"),
    "a group for each channel": lambda: L.Conv2D(6, 3, groups=6, padding="same"),
    "several filters for each channel": lambda: L.Conv2D(12, 3, groups=6, strides=2),
    "strides that differ": lambda: L.Conv2D(6, 3, groups=6, strides=(2, 1)),
    "groups": lambda: L.Conv2D(9, 3, groups=3, padding="same", activation="tanh"),
    "groups of float16": lambda: L.Conv2D(4, 3, groups=2, dtype="mixed_float16"),
}


def gradients(function, x):
    @tf.function(autograph=False)
    def run(x):
        y = function(x)
        return y, tf.gradients(tf.reduce_sum(tf.cast(y, tf.float32) ** 2), x)[0]

    return run(x), run.get_concrete_function(x).graph


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_it_gives_what_keras_gives(case):
    layer = CONVOLUTIONS[case]()
    layer.build((None, *SIZE))
    for variable in layer.weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    assert is_image_convolution(layer)
    assert is_grouped(layer) == ("group" in case or "for each" in case or "differ" in case)
    x = tf.constant(pictures(2, size=SIZE), layer.compute_dtype)
    expected, _ = gradients(layer, x)
    got, graph = gradients(lambda x: call_convolution(x, layer), x)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == theirs.dtype
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=scale * (1e-5 if x.dtype == tf.float32 else 4e-3))
    assert not any("Call" in operation.type for operation in graph.get_operations())


def test_other_layers_are_left_to_keras():
    others = [
        L.Conv1D(4, 3, groups=2),
        L.Conv2D(4, 3, groups=2, dilation_rate=2),
        L.Conv2D(4, 3, groups=2, data_format="channels_first"),
        type("Own", (L.Conv2D,), {})(4, 3, groups=2),
    ]
    assert not any(is_image_convolution(layer) or is_grouped(layer) for layer in others)
    changed = L.Conv2D(4, 3, groups=2)
    changed.call = lambda x: x
    assert not is_grouped(changed)


def calls_of_functions(model, fetch):
    """Return how many functions of their own one forward pass calls: XLA compiles such ones."""
    function = tf.function(lambda x: model.run(x, fetch), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec([None, *SIZE])).graph
    return sum("Call" in operation.type for operation in graph.get_operations())


class Nested(keras.Model):
    """A network that only a trace shows."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = L.Conv2D(6, 3, groups=6, name="first"), L.BatchNormalization(name="norm")
        self.second = L.Conv2D(4, 1, groups=2, activation="relu", name="second")

    def call(self, x):
        return self.second(self.norm(self.first(x)))


def plain():
    x = keras.Input(SIZE)
    return keras.Model(x, Nested().call(x))


def traced():
    network = Nested()
    network(np.zeros((1, *SIZE), np.float32))
    return network


@pytest.mark.parametrize("make", [plain, traced])
def test_networks_are_run_without_xla(make, monkeypatch):
    network = make()
    fill(network)
    model, images = open_model(network, input=SIZE), pictures(2, size=SIZE)
    assert isinstance(model, KerasModel)
    expected = network(images, training=False)

    def refuse(self, inputs):
        raise AssertionError("Keras was asked")

    monkeypatch.setattr(L.Conv2D, "call", refuse)  # from the first look at the layers on
    assert model.notes == []
    for one in (model, model.folded):
        for fetch in (["second"], ["first", "norm", "output"]):
            assert calls_of_functions(one, fetch) == 0
            got = one.run(images, fetch)
            np.testing.assert_allclose(got[fetch[-1]], expected, rtol=1e-5, atol=1e-5)


def test_another_kernel_in_its_place():
    layer = L.Conv2D(6, 3, groups=3, padding="same")
    layer.build((None, *SIZE))
    x = tf.constant(pictures(1, size=SIZE))
    twice = convolve(layer, x, 2.0 * layer.kernel, "valid")
    assert twice.shape == (1, 7, 6, 6)
    once = convolve(layer, x, layer.kernel, "same")[:, 1:-1, 1:-1]
    np.testing.assert_allclose(twice, 2.0 * once, rtol=1e-5, atol=1e-6)
