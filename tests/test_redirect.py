"""Redirected gradients against Lucid's rule, written out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features import redirect


def gradient(function, x, push, silent):
    @tf.function
    def run(x, push, silent):
        with redirect.forward():
            loss = tf.reduce_sum(function(x) * push)
        return redirect.gradients(loss, [x], silent)[0]

    return run(tf.constant(x, tf.float32), tf.constant(push, tf.float32), tf.constant(silent)).numpy()


def test_a_silent_picture_gets_what_does_not_push_it_down():
    x, push = [[-1.0, -2.0, -3.0]], [[1.0, -1.0, -2.0]]
    np.testing.assert_array_equal(gradient(tf.nn.relu, x, push, [True]), [[0, -1, -2]])


def test_a_picture_that_is_not_silent_gets_the_plain_gradient():
    x, push = [[-1.0, -2.0, -3.0]], [[1.0, -1.0, -2.0]]
    np.testing.assert_array_equal(gradient(tf.nn.relu, x, push, [False]), [[0, 0, 0]])


def test_one_living_unit_is_enough_for_the_plain_gradient():
    x, push = [[-1.0, 2.0, -3.0], [-1.0, -2.0, -3.0]], [[1.0, -1.0, -2.0]] * 2
    np.testing.assert_array_equal(gradient(tf.nn.relu, x, push, [True, True]), [[0, -1, 0], [0, -1, -2]])


def test_relu6_above_its_end():
    x, push = [[7.0, 8.0, -1.0, -1.0]], [[1.0, -1.0, 1.0, -1.0]]
    np.testing.assert_array_equal(gradient(tf.nn.relu6, x, push, [True]), [[1, 0, 0, -1]])
    np.testing.assert_array_equal(gradient(tf.nn.relu6, [[7.0, 3.0]], [[1.0, 2.0]], [True]), [[0, 2]])


@pytest.mark.parametrize("function", [tf.nn.relu, tf.nn.relu6])
def test_plain_gradients_are_tensorflows(function):
    random = np.random.default_rng(0)
    x, push = random.normal(0, 5, (3, 4, 4, 2)), random.normal(size=(3, 4, 4, 2))
    variable = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = function(variable)
    plain = tape.gradient(value, variable, push.astype(np.float32))
    np.testing.assert_array_equal(gradient(function, x, push, [True] * 3), plain)


def test_rows_of_a_reshaped_batch_belong_to_their_picture():
    def frames(x):
        return tf.reshape(tf.nn.relu(tf.reshape(x, [-1, 2])), [-1, 2, 2])

    x = -np.ones((2, 2, 2))
    result = gradient(frames, x, -np.ones((2, 2, 2)), [True, False])
    np.testing.assert_array_equal(result[:, 0, 0], [-1, 0])
