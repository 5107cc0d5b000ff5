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


def test_a_network_that_was_never_called_learns_from_the_images():
    network = keras.Sequential([keras.layers.Conv2D(3, 3, name="conv"), keras.layers.Flatten()])
    images = np.random.default_rng(0).random((5, 6, 6, 1), dtype=np.float32)
    got = read_activations(open_model(network), images, ["conv"], batch_size=2)["conv"]
    np.testing.assert_allclose(got, network.layers[0](images), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_pooling_and_several_arrays_are_those_of_the_whole(model, batch_size):
    images = np.random.default_rng(0).random((9, 6, 6, 1), dtype=np.float32)
    whole = read_activations(model, images, ["conv", "output"])
    blocks = [images[:2], images[2:3], images[3:]]
    mean = read_activations(model, blocks, ["conv", "output"], pooling="mean", batch_size=batch_size)
    np.testing.assert_allclose(mean["conv"], whole["conv"].mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(mean["output"], whole["output"], atol=1e-6)
    flat = read_activations(model, blocks, ["conv"], pooling="flat", batch_size=batch_size)["conv"]
    np.testing.assert_allclose(flat, whole["conv"].reshape(9, -1), atol=1e-6)


def test_a_short_last_batch_compiles_nothing_new(model):
    images = np.zeros((9, 6, 6, 1), np.float32)
    read_activations(model, images, ["conv"], batch_size=4)
    calls, forward = [], model._forward
    model._forward = lambda *a, **k: calls.append(1) or forward(*a, **k)
    read_activations(model, images[:7], ["conv"], batch_size=5)
    model._forward = forward
    assert calls == []


def test_a_raw_network_is_refused():
    with pytest.raises(TypeError, match="read_activations needs a Model, got Sequential: wrap it with open_model"):
        read_activations(keras.Sequential([keras.layers.Dense(2)]), np.zeros((1, 2), np.float32), ["dense"])


def test_half_precision_comes_back_as_float32():
    network = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Conv2D(3, 3, name="conv", dtype="mixed_float16")])
    got = read_activations(open_model(network), np.ones((2, 6, 6, 1), np.float32), ["conv"])["conv"]
    assert got.dtype == np.float32


def test_a_wrong_name_lists_near_ones(model):
    with pytest.raises(ValueError, match="conv"):
        read_activations(model, np.ones((1, 6, 6, 1), np.float32), ["cnov"])
