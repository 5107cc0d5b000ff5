"""What is divided by something that grows as fast has bounds, which hold and are the narrowest; all else has none."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.ends.bounds import find_bounds

RNG = np.random.default_rng(7)
SCALES = np.repeat([1e-3, 0.3, 1, 3, 40, 1e4], 200)[:, None]
X = (RNG.normal(size=(1200, 3)) * SCALES).astype(np.float32)
K = {"axis": -1, "keepdims": True}
FREE = (-math.inf, math.inf)


def _squares(x):
    return tf.reduce_sum(x * x, **K)


def _centered(x):
    return x - tf.reduce_mean(x, **K)


# what is made of three numbers -> between which bounds; whether random numbers come near both
ENDS = {
    "by one and its square": (lambda x: x / (1 + x * x), (-0.5, 0.5), True),
    "by two and its squares": (lambda x: x / (4 + 9 * tf.square(x)), (-1 / 12, 1 / 12), True),
    "by its power": (lambda x: 2 * x / (tf.pow(x, 2.0) + 1), (-1, 1), True),
    "its square by its fourth power": (lambda x: x * x / (1 + tf.pow(x, 4.0)), (0, 0.5), True),
    "its cube": (lambda x: tf.pow(x, 3.0) / (1 + x * x), FREE, False),
    "its cube by its fourth power": (lambda x: tf.pow(x, 3.0) / (1 + tf.pow(x, 4.0)), (-0.5699, 0.5699), True),
    "by a root": (lambda x: x / tf.sqrt(1 + tf.pow(x, 2.0)), (-1, 1), True),
    "by a root of its part": (lambda x: x / tf.sqrt(1 + x * x / 4), (-2, 2), True),
    "by a power less than zero": (lambda x: x * tf.pow(1 + tf.square(x), -0.5), (-1, 1), True),
    "by a lesser power": (lambda x: x * tf.pow(1 + tf.square(x), -0.4), FREE, False),
    "by a larger power": (lambda x: x * tf.pow(1 + tf.square(x), -1.5), (-0.3849, 0.3849), True),
    "by one and its size": (lambda x: 3 * x / (2 + tf.abs(x)), (-3, 3), True),
    "by half its size": (lambda x: x / (2 + tf.abs(x) / 2), (-2, 2), True),
    "by one and itself": (lambda x: tf.nn.softplus(x) / (1 + tf.nn.softplus(x)), (0, 1), True),
    "by both sizes": (lambda x: x / (tf.abs(x) + tf.abs(x[:, ::-1]) + 1e-6), (-1, 1), True),
    "by others": (lambda x: x / (1 + tf.square(x[:, ::-1])), FREE, False),
    "by itself, moved": (lambda x: x / (1 + tf.square(x - 1)), FREE, False),
    "by one less its square": (lambda x: x / (1 - x * x), FREE, False),
    "by less than its square": (lambda x: x / (tf.square(x) - 0.5), FREE, False),
    "by a sum that is cut": (lambda x: x / tf.minimum(1 + x * x, 5.0), FREE, False),
    "by a sum that is at least": (lambda x: x / tf.maximum(x * x, 1.0), FREE, False),
    "by a size that is at least": (lambda x: x / tf.maximum(tf.abs(x), 0.5), (-1, 1), True),
    "by a small number and squares": (lambda x: x / (1e-6 + _squares(x)), FREE, False),
    "scaled to length": (lambda x: 16.0 * x / tf.sqrt(tf.reduce_sum(tf.pow(x, 2.0), **K) + 1e-7), (-16, 16), True),
    "scaled to length, behind": (lambda x: tf.math.l2_normalize(x, -1) * 16.0, (-16, 16), True),
    "by its length": (lambda x: x / tf.reduce_sum(x * x, -1)[:, None] ** 0.5, (-1, 1), True),
    "by the length of the column": (lambda x: x / tf.sqrt(tf.reduce_sum(x * x, 0)), (-1, 1), False),
    "by the length of all": (lambda x: x / tf.sqrt(tf.reduce_sum(x * x)), (-1, 1), False),
    "by the lengths of others": (
        lambda x: x[:, :, None] / tf.sqrt(tf.reduce_sum(x * x, -1)[:, None, None] * 0 + tf.square(x)[:, None, :]),
        FREE,
        False,
    ),
    "by its mean square": (
        lambda x: x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), **K) + 1e-6),
        (-math.sqrt(3), math.sqrt(3)),
        True,
    ),
    "standardized": (
        lambda x: _centered(x) / (tf.math.reduce_std(x, **K) + 1e-6),
        (-math.sqrt(3), math.sqrt(3)),
        False,
    ),
    "capsule": (lambda x: _squares(x) / (1 + _squares(x)) * x / tf.sqrt(_squares(x) + 1e-7), (-1, 1), True),
    "capsule, its length first": (lambda x: tf.sqrt(_squares(x)) / (1 + _squares(x)) * x, (-1, 1), True),
    "capsule, half": (lambda x: _squares(x) / (0.5 + _squares(x)) * x / tf.sqrt(_squares(x)), (-1, 1), True),
    "no capsule": (lambda x: _squares(x) / (1 + tf.sqrt(_squares(x))) * x / tf.sqrt(_squares(x)), FREE, False),
    "times its bell": (lambda x: x * tf.exp(-x * x), (-0.5, 0.5), False),
    "times a bell above one": (lambda x: x * tf.exp(2 - tf.square(x)), FREE, False),
    "times a low bell": (lambda x: x * tf.exp(-3 - tf.square(x)), (-0.25, 0.25), False),
    "times a wide bell": (lambda x: x * tf.exp(-tf.square(x) / 2), (-math.sqrt(0.5), math.sqrt(0.5)), False),
    "times its Laplace bell": (lambda x: x * tf.exp(-tf.abs(x)), (-1, 1), False),
    "times the bell of others": (lambda x: x * tf.exp(-tf.square(x[:, ::-1])), FREE, False),
    "times a sigmoid": (lambda x: x * tf.sigmoid(-x), FREE, False),
    "parts of the largest": (lambda x: tf.sigmoid(x) / tf.reduce_max(tf.sigmoid(x), **K), (0, 1), True),
    "parts of the mean": (lambda x: tf.nn.relu(x) / (0.01 + tf.reduce_mean(tf.nn.relu(x), **K)), (0, 3), True),
    "parts of a sum of roots": (lambda x: tf.sqrt(tf.abs(x)) / tf.reduce_sum(tf.sqrt(tf.abs(x)), **K), (0, 1), False),
    "or nothing": (lambda x: tf.math.divide_no_nan(x, tf.norm(x, axis=-1, keepdims=True)), (-1, 1), True),
}


@pytest.mark.parametrize("name", ENDS)
def test_bounds_are_those_expected_and_hold(name):
    function, expected, narrow = ENDS[name]
    seen = []

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 3])])
    def run(x):
        output = function(x)
        seen.append(find_bounds(output))
        return output

    values = run(X).numpy()
    values = values[np.isfinite(values)]
    assert seen[-1] == pytest.approx(expected, abs=1e-4)
    assert expected[0] - 1e-4 <= values.min() <= values.max() <= expected[1] + 1e-4
    if narrow:
        assert values.max() > 0.9 * expected[1]


def test_numbers_that_stand_elsewhere_are_no_measure():
    """Shapes that say nothing, or that repeat the numbers of others, give no bounds."""
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, None])
        assert find_bounds(x / (1 + tf.square(x))) == (-0.5, 0.5)
        assert find_bounds(x[:, :, None] / (1 + tf.square(x[:, None, :]))) == FREE
        assert find_bounds(tf.reshape(x, [-1, 1, 3]) / (1 + tf.square(tf.reshape(x, [-1, 3, 1])))) == FREE
        y = tf.compat.v1.placeholder(tf.float32, [3, 3])
        assert find_bounds(y / tf.sqrt(tf.reduce_sum(y * y, -1))) == FREE
        assert find_bounds(y / tf.sqrt(tf.reduce_sum(y * y, 0))) == (-1, 1)
        assert find_bounds(y / tf.sqrt(tf.reduce_sum(y * y, -1)[:, None])) == (-1, 1)
