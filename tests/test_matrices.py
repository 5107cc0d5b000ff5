"""Products of the matrices of each picture: the same numbers for one picture and for several."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features.matrices import average_positions, multiply


@pytest.mark.parametrize("count", [1, 3])
def test_multiply_is_matmul(count):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(count, 4, 5)).astype("f"), random.normal(size=(1, 3, 4)).astype("f")
    got = multiply(tf.constant(a), tf.constant(b), transpose_a=True, transpose_b=True)
    np.testing.assert_allclose(got, a.transpose(0, 2, 1) @ b.transpose(0, 2, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 4, 5, 3), (2, 4, 5, 3), (2, 1, 1, 3)])
def test_average_positions_is_the_mean_and_so_is_its_gradient(shape):
    values = np.random.default_rng(0).normal(size=shape).astype("f")

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((shape[0] if shape[0] == 1 else None, *shape[1:]))])
    def run(a):
        mean = average_positions(a)
        return mean, tf.gradients(mean * mean, a)[0]

    mean, gradient = run(tf.constant(values))
    expected = values.mean((1, 2))
    np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)
    spread = np.broadcast_to(2 * expected[:, None, None] / (shape[1] * shape[2]), shape)
    np.testing.assert_allclose(gradient, spread, rtol=1e-5, atol=1e-6)
