"""Networks that take gradients themselves, in their call: they are read as Keras runs them, wherever traced."""

import logging
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import open_model
from tf_interp.models import private

L = keras.layers
VALUES = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)


class Taken(L.Layer):
    """What a network takes of `measure`, an energy of its input."""

    def __init__(self, measure, unconnected="zero", **options):
        super().__init__(**options)
        self.measure, self.unconnected = measure, unconnected
        self.inner = L.Dense(4, activation="tanh", name=f"in_{self.name}")

    def build(self, shape):
        self.inner.build(shape)

    def compute_output_shape(self, shape):
        return shape


class Force(Taken):
    def call(self, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            energy = self.measure(self.inner(x), x)
        return tape.gradient(energy, x, unconnected_gradients=self.unconnected)


class Forward(Taken):
    def call(self, x):
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as forward:
            energy = self.measure(self.inner(x), x)
        return x * forward.jvp(energy, unconnected_gradients=self.unconnected)[:, None]


class Energy(keras.Model):  # no graph of its own: its layers are found by a trace
    def __init__(self):
        super().__init__(name="energy")
        self.inner, self.top = L.Dense(6, activation="tanh", name="inner"), L.Dense(2, name="top")

    def call(self, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            energy = tf.reduce_sum(self.inner(x) ** 2, -1)
        return self.top(tape.gradient(energy, x))


def own(y, x):
    return tf.reduce_sum(y**2, -1)


def of_all(y, x):
    return tf.reduce_sum(tf.reduce_sum(y, 0) ** 2)


def soft(y, x):
    return tf.reduce_logsumexp(3 * x, -1) / 3 + 0 * tf.reduce_sum(y)  # its gradient is a softmax


def functional(layer, last=True):
    keras.utils.set_random_seed(0)
    x = keras.Input((7,))
    y = layer(x)
    return keras.Model(x, L.Dense(3, name="out")(y) if last else y)


def build_energy():
    keras.utils.set_random_seed(0)
    network = Energy()
    network(VALUES)
    return network


NETWORKS = {
    "force": lambda: functional(Force(own)),
    "plain gradient": lambda: functional(Force(own, "none")),
    "forward": lambda: functional(Forward(own)),
    "subclassed": build_energy,
}
LOOKS = {
    "nothing": lambda model: None,
    "notes": lambda model: model.notes,
    "heads": lambda model: model.heads,
    "batch mixing": lambda model: model.batch_mixing(),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_are_those_of_keras_whatever_was_looked_at_before(name, look):
    network = NETWORKS[name]()
    model = open_model(network)
    LOOKS[look](model)
    assert np.ptp(network(VALUES)) > 0.01
    np.testing.assert_allclose(model.run(VALUES, ["output"])["output"], network(VALUES), rtol=1e-4, atol=1e-5)
    assert model.batch_mixing() is None


@pytest.mark.parametrize("name", NETWORKS)
def test_a_first_use_inside_a_tf_function_reads_the_same(name):
    network = NETWORKS[name]()
    model = open_model(network)

    @tf.function(autograph=False)
    def compute(x):
        assert model.heads
        assert model.batch_mixing() is None
        return model.run(x, ["output"])["output"]

    np.testing.assert_allclose(compute(VALUES), network(VALUES), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.run(VALUES, ["output"])["output"], network(VALUES), rtol=1e-4, atol=1e-5)


def test_mixing_through_the_energy_of_a_batch_is_seen():
    assert open_model(functional(Force(of_all))).batch_mixing().layer.startswith("force")
    model, seen = open_model(functional(Force(of_all))), []
    tf.function(lambda x: seen.append(model.batch_mixing()) or x, autograph=False)(1.0)
    assert seen[0] is not None


def test_probabilities_that_a_gradient_gives_are_recognized():
    def build():
        x = keras.Input((7,))
        return keras.Model(x, Force(soft)(L.Dense(7)(x)))

    network = build()
    np.testing.assert_allclose(tf.reduce_sum(network(VALUES), -1), 1, rtol=1e-5)
    head = open_model(network).head()
    assert head.caution is not None
    assert "probabilities" in head.caution


def test_noise_of_ours_is_on_no_tape_and_that_of_another_thread_is():
    network = NETWORKS["force"]()
    model, x = open_model(network), tf.constant(VALUES)

    def gradient(run=lambda: model.run(x, ["output"])["output"]):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = run()
        return tape.gradient(out, x)

    got = []
    with model.with_noise():
        assert gradient() is None
        other = threading.Thread(target=lambda: got.append(gradient()))
        other.start()
        other.join()
    got.append(gradient())
    assert len(got) == 2
    for found in got:
        np.testing.assert_allclose(found, gradient(lambda: network(x)), rtol=1e-4, atol=1e-5)


def test_outside_graphs_is_eager_with_and_without_the_private_name(monkeypatch, caplog):
    monkeypatch.setattr(private, "_told", set())
    seen = []

    @tf.function(autograph=False)
    def look(x):
        with private.outside_graphs():
            seen.append(tf.executing_eagerly())
        return x

    look(1.0)
    assert not caplog.records
    monkeypatch.setattr(private, "_get", lambda owner, name, *rest: None)
    with caplog.at_level(logging.WARNING, "tf_interp"):
        look(2)
    assert seen == [True, True]
    assert "eager_mode is not there any more" in caplog.text
    with tf.Graph().as_default(), private.outside_graphs():
        assert not tf.executing_eagerly()
