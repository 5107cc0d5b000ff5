"""Numbers that rise or fall from one to the next, whatever the weights are, are told from others."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.outputs.ends.order import find_order, move_together

X = np.random.default_rng(3).normal(size=(200, 4)).astype(np.float32) * 3
TRIANGLE = np.triu(np.ones((4, 4), np.float32))
ENDS = {
    "numbers": (lambda x: x, 0),
    "sums": (lambda x: tf.cumsum(tf.abs(x), -1), 1),
    "sums of any numbers": (lambda x: tf.cumsum(x, -1), 0),
    "sums from any number on": (lambda x: tf.cumsum(tf.concat([x[:, :1], tf.nn.softplus(x[:, 1:])], -1), -1), 1),
    "sums after any number": (
        lambda x: tf.cumsum(tf.concat([x[:, :1], tf.nn.softplus(x[:, 1:])], -1), -1, exclusive=True),
        0,
    ),
    "products of shares": (lambda x: tf.math.cumprod(1 - tf.sigmoid(x), -1, exclusive=True), -1),
    "rest of products from the end": (lambda x: 1 - tf.math.cumprod(tf.sigmoid(x), -1, reverse=True), -1),
    "products of what is above one": (lambda x: tf.math.cumprod(1 + tf.abs(x), -1), 1),
    "products of any numbers": (lambda x: tf.math.cumprod(tf.abs(x), -1), 0),
    "products over the batch": (lambda x: tf.math.cumprod(tf.sigmoid(x), 0), 0),
    "sums over the batch": (lambda x: tf.cumsum(tf.abs(x), 0), 0),
    "sums from the end": (lambda x: tf.cumsum(tf.nn.softmax(x), -1, reverse=True), -1),
    "rest": (lambda x: 1 - tf.cumsum(tf.nn.softmax(x), -1, exclusive=True), -1),
    "flipped": (lambda x: tf.reverse(tf.cumsum(tf.nn.softmax(x), -1), [-1]), -1),
    "batch flipped": (lambda x: tf.reverse(tf.cumsum(tf.nn.softmax(x), -1), [0]), 1),
    "thresholds": (lambda x: tf.sigmoid(x[:, :1] - tf.cumsum(tf.nn.softplus(x), -1)), -1),
    "scaled by one number": (lambda x: -0.5 * tf.cumsum(tf.nn.softplus(x), -1) * tf.exp(x[:, :1]), -1),
    "scaled by any number": (lambda x: tf.cumsum(tf.nn.softplus(x), -1) * x[:, :1], 0),
    "scaled each": (lambda x: tf.cumsum(tf.nn.softplus(x), -1) * [1.0, -1.0, 1.0, 1.0], 0),
    "clipped part": (lambda x: tf.clip_by_value(tf.cumsum(tf.nn.softmax(x), -1)[:, :3], 1e-6, 1), 1),
    "backwards part": (lambda x: tf.cumsum(tf.nn.softmax(x), -1)[:, ::-1], 0),
    "triangle": (lambda x: tf.matmul(tf.nn.softmax(x), TRIANGLE), 1),
    "turned triangle": (lambda x: tf.matmul(tf.nn.softmax(x), TRIANGLE, transpose_b=True), -1),
    "triangle of any numbers": (lambda x: tf.matmul(x, TRIANGLE), 0),
    "largest": (lambda x: tf.math.top_k(x, 3).values, -1),
    "sorted": (lambda x: -tf.math.top_k(-x, 4).values, 1),
    "cutpoints that stand in the graph": (lambda x: tf.sigmoid(x[:, :1] - [[-1.0, 0.0, 1.0]]), -1),
    "cutpoints that rise to it": (lambda x: tf.sigmoid(tf.constant([-1.0, 0.0, 0.0, 1.0]) + x[:, :1]), 1),
    "cutpoints in no order": (lambda x: tf.sigmoid(x[:, :1] - [[-1.0, 1.0, 0.0]]), 0),
    "cutpoints of each number": (lambda x: tf.sigmoid(x - [[-1.0, 0.0, 1.0, 2.0]]), 0),
    "times a row that stands in the graph": (lambda x: x[:, :1] * [[1.0, 2.0, 3.0]], 0),
    "rising less falling row": (lambda x: tf.cumsum(tf.abs(x), -1) - [[3.0, 2.0, 1.0, 0.0]], 1),
    "rising and falling row": (lambda x: tf.cumsum(tf.abs(x), -1) + tf.constant([3.0, 2.0, 1.0, 0.0]), 0),
    "two that rise": (lambda x: tf.cumsum(tf.abs(x), -1) + tf.cumsum(tf.nn.softmax(x), -1), 1),
    "rise less fall": (lambda x: tf.cumsum(tf.abs(x), -1) - tf.cumsum(tf.abs(x), -1, reverse=True), 1),
    "rise and any": (lambda x: tf.cumsum(tf.abs(x), -1) + x, 0),
    "quantiles one by one": (
        lambda x: tf.concat([low := x[:, :1], mid := low + tf.nn.softplus(x[:, 1:2]), mid + tf.exp(x[:, 2:3])], -1),
        1,
    ),
    "ends of an interval": (
        lambda x: tf.stack([x[:, 0] - 1.64 * (width := tf.exp(x[:, 1])), x[:, 0], x[:, 0] + 1.64 * width], -1),
        1,
    ),
    "interval upside down": (lambda x: tf.concat([x[:, :1] + tf.exp(x[:, 1:2]), x[:, :1] - x[:, 2:3] ** 2], -1), -1),
    "interval without a sign": (lambda x: tf.concat([x[:, :1] - x[:, 1:2], x[:, :1] + x[:, 1:2]], -1), 0),
    "two numbers": (lambda x: tf.concat([x[:, :1], x[:, 1:2] + tf.exp(x[:, 2:3])], -1), 0),
    "one step too small": (
        lambda x: tf.concat([low := x[:, :1], mid := low + tf.exp(x[:, 1:2]), low + tf.exp(x[:, 2:3])], -1) + 0 * mid,
        0,
    ),
    "one over the other": (
        lambda x: tf.concat([x[:, :1], x[:, :1] + tf.exp(x[:, 1:2])], 0) * tf.constant([[1.0, -1.0]]),
        0,
    ),
    "differences": (lambda x: tf.cumsum(tf.abs(x), -1) - tf.cumsum(tf.nn.softmax(x), -1), 0),
}


@pytest.mark.parametrize("name", ENDS)
def test_order_is_that_expected_and_holds(name):
    function, expected = ENDS[name]
    seen = []

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 4])])
    def run(x):
        output = function(x)
        seen.append(find_order(output))
        return output

    steps = np.diff(run(X).numpy(), axis=-1)
    assert seen[-1] == expected
    if expected:
        assert (steps * expected >= -1e-6).all()
    elif name != "backwards part":  # which does fall, but slices are read forwards only
        assert (steps < -1e-3).any()
        assert (steps > 1e-3).any()


def test_cutpoints_that_are_weights_of_a_file_have_no_order_whatever_they_hold():
    with tf.Graph().as_default():
        cutpoints = tf.constant([[-1.0, 0.0, 1.0]], name="cutpoints")
        output = tf.sigmoid(tf.compat.v1.placeholder(tf.float32, [None, 1]) - cutpoints)
        assert find_order(output) == -1
        assert find_order(output, ["cutpoints"]) == 0


B = np.array([0.5, -1, 2, 0.1], np.float32)
TOGETHER = {  # of one number of the row
    "one weight and several biases": (lambda x: x[:, :1] + B, True),
    "in a sigmoid": (lambda x: tf.sigmoid(x[:, :1] + B), True),
    "the other way round": (lambda x: 2 * (B - x[:, :1]), True),
    "cutpoints": (lambda x: tf.sigmoid(-(x[:, :1] - tf.cumsum(tf.nn.softplus(tf.constant(B)))) / 0.5), True),
    "added twice": (lambda x: tf.nn.bias_add(x[:, :1] + B, B), True),
    "numbers": (lambda x: x + B, False),
    "cutpoints of their own": (lambda x: x[:, :1] + tf.cumsum(tf.nn.softplus(x), -1), False),
    "times a number of each": (lambda x: x[:, :1] * B, False),
    "one number": (lambda x: x[:, :1] + B[:1], False),
    "weights alone": (lambda x: tf.constant(B)[None] + tf.constant(B[:1]), False),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_numbers_that_move_together(name):
    function, expected = TOGETHER[name]
    seen = []

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, 4])])
    def run(x):
        output = function(x)
        seen.append(move_together(output))
        return output

    values = run(X / 30).numpy()
    assert seen[-1] == expected
    if expected:  # one of them says what the others are
        assert (values.argsort(-1) == values[:1].argsort(-1)).all()
