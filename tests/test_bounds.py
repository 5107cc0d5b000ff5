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
    "softmax over two axes": (
        lambda x: tf.exp(x[:, None] - tf.reduce_logsumexp(x[:, None], [1, 2], keepdims=True)),
        (0, 1),
    ),
    "total of others": (
        lambda x: tf.exp(x[:, None] - tf.reduce_logsumexp(-x[:, None], [1, 2], keepdims=True)),
        (0, INFINITE),
    ),
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
    "whole numbers without a sign": (
        lambda x: tf.cast(tf.cast(tf.cast(tf.clip_by_value(x, -5, 5), tf.int32), tf.uint8), tf.float32),
        (0, INFINITE),
    ),
    "cut off": (lambda x: tf.cast(tf.cast(1.9 + 2 * tf.sigmoid(x), tf.int32), tf.float32), (1, 3)),
    "whether it is not zero": (
        lambda x: tf.cast(tf.raw_ops.Cast(x=2 + tf.sigmoid(x), DstT=tf.bool), tf.float32),
        (0, 1),
    ),
    "parts of no more than a half": (
        lambda x: tf.nn.relu(x) / tf.minimum(tf.reduce_sum(tf.nn.relu(x), -1, keepdims=True), 0.5),
        (0, INFINITE),
    ),
    "parts of whole numbers": (
        lambda x: tf.sigmoid(x) / tf.cast(tf.cast(tf.reduce_max(4 * tf.sigmoid(x), -1, True), tf.int32), tf.float32),
        (0, INFINITE),
    ),
    "of a length that is cut": (
        lambda x: x / tf.minimum(tf.norm(x, axis=-1, keepdims=True), 0.5),
        (-INFINITE, INFINITE),
    ),
    "of length one, by a factor": (
        lambda x: x * tf.minimum(tf.math.rsqrt(tf.reduce_sum(x * x, -1, keepdims=True)), 1e6),
        (-1, 1),
    ),
    "longer than one, by a factor": (
        lambda x: x * tf.maximum(tf.math.rsqrt(tf.reduce_sum(x * x, -1, keepdims=True)), 2.0),
        (-INFINITE, INFINITE),
    ),
    "divided, or nothing": (lambda x: tf.math.divide_no_nan(2.0, tf.nn.relu6(x)), (0, INFINITE)),
    "divided by no more than one, or nothing": (
        lambda x: tf.math.divide_no_nan(1 + tf.sigmoid(x), tf.clip_by_value(x, 0, 1)) - 0.5,
        (-0.5, INFINITE),
    ),
    "shares that are cut off": (
        lambda x: tf.reduce_sum(tf.cast(tf.cast(tf.nn.softmax(x), tf.int32), tf.float32), -1),
        (0, 3),
    ),
    "softsign by hand": (lambda x: 0.5 * (1 + x / (1 + tf.abs(x))), (0, 1)),
    "softsign by a root": (lambda x: x / tf.sqrt(1 + x * x), (-1, 1)),
    "softsign by a factor": (lambda x: tf.math.rsqrt(1 + x * x) * x, (-1, 1)),
    "softsign by a lesser factor": (lambda x: tf.math.rsqrt(x * x - 1) * x, (-INFINITE, INFINITE)),
    "softsign of each other": (lambda x: x / (1 + tf.abs(x[:, ::-1])), (-INFINITE, INFINITE)),
    "softsign of all others": (
        lambda x: x[:, :, None] / (1 + tf.abs(x[:, None, :])),
        (-INFINITE, INFINITE),
    ),
    "tanh by hand": (lambda x: (tf.exp(x / 30) - tf.exp(-x / 30)) / (tf.exp(x / 30) + tf.exp(-x / 30)), (-1, 1)),
    "tanh by less": (lambda x: 3 * ((1 - tf.exp(-x / 9)) / (1 + tf.exp(-x / 9))), (-3, 3)),
    "of absolute sum one": (lambda x: x / (tf.reduce_sum(tf.abs(x), -1, keepdims=True) + 1e-7), (-1, 1)),
    "of largest one": (lambda x: x / tf.reduce_max(tf.abs(x), -1, keepdims=True), (-1, 1)),
    "of cubic length one": (
        lambda x: x / tf.pow(tf.reduce_sum(tf.pow(tf.abs(x), 3.0), -1, keepdims=True), 1 / 3),
        (-1, 1),
    ),
    "of no such length": (
        lambda x: x / tf.pow(tf.reduce_sum(tf.pow(tf.abs(x), 3.0), -1, keepdims=True), 0.2),
        (-INFINITE, INFINITE),
    ),
    "divided by its squares": (lambda x: x / (tf.reduce_sum(x * x, -1, keepdims=True) + 1e-6), (-INFINITE, INFINITE)),
    "times its squares": (lambda x: x * tf.reduce_sum(x * x, -1, keepdims=True), (-INFINITE, INFINITE)),
    "angle": (lambda x: tf.atan2(x, x[:, ::-1]), (-math.pi, math.pi)),
    "clipped by choices": (lambda x: tf.where(x > 1, 1.0, tf.where(x < -1, -1.0, x)), (-1, 1)),
    "clipped by choices, turned": (lambda x: tf.where(x <= 2.0, tf.where(x >= -1.0, x, -1.0), 2.0), (-1, 2)),
    "not clipped by choices": (lambda x: tf.where(x > 1, x, tf.where(x < -1, -1.0, x)), (-1, INFINITE)),
    "clipped where others are": (lambda x: tf.where(x[:, ::-1] > 1, 1.0, x), (-INFINITE, INFINITE)),
    "mean": (lambda x: tf.sigmoid(x) * tf.tanh(x) + (1 - tf.sigmoid(x)) * (2 * tf.tanh(-x) - 1), (-3, 1)),
    "no mean": (lambda x: tf.sigmoid(x) * tf.tanh(x) + (1 - tf.sigmoid(2 * x)) * tf.tanh(-x), (-2, 2)),
    "no mean, beyond": (lambda x: 2 * tf.sigmoid(x) * tf.tanh(x) + (1 - 2 * tf.sigmoid(x)) * tf.tanh(-x), (-3, 3)),
    "rest": (lambda x: tf.math.floormod(x, 2.0), (0, 2)),
    "called": (lambda x: tf.function(lambda y: 2 * tf.tanh(y), autograph=False)(x) + 1, (-1, 3)),
    "steps that stay": (lambda x: _loop(lambda y: tf.maximum(y, tf.tanh(x)), tf.zeros_like(x)), (0, 1)),
    "steps that begin outside": (lambda x: _loop(tf.tanh, 3 + tf.sigmoid(x)), (-1, 4)),
    "steps that go on": (lambda x: _loop(lambda y: y + tf.sigmoid(x), tf.zeros_like(x)), (-INFINITE, INFINITE)),
    "steps of steps": (lambda x: _loop(lambda y: _loop(tf.sin, y + x), tf.zeros_like(x)), (-INFINITE, INFINITE)),
    "mapped": (lambda x: tf.map_fn(lambda row: 3 * tf.tanh(row), x), (-3, 3)),
    "unknown": (lambda x: tf.math.lgamma(x), (-INFINITE, INFINITE)),
}


