"""Bounds of a tensor's numbers hold for any weights, and are narrow where the end of a network is usual."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.bounds import find_bounds

X = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32) * 30
INFINITE = math.inf
ENDS = {
    "free": (lambda x: x, (-INFINITE, INFINITE)),
    "sigmoid": (tf.sigmoid, (0, 1)),
    "one less a sigmoid": (lambda x: 1 - tf.sigmoid(x), (0, 1)),
    "raised tanh": (lambda x: 0.5 * (1 + tf.tanh(x)), (0, 1)),
    "stretched": (lambda x: 4.5 * tf.sigmoid(x) + 0.5, (0.5, 5)),
    "turned": (lambda x: -2 * tf.nn.softmax(x), (-2, 0)),
    "by each its own": (lambda x: tf.sigmoid(x) * [1.0, -2.0, 3.0], (-2, 3)),
    "sum": (lambda x: tf.add_n([tf.sigmoid(x), tf.tanh(x), tf.nn.relu6(x)]), (-1, 8)),
    "difference": (lambda x: tf.sigmoid(x) - tf.sigmoid(-x), (-1, 1)),
    "product": (lambda x: tf.tanh(x) * tf.tanh(x / 2), (-1, 1)),
    "product of a free one": (lambda x: x * tf.sigmoid(x), (-INFINITE, INFINITE)),
    "logistic by hand": (lambda x: 1 / (1 + tf.exp(-x / 30)), (0, 1)),
    "divided by what may be zero": (lambda x: 1 / tf.nn.relu(x), (-INFINITE, INFINITE)),
    "relu": (lambda x: tf.nn.relu(x), (0, INFINITE)),
    "relu of a negative one": (lambda x: tf.nn.relu(-tf.sigmoid(x)), (0, 0)),
    "clipped": (lambda x: tf.clip_by_value(x, -1, 2), (-1, 2)),
    "from below": (lambda x: tf.maximum(x, 0.5), (0.5, INFINITE)),
    "from above": (lambda x: tf.minimum(tf.nn.softplus(x), 4.0), (0, 4)),
    "joined": (lambda x: tf.concat([tf.sigmoid(x), tf.tanh(x)], -1), (-1, 1)),
    "packed": (lambda x: tf.reduce_mean(tf.stack([tf.sigmoid(x), 3 * tf.sigmoid(x)]), 0), (0, 3)),
    "shaped": (lambda x: tf.cast(tf.reshape(tf.sigmoid(x), [-1]), tf.float64), (0, 1)),
    "unknown": (lambda x: tf.cumsum(tf.sigmoid(x)), (-INFINITE, INFINITE)),
}


@pytest.mark.parametrize("name", ENDS)
def test_bounds_are_those_expected_and_hold(name):
    function, expected = ENDS[name]
    seen = []

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 3])])
    def run(x):
        output = function(x)
        seen.append(find_bounds(output))
        return output

    values = run(X).numpy()
    assert seen[-1] == pytest.approx(expected)
    values = values[np.isfinite(values)]
    assert expected[0] - 1e-6 <= values.min() <= values.max() <= expected[1] + 1e-6


def test_many_roads_to_one_tensor_are_walked_once():
    def run(x):
        y = tf.sigmoid(x)
        for _ in range(30):  # 2 to the 30th roads
            y = (y + y) / 2
        return find_bounds(y)

    with tf.Graph().as_default():
        assert run(tf.compat.v1.placeholder(tf.float32, [None, 3])) in [(0, 1), (-INFINITE, INFINITE)]
