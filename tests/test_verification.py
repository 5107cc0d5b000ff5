"""Ends are computed from numbers in the place of their logits, and agree with what they were taken for, or do not."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.ends.verification import agrees, compute_end


def _agrees(numbers, kind, **options):
    found = types.SimpleNamespace(
        **{"kind": kind, "log": False, "odds": False, "hard": False, "clipped": None} | options
    )
    return agrees(numbers, found, tf.float32)


def _compute(end, shape=(None, 4)):
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, shape, "x")
        z = tf.identity(x * 2.0, "z")
        return compute_end(end(x, z), [z], [z])


def test_an_end_is_computed_from_its_logits():
    got, logits = _compute(lambda x, z: tf.exp(z) / tf.reduce_sum(tf.exp(z), -1, keepdims=True))
    assert got.shape == (6, 4)
    np.testing.assert_allclose(got, tf.nn.softmax(logits), rtol=1e-5)
    assert _agrees([got, logits], "softmax")
    assert not _agrees([got, logits], "sigmoid")


def test_sizes_of_what_lies_behind_the_logits_are_known():
    got, logits = _compute(lambda x, z: tf.reshape(tf.sigmoid(z), [tf.shape(x)[0], 2, 2]))
    np.testing.assert_allclose(got.reshape(6, 4), tf.sigmoid(logits), rtol=1e-5)


def test_what_is_computed_twice_has_the_same_numbers():
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, 4])
        first, second = x * 2.0, x * 2.0
        end = tf.exp(first) / tf.reduce_sum(tf.exp(second), -1, keepdims=True)
        got, logits = compute_end(end, [first], [first])
    np.testing.assert_allclose(got, tf.nn.softmax(logits), rtol=1e-5)


def test_what_is_made_of_more_than_the_logits_is_refused():
    with pytest.raises(ValueError, match="made of 'x' too"):
        _compute(lambda x, z: z - tf.reduce_logsumexp(x, -1, keepdims=True))


def test_what_cannot_run_alone_gives_nothing():
    assert _compute(lambda x, z: tf.reshape(tf.sigmoid(z), [7, 4])) is None
    assert _compute(lambda x, z: tf.sigmoid(z), None) is None


def test_while_a_graph_is_built_an_end_is_computed_too():
    seen = []

    @tf.function(autograph=False)
    def run(x):
        seen.append(compute_end(tf.nn.log_softmax(x), [x], [x]))
        return x

    run(tf.zeros((2, 3)))
    assert _agrees(seen[0], "softmax", log=True)
    assert not _agrees(seen[0], "softmax")


@pytest.mark.parametrize(
    ("end", "kind", "options", "fits"),
    [
        (lambda z: np.log(1 / (1 + np.exp(-z))), "sigmoid", {"log": True}, True),
        (lambda z: z, "sigmoid", {"log": True, "odds": True}, True),
        (lambda z: 0.9 * z, "sigmoid", {"log": True, "odds": True}, False),
        (lambda z: np.clip(1 / (1 + np.exp(-z)), 0.2, 0.7), "sigmoid", {"clipped": (0.2, 0.7)}, True),
        (lambda z: np.clip(1 / (1 + np.exp(-z)), 0.2, 0.7), "sigmoid", {}, False),
        (lambda z: np.clip(z / 5 + 0.5, 0, 1), "sigmoid", {"hard": True}, True),
        (lambda z: np.clip(z / 5 + 0.4, 0, 1), "sigmoid", {"hard": True}, False),
        (lambda z: np.clip(z / 5 + 0.6, 0, 1), "sigmoid", {"hard": True}, False),
        (lambda z: np.clip(-z / 5 + 0.5, 0, 1), "sigmoid", {"hard": True}, False),
        (lambda z: np.exp(z), "sigmoid", {"hard": True}, False),
        (lambda z: np.full_like(z, np.nan), "sigmoid", {}, False),
        (lambda z: z[:1], "sigmoid", {}, False),
    ],
)
def test_agreement(end, kind, options, fits):
    z = np.random.default_rng(1).normal(0, 2, (50, 3))
    assert _agrees([end(z), z], kind, **options) == fits