def _loop(step, start):
    """Return what three steps of a loop make of a tensor."""
    return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, step(y)), (0, start))[1]


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


def test_rows_are_not_divided_by_the_total_of_others():
    """Three rows of three, whose sums without an axis of their own are those of the columns."""
    with tf.Graph().as_default():
        x = tf.nn.relu(tf.compat.v1.placeholder(tf.float32, [3, 3]))
        assert find_bounds(x / tf.reduce_sum(x, -1)) == (0, INFINITE)
        assert find_bounds(x / tf.reduce_sum(x, 0)) == (0, 1)
        assert find_bounds(x / tf.expand_dims(tf.reduce_sum(x, -1), -1)) == (0, 1)


K = {"axis": -1, "keepdims": True}
ONE = {
    **{f.__name__: f for f in (tf.sigmoid, tf.tanh, tf.nn.softmax, tf.nn.relu, tf.nn.relu6, tf.abs, tf.square)},
    **{f.__name__: f for f in (tf.round, tf.sign, tf.nn.elu, tf.nn.selu, tf.nn.softsign, tf.nn.softplus, tf.math.erf)},
    **{f.__name__: f for f in (tf.negative, tf.nn.log_softmax, tf.math.reciprocal, tf.sin, tf.atan, tf.nn.leaky_relu)},
    "floor": tf.floor,
    "exp": lambda x: tf.exp(tf.clip_by_value(x, -20, 20)),
    "root": lambda x: tf.sqrt(tf.abs(x)),
    "softsign by hand": lambda x: x / (0.5 + tf.abs(x)),
    "softsign by a root": lambda x: x / tf.sqrt(0.5 + x * x),
    "by its square": lambda x: 3 * x / (0.5 + x * x),
    "bell": lambda x: x * tf.exp(-x * x),
    "capsule": lambda x: (lambda s: s / (1 + s) * x * tf.math.rsqrt(s + 1e-7))(tf.reduce_sum(x * x, **K)),
    "by its mean square": lambda x: x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), **K) + 0.1),
    "by its largest": lambda x: x / tf.maximum(tf.reduce_max(tf.abs(x), **K), 0.1),
    "by its squares": lambda x: x / tf.reduce_sum(x * x, **K),
    "absolute sum": lambda x: x / tf.reduce_sum(tf.abs(x), **K),
    "clipped by choices": lambda x: tf.where(x > 1, 1.0, tf.where(x < -1, -1.0, x)),
    "turned choices": lambda x: tf.where(x < 1.0, tf.where(x <= -2, x, -2.0), x),
    "scaled": lambda x: x * -1.5,
    "one less": lambda x: 1 - x,
    "by each its own": lambda x: x * [1.0, -2.0, 0.0],
    "moved": lambda x: tf.add(x, [0.5, -3.0, 0.0]),
    "inverse": lambda x: -2.0 / x,
    "rest": lambda x: tf.math.floormod(x, -3.0),
    "whole part": lambda x: tf.math.floordiv(x, 2.0),
    "int": lambda x: tf.cast(tf.cast(tf.clip_by_value(x, -1e6, 1e6), tf.int32), tf.float32),
    "uint8": lambda x: tf.cast(tf.cast(tf.clip_by_value(x, -1e6, 1e6), tf.uint8), tf.float32),
    "bool": lambda x: tf.cast(tf.raw_ops.Cast(x=x, DstT=tf.bool), tf.float32),
    "least": lambda x: tf.minimum([1.0, -1.0, 0.5], x),
    "clipped": lambda x: tf.clip_by_value(x, -1, 2),
    "clipped by crossed bounds": lambda x: tf.clip_by_value(x, 1.0, -1.0),
    "sum": lambda x: tf.reduce_sum(x, **K) * tf.ones_like(x),
    "product": lambda x: tf.reduce_prod(x, **K) + tf.zeros_like(x),
    "sums": lambda x: tf.cumsum(x, -1, exclusive=True, reverse=True),
    "products": lambda x: tf.math.cumprod(x, -1, exclusive=True),
    "cube": lambda x: tf.pow(x, 3.0),
    "powers": lambda x: tf.pow(x, [1.0, 2.0, 3.0]),
    "minus first": lambda x: tf.pow(x, -1.0),
    "matrix": lambda x: tf.matmul(x, [[1.0, -2.0, 0.0], [0.5, 0.0, 0.0], [-1.0, 1.0, 0.0]], transpose_b=True),
    "choice": lambda x: tf.where(x > 0, x, -0.5),
    "padded": lambda x: tf.pad(x[:, 1:], [[0, 0], [1, 0]], constant_values=-2.0),
    "sorted": lambda x: tf.sort(x, -1),
    "shares": lambda x: tf.abs(x) / tf.reduce_sum(tf.abs(x), **K),
    "shares with signs": lambda x: x / tf.reduce_sum(x, **K),
    "of the largest": lambda x: x / tf.reduce_max(x, **K),
    "guarded": lambda x: tf.nn.relu(x) / tf.maximum(tf.reduce_sum(tf.nn.relu(x), **K), 0.1),
    "guarded the wrong way": lambda x: tf.nn.relu(x) / tf.minimum(tf.reduce_sum(tf.nn.relu(x), **K), 0.5),
    "length": lambda x: tf.nn.l2_normalize(x, -1),
    "from least": lambda x: x - tf.reduce_min(x, **K),
    "from least to largest": lambda x: (x - tf.reduce_min(x, **K))
    / (tf.reduce_max(x, **K) - tf.reduce_min(x, **K) + 1e-6),
    "odds": lambda x: x / (1 + x),
    "nothing": lambda x: x - x,
    "or nothing": lambda x: tf.math.divide_no_nan(2.0, x),
    "distance": lambda x: tf.math.squared_difference(x, -1.0),
    "averages": lambda x: tf.matmul(tf.nn.softmax(x), [[1.0, 2, 3], [-1, 0, 4], [0, 5, 6]]),
    "normalized": lambda x: (x - tf.reduce_mean(x, **K)) * tf.math.rsqrt(tf.math.reduce_variance(x, **K) + 1e-3),
}  # fmt: skip
TWO = {
    **{f.__name__: f for f in (tf.add, tf.subtract, tf.multiply, tf.divide, tf.maximum, tf.minimum)},
    "squared difference": tf.math.squared_difference,
    "either": lambda a, b: tf.where(a > b, a, -b),
    "softsign": lambda a, b: a / (1 + tf.abs(b)),
    "by both sizes": lambda a, b: a / (tf.abs(a) + tf.square(b) + 0.1),
    "bell": lambda a, b: a * tf.exp(-tf.abs(b)),
    "by the length": lambda a, b: 2 * a * tf.math.rsqrt(tf.reduce_sum(b * b, **K)),
    "contrast": lambda a, b: (tf.abs(a) - tf.abs(b)) / (tf.abs(a) + tf.abs(b)),
    "cut": lambda a, b: tf.where(a < 0.5, tf.where(b > -1, b, a), a),
    "step": lambda a, b: _loop(lambda y: tf.minimum(y, b) / 2, a),
    "gate": lambda a, b: tf.sigmoid(a) * b + (1 - tf.sigmoid(a)) * a,
    "cosine": lambda a, b: tf.nn.l2_normalize(a, -1) * tf.nn.l2_normalize(b, -1),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_bounds_hold_whatever_is_done(seed):
    """Chains of one to four operations, each of which comes first once, on numbers small, large, equal and zero."""
    rng = np.random.default_rng(seed)
    numbers = [rng.normal(0, scale, (300, 3)) for scale in (0.1, 1, 5, 40)]
    given = np.concatenate([*numbers, rng.choice([-7, -1, 0, 0.5, 1, 2], (200, 3))]).astype(np.float32)
    for start in list(ONE)[seed % 4 :: 4]:
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None, 3])
            made, names = [x, ONE[start](x)], [start]
            for _ in range(rng.integers(4)):
                names.append(str(rng.choice([*ONE, *TWO])))
                others = [made[rng.integers(len(made))]] if names[-1] in TWO else []
                made.append((TWO if others else ONE)[names[-1]](made[-1], *others))
            bounds_found = find_bounds(made[-1])
            with tf.compat.v1.Session() as session:
                values = session.run(made[-1], {x: given})
        values = values[np.isfinite(values)]
        slack = 1e-3 + 1e-4 * np.abs(values).max(initial=0)
        low, high = values.min(initial=math.inf) + slack, values.max(initial=-math.inf) - slack
        assert bounds_found[0] <= low, (names, bounds_found)
        assert high <= bounds_found[1], (names, bounds_found)
