"""Bounds of a tensor's numbers hold for any weights, and are narrow where the end of a network is usual."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.ends import bounds
from tf_interp.models.outputs.ends.bounds import find_bounds

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
    "divided by what may be zero": (lambda x: 1 / tf.nn.relu(x), (0, INFINITE)),
    "divided by what may have any sign": (lambda x: 1 / tf.tanh(x), (-INFINITE, INFINITE)),
    "relu": (lambda x: tf.nn.relu(x), (0, INFINITE)),
    "relu of a negative one": (lambda x: tf.nn.relu(-tf.sigmoid(x)), (0, 0)),
    "clipped": (lambda x: tf.clip_by_value(x, -1, 2), (-1, 2)),
    "from below": (lambda x: tf.maximum(x, 0.5), (0.5, INFINITE)),
    "from above": (lambda x: tf.minimum(tf.nn.softplus(x), 4.0), (0, 4)),
    "joined": (lambda x: tf.concat([tf.sigmoid(x), tf.tanh(x)], -1), (-1, 1)),
    "packed": (lambda x: tf.reduce_mean(tf.stack([tf.sigmoid(x), 3 * tf.sigmoid(x)]), 0), (0, 3)),
    "shaped": (lambda x: tf.cast(tf.reshape(tf.sigmoid(x), [-1]), tf.float64), (0, 1)),
    "flipped": (lambda x: tf.reverse(tf.sigmoid(x), [-1]), (0, 1)),
    "sorted": (lambda x: tf.math.top_k(tf.sigmoid(x), 3).values, (0, 1)),
    "rolled and padded": (lambda x: tf.pad(tf.roll(1 + tf.sigmoid(x), 1, -1), [[0, 0], [0, 1]]), (0, 2)),
    "root and power": (lambda x: tf.sqrt(tf.sigmoid(x)) + tf.pow(tf.sigmoid(x), 1.5), (0, 2)),
    "squared": (lambda x: tf.square(tf.tanh(x)) + tf.abs(2 * tf.tanh(x) - 0.5), (0, 3.5)),
    "either": (lambda x: tf.where(x > 0, tf.sigmoid(x), -tf.sigmoid(x)), (-1, 1)),
    "by a matrix": (lambda x: tf.matmul(tf.sigmoid(x), [[0.0, 1.0], [1.0, 0.0], [0.0, -2.0]]), (-2, 1)),
    "by a turned matrix": (
        lambda x: tf.matmul(tf.sigmoid(x), [[1.0, 2.0, 0.0], [0.0, 0.0, -1.0]], transpose_b=True),
        (-1, 3),
    ),
    "by turned matrices": (
        lambda x: tf.matmul(tf.sigmoid(x)[None], [[[1.0, 2.0, 0.0], [0.0, 0.0, -1.0]]], transpose_b=True),
        (-1, 3),
    ),
    "where the largest is": (
        lambda x: tf.cast(tf.math.top_k(tf.sigmoid(x), 3).indices, tf.float32),
        (-INFINITE, INFINITE),
    ),
    "beyond all numbers": (lambda x: tf.pow(tf.exp(tf.clip_by_value(x, 0, 80)), 9.0), (1, INFINITE)),
    "multiplied up": (lambda x: tf.math.cumprod(tf.sigmoid(x)) + tf.reduce_prod(tf.sigmoid(x)), (0, 2)),
    "rate": (lambda x: 1 - tf.exp(-tf.nn.softplus(x)), (0, 1)),
    "rate by hand": (lambda x: 1 - tf.exp(-tf.exp(x / 30)), (0, 1)),
    "log of a probability": (lambda x: tf.exp(tf.math.log(tf.sigmoid(x))), (0, 1)),
    "length": (lambda x: tf.sqrt(tf.reduce_sum(tf.square(x), -1)), (0, INFINITE)),
    "kernel": (lambda x: tf.exp(-tf.reduce_sum(tf.math.squared_difference(x, 1.0), -1)), (0, 1)),
    "even powers": (lambda x: tf.pow(x, 2.0) + tf.pow(tf.tanh(x), 4.0), (0, INFINITE)),
    "odd power": (lambda x: tf.pow(x, 3.0), (-INFINITE, INFINITE)),
    "sum of negative ones": (lambda x: tf.reduce_sum(-tf.abs(x), -1), (-INFINITE, 0)),
    "sums on the way": (lambda x: tf.cumsum(tf.sigmoid(x), -1), (0, 3)),
    "sums on the way, without the last": (lambda x: tf.cumsum(tf.tanh(x) - 2, -1, exclusive=True), (-6, 0)),
    "sums of unknown many": (lambda x: tf.cumsum(tf.sigmoid(x), 0), (0, INFINITE)),
    "sum of three": (lambda x: tf.reduce_sum(tf.sigmoid(x), -1), (0, 3)),
    "at most class k": (lambda x: 1 - tf.cumsum(tf.nn.softmax(x), -1), (0, 1)),
    "sum of shares": (lambda x: tf.reduce_sum(tf.nn.softmax(x), -1), (1, 1)),
    "parts of the largest": (lambda x: tf.sigmoid(x) / tf.reduce_max(tf.sigmoid(x), -1, keepdims=True), (0, 1)),
    "parts of the sum": (lambda x: tf.abs(x) / (tf.reduce_sum(tf.abs(x), -1, keepdims=True) + 1e-7), (0, 1)),
    "parts of one more": (lambda x: tf.square(x) / (1 + tf.square(x)), (0, 1)),
    "parts of another sum": (lambda x: tf.abs(x) / tf.reduce_sum(x * x, -1, keepdims=True), (0, INFINITE)),
    "from least to largest": (
        lambda x: (x - tf.reduce_min(x, -1, True)) / (tf.reduce_max(x, -1, True) - tf.reduce_min(x, -1, True)),
        (0, 1),
    ),
    "above the least": (lambda x: x - tf.reduce_min(x, -1, keepdims=True), (0, INFINITE)),
    "of length one": (lambda x: tf.nn.l2_normalize(x, -1), (-1, 1)),
    "of length one, by hand": (lambda x: x / tf.norm(x, axis=-1, keepdims=True), (-1, 1)),
    "cosines": (
        lambda x: 2 * tf.matmul(tf.nn.l2_normalize(x, -1), tf.nn.l2_normalize(x, -1), transpose_b=True),
        (-2, 2),
    ),
    "no cosines": (lambda x: tf.matmul(tf.nn.l2_normalize(x, -1), x, transpose_b=True), (-INFINITE, INFINITE)),
    "cosines of a matrix": (lambda x: tf.matmul(tf.nn.l2_normalize(x, -1), [[3.0], [0.0], [4.0]]), (-5, 5)),
    "averages": (lambda x: tf.matmul(tf.nn.softmax(x), [[1.0], [2.0], [5.0]]), (1, 5)),
    "whole numbers": (lambda x: tf.round(2.2 * tf.sigmoid(x)) + tf.cast(x > 0, tf.float32), (0, 3)),
    "one hot": (lambda x: tf.one_hot(tf.argmax(x, -1), 3), (0, 1)),
    "exponential below": (lambda x: tf.nn.elu(x) + 1, (0, INFINITE)),
    "unknown": (lambda x: tf.math.lgamma(x), (-INFINITE, INFINITE)),
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


def test_many_roads_to_one_tensor_are_walked_once(monkeypatch):
    read, calls = bounds._read, []
    monkeypatch.setattr(bounds, "_read", lambda *given: calls.append(given) or read(*given))
    with tf.Graph().as_default():
        y = tf.sigmoid(tf.compat.v1.placeholder(tf.float32, [None, 3]))
        for _ in range(14):  # 2 to the 14th roads
            y = (y + y) / 2
        assert find_bounds(y) == (0, 1)
    assert len(calls) < 100
