"""Style transfer: what a Gram matrix keeps and forgets, and pictures that come nearer to both."""

import networks
import numpy as np
import pytest
import tensorflow as tf
from recipe_networks import SIZE, open_small

from tf_interp.features.objectives.rewards import gram
from tf_interp.features.recipes.style import transfer_style

CONTENT, STYLE = networks.pictures(2, seed=3, size=SIZE)
LAYERS = {"content_layer": "conv2", "style_layers": ["conv", "conv2"]}


@pytest.fixture(scope="module")
def model():
    return open_small()


@pytest.fixture
def acts():
    return np.random.default_rng(0).normal(size=(2, 4, 6, 5)).astype(np.float32)


def test_gram_by_hand():
    a = tf.constant([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # two positions: (1, 2) and (3, 0)
    np.testing.assert_allclose(gram(a), [[[5.0, 1.0], [1.0, 2.0]]])


def test_gram_forgets_where_things_are(acts):
    shuffled = np.random.default_rng(1).permutation(acts.reshape(2, 24, 5), axis=1).reshape(2, 4, 6, 5)
    np.testing.assert_allclose(gram(acts), gram(shuffled), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gram(acts), gram(tf.tile(acts, [1, 2, 3, 1])), rtol=1e-4, atol=1e-5)


def test_gram_is_symmetric_not_negative_and_quadratic(acts):
    value = gram(acts).numpy()
    np.testing.assert_allclose(value, value.swapaxes(1, 2), rtol=1e-5, atol=1e-7)
    assert np.linalg.eigvalsh(value).min() > -1e-5
    np.testing.assert_allclose(gram(3 * acts), 9 * value, rtol=1e-5)
    np.testing.assert_allclose(gram(acts[..., ::-1]), value[:, ::-1, ::-1], rtol=1e-4, atol=1e-5)


def test_the_content_in_its_own_style_is_a_perfect_match(model):
    rendering = transfer_style(model, CONTENT, CONTENT, **LAYERS, steps=0)
    assert rendering.activations[0] == pytest.approx(0.0, abs=0.02)  # starts are kept 0.002 away from 0 and 1
    np.testing.assert_allclose(rendering.images[0], CONTENT, atol=3e-3)


def differences(model, image):
    """Return how far a picture is from the content and from the style."""
    mine, content, style = model.run(np.stack([image, CONTENT, STYLE]), ["conv2"])["conv2"]
    away = np.abs(gram(mine[None]) - gram(style[None])).sum() / np.abs(gram(style[None])).sum()
    return float(np.abs(mine - content).sum() / np.abs(content).sum()), float(away)


def test_the_weight_moves_the_picture_between_content_and_style(model):
    options = {**LAYERS, "steps": 40, "transforms": (), "retries": 0}
    near, far = (
        differences(model, transfer_style(model, CONTENT, STYLE, content_weight=weight, **options).images[0])
        for weight in (10.0, 0.01)
    )
    assert near[0] < far[0]
    assert far[1] < near[1]
    assert far[1] < 0.7 * differences(model, CONTENT)[1]


def test_it_climbs_from_noise_too(model):
    rendering = transfer_style(model, CONTENT, STYLE, **LAYERS, init=None, steps=20, transforms=(), retries=0)
    assert rendering.status == ("ok",)
    assert rendering.losses[-1, 0] < 0.8 * rendering.losses[0, 0]


def test_pictures_of_other_sizes_are_resized(model):
    content, style = (networks.pictures(1, seed=1, size=size)[0] for size in ((10, 14, 3), (5, 9, 3)))
    assert transfer_style(model, content, style, **LAYERS, steps=1).images.shape == (1, *SIZE)


def test_wrong_arguments_are_named(model):
    with pytest.raises(ValueError, match=r"no layer 'konv'; did you mean"):
        transfer_style(model, CONTENT, STYLE, content_layer="conv", style_layers=["conv2", "konv"])
    with pytest.raises(ValueError, match=r"no layer 'konv'; did you mean"):
        transfer_style(model, CONTENT, STYLE, content_layer="konv", style_layers="conv2")
    with pytest.raises(ValueError, match="style_layers is empty"):
        transfer_style(model, CONTENT, STYLE, content_layer="conv", style_layers=[])
    with pytest.raises(ValueError, match=r"style must lie in \[0,1\]"):
        transfer_style(model, CONTENT, STYLE * 255, **LAYERS)
