"""Averages that shares weigh, as in attention, lie between what is averaged; other sums of products do not."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.ends.bounds import find_bounds

X = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32) * 30
INFINITE = math.inf


def _split(x, act=tf.tanh):
    """Return three queries, and three values between bounds, made of a row of three numbers."""
    return x[:, :, None] * [[1.0, -0.5]], act(x[:, :, None] * [[1.0, 0.5, -1.0]])


def _weigh(x, axis=-1):
    queries, _ = _split(x / 30)
    return tf.nn.softmax(tf.matmul(queries, queries, transpose_b=True), axis=axis)


AVERAGES = {
    "attention": (lambda x: tf.matmul(_weigh(x), _split(x)[1]), (-1, 1)),
    "attention to labels": (lambda x: tf.matmul(_weigh(x), tf.nn.softmax(_split(x)[1])), (0, 1)),
    "attention to numbers": (lambda x: tf.matmul(_weigh(x), _split(x, tf.identity)[1]), (-INFINITE, INFINITE)),
    "attention along the wrong axis": (lambda x: tf.matmul(_weigh(x, 1), _split(x)[1]), (-INFINITE, INFINITE)),
    "attention, turned": (lambda x: tf.matmul(_weigh(x, 1), _split(x)[1], transpose_a=True), (-1, 1)),
    "attention from behind": (lambda x: tf.matmul(_split(x)[1], _weigh(x), transpose_b=True), (-1, 1)),
    "attention, by letters": (lambda x: tf.einsum("bqk,bkd->bqd", _weigh(x), _split(x)[1]), (-1, 1)),
    "attention, by letters, turned": (lambda x: tf.einsum("bkd,bqk->bdq", _split(x)[1], _weigh(x)), (-1, 1)),
    "by letters along the wrong axis": (
        lambda x: tf.einsum("bkq,bkd->bqd", _weigh(x), _split(x)[1]),
        (-INFINITE, INFINITE),
    ),
    "by letters along two axes": (lambda x: tf.einsum("bqk,bkd->bd", _weigh(x), _split(x)[1]), (-INFINITE, INFINITE)),
    "attention with a mask behind": (
        lambda x: tf.matmul(_weigh(x) * tf.sigmoid(x)[:, None, :], 2 + _split(x)[1]),
        (0, 3),
    ),
    "attention with a guard": (
        lambda x: (lambda w: tf.matmul(w / (tf.reduce_sum(w, -1, keepdims=True) + 1e-6), 2 + _split(x)[1]))(_weigh(x)),
        (0, 3),
    ),
    "attention that leaves some out": (
        lambda x: tf.matmul(tf.where(_weigh(x) > 0.2, _weigh(x), 0.0), 2 + _split(x)[1]),
        (0, 3),
    ),
    "nearest of all": (
        lambda x: tf.matmul(tf.one_hot(tf.argmax(_weigh(x), -1), 3), 2 + _split(x)[1]),
        (0, 3),
    ),
    "pooled": (lambda x: tf.reduce_sum(tf.nn.softmax(x)[:, :, None] * _split(x)[1], 1), (-1, 1)),
    "pooled, axis by axis": (
        lambda x: tf.reduce_sum(tf.nn.softmax(x[:, :, None], 1) * _split(x)[1], 1),
        (-1, 1),
    ),
    "pooled, by letters": (lambda x: tf.einsum("bk,bkd->bd", tf.nn.softmax(x), _split(x)[1]), (-1, 1)),
    "pooled, by a matrix": (lambda x: tf.matmul(tf.nn.softmax(x)[:, None, :], _split(x)[1])[:, 0], (-1, 1)),
    "pooled along another axis": (lambda x: tf.reduce_sum(tf.nn.softmax(x)[:, :, None] * _split(x)[1], 2), (-3, 3)),
    "pooled along two axes": (lambda x: tf.reduce_sum(tf.nn.softmax(x)[:, :, None] * _split(x)[1], [1, 2]), (-9, 9)),
    "pooled by one share each": (
        lambda x: tf.reduce_sum(tf.nn.softmax(x[:, :1])[:, :, None] * _split(x)[1], 1),
        (-3, 3),
    ),
    "pooled by exponentials": (
        lambda x: (lambda e: tf.reduce_sum(e / tf.reduce_sum(e, 1, keepdims=True) * _split(x)[1], 1))(
            tf.exp(x[:, :, None] / 30)
        ),
        (-1, 1),
    ),
    "pooled from a map": (
        lambda x: (
            lambda w: tf.reduce_sum(tf.reshape(w, [-1, 2, 3, 1]) * tf.tanh(tf.reshape(w, [-1, 2, 3, 1])), [1, 2])
        )(tf.nn.softmax(tf.concat([x, -x], -1))),
        (-1, 1),
    ),
    "pooled from half a map": (
        lambda x: (lambda w: tf.reduce_sum(tf.reshape(w, [-1, 2, 3, 1]) * 2, 2))(tf.nn.softmax(tf.concat([x, -x], -1))),
        (0, 6),
    ),
    "shares in another order": (
        lambda x: tf.reduce_sum(tf.transpose(_weigh(x), [0, 2, 1]), 1) + tf.reduce_sum(_weigh(x), 2),
        (2, 2),
    ),
    "shares of a part": (lambda x: tf.reduce_sum(_weigh(x)[:, :2, :2], -1), (0, 2)),
    "shares of some rows": (lambda x: tf.reduce_sum(_weigh(x)[:, 1:], -1), (1, 1)),
    "shares laid out anew": (lambda x: tf.reduce_sum(tf.reshape(_weigh(x), [-1, 9]), -1), (0, 9)),
    "one by the total": (lambda x: 1 / tf.reduce_sum(tf.abs(x) + 1), (0, INFINITE)),
    "one by each total": (lambda x: 2 / tf.reduce_sum(tf.nn.softplus(x), -1), (0, INFINITE)),
    "gated": (
        lambda x: tf.reduce_sum(tf.nn.softmax(x)[:, None, :] * tf.stack([tf.sigmoid(x), tf.tanh(x)], 1), -1),
        (-1, 1),
    ),
    "cosines to powers": (
        lambda x: tf.matmul(
            x / tf.sqrt(tf.reduce_sum(tf.pow(x, 2.0), -1, keepdims=True) + 1e-12),
            tf.nn.l2_normalize(x, -1),
            transpose_b=True,
        ),
        (-1, 1),
    ),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_bounds_of_averages_are_those_expected_and_hold(name):
    function, expected = AVERAGES[name]
    seen = []

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 3])])
    def run(x):
        output = function(x)
        seen.append(find_bounds(output))
        return output

    values = run(X).numpy()
    assert seen[-1] == pytest.approx(expected)
    assert expected[0] - 1e-5 <= values.min() <= values.max() <= expected[1] + 1e-5
