"""The optimizers against Keras's, step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features import SGD, Adam


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Adam(), keras.optimizers.Adam(0.05)),
        (SGD(), keras.optimizers.SGD(0.05)),
        (SGD(momentum=0.8), keras.optimizers.SGD(0.05, momentum=0.8)),
    ],
)
def test_steps_are_those_of_keras(ours, theirs):
    random = np.random.default_rng(0)
    start = [random.normal(size=(3, 2)).astype(np.float32), random.normal(size=4).astype(np.float32)]
    variables, slots = [tf.Variable(v) for v in start], [tf.Variable(s) for s in ours.slots(start)]
    handles = [[variable.handle for variable in items] for items in (variables, slots)]
    reference = [tf.Variable(v) for v in start]
    for step in range(5):
        gradients = [tf.constant(random.normal(size=v.shape).astype(np.float32)) for v in start]
        ours.update(*handles, gradients, tf.constant(0.05), tf.constant(float(step)))
        theirs.apply(gradients, reference)
    for a, b in zip(variables, reference, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
