"""Ends of ordinal, calibrated, sparse and hierarchical classifiers: what "output" gives, and its gradient, by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import attribute, open_model

L, ops = keras.layers, keras.ops
X = np.random.default_rng(3).normal(size=(12, 6)).astype(np.float32) * 2


class Coral(L.Layer):
    """One vector of weights for all steps, and a bias for each."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), initializer="random_normal")
        self.b = self.add_weight(shape=(4,), initializer="random_normal")

    def call(self, x):
        return ops.matmul(x, self.w) + self.b


class Cosine(L.Layer):
    """Cosines with the weights of each class, times a scale."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), initializer="random_normal")

    def call(self, x):
        return 16.0 * ops.matmul(ops.normalize(x, -1), ops.normalize(self.w, 0))


def _share(p):
    return p / ops.sum(p, -1, keepdims=True)


def _by_two_layers(y):
    """Return probabilities of four classes in two groups."""
    return ops.reshape(ops.softmax(y[:, :2])[:, :, None] * ops.softmax(y[:, 2:])[:, None, :], (-1, 4))


def _entmax(y):
    """Return the entmax of power 1.5, whose smallest shares are none."""
    y = (y - ops.max(y, -1, keepdims=True)) / 2
    down, count = -ops.sort(-y, -1), ops.arange(1, 5, dtype="float32")
    mean, squares = ops.cumsum(down, -1) / count, ops.cumsum(down * down, -1) / count
    cut = mean - ops.sqrt(ops.maximum((1 - count * (squares - mean * mean)) / count, 0.0))
    last = ops.sum(ops.cast(cut <= down, "int32"), -1, keepdims=True) - 1
    return ops.square(ops.maximum(y - ops.take_along_axis(cut, last, -1), 0.0))


# end -> what is put on the last features: how scores come out of them, then what is made of the scores
KNOWN = {
    "cosine softmax": (Cosine, ops.softmax),
    "temperature": (lambda: L.Dense(4), lambda y: ops.softmax(y / 2.5), 2.5),
    "log-softmax": (lambda: L.Dense(4), ops.log_softmax),
    "log-softmax, axis by axis": (lambda: L.Dense(4), lambda y: y - ops.logsumexp(y, -1, keepdims=True)),
    "exponentials by their sum": (lambda: L.Dense(4), lambda y: _share(ops.exp(y))),
    "less a prior": (lambda: L.Dense(4), lambda y: ops.softmax(y - np.float32([0.1, 1, 0.3, 2]))),
    "steps": (Coral, ops.sigmoid),
    "sigmoids": (lambda: L.Dense(4), ops.sigmoid),
}
# what has no logits that are known: words of the caution
TOLD = {
    "step scores": (Coral, lambda y: y, "the largest is always the same"),
    "steps of an order": (Coral, ops.sigmoid, "the largest is always the same"),
    "steps given those before": (lambda: L.Dense(4), lambda y: ops.cumprod(ops.sigmoid(y), -1), "never rise"),
    "cosines": (Cosine, lambda y: y, "between -16 and 16"),
    "log-softmax, halved": (lambda: L.Dense(4), lambda y: ops.log_softmax(y) / 2, "ever above zero"),
    "entmax": (lambda: L.Dense(4), _entmax, "sum to one"),
    "two layers": (lambda: L.Dense(4), _by_two_layers, "sum to one"),
    "experts": (
        lambda: L.Dense(4),
        lambda y: ops.sum(ops.softmax(y)[:, :, None] * ops.softmax(y[:, :, None] * y[:, None, :]), 1),
        "sum to one",
    ),
    "smoothed": (lambda: L.Dense(4), lambda y: 0.9 * ops.softmax(y) + 0.025, "sum to one"),
    "sigmoids by their sum": (lambda: L.Dense(4), lambda y: _share(ops.sigmoid(y)), "sum to one"),
    "geometric mean": (lambda: L.Dense(4), lambda y: _share(ops.sqrt(ops.softmax(y))), "sum to one"),
    "evidence": (lambda: L.Dense(4), lambda y: _share(1 + ops.softplus(y)), "sum to one"),
    "noisy or": (
        lambda: L.Dense(4),
        lambda y: 1 - ops.prod(1 - ops.sigmoid(y[:, :, None] * y[:, None, :]), 1),
        "in [0,1]",
    ),
    "logarithm to base ten": (lambda: L.Dense(4), lambda y: ops.log10(ops.softmax(y)), "ever above zero"),
}


def _network(scores, end):
    """Return a network, and its scores before the end."""
    keras.utils.set_random_seed(5)
    x = keras.Input((6,))
    y = scores()(L.Dense(5, activation="tanh")(x))
    return keras.Model(x, end(y)), keras.Model(x, y)


def _open(network, door, folder):
    if door == "live":
        return open_model(network)
    network.export(folder / "saved", verbose=False)
    return open_model(folder / "saved")


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", KNOWN)
def test_output_is_what_the_end_takes_and_so_is_its_gradient(name, door, tmp_path):
    scores, end, *scale = KNOWN[name]
    network, before = _network(scores, end)
    model = _open(network, door, tmp_path)
    expected = before(X).numpy() / (scale[0] if scale else 1.0)
    if name == "less a prior":
        expected = expected - np.float32([0.1, 1, 0.3, 2])
    np.testing.assert_allclose(model.run(X, ["output"])["output"], expected, rtol=1e-4, atol=1e-5)
    with tf.GradientTape() as tape:
        x = tf.constant(X)
        tape.watch(x)
        score = before(x)[:, 2] / (scale[0] if scale else 1.0)
    slope = tape.gradient(score, x).numpy()
    found = attribute(model, X, 2, method="gradient_x_input")
    np.testing.assert_allclose(found.values.reshape(X.shape), slope * X, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", TOLD)
def test_what_cannot_be_undone_is_told_and_given_as_it_is(name, door, tmp_path):
    scores, end, words = TOLD[name]
    network, _ = _network(scores, end)
    model = _open(network, door, tmp_path)
    head, numbers = model.head(), model.run(X, ["output"])["output"].numpy()
    assert words in head.caution
    given = 1 / (1 + np.exp(-numbers)) if model.logits_undone else numbers
    np.testing.assert_allclose(given, network(X).numpy(), rtol=1e-4, atol=1e-5)


# of three steps with four numbers each: what is returned, and what it is made of
PICKED = {
    "last step": (lambda z: ops.softmax(z)[:, -1], lambda z: z[:, -1]),
    "every other step": (lambda z: ops.softmax(z)[:, ::2, :], lambda z: z[:, ::2]),
    "classes turned round": (lambda z: ops.flip(ops.softmax(z), -1)[:, 1], lambda z: z[:, 1, ::-1]),
    "one of several sigmoids": (lambda z: ops.sigmoid(z)[:, 1, 2:3], lambda z: z[:, 1, 2:3]),
    "some sigmoids": (lambda z: ops.take(ops.sigmoid(z)[:, 0], [3, 1], -1), lambda z: z[:, 0, [3, 1]]),
    "some classes": (lambda z: ops.softmax(z)[:, 0, :3], None),
    "one class": (lambda z: ops.softmax(z)[:, :, 1], None),
    "picked and joined": (lambda z: ops.concatenate([ops.sigmoid(z)[:, 0, :2], z[:, 1, :2]], -1), None),
}


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", PICKED)
def test_logits_are_picked_as_their_probabilities_are(name, door, tmp_path):
    end, expected = PICKED[name]
    network, before = _network(lambda: lambda y: L.Reshape((3, 4))(L.Dense(12)(y)), end)
    model = _open(network, door, tmp_path)
    numbers = model.run(X, ["output"])["output"].numpy()
    if expected is None:
        assert not model.logits_undone
        np.testing.assert_allclose(numbers, network(X).numpy(), rtol=1e-4, atol=1e-5)
        return
    assert model.head().caution is None
    np.testing.assert_allclose(numbers, expected(before(X).numpy()), rtol=1e-4, atol=1e-5)
