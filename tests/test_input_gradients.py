"""Gradients without those of the weights: the same for pictures, and nothing else is built."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features.renderer import input_gradients
from tf_interp.models.keras_model.convolution import call_convolution

L = keras.layers


def network(options):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((9, 8, 4)),
            L.Conv2D(6, 3, padding="same", use_bias=False, **options),
            L.ReLU(),
            L.DepthwiseConv2D(3, strides=1 if options.get("dilation_rate") else 2, depth_multiplier=2),
            L.Conv2D(4, 1, padding="valid"),
        ]
    )


def gradients(function, x, gradients):
    """Return the derivative with respect to pictures, and the graph in which it is taken."""

    @tf.function(autograph=False)
    def run(x):
        with tf.compat.v1.get_default_graph().gradient_override_map(gradients):
            y = function(x)
        return tf.gradients(tf.reduce_sum(y * y), x)[0]

    return run(x).numpy(), run.get_concrete_function(x).graph


@pytest.mark.parametrize("batch", [2, None])
@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"dilation_rate": 2}, {"groups": 2}], ids=str)
def test_pictures_get_tensorflows_gradient(options, batch):
    model = network(options)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype(np.float32))

    def function(x):
        return model(tf.ensure_shape(x, (batch, 9, 8, 4)) if batch else tf.reshape(x, [-1, 9, 8, 4]), training=False)

    expected, whole = gradients(function, x, {})
    got, graph = gradients(function, x, input_gradients.GRADIENTS)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    kinds = [{operation.type for operation in one.get_operations()} for one in (whole, graph)]
    dropped = {"Conv2DBackpropFilter", "DepthwiseConv2dNativeBackpropFilter"}
    assert kinds[0] & dropped
    assert not kinds[1] & dropped or options.get("groups")  # groups run in a function of Keras's own


@pytest.mark.parametrize("groups", [3, 6])
def test_convolutions_in_groups_have_no_gradient_of_their_weights(groups):
    layer = L.Conv2D(6, 1 if groups == 3 else 3, groups=groups)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 9, 8, 6)).astype(np.float32))
    layer.build(x.shape)
    expected, _ = gradients(lambda x: call_convolution(x, layer), x, {})
    got, graph = gradients(lambda x: call_convolution(x, layer), x, input_gradients.GRADIENTS)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    kinds = [operation.type for operation in graph.get_operations()]
    assert not [kind for kind in kinds if "BackpropFilter" in kind]
    assert kinds.count("MatMul") == (3 if groups == 3 else 0)


def test_weights_that_depend_on_the_picture_get_theirs():
    x = tf.constant(np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype(np.float32))

    def function(x):
        kernel = tf.reshape(tf.reduce_mean(x, [0, 1]), [1, 6, 2, 1])
        bias = tf.reduce_sum(x, [0, 1, 2])[:1]
        usual, depthwise = tf.nn.conv2d(x, kernel, 1, "SAME"), tf.nn.depthwise_conv2d(x, kernel, [1] * 4, "SAME")
        return tf.nn.bias_add(usual, bias) + depthwise

    expected, _ = gradients(function, x, {})
    got, _ = gradients(function, x, input_gradients.GRADIENTS)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
