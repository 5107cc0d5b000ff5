"""Convolutions in groups through a SavedModel: numbers and gradients, against groups that were convolved one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti

L = keras.layers


def by_hand(images, layer):
    """Return what a grouped convolution is by definition."""
    parts = zip(tf.split(images, layer.groups, -1), tf.split(layer.kernel, layer.groups, -1), strict=True)
    how = {"strides": layer.strides, "padding": layer.padding.upper(), "dilations": layer.dilation_rate}
    return tf.concat([tf.nn.convolution(part, own, **how) for part, own in parts], -1) + layer.bias


@pytest.mark.parametrize(
    "settings",
    [
        {"groups": 2, "padding": "same"},
        {"groups": 3, "strides": 2},
        {"groups": 6},  # each channel for itself
        {"groups": 6, "strides": 2, "padding": "same"},
        {"groups": 6, "dilation_rate": 2},
        {"groups": 2, "strides": (1, 2)},
        {"groups": 6, "strides": (1, 2)},
    ],
    ids=str,
)
def test_numbers_and_gradients_are_those_of_the_definition(tmp_path, settings):
    keras.utils.set_random_seed(0)
    layer = L.Conv2D(12, 3, name="grouped", bias_initializer="normal", **settings)
    inputs = keras.Input((9, 9, 6))
    network = keras.Model(inputs, L.Dense(3, name="end")(L.GlobalAveragePooling2D()(layer(inputs))))
    network.export(tmp_path / "saved", verbose=False)
    model = ti.open_model(tmp_path / "saved")
    images = tf.constant(np.random.default_rng(0).uniform(size=(4, 9, 9, 6)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(images)
        expected = by_hand(images, layer)
        logits = tf.reduce_mean(expected, (1, 2)) @ network.layers[-1].kernel + network.layers[-1].bias
        score = tf.reduce_sum(logits[:, 1])
    assert "grouped" in model.layers
    found = model.run(images, ["grouped", "output"])
    assert np.asarray(found["grouped"]) == pytest.approx(expected.numpy(), abs=1e-5)
    assert np.asarray(found["output"]) == pytest.approx(logits.numpy(), abs=1e-5)
    gradient = ti.attribute(model, images.numpy(), 1, method="gradient").values
    assert np.asarray(gradient) == pytest.approx(tape.gradient(score, images).numpy(), abs=1e-6)
