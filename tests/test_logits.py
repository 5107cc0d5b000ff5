"""Logits are found behind whatever a network ends in; what only looks like probabilities stays as it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.ends.logits import find_logits
from tf_interp.models.outputs.output_end import describe_end


def _log_odds(x):
    p = tf.sigmoid(x)
    return tf.math.log(p / (1 - p))


X = np.random.default_rng(0).normal(0, 2, (5, 3)).astype(np.float32)
FOUND = {
    "softmax": (tf.nn.softmax, "softmax", True),
    "log-softmax": (tf.nn.log_softmax, "softmax", True),
    "cast softmax": (lambda x: tf.cast(tf.nn.softmax(x), tf.float64), "softmax", True),
    "written-out softmax": (lambda x: tf.exp(x) / tf.reduce_sum(tf.exp(x), -1, keepdims=True), "softmax", True),
    "clipped": (lambda x: tf.clip_by_value(tf.nn.softmax(x), 1e-7, 1 - 1e-7), "softmax", True),
    "reshaped": (lambda x: tf.squeeze(tf.expand_dims(tf.nn.softmax(x), 1), 1), "softmax", True),
    "average": (lambda x: (tf.nn.softmax(x) + tf.nn.softmax(2 * x)) / 2, "softmax", False),
    "weighted average": (lambda x: 0.3 * tf.nn.softmax(x) + 0.7 * tf.nn.softmax(-x), "softmax", False),
    "mean of a stack": (lambda x: tf.reduce_mean(tf.stack([tf.nn.softmax(x), tf.nn.softmax(-x)]), 0), "softmax", False),
    "sigmoid": (tf.sigmoid, "sigmoid", True),
    "written-out sigmoid": (lambda x: 1 / (1 + tf.exp(-x)), "sigmoid", True),
    "reciprocal sigmoid": (lambda x: tf.math.reciprocal(tf.exp(-x) + 1), "sigmoid", True),
    "joined sigmoids": (lambda x: tf.concat([tf.sigmoid(x[:, :1]), tf.sigmoid(x[:, 1:])], -1), "sigmoid", True),
    "stacked sigmoids": (lambda x: tf.stack([tf.sigmoid(x[:, 0]), tf.sigmoid(x[:, 1])], 1), "sigmoid", True),
    "average of sigmoids": (lambda x: (tf.sigmoid(x) + tf.sigmoid(2 * x)) / 2, "sigmoid", False),
}
LEFT = {
    "numbers": lambda x: x * 2 + 1,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "mean of a distribution": lambda x: tf.reduce_sum(tf.nn.softmax(x) * [1.0, 2.0, 3.0], -1, keepdims=True),
    "weights that differ by class": lambda x: tf.nn.softmax(x) * [1.0, 2.0, 3.0],
    "gated": lambda x: tf.nn.softmax(x) * tf.sigmoid(x),
    "softmax and numbers": lambda x: tf.nn.softmax(x) + x,
    "joined kinds": lambda x: tf.concat([tf.nn.softmax(x), tf.sigmoid(x)], -1),
    "sum over another axis": lambda x: tf.exp(x) / tf.reduce_sum(tf.exp(x), 0, keepdims=True),
    "other numbers below": lambda x: tf.exp(x) / tf.reduce_sum(tf.exp(2 * x), -1, keepdims=True),
    "clipped numbers": lambda x: tf.clip_by_value(x, 0, 1),
    "line with another upper bound": lambda x: tf.clip_by_value(x * 2 + 0.5, 0, 10),
    "line with one bound": lambda x: tf.maximum(x * 2 + 0.5, 0),
    "line bounded by numbers": lambda x: tf.minimum(x * 0.2 + 0.5, x),
    "hard sigmoid that is stretched": lambda x: tf.nn.relu6(x + 3) * 2,
    "difference of softmaxes": lambda x: tf.nn.softmax(x) * 2.0 - tf.nn.softmax(-x),
    "softmaxes of which one is taken off": lambda x: tf.nn.softmax(x) * 2.0 + tf.nn.softmax(-x) * -1.0,
    "choice that is no sparse sigmoid": lambda x: tf.where(x <= -1, 0.0, tf.where(x >= 1, 2.0, 0.5 * (x + 1))),
    "choice by other bounds": lambda x: tf.where(x >= 1, 0.0, tf.where(x <= -1, 1.0, 0.5 * (x + 1))),
    "less its exponential": lambda x: x - tf.exp(x),
    "less the sum of exponentials": lambda x: x - tf.reduce_sum(tf.exp(x), -1, keepdims=True),
    "less the logarithm of one exponential": lambda x: x - tf.math.log(tf.exp(x) + 1e-3),
    "less the logarithm of its own exponential": lambda x: x - tf.math.log(tf.exp(x)),
    "less logsumexp of others": lambda x: x - tf.reduce_logsumexp(2 * x, -1, keepdims=True),
    "less logsumexp of all": lambda x: x - tf.reduce_logsumexp(x),
    "less logsumexp of the batch": lambda x: x - tf.reduce_logsumexp(x, 0, keepdims=True),
    "less the largest": lambda x: x - tf.reduce_max(x, -1, keepdims=True),
    "less the mean": lambda x: x - tf.reduce_mean(x, -1, keepdims=True),
    "whole numbers": lambda x: tf.cast(tf.nn.softmax(x), tf.int32),
    "sparse sigmoid with other bounds": lambda x: tf.where(x <= -3, 0.0, tf.where(x >= 3, 1.0, 0.5 * (x + 1))),
    "sparse sigmoid that others switch": lambda x: tf.where(
        x[:, ::-1] <= -1, 0.0, tf.where(x[:, ::-1] >= 1, 1.0, 0.5 * (x + 1))
    ),
    "log-odds cut at one half": lambda x: tf.minimum(_log_odds(x), 0.0),
    "sigmoids and their logarithms": lambda x: tf.concat([tf.sigmoid(x), tf.math.log_sigmoid(x)], -1),
    "clipped line that is no hard sigmoid": lambda x: tf.clip_by_value(x * 0.2 + 0.25, 0, 1),
}


def trace(function, batch=None):
    """Return how a function of [N,3] ends, and what it gives with the logits behind it."""
    seen = {}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([batch, 3])])
    def run(x):
        output = function(x)
        found = find_logits(output)
        seen["end"] = describe_end(output, found, {"x": x})
        return output, output if found is None else found.tensor

    return seen, run(X if batch is None else X[:batch])


@pytest.mark.parametrize("batch", [None, 1])
@pytest.mark.parametrize("name", FOUND)
def test_logits_give_back_the_probabilities(name, batch):
    function, kind, exact = FOUND[name]
    seen, (output, logits) = trace(function, batch)
    assert (seen["end"].kind, seen["end"].exact) == (kind, exact)
    again = tf.sigmoid(logits) if kind == "sigmoid" else tf.nn.softmax(logits)
    expected = tf.exp(output) if name == "log-softmax" else output
    np.testing.assert_allclose(again, tf.cast(expected, tf.float32), atol=1e-6)
    assert logits.shape == output.shape


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_probability_stays(name):
    seen, (output, logits) = trace(LEFT[name])
    assert seen["end"].kind is None
    np.testing.assert_array_equal(output, logits)


def test_what_reads_like_a_softmax_is_computed_once():
    """Sums over the classes that are taken along the pictures, which only a batch of as many pictures lets pass."""
    seen, (output, logits) = trace(lambda x: tf.exp(x) / tf.reduce_sum(tf.exp(x), -1), 3)
    assert seen["end"].kind is None
    assert not np.allclose(output.numpy().sum(-1), 1)
    np.testing.assert_array_equal(output, logits)


def test_bounds_of_log_odds_are_told_as_those_of_probabilities():
    seen, _ = trace(lambda x: tf.clip_by_value(_log_odds(x), -2.0, 5.0))
    assert seen["end"].clipped == pytest.approx((1 / (1 + np.exp(2)), 1 / (1 + np.exp(-5))))


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (keras.activations.hard_sigmoid, "hard sigmoid"),
        (lambda x: tf.clip_by_value(x * 0.2 + 0.5, 0, 1), "hard sigmoid"),
        (keras.activations.sparse_sigmoid, "sparse sigmoid"),
    ],
    ids=["3", "2", "sparse"],
)
def test_of_a_hard_sigmoid_the_logit_is_its_input(function, how):
    seen, (_, logits) = trace(function)
    assert seen["end"].how == how
    np.testing.assert_allclose(logits, X, atol=1e-6)


def test_several_softmaxes_on_one_axis_are_told_apart():
    seen, (_, logits) = trace(lambda x: tf.concat([tf.nn.softmax(x), tf.nn.softmax(-x)], -1))
    assert seen["end"].kind == "softmaxes"
    np.testing.assert_array_equal(logits, np.concatenate([X, -X], -1))
    seen, _ = trace(lambda x: tf.reshape(tf.nn.softmax(tf.stack([x, -x], 1)), (-1, 6)))
    assert seen["end"].kind == "softmaxes"


@pytest.mark.parametrize(
    ("function", "joins"),
    [
        (lambda x: tf.concat([tf.sigmoid(x[:, :1]), x[:, 1:]], -1), "sigmoid and other numbers"),
        (lambda x: tf.stack([x[:, 0], 1 - tf.sigmoid(x[:, 1])], -1), "other numbers and numbers in [0,1]"),
        (lambda x: tf.identity(tf.concat([tf.nn.softmax(x), tf.sigmoid(x)], -1)), "softmax and sigmoid"),
        (lambda x: tf.concat([x, 2 * x], -1), None),
        (lambda x: tf.concat([tf.sigmoid(x), tf.sigmoid(-x)], -1), None),
        (lambda x: tf.concat([tf.sigmoid(x), x], -1) + 1, None),
    ],
)
def test_joins_of_several_kinds_are_told(function, joins):
    seen, _ = trace(function)
    assert seen["end"].joins == joins


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_parts_of_a_batch_that_are_joined_keep_their_kind(kind):
    function = {"softmax": tf.nn.softmax, "sigmoid": tf.sigmoid}[kind]
    seen, (_, logits) = trace(lambda x: tf.concat([function(x[:1]), function(x[1:])], 0))
    assert seen["end"].kind == kind
    np.testing.assert_array_equal(logits, X)


def test_nothing_is_looked_for_behind_a_given_tensor():
    @tf.function(autograph=False)
    def run(x):
        p = tf.nn.softmax(x)
        assert find_logits(tf.identity(p), [p]) is None
        assert find_logits(tf.identity(p), [x]) is not None
        return p

    run(X)
