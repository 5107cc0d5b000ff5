"""What a call of `render` asks for: wrong arguments are answered before any work, in words of ours."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features import Adam, Fourier, Shared, caricature, dream, input_diff, neuron, render
from tf_interp.features.renderer.settings import check_objective
from tf_interp.models import open_model

L = keras.layers


@pytest.fixture(scope="module")
def model():
    return open_model(keras.Sequential([keras.Input((16, 16, 3)), L.Conv2D(4, 3, name="conv")]))


WRONG = {
    "size as text": ({"size": "64"}, TypeError, "size must be a number of pixels or \\(height, width\\), got '64'"),
    "size as a truth": ({"size": True}, TypeError, "size must be"),
    "three sizes": ({"size": (8, 8, 3)}, TypeError, "size must be"),
    "no size": ({"size": 0}, ValueError, "size must be 1 pixel or more, got 0"),
    "steps that are no number": ({"steps": 2.5}, TypeError, "steps must be a whole number, got 2.5"),
    "an optimizer's name": ({"optimizer": "adam"}, TypeError, "optimizer must be Adam\\(\\) or SGD\\(\\)"),
    "Keras's optimizer": ({"optimizer": keras.optimizers.Adam()}, TypeError, "optimizer must be Adam"),
    "a list in a setting": (
        {"param": Shared(parts=[(1, 2)])},
        TypeError,
        "param must be hashable",
    ),
    "no learning rate": ({"learning_rate": None}, TypeError, "learning_rate must be a number, got None"),
    "an infinite learning rate": ({"learning_rate": np.inf}, ValueError, "learning_rate must be finite, got inf"),
    "a snapshot as text": ({"snapshots": ["a"]}, TypeError, "snapshots must be whole numbers, got \\['a'\\]"),
    "no step at all": ({"snapshots": [np.nan]}, TypeError, "snapshots must be whole numbers, got \\[nan\\]"),
    "half a snapshot": ({"snapshots": [2.7]}, TypeError, "snapshots must be whole numbers, got \\[2.7\\]"),
    "one snapshot": ({"snapshots": 3}, TypeError, "snapshots must be a list of steps, got 3"),
    "late snapshots": (
        {"snapshots": (1, 9), "steps": 4},
        ValueError,
        "steps from 1 to 4, got \\[9\\]",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(model, case):
    options, error, words = WRONG[case]
    with pytest.raises(error, match=words):
        render(model, "conv:1", **options)


@pytest.mark.parametrize("rate", [np.array(0.05), tf.constant(0.05), tf.Variable(0.05)])
def test_numbers_of_numpy_are_numbers(model, rate):
    options = {"size": np.int64(12), "steps": np.int32(1), "seed": np.int64(3), "retries": 0, "learning_rate": rate}
    options["snapshots"] = np.linspace(1, 1, 1)
    assert render(model, "conv:1", **options).images.shape == (1, 12, 12, 3)


@pytest.mark.parametrize("size", ["big", 64.0, (64,), 0, -3])
def test_recipes_check_sizes_as_render_does(model, size):
    with pytest.raises((TypeError, ValueError), match="size must be"):
        dream(model, np.zeros((16, 16, 3)), "conv", size=size)


def test_recipes_take_grey_pictures_and_sizes_of_numpy():
    model = open_model(keras.Sequential([keras.Input((16, 16, 1)), L.Conv2D(4, 3, name="conv")]))
    drawn = dream(model, np.full((20, 20), 0.5), "conv", size=np.int64(12), steps=1, retries=0)
    assert drawn.images.shape == (1, 12, 12, 1)
    lines = keras.Sequential([keras.Input((None, 28)), L.Lambda(lambda x: x[..., None]), L.Conv2D(3, 3, name="conv")])
    drawn = dream(open_model(lines), np.full((20, 28, 1), 0.5), "conv", steps=1, retries=0)
    assert drawn.images.shape == (1, 20, 28, 1)


def test_recipes_leave_it_to_preprocessing_to_make_color_of_grey(model):
    own = open_model(model.model, preprocess=lambda x: tf.repeat(x, 3, -1) if x.shape[-1] == 1 else x)
    drawn = caricature(own, np.full((16, 16, 1), 0.5), "conv", steps=1, retries=0)
    assert drawn.images.shape == (1, 16, 16, 3)
    with pytest.raises(ValueError, match="image has 1 channels, but the network takes 3"):
        caricature(model, np.full((16, 16, 1), 0.5), "conv")


def test_positions_of_tokens_are_rows():
    network = keras.Sequential([keras.Input((8, 8, 3)), L.Reshape((16, 12)), L.Dense(6, name="tokens")])
    model = open_model(network)
    check_objective(neuron("tokens", 2, x=0, y=15), model, model.layers)
    with pytest.raises(ValueError, match=r"has columns 0\.\.0, got 5"):
        check_objective(neuron("tokens", 2, x=5), model, model.layers)
    with pytest.raises(ValueError, match=r"has rows 0\.\.15, got 16"):
        check_objective(neuron("tokens", 2, y=16), model, model.layers)


def test_a_layer_that_is_one_number_is_refused():
    inputs = keras.Input((8, 8, 3))
    mean = L.Lambda(lambda x: tf.reduce_mean(x, [1, 2, 3]), output_shape=(), name="mean")
    with pytest.raises(ValueError, match="layer 'mean' gives a tensor of shape"):
        render(open_model(keras.Model(inputs, mean(inputs))), "mean:0", steps=1)


def test_a_network_that_was_never_called_can_be_drawn_once_it_was():
    network = keras.Sequential([L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(name="relu")])
    model = open_model(network)
    with pytest.raises(ValueError, match="never called"):
        render(model, "relu:1")
    model.run(np.zeros((1, 16, 16, 3), np.float32), ["relu"])
    assert render(model, "relu:1", steps=1, retries=0).images.shape == (1, 16, 16, 3)


@pytest.mark.parametrize("optimizer", [None, Adam(epsilon=1e-6)])
def test_a_picture_without_alpha_starts_pictures_with_it(model, optimizer):
    image = np.random.default_rng(0).uniform(0.1, 0.9, (1, 16, 16, 3)).astype(np.float32)
    rendering = render(model, "conv:1", init=image, param=Fourier(alpha=True), steps=0, optimizer=optimizer)
    np.testing.assert_allclose(rendering.images[..., :3], image, atol=1e-3)
    assert (rendering.images[..., 3] > 0.99).all()


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.float32), np.full((4, 4, 3), 7.0)])
def test_penalties_for_another_picture_check_it(image):
    with pytest.raises(ValueError, match="picture must have shape"):
        input_diff(image)
