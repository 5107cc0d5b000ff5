"""Redirected gradients against Lucid's rule, written out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features.renderer import silent_units


def gradient(function, x, push, silent):
    @tf.function
    def run(x, push, silent):
        with tf.compat.v1.get_default_graph().gradient_override_map(silent_units.GRADIENTS):
            value = function(x)
        return silent_units.gradients(tf.reduce_sum(value * push), [x], silent, [value])[0]

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


def hard_silu(x):
    return x * (tf.nn.relu6(x + 3.0) * (1.0 / 6.0))


def plain_silu(x):
    return x * tf.sigmoid(x)


GATED = {
    "silu": (tf.nn.silu, -1.2785),
    "silu, written out": (plain_silu, -1.2785),
    "gelu": (lambda x: keras.activations.gelu(x), -0.7517),
    "gelu, approximate": (lambda x: keras.activations.gelu(x, approximate=True), -0.7525),
    "hard silu": (keras.activations.hard_silu, -1.5),
    "hard silu, written out": (hard_silu, -1.5),
    "mish": (keras.activations.mish, -1.1924),
}


@pytest.mark.parametrize("case", GATED)
def test_beyond_its_minimum_a_gate_passes_what_wants_up_as_it_is(case):
    function, minimum = GATED[case]
    x = minimum + np.array([[-2.5, -0.2, -1.0], [-2.5, 0.2, -1.0], [-2.5, -0.2, 3.0], [-0.1, -0.2, -0.3]])
    push = np.array([[-1.5, -0.5, 1.0], [-1.5, -0.5, 1.0], [-1.5, -0.5, 1.0], [1.0, 0.5, 0.0]])
    variable = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = function(variable)
    plain = tape.gradient(value, variable, push.astype(np.float32)).numpy()
    expected = plain.copy()
    for row in (0, 2):  # all that wants more is left of the minimum; in row 1 one is right of it, in row 3 nothing does
        expected[row] = np.where(push[row] < 0, push[row], plain[row])
    np.testing.assert_allclose(gradient(function, x, push, [True] * 4), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradient(function, x, push, [False] * 4), plain, rtol=1e-4, atol=1e-6)


def count_gates(function):
    @tf.function
    def run(x):
        counts.append(len(silent_units.find_gates([tf.cast(tf.reshape(tf.identity(function(x)), [-1]), tf.float32)])))

    counts = []
    run.get_concrete_function(tf.TensorSpec((None, 4, 4, 3)))
    return counts[0]


@pytest.mark.parametrize("case", GATED)
def test_gates_are_found(case):
    function = GATED[case][0]
    assert count_gates(lambda x: function(2.0 * x)) == 1
    assert count_gates(lambda x: tf.nn.relu(function(x))) == 0, "only at the end of the layer"


def test_what_is_weighed_by_something_else_is_no_gate():
    others = [
        lambda x: x * tf.sigmoid(tf.reduce_mean(x, [1, 2], keepdims=True)),
        lambda x: x * x,
        lambda x: x * tf.sigmoid(x[:, :1, :1] + 0.0 * x[::-1]),
        lambda x: tf.tanh(x) * tf.nn.relu(x - 1.0),
        lambda x: 3.0 * x,
        lambda x: x + tf.sigmoid(x),
    ]
    assert [count_gates(function) for function in others] == [0] * len(others)


def test_a_slope_before_the_wanted_layer_is_as_good_as_any_other():
    """Only the layer's own function has a way up that leads down; further down a falling slope is part of the way."""
    x, push = np.array([[-3.0, -2.0, 0.5, 1.5]]), -np.ones((1, 4))

    def two(x):
        return plain_silu(plain_silu(x) - 3.0)

    variable = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = plain_silu(variable)  # the first one, plain; the second one lets everything pass
    expected = tape.gradient(value, variable, push.astype(np.float32)).numpy()
    np.testing.assert_allclose(gradient(two, x, push, [True]), expected, rtol=1e-4, atol=1e-6)


def test_other_products_keep_their_gradient():
    def product(x):
        return tf.reduce_sum(x * tf.constant([[1.0], [2.0]])[None] * x[:, :1], -1)  # broadcasts both ways

    x, push = np.random.default_rng(0).normal(size=(3, 2, 4)), -np.ones((3, 2))
    variable = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = product(variable)
    plain = tape.gradient(value, variable, tf.constant(push, tf.float32)).numpy()
    np.testing.assert_allclose(gradient(product, x, push, [True] * 3), plain, rtol=1e-5, atol=1e-6)
