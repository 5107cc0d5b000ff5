"""Activations in batches are those of one pass, and a short last batch traces nothing new."""

import keras
import numpy as np
import pytest

from tf_interp import open_model, read_activations


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((6, 6, 1)),
        keras.layers.Conv2D(3, 3, name="conv"),
        keras.layers.Flatten(),
        keras.layers.Dense(2),
    ]
    return open_model(keras.Sequential(layers))


@pytest.mark.parametrize("batch_size", [1, 4, 5, 64])
def test_batches_agree_with_one_pass(model, batch_size):
    images = np.random.default_rng(0).random((9, 6, 6, 1), dtype=np.float32)
    got = read_activations(model, images, ["conv", "output"], batch_size=batch_size)
    np.testing.assert_allclose(got["output"], model.model(images), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["conv"], model.model.get_layer("conv")(images), rtol=1e-5, atol=1e-6)


def test_half_precision_comes_back_as_float32():
    network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(3, 3, name="conv", dtype="mixed_float16")])
    got = read_activations(open_model(network), np.ones((2, 6, 6, 1), np.float32), ["conv"])["conv"]
    assert got.dtype == np.float32


def test_a_wrong_name_lists_near_ones(model):
    with pytest.raises(ValueError, match="conv"):
        read_activations(model, np.ones((1, 6, 6, 1), np.float32), ["cnov"])
